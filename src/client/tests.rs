//! The clients against a remote end that records what it is sent.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use clap::Parser;
use serde_json::{Value, json};

use super::{replay, simulate};

/// What the remote end answers to its next requests, before it takes any.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Busy {
        retry_after: &'static str,
    },
    Broken,
    Refusing,
    /// Stores the batch and then loses the answer.
    AnswerLost,
}

#[derive(Default)]
struct Recorded {
    moods: Vec<Mood>,
    batches: Vec<Vec<Value>>,
    headers: Vec<HeaderMap>,
    seen: HashSet<String>,
}

#[derive(Clone, Default)]
struct Remote(Arc<Mutex<Recorded>>);

impl Remote {
    /// A remote end in these moods, the first one first.
    fn in_moods(moods: impl IntoIterator<Item = Mood>) -> Self {
        let remote = Self::default();
        let mut moods: Vec<_> = moods.into_iter().collect();
        moods.reverse();
        remote.0.lock().unwrap().moods = moods;
        remote
    }

    async fn listen(&self) -> SocketAddr {
        self.listen_at("127.0.0.1:0".parse().unwrap()).await
    }

    async fn listen_at(&self, address: SocketAddr) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/api/ingest/readings", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    fn batch_sizes(&self) -> Vec<usize> {
        self.0.lock().unwrap().batches.iter().map(Vec::len).collect()
    }

    fn readings(&self) -> Vec<Value> {
        self.0.lock().unwrap().batches.concat()
    }

    fn header(&self, name: &str) -> Option<String> {
        let recorded = self.0.lock().unwrap();
        Some(recorded.headers.first()?.get(name)?.to_str().unwrap().to_owned())
    }
}

async fn take(State(remote): State<Remote>, headers: HeaderMap, body: Bytes) -> Response {
    let mut recorded = remote.0.lock().unwrap();
    let mood = recorded.moods.pop();
    match mood {
        Some(Mood::Busy { retry_after }) => {
            let asked = [(header::RETRY_AFTER, retry_after)];
            return (StatusCode::TOO_MANY_REQUESTS, asked).into_response();
        }
        Some(Mood::Broken) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Mood::Refusing) => {
            let problem = json!({"code": "bad_api_key", "detail": "the key is not known"});
            return (StatusCode::UNAUTHORIZED, Json(problem)).into_response();
        }
        Some(Mood::AnswerLost) | None => {}
    }
    let verdict = recorded.judge(&headers, &body);
    recorded.headers.push(headers);
    if mood.is_some() {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    Json(verdict).into_response()
}

impl Recorded {
    fn judge(&mut self, headers: &HeaderMap, body: &[u8]) -> Value {
        let batch = decode(headers, body);
        let (mut accepted, mut duplicates, mut rejected) = (0, 0, Vec::new());
        for (index, reading) in batch.iter().enumerate() {
            let key = format!("{}{}", reading["unitId"], reading["recordedAt"]);
            if reading["temperature"].as_f64().unwrap() > 1000.0 {
                let refusal = json!({"index": index, "code": "implausible", "detail": "too hot"});
                rejected.push(refusal);
            } else if self.seen.insert(key) {
                accepted += 1;
            } else {
                duplicates += 1;
            }
        }
        self.batches.push(batch);
        json!({"accepted": accepted, "late": 0, "duplicates": duplicates, "quarantined": 0, "rejected": rejected})
    }
}

fn decode(headers: &HeaderMap, body: &[u8]) -> Vec<Value> {
    let mut plain = String::new();
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip") {
        flate2::read::GzDecoder::new(body).read_to_string(&mut plain).unwrap();
    } else {
        plain = String::from_utf8(body.to_vec()).unwrap();
    }
    if headers[header::CONTENT_TYPE] == "application/x-ndjson" {
        return plain.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    }
    let whole: Value = serde_json::from_str(&plain).unwrap();
    whole["readings"].as_array().unwrap().clone()
}

#[derive(Parser)]
struct ReplayCli {
    #[command(flatten)]
    args: replay::ReplayArgs,
}

#[derive(Parser)]
struct SimulateCli {
    #[command(flatten)]
    args: simulate::SimulateArgs,
}

/// A file of `rows` readings, one a second, the temperature being the row's number.
fn csv(rows: usize) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "timestamp,temperature").unwrap();
    for row in 0..rows {
        writeln!(file, "{},{row}", 1_700_000_000 + row).unwrap();
    }
    file
}

