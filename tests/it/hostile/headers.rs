//! Words in headers: why something was changed, and the key of a request.

use futures_util::{StreamExt as _, stream};
use hub_testkit::api::Api;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, header::HeaderValue};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{LANES, survived, texts::naughty};
use crate::edge::hub;

const SITES: &str = "/api/v1/sites";

/// Makes a site for such a reason; gives its id if it was taken.
async fn site_because(api: &Api, reason: &str) -> Option<(String, String)> {
    let header = utf8_percent_encode(reason, NON_ALPHANUMERIC).to_string();
    let request = api.request(Method::POST, SITES).header("X-Change-Reason", header);
    let answer = survived(api, reason, request.json(&json!({ "name": "Because" }))).await;
    if answer.status == 201 {
        return Some((hub_testkit::api::id(&answer.body), reason.to_owned()));
    }
    assert_eq!(answer.status, 400, "{reason:?}: {}", answer.body);
    let named = answer.body["errors"][0]["pointer"].as_str().expect("a pointer");
    assert!(named.eq_ignore_ascii_case("x-change-reason"), "{named}");
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_is_on_record_as_it_was_given_or_refused() {
    let Some(mut reasons) = naughty() else { return };
    let ours =
        ["=1+1", "x\r\nBcc: y", "a\0b", "\u{202e}gpj", "<img src=x onerror=alert(1)>", "%41"];
    reasons.extend(ours.map(str::to_owned));
    reasons.extend(["x".repeat(500), "x".repeat(501)]);
    let (_hub, api) = hub().await;
    let made = stream::iter(reasons.iter().map(|reason| site_because(&api, reason)));
    let made: Vec<_> = made.buffer_unordered(LANES).collect().await;
    let made: Vec<(String, String)> = made.into_iter().flatten().collect();
    assert!(made.len() > 450 && made.len() < reasons.len(), "{}", made.len());
    let entries = api.list("/api/v1/audit?action=site.created").await;
    for (site, reason) in made {
        let entry =
            entries.iter().find(|entry| entry["objectId"] == *site).expect("it is on record");
        let expected = if reason.is_empty() { Value::Null } else { json!(reason) };
        assert_eq!(entry["reason"], expected);
    }
    let raw = api.request(Method::POST, SITES).header("X-Change-Reason", &b"%ff%fe"[..]);
    let answer = survived(&api, "no UTF-8", raw.json(&json!({ "name": "x" }))).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
}

/// Makes a site under a key, twice.
async fn twice(api: &Api, number: usize, key: &HeaderValue) -> bool {
    let mut answers = Vec::new();
    for _ in 0..2 {
        let request = api.request(Method::POST, SITES).header("Idempotency-Key", key);
        let request = request.json(&json!({ "name": format!("Key {number}") }));
        answers.push(survived(api, &format!("{key:?}"), request).await);
    }
    let (first, second) = (&answers[0], &answers[1]);
    if first.status == 201 {
        assert_eq!(
            (second.status, &second.body["id"]),
            (first.status, &first.body["id"]),
            "{key:?}"
        );
        return true;
    }
    for answer in answers {
        assert_eq!(answer.status, 400, "{key:?}: {}", answer.body);
        assert_eq!(answer.body["errors"][0]["pointer"], "Idempotency-Key");
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requests_key_is_one_or_is_refused() {
    let Some(mut keys) = naughty() else { return };
    keys.extend(["x".repeat(255), "x".repeat(256), "\u{202e}".to_owned()]);
    keys.retain(|key| key.trim() == key); // HTTP takes white space off
    let keys: Vec<HeaderValue> =
        keys.iter().filter_map(|key| HeaderValue::from_bytes(key.as_bytes()).ok()).collect();
    let (_hub, api) = hub().await;
    let made = keys.iter().enumerate().map(|(number, key)| twice(&api, number, key));
    let made: Vec<bool> = stream::iter(made).buffer_unordered(LANES).collect().await;
    let kept = made.iter().filter(|made| **made).count();
    assert!(kept > 200 && kept < keys.len(), "{kept} of {}", keys.len());
    let named = api.list(SITES).await;
    assert_eq!(
        named.iter().filter(|site| site["name"].as_str().unwrap().starts_with("Key ")).count(),
        kept
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_header_gets_no_further() {
    let (hub, api) = hub().await;
    let broken: [&[u8]; 5] = [
        b"Idempotency-Key: a\0b",
        b"X-Change-Reason: a\x01b",
        b"X-Change-Reason a",
        b"X Y: z",
        b"\xff\xfe: z",
    ];
    for line in broken {
        let mut stream = TcpStream::connect(("127.0.0.1", hub.port())).await.unwrap();
        let head =
            b"POST /api/v1/sites HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n";
        stream.write_all(&[head, line, b"\r\n\r\n"].concat()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{:?}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(api.get(SITES).await.status, 200);
}
