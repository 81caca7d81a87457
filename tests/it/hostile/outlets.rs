//! Hostile words on their way out: files, logs, numbers, sockets, headers and refusals.

use std::fs;

use chrono::DateTime;
use futures_util::{StreamExt as _, stream};
use hub_testkit::{
    api::{Api, id},
    hub::{Bootstrap, HubProcess},
    socket::Socket,
};
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};

use super::{LANES, survived, survived_body};
use crate::{edge::ago, promises::SOON};

/// What every one of our words ends in, to find it again.
const MARK: &str = "zq7";

/// Names that something may take for more than a name.
fn names() -> Vec<String> {
    let begun = [
        "=1+1",
        "=HYPERLINK(\"http://127.0.0.1/\",\"x\")",
        "+1",
        "-1+1",
        "@SUM(A1:A9)",
        "=cmd|' /C calc'!A0",
        "\u{ff1d}1+1",
        "\u{ff0b}1",
        "\u{ff0d}1",
        "\u{ff20}x",
        "a,b;c\"d\"'e'",
        "\"",
        "<img src=x onerror=alert(1)>",
        "</script><script>alert(1)</script>",
        "\u{202e}gpj.exe",
        "\u{200f}\u{2066}x\u{2069}",
        "a\u{2028}b\u{2029}c",
        "\u{feff}x",
        "x\"} 1 hub_forged_total{a=\"",
        "{\"a\":1}\\n",
        "2026-11-20T12:00:00.000000Z ERROR forged: x",
        "attachment; filename=\"x.exe\"",
        "${jndi:ldap://127.0.0.1/x}",
        "%0d%0aSet-Cookie:%20x=1",
        "../../etc/passwd",
    ];
    begun.map(|name| format!("{name} {MARK}")).to_vec()
}

/// Notes may have lines.
fn notes() -> Vec<String> {
    let with_lines = ["\r\nBcc: x", "\t=1+1", "\r=1", "\n=1\n=2", "x\r\n\r\n<html>", "-1"];
    let with_lines = with_lines.map(|note| format!("{note} {MARK}"));
    names().into_iter().chain(with_lines).collect()
}

/// An organization in which everything has a hostile name.
struct Place {
    hub: HubProcess,
    made: Bootstrap,
    api: Api,
    site: String,
    /// A unit's id and name.
    units: Vec<(String, String)>,
    notes: Vec<String>,
}

impl Place {
    async fn begin(format: &str) -> Self {
        let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
        let builder = builder.env("HUB_LOG", "trace").env("HUB_LOG_FORMAT", format);
        let hub = builder.start().await.expect("the hub starts");
        let (made, api) = hub.owner(&names()[21]).await.expect("an owner is made");
        let rule = json!({ "scope": "organization", "rule": { "lowLimit": 0, "highLimit": 5 } });
        api.create("/api/v1/alert-rules", rule).await;
        let site = api.create_site(&names()[1]).await;
        let mut units = Vec::new();
        for name in names() {
            let unit = json!({ "siteId": site, "name": name });
            units.push((id(&api.create("/api/v1/units", unit).await), name));
        }
        let place = Self { hub, made, api, site, units, notes: notes() };
        place.live().await;
        place
    }

    /// Each unit is out of its limits, and somebody writes about it.
    async fn live(&self) {
        let readings = self.units.iter().flat_map(|(unit, _)| {
            let reading = |secs, celsius: f64| json!({ "unitId": unit, "temperature": celsius, "recordedAt": ago(secs) });
            [reading(30, 3.0), reading(20, 9.0), reading(10, 30.5)]
        });
        self.api.ingest(readings.collect()).await;
        for (note, (unit, _)) in self.notes.iter().zip(self.units.iter().cycle()) {
            let log =
                json!({ "unitId": unit, "temperature": -18.5, "recordedAt": ago(5), "note": note });
            self.api.create("/api/v1/manual-logs", log).await;
        }
        for (number, name) in names().iter().enumerate() {
            let gateway = json!({ "name": name, "siteId": self.site });
            self.api.create("/api/v1/gateways", gateway).await;
            let email = format!("{number}-{MARK}@example.test");
            let contact = json!({ "name": name, "email": email });
            self.api.create("/api/v1/contacts", contact).await;
        }
    }

    fn log(&self) -> Vec<u8> {
        fs::read(self.hub.log()).expect("the log is there")
    }
}

/// A file as it came.
async fn file(api: &Api, path: &str) -> (String, HeaderMap) {
    let response = api.request(Method::GET, path).send().await.expect("the hub answers");
    assert_eq!(response.status(), 200, "{path}");
    let headers = response.headers().clone();
    (response.text().await.expect("the file is whole"), headers)
}

/// Whether a spreadsheet shows a cell as it is.
fn is_inert(cell: &str) -> bool {
    let computes = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    !cell.starts_with(computes) || cell.parse::<f64>().is_ok()
}