/// Runs a replay; gives its outcome and what it wrote.
async fn replay_to(
    address: SocketAddr,
    file: &tempfile::NamedTempFile,
    flags: &str,
) -> (anyhow::Result<()>, String) {
    let url = format!("http://{address}");
    let path = file.path().to_str().unwrap();
    let fixed = ["replay", path, "--url", &url, "--api-key", "ftk_1_s", "--unit", "u1"];
    let words = fixed.into_iter().chain(flags.split_whitespace());
    let args = ReplayCli::try_parse_from(words).unwrap().args;
    let mut out = Vec::new();
    let outcome = replay::run_to(args, &mut out).await;
    (outcome, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn rows_are_sent_in_order_and_in_batches() {
    let remote = Remote::default();
    let address = remote.listen().await;
    let (outcome, out) = replay_to(address, &csv(25), "--batch 10").await;
    outcome.unwrap();
    assert_eq!(remote.batch_sizes(), [10, 10, 5]);
    let sent = remote.readings();
    assert!(sent.iter().enumerate().all(|(n, reading)| reading["temperature"] == n as f64));
    assert!(sent.iter().all(|reading| reading["unitId"] == "u1"));
    assert_eq!(sent[1]["recordedAt"], "2023-11-14T22:13:21.000Z");
    assert_eq!(remote.header("x-api-key").as_deref(), Some("ftk_1_s"));
    let counts = "sent 25  accepted 25  late 0  duplicates 0  quarantined 0  rejected 0  elapsed ";
    assert!(out.starts_with(counts), "{out}");
}

#[tokio::test]
async fn gzip_and_lines_carry_the_same_readings() {
    let file = csv(12);
    let mut told = Vec::new();
    for flags in ["", "--gzip", "--ndjson", "--gzip --ndjson"] {
        let remote = Remote::default();
        let address = remote.listen().await;
        replay_to(address, &file, flags).await.0.unwrap();
        let encoding = remote.header("content-encoding");
        assert_eq!(encoding.is_some(), flags.contains("--gzip"));
        told.push(remote.readings());
    }
    assert_eq!(told[0].len(), 12);
    assert!(told.iter().all(|readings| *readings == told[0]));
}

#[tokio::test]
async fn a_busy_or_broken_hub_is_asked_again_until_it_answers() {
    let moods = [Mood::Busy { retry_after: "1" }, Mood::Broken, Mood::AnswerLost, Mood::Broken];
    let remote = Remote::in_moods(moods);
    let address = remote.listen().await;
    let started = std::time::Instant::now();
    let (outcome, out) = replay_to(address, &csv(3), "").await;
    outcome.unwrap();
    assert!(started.elapsed().as_secs_f64() >= 1.0, "Retry-After was not waited for");
    assert_eq!(remote.batch_sizes(), [3, 3], "the lost answer's batch came again");
    assert!(out.starts_with("sent 3  accepted 0  late 0  duplicates 3  "), "{out}");
}

#[tokio::test]
async fn a_hub_that_is_not_up_yet_is_waited_for() {
    // a port that was free a moment ago
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (remote, file) = (Remote::default(), csv(3));
    let late_start = async {
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        remote.listen_at(address).await
    };
    let ((outcome, _), _) = tokio::join!(replay_to(address, &file, ""), late_start);
    outcome.unwrap();
    assert_eq!(remote.batch_sizes(), [3]);
}

#[tokio::test]
async fn patience_ends_with_the_count_of_what_was_not_sent() {
    let address = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (outcome, out) = replay_to(address, &csv(7), "--patience 500ms").await;
    let error = outcome.unwrap_err().to_string();
    assert!(error.starts_with("7 readings could not be sent: no answer after "), "{error}");
    assert!(out.ends_with("unsent 7\n"), "{out}");
}

#[tokio::test]
async fn a_refused_key_ends_the_replay_at_once() {
    let remote = Remote::in_moods([Mood::Refusing]);
    let address = remote.listen().await;
    let (outcome, _) = replay_to(address, &csv(7), "--batch 2").await;
    let error = outcome.unwrap_err().to_string();
    let reason = "the hub answered 401 Unauthorized: bad_api_key: the key is not known";
    assert_eq!(error, format!("7 readings could not be sent: {reason}"));
    assert!(remote.batch_sizes().is_empty());
}

#[tokio::test]
async fn a_rejected_row_is_told_by_its_line_and_fails_the_run() {
    let remote = Remote::default();
    let address = remote.listen().await;
    let mut file = csv(4);
    writeln!(file, "1700000100,5000").unwrap();
    let (outcome, out) = replay_to(address, &file, "--batch 2").await;
    assert_eq!(outcome.unwrap_err().to_string(), "the hub rejected 1 readings");
    assert!(out.contains("  rejected: line 6: implausible: too hot\n"), "{out}");
    assert_eq!(remote.readings().len(), 5);
}

#[tokio::test]
async fn unreadable_rows_are_counted_or_with_strict_nothing_is_sent() {
    let remote = Remote::default();
    let address = remote.listen().await;
    let mut file = csv(2);
    for _ in 0..7 {
        writeln!(file, "1700000100,cold").unwrap();
    }
    let (outcome, out) = replay_to(address, &file, "--strict").await;
    assert!(
        outcome.unwrap_err().to_string().ends_with("line 4: \"cold\" is not a number"),
        "{out}"
    );
    assert!(remote.readings().is_empty());
    let (outcome, out) = replay_to(address, &file, "").await;
    outcome.unwrap();
    assert!(out.contains(": 7 rows could not be read\n  line 4: "), "{out}");
    assert_eq!(out.matches("\n  line ").count(), 5, "{out}");
    assert_eq!(remote.readings().len(), 2);
}

#[tokio::test]
async fn a_dry_run_shows_and_sends_nothing() {
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let (outcome, out) = replay_to(nowhere, &csv(9), "--dry-run --limit 4").await;
    outcome.unwrap();
    assert!(out.ends_with("4 readings would be sent\n"), "{out}");
    assert_eq!(out.lines().count(), 4);
}

#[tokio::test]
async fn shifted_rows_keep_their_spacing_and_end_now() {
    let remote = Remote::default();
    let address = remote.listen().await;
    replay_to(address, &csv(100), "--shift-to-now").await.0.unwrap();
    let now = chrono::Utc::now();
    let at = |reading: &Value| {
        let text = reading["recordedAt"].as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    };
    let sent = remote.readings();
    let newest = at(&sent[99]);
    assert!(newest <= now && (now - newest).num_seconds() < 20, "{newest} at {now}");
    assert!(sent.windows(2).all(|two| (at(&two[1]) - at(&two[0])).num_milliseconds() == 1000));
}

#[tokio::test]
async fn a_factor_sets_the_pace() {
    let remote = Remote::default();
    let address = remote.listen().await;
    let started = std::time::Instant::now();
    // ten seconds of recording at twenty times the speed
    replay_to(address, &csv(11), "--speed 20 --shift-to-now").await.0.unwrap();
    let elapsed = started.elapsed().as_secs_f64();
    assert!((0.5..10.0).contains(&elapsed), "{elapsed} s");
    assert!(remote.batch_sizes().len() >= 2, "{:?}", remote.batch_sizes());
    let now = chrono::Utc::now().to_rfc3339();
    assert!(remote.readings().iter().all(|one| one["recordedAt"].as_str().unwrap() < now.as_str()));
}

#[tokio::test]
async fn a_simulated_history_reaches_the_hub_and_ends_now() {
    let remote = Remote::default();
    let address = remote.listen().await;
    let url = format!("http://{address}");
    let words = [
        "simulate",
        "--url",
        &url,
        "--api-key",
        "k",
        "--unit",
        "a",
        "--unit",
        "b",
        "--speed",
        "max",
        "--duration",
        "2h",
        "--doors",
        "--radio-duplicates",
        "0.5",
        "--batch",
        "50",
    ];
    let args = SimulateCli::try_parse_from(words).unwrap().args;
    let mut out = Vec::new();
    simulate::run_to(args, &mut out).await.unwrap();
    let sent = remote.readings();
    // two units, 120 minutes, half of them twice, doors besides
    assert!((300..500).contains(&sent.len()), "{}", sent.len());
    let units: HashSet<_> = sent.iter().map(|one| one["unitId"].as_str().unwrap()).collect();
    assert_eq!(units, HashSet::from(["a", "b"]));
    let now = chrono::Utc::now().to_rfc3339();
    assert!(sent.iter().all(|one| one["recordedAt"].as_str().unwrap() < now.as_str()));
    let out = String::from_utf8(out).unwrap();
    assert!(out.starts_with(&format!("sent {}  ", sent.len())), "{out}");
}

#[tokio::test]
async fn simulated_units_can_come_from_a_file() {
    let remote = Remote::default();
    let address = remote.listen().await;
    let url = format!("http://{address}");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let units = json!([{"unitId": "a", "kind": "vaccine-fridge"}, {"devEui": "70b3d52dd3000001", "kind": "freezer", "site": 2, "intervalSecs": 30}]);
    write!(file, "{units}").unwrap();
    let path = file.path().to_str().unwrap();
    let words = [
        "simulate",
        "--url",
        &url,
        "--api-key",
        "k",
        "--units-file",
        path,
        "--speed",
        "max",
        "--duration",
        "10m",
    ];
    simulate::run_to(SimulateCli::try_parse_from(words).unwrap().args, &mut Vec::new())
        .await
        .unwrap();
    let sent = remote.readings();
    let frozen = sent.iter().filter(|one| one["devEui"] == "70b3d52dd3000001");
    let cold: Vec<_> = frozen.map(|one| one["temperature"].as_f64().unwrap()).collect();
    assert!((18..=21).contains(&cold.len()), "{}", cold.len());
    assert!(cold.iter().all(|celsius| *celsius < -18.0));
}
