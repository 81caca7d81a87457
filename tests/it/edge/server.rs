use std::{
    process::Command,
    time::{Duration, Instant},
};

use hub_testkit::{hub::HubProcess, wait};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{ago, hub};

async fn open(hub: &HubProcess, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", hub.port())).await.expect("the hub accepts");
    stream.write_all(head.as_bytes()).await.expect("the hub reads");
    stream
}

/// What comes until the other side closes, and how long that took.
async fn rest(mut stream: TcpStream) -> (String, Duration) {
    let begun = Instant::now();
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut bytes)).await;
    read.expect("the hub closes in time").ok(); // a reset is an end too
    (String::from_utf8_lossy(&bytes).into_owned(), begun.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_a_byte_a_second_is_cut_off_and_others_are_served() {
    let (hub, api) = hub().await;
    let slow = futures_util::future::join_all(
        (0..100).map(|_| open(&hub, "GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ")),
    );
    let slow = slow.await;
    let dripped = slow.into_iter().map(|mut stream| async move {
        for _ in 0..30 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if stream.write_all(b"a").await.is_err() {
                return true;
            }
            if matches!(
                tokio::time::timeout(Duration::from_millis(1), stream.read_u8()).await,
                Ok(Err(_))
            ) {
                return true;
            }
        }
        false
    });
    let dripped = tokio::spawn(futures_util::future::join_all(dripped));
    let begun = Instant::now();
    assert_eq!(api.get("/health/live").await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(
        dripped.await.unwrap().into_iter().all(|cut| cut),
        "no connection without headers lives for 30 s"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stalls_is_answered_408() {
    let (hub, api) = hub().await;
    let key = api.create("/api/v1/api-keys", serde_json::json!({ "name": "Stalling" })).await;
    let head = format!(
        "POST /api/ingest/readings HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        key["key"].as_str().unwrap()
    );
    let (answer, took) = rest(open(&hub, &head).await).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_in_chunks_are_refused_early() {
    let (hub, api) = hub().await;
    let key = api.create("/api/v1/api-keys", serde_json::json!({ "name": "Flooding" })).await;
    let head = format!(
        "POST /api/ingest/readings HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        key["key"].as_str().unwrap()
    );
    let mut stream = open(&hub, &head).await;
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
    let mut sent = 0;
    while sent < 100 && stream.write_all(&chunk).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 100, "the connection is cut long before all of it");
    assert_eq!(api.get("/health/live").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_end_are_refused() {
    let (hub, _) = hub().await;
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(64 * 1024));
    let mut stream = TcpStream::connect(("127.0.0.1", hub.port())).await.unwrap();
    stream.write_all(head.as_bytes()).await.ok(); // the hub may have closed before all of it was sent
    let (answer, _) = rest(stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_safe_headers_and_an_id() {
    let (hub, api) = hub().await;
    let page = hub.api().get("/").await;
    assert_eq!(page.status, 200);
    for answer in [page, api.get("/api/v1/nothing").await, api.get("/metrics").await] {
        let header = |name: &str| {
            answer
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
                .unwrap_or_default()
        };
        assert!(header("content-security-policy").starts_with("default-src 'self'"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("x-request-id").len(), 36);
    }
    let missing = api.get("/api/v1/nothing").await;
    let id = missing.headers["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(missing.body["instance"], format!("urn:uuid:{id}"));
    let metrics = hub.api().get("/metrics").await;
    assert!(metrics.body.as_str().unwrap().contains("hub_http_requests_total"), "{}", metrics.body);
}

#[test]
fn a_wrong_setting_ends_the_start_with_one_sentence_and_code_2() {
    let cases = [
        (["--listen", "nonsense"], "HUB_LISTEN"),
        (["--database-url", "mysql://user:canary@host/x"], "DATABASE_URL"),
        (["--config", "/no/such/file"], "HUB_CONFIG"),
    ];
    for (arguments, named) in cases {
        let output = Command::new(env!("CARGO_BIN_EXE_hub"))
            .arg("serve")
            .args(arguments)
            .env_clear()
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(
            errors.contains(named)
                && errors.trim().lines().count() == 1
                && !errors.contains("canary"),
            "{errors}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_database_that_is_not_up_to_date_is_refused_where_it_must_not_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let hub = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
        command.args(arguments).env_clear().env("HUB_DATA_DIR", folder.path()).output().unwrap()
    };
    let refused = hub(&["serve", "--no-migrate", "--listen", "127.0.0.1:0"]);
    let errors = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{errors}");
    assert!(errors.contains("hub migrate"), "{errors}");
    assert!(hub(&["migrate"]).status.success());
    assert!(hub(&["migrate"]).status.success(), "it may be done again");
    let made = hub(&["admin", "bootstrap", "--organization", "One", "--email", "a@example.test"]);
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("one line of JSON");
    assert!(
        made["password"].as_str().is_some_and(|password| password.len() >= 20),
        "a password was made"
    );
    let again = hub(&["admin", "bootstrap", "--organization", "Two", "--email", "A@example.test"]);
    assert_eq!(again.status.code(), Some(1), "the address is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_events_that_reads_no_more_is_gone_within_a_minute() {
    let hub = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).start().await.unwrap();
    let (made, api) = hub.owner("Far away").await.unwrap();
    let site = api.create_site("Far away").await;
    let unit = api.create_unit(&site, "Cold room").await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut reader = socket.connect(([127, 0, 0, 1], hub.port()).into()).await.unwrap();
    let token = made.token;
    let head = format!(
        "GET /connection/sse?channel=site:{site} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    reader.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 15];
    reader.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let open = async || {
        let metrics = api.get("/metrics").await.body;
        metrics.as_str().expect("it is text").lines().any(|line| line == "hub_sockets_open 1")
    };
    wait::until("its place to be taken", Duration::from_secs(10), async || {
        open().await.then_some(())
    })
    .await;
    let stopped = Instant::now();
    // far more than the kernels of both sides hold between them, a change a request
    for second in (0..1_500).rev() {
        let reading = json!([{ "unitId": unit, "temperature": 4, "recordedAt": ago(second) }]);
        assert_eq!(api.try_ingest(&reading).await.unwrap().status, 200);
    }
    wait::until("it to be gone", Duration::from_secs(60), async || (!open().await).then_some(()))
        .await;
    assert!(stopped.elapsed() > Duration::from_secs(20), "a pause is no end");
    drop(reader);
}