/// The rows of a file, all of them with as many cells as its head, none of which does anything.
fn inert_rows(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
    let head: Vec<String> = reader.headers().expect("a head").iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| {
        let row = row.expect("as many cells as the head");
        row.iter().map(str::to_owned).collect::<Vec<_>>()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    for cell in head.iter().chain(rows.iter().flatten()) {
        assert!(is_inert(cell), "{cell:?}");
    }
    (head, rows)
}

/// The cells of a column without the apostrophe that keeps a spreadsheet from computing them, sorted.
fn column(head: &[String], rows: &[Vec<String>], name: &str) -> Vec<String> {
    let place = head.iter().position(|column| column == name).expect("the column is there");
    let shown = |cell: &String| match cell.strip_prefix('\'') {
        Some(words) if !is_inert(words) => words.to_owned(),
        _ => cell.clone(),
    };
    let mut cells: Vec<String> = rows.iter().map(|row| shown(&row[place])).collect();
    cells.sort();
    cells
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn files_show_words_and_compute_nothing() {
    let place = Place::begin("text").await;
    let api = &place.api;
    let units = || place.units.iter().map(|(_, name)| name.clone());
    let readings = place.units.len() * 3 + place.notes.len(); // a log is a reading too
    let alerts = api.list("/api/v1/alerts").await.len();
    assert!(alerts >= place.units.len(), "{alerts}");
    for (path, count) in [
        (format!("/api/v1/sites/{}/readings.csv", place.site), readings),
        ("/api/v1/alerts.csv".to_owned(), alerts),
        ("/api/v1/manual-logs.csv".to_owned(), place.notes.len()),
    ] {
        let (text, headers) = file(api, &path).await;
        let (head, rows) = inert_rows(&text);
        assert_eq!(rows.len(), count, "{path}");
        let mut named = column(&head, &rows, "unit");
        named.dedup();
        assert_eq!(named, sorted(units()), "{path}");
        assert_is_a_plain_file(&headers);
        if path.contains("manual") {
            assert_eq!(column(&head, &rows, "note"), sorted(place.notes.clone()));
        }
    }
    let organization = format!("/api/v1/organizations/{}/export", place.made.organization_id);
    let (text, headers) = file(api, &organization).await;
    assert_is_a_plain_file(&headers);
    let lines: Vec<Value> = text
        .split_terminator('\n')
        .map(|line| serde_json::from_str(line).expect("each line is an object"))
        .collect();
    assert!(lines.iter().any(|line| line["row"]["note"] == *place.notes.last().expect("one")));
}

/// A file's headers are words of ours alone.
#[track_caller]
fn assert_is_a_plain_file(headers: &HeaderMap) {
    let disposition = headers["content-disposition"].to_str().expect("ASCII");
    let name =
        disposition.strip_prefix("attachment; filename=\"").and_then(|rest| rest.strip_suffix('"'));
    let is_plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    assert!(name.is_some_and(is_plain), "{disposition}");
    assert!(
        !headers.values().any(|value| String::from_utf8_lossy(value.as_bytes()).contains(MARK))
    );
    assert_eq!(headers["x-content-type-options"], "nosniff");
}

/// Asks in every way that a log may tell of.
async fn ask_badly(place: &Place) {
    let nobody = place.api.clone().anonymous();
    for text in place.notes.iter().chain(&["\u{1b}[2J\u{7} zq7".to_owned(), "a\0b zq7".to_owned()])
    {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let asked = [
            nobody.request(Method::GET, &format!("/{encoded}?x={encoded}")),
            place.api.request(Method::GET, &format!("/api/v1/sites?cursor={encoded}")),
            place.api.request(Method::GET, &format!("/api/v1/units/{encoded}/readings")),
            nobody.request(Method::GET, "/api/v1/sites").bearer_auth(&encoded),
            nobody
                .request(Method::POST, "/api/v1/auth/sign-in")
                .json(&json!({ "email": text, "password": text })),
            nobody
                .request(Method::POST, "/api/v1/auth/refresh")
                .json(&json!({ "refreshToken": text })),
            place
                .api
                .request(Method::POST, "/api/v1/sites")
                .json(&json!({ "name": text, text.as_str(): text })),
            place
                .api
                .request(Method::POST, "/api/v1/sites")
                .header("User-Agent", text.as_bytes().escape_ascii().to_string())
                .body(text.clone()),
        ];
        let sent = asked.into_iter().map(|request| survived(&nobody, text, request));
        stream::iter(sent).buffer_unordered(LANES).collect::<Vec<_>>().await;
        let readings = json!([{ "unitId": text, "source": text, "channel": text, "temperature": text, text.as_str(): 1, "recordedAt": text }]);
        drop(place.api.try_ingest(&readings).await.expect("the hub answers"));
    }
}

/// What breaks a line in something that shows it, or makes it look like another one.
fn is_raw_control(c: char) -> bool {
    c.is_control() && c != '\t'
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[track_caller]
fn assert_is_an_event(line: &str, format: &str) {
    assert!(!line.contains(is_raw_control), "{line:?}");
    let is_instant = |text: &str| DateTime::parse_from_rfc3339(text).is_ok();
    let levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];
    if format == "json" {
        let event: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(event["timestamp"].as_str().is_some_and(is_instant), "{line}");
        assert!(event["level"].as_str().is_some_and(|level| levels.contains(&level)), "{line}");
        return;
    }
    let (at, rest) = line.split_once(' ').unwrap_or_else(|| panic!("no event: {line:?}"));
    assert!(is_instant(at), "no event: {line:?}");
    assert!(levels.iter().any(|level| rest.trim_start().starts_with(level)), "no event: {line:?}");
}

async fn one_line_is_one_event(format: &str) {
    let mut place = Place::begin(format).await;
    ask_badly(&place).await;
    assert!(place.hub.terminate().await.expect("it ends in time"));
    let log = String::from_utf8(place.log()).expect("the log is UTF-8");
    assert!(log.len() > 10_000, "a log at this level says something");
    log.split_terminator('\n').for_each(|line| assert_is_an_event(line, format));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_one_line_of_a_log_for_people() {
    one_line_is_one_event("text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_one_line_of_a_log_for_programs() {
    one_line_is_one_event("json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_sockets_and_refusals_tell_nothing_that_is_not_meant() {
    let place = Place::begin("json").await;
    ask_badly(&place).await;
    let (metrics, _) = file(&place.api, "/metrics").await;
    assert!(!metrics.contains(MARK) && metrics.lines().count() > 20, "{metrics}");
    for line in metrics.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        assert!(line.is_ascii(), "{line}");
        let (_, number) = line.rsplit_once(' ').expect("a name and a number");
        assert!(number.parse::<f64>().is_ok(), "{line}");
    }
    shown_on_a_socket(&place).await;
    refusals_are_short(&place).await;
}

async fn shown_on_a_socket(place: &Place) {
    let mut socket =
        Socket::connect(&place.hub.socket_url(), &place.made.token).await.expect("it is open");
    let subscribed = socket.subscribe(&format!("site:{}", place.site)).await.expect("a member may");
    let shown = subscribed["data"]["units"].as_array().expect("units");
    let shown = shown.iter().map(|unit| unit["name"].as_str().expect("a name").to_owned());
    assert_eq!(sorted(shown), sorted(names()));
    for (unit, name) in &place.units {
        let reading = json!({ "unitId": unit, "temperature": 31, "recordedAt": ago(0) });
        place.api.ingest(json!([reading])).await;
        let told = socket.publication_where(SOON, |told| told.data["unit"]["id"] == **unit).await;
        assert_eq!(told.expect("it is told").data["unit"]["name"], **name);
    }
}

/// Problems say what is wrong in words of ours, and little of what was sent.
async fn refusals_are_short(place: &Place) {
    let long = format!("<img src=x>\"{}{MARK}", "x".repeat(20_000));
    let api = &place.api;
    let many: serde_json::Map<String, Value> =
        (0..500).map(|n| (format!("<img{n}>{}", "x".repeat(60)), json!(n))).collect();
    let unit = &place.units[0].0;
    let bodies = [
        ("/api/v1/sites", json!({ "name": long })),
        ("/api/v1/sites", json!({ "name": "x", "timezone": long })),
        ("/api/v1/sites", json!({ "name": "x", long.as_str(): 1 })),
        ("/api/v1/sites", json!(many)),
        ("/api/v1/alert-rules", json!({ "scope": long, "rule": {} })),
        ("/api/v1/alert-rules", json!({ "scope": "unit", "scopeId": unit, "rule": many })),
        (
            "/api/v1/alert-rules",
            json!({ "scope": "unit", "scopeId": unit, "rule": { long.as_str(): 1 } }),
        ),
        ("/api/v1/units", json!({ "name": "x", "siteId": long, "preset": long })),
        ("/api/v1/invitations", json!({ "email": long, "role": long })),
        ("/api/v1/manual-logs", json!({ "unitId": unit, "temperature": long, "recordedAt": long })),
        ("/api/v1/auth/sign-in", json!({ "email": long, "password": 1 })),
    ];
    for (path, body) in bodies {
        let body = body.to_string().into_bytes();
        let answer = survived_body(api, path, api.request(Method::POST, path), body).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        let text = answer.body.to_string();
        assert!(answer.body.is_object() && text.len() < 16 * 1024, "{path}: {} bytes", text.len());
    }
    let query = format!("/api/v1/sites?{}=1&cursor={}", "%3Cimg%3E".repeat(400), "%22".repeat(400));
    let answer = survived(api, "a query", api.request(Method::GET, &query)).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.to_string().len() < 1_024, "{}", answer.body);
}
