use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hub_testkit::{api::Api, shared};
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::hub;

/// No request may take longer.
const NO_HANG: Duration = Duration::from_secs(5);

struct Text {
    name: String,
    must_be_refused: bool,
    bytes: Vec<u8>,
}

fn corpus() -> Option<Vec<Text>> {
    let lines = shared::text("contracts/hostile/json-parsing.jsonl")?;
    let text = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        let said = |name: &str| line[name].as_str().expect("a line is whole").to_owned();
        Text {
            name: said("name"),
            must_be_refused: said("expect") == "reject",
            bytes: STANDARD.decode(said("bytes_b64")).expect("the bytes are base64"),
        }
    };
    Some(lines.lines().map(text).collect())
}

/// Sends a body and gives the status, within the time.
async fn status(api: &Api, path: &str, body: Vec<u8>) -> u16 {
    let begun = Instant::now();
    let request = api.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
    let answer = api.send(request.body(body)).await.expect("the hub answers");
    assert!(begun.elapsed() < NO_HANG, "{path} took {:?}", begun.elapsed());
    answer.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_the_corpus_brings_down_any_endpoint() {
    let Some(corpus) = corpus() else { return };
    assert!(corpus.len() >= 318);
    let (hub, api) = hub().await;
    let connection = api.create("/api/v1/ttn-connections", json!({ "name": "Network" })).await;
    let secret = connection["secret"].as_str().unwrap();
    let webhook = connection["path"].as_str().unwrap().to_owned();
    let with_secret = api.clone().with_token(secret);
    let alert = "/api/v1/alerts/019a0000-0000-7000-8000-000000000001";
    let (acknowledge, resolve) = (format!("{alert}/acknowledge"), format!("{alert}/resolve"));
    let paths = [
        "/api/ingest/readings",
        "/api/v1/auth/sign-in",
        "/api/v1/sites",
        "/api/v1/areas",
        "/api/v1/units",
        "/api/v1/devices",
        "/api/v1/api-keys",
        "/api/v1/ttn-connections",
        "/api/v1/alert-rules",
        acknowledge.as_str(),
        resolve.as_str(),
        webhook.as_str(),
    ];
    for path in paths {
        let api = if path == webhook { &with_secret } else { &api };
        for text in &corpus {
            let status = status(api, path, text.bytes.clone()).await;
            assert!(status < 500, "{path} answered {status} to {}", text.name);
            assert!(!(text.must_be_refused && status < 300), "{path} took {}", text.name);
        }
    }
    assert!(!hub.log_tail().contains("panic"), "{}", hub.log_tail());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_kept_as_they_were_sent_or_refused() {
    let Some(text) = shared::text("contracts/hostile/naughty-strings.json") else { return };
    let mut names: Vec<String> = serde_json::from_str(&text).unwrap();
    names.extend([
        "a\0b".to_owned(),
        "\u{202e}txt.exe".to_owned(),
        "é".repeat(200),
        "é".repeat(201),
        " x".to_owned(),
    ]);
    let (_hub, api) = hub().await;
    let (mut kept, mut refused) = (0, 0);
    for name in &names {
        let answer = api.post("/api/v1/sites", &json!({ "name": name })).await;
        match answer.status.as_u16() {
            201 => {
                let path = format!("/api/v1/sites/{}", answer.body["id"].as_str().unwrap());
                assert_eq!(api.read(&path).await["name"], **name);
                kept += 1;
            }
            422 => {
                assert_eq!(answer.body["errors"][0]["pointer"], "/name");
                refused += 1;
            }
            other => panic!("{other} to {name:?}"),
        }
    }
    assert!(kept > 400 && refused >= 4, "{kept} kept, {refused} refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_ids_queries_and_methods_are_clear_refusals() {
    let (_hub, api) = hub().await;
    let cases = [
        ("/api/v1/sites/..%2f..%2fetc%2fpasswd", 404),
        ("/api/v1/sites/%ff%fe", 404),
        ("/api/v1/sites/%00", 404),
        ("/api/v1/sites/019a0000-0000-7000-8000-00000000000", 404),
        ("/api/v1/sites/019a000000007000800000000000000001", 404),
        ("/api/v1/sites/019a0000-0000-7000-8000-000000000001", 404),
        ("/api/v1/nothing", 404),
        ("/api/v1/sites?limit=0", 400),
        ("/api/v1/sites?limit=201", 400),
        ("/api/v1/sites?limit=1&limit=2", 400),
        ("/api/v1/sites?cursor=%00", 400),
        ("/api/v1/sites?cursor=nonsense", 400),
        ("/api/v1/units?siteId=x", 400),
        ("/api/v1/alerts?status=nonsense", 400),
        ("/api/v1/alerts?kind=nonsense", 400),
    ];
    for (path, expected) in cases {
        let answer = api.get(path).await;
        assert_eq!(answer.status.as_u16(), expected, "{path}: {}", answer.body);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json", "{path}");
    }
    for method in ["PUT", "PATCH", "BREW"] {
        let request = api.request(Method::from_bytes(method.as_bytes()).unwrap(), "/api/v1/sites");
        let answer = api.send(request).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (405, "method_not_allowed"),
            "{method}"
        );
    }
}
