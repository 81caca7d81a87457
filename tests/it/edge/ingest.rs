use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use hub_testkit::api::{Answer, Api};
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{ago, counts, hub};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("memory takes it");
    gzip.finish().expect("memory takes it")
}

async fn send(
    api: &Api,
    kind: &str,
    encoding: Option<&str>,
    body: impl Into<reqwest::Body>,
) -> Answer {
    let request =
        api.request(Method::POST, "/api/ingest/readings").header(header::CONTENT_TYPE, kind);
    let request = match encoding {
        Some(encoding) => request.header(header::CONTENT_ENCODING, encoding),
        None => request,
    };
    api.send(request.body(body)).await.expect("the hub answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reading_has_a_fate_of_its_own() {
    let (hub, api) = hub().await;
    let site = api.create_site("Kitchen").await;
    let unit = api.create_unit(&site, "One").await;
    let other = api.create_unit(&site, "Other").await;
    let device = api.create_device(&unit, "Sensor", Some("0004a30b001c0530")).await;
    let unassigned = api.create("/api/v1/devices", json!({ "name": "Spare" })).await["id"].clone();
    let (_, stranger) = hub.owner("Stranger").await.unwrap();
    let foreign_site = stranger.create_site("Elsewhere").await;
    let foreign = stranger.create_unit(&foreign_site, "Theirs").await;
    let at = ago(60);
    let sent = json!([
        { "unitId": unit, "temperature": 4, "recordedAt": at },
        { "unitId": foreign, "temperature": 4, "recordedAt": at },
        { "unitId": "019a0000-0000-7000-8000-000000000001", "temperature": 4, "recordedAt": at },
        { "deviceId": device, "temperature": 4, "recordedAt": at },
        { "devEui": "0004A30B001C0530", "temperature": 4, "recordedAt": at, "channel": "probe1" },
        { "deviceId": device, "unitId": other, "temperature": 4, "recordedAt": at },
        { "deviceId": unassigned, "temperature": 4, "recordedAt": at },
        { "devEui": "FFFFFFFFFFFFFFFF", "temperature": 4, "recordedAt": at },
        { "unitId": unit, "temperature": "4", "recordedAt": at },
        { "unitId": unit, "temperature": 4, "recordedAt": "2026-01-01T00:00:00" },
        { "unitId": unit, "temperature": 40, "temperatureUnits": "F", "recordedAt": at },
        { "unitId": unit, "temperature": 4, "recordedAt": "0000-01-01T00:00:00Z" },
        { "unitId": unit, "temperature": 4, "recordedAt": "9999-12-31T23:59:59Z" },
        { "unitId": unit, "temperature": 4, "recordedAt": at },
        17,
        { "unitId": unit, "temperature": 41, "temperatureUnit": "F", "recordedAt": at, "source": "second" },
    ]);
    let (numbers, rejected) = counts(&api.ingest(sent).await);
    assert_eq!(numbers, [4, 0, 1, 2], "{rejected:?}");
    let expected = [
        (1, "unknown_unit"),
        (2, "unknown_unit"),
        (5, "wrong_unit_for_device"),
        (6, "device_unassigned"),
        (7, "unknown_device"),
        (8, "bad_temperature"),
        (9, "bad_recorded_at"),
        (10, "unknown_field"),
        (14, "malformed"),
    ];
    assert_eq!(rejected, expected.map(|(index, code)| (index, code.to_owned())));
    let stored = api.list(&format!("/api/v1/units/{unit}/readings")).await;
    assert_eq!(stored.len(), 4);
    assert!(stored.iter().any(|reading| reading["temperature"] == 5.0), "41 °F is 5 °C");
    assert_eq!(stranger.list(&format!("/api/v1/units/{foreign}/readings")).await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_reading_among_999_is_named() {
    let (_hub, api) = hub().await;
    let site = api.create_site("Kitchen").await;
    let unit = api.create_unit(&site, "One").await;
    let reading =
        |n: i64| json!({ "unitId": unit, "temperature": 4, "recordedAt": ago(10_000 - n) });
    let mut sent: Vec<Value> = (0..999).map(reading).collect();
    sent[500]["temperature"] = json!(null);
    let (numbers, rejected) = counts(&api.ingest(json!(sent)).await);
    assert_eq!((numbers, rejected), ([998, 0, 0, 0], vec![(500, "bad_temperature".to_owned())]));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_and_gzip_are_taken_and_a_bad_envelope_is_not() {
    let (_hub, api) = hub().await;
    let site = api.create_site("Kitchen").await;
    let unit = api.create_unit(&site, "One").await;
    let reading =
        |secs| json!({ "unitId": unit, "temperature": 4, "recordedAt": ago(secs) }).to_string();
    let lines = format!("{}\nnot json\n\n{}\n", reading(30), reading(20));
    let answer = send(&api, "application/x-ndjson", None, lines).await.expect(200);
    assert_eq!(counts(&answer), ([2, 0, 0, 0], vec![(1, "malformed".to_owned())]));
    let body = gzip(format!("{{\"readings\":[{}]}}", reading(10)).as_bytes());
    assert_eq!(
        counts(&send(&api, "application/json", Some("gzip"), body).await.expect(200)),
        ([1, 0, 0, 0], vec![])
    );
    let list = |count| format!("{{\"readings\":[{}]}}", vec!["{}"; count].join(","));
    let (json, lines) = ("application/json", "application/x-ndjson");
    type Case = (&'static str, Option<&'static str>, Vec<u8>, u16, &'static str);
    let cases: Vec<Case> = vec![
        (json, None, b"{\"readings\":".to_vec(), 400, "malformed_json"),
        (json, None, b"{\"readings\":[\"\xff\"]}".to_vec(), 400, "malformed_json"),
        (json, None, b"{\"readings\":[]}".to_vec(), 400, "no_readings"),
        (lines, None, b"\n\n".to_vec(), 400, "no_readings"),
        (json, None, b"{}".to_vec(), 422, "invalid"),
        (json, None, list(5_001).into(), 413, "too_many_readings"),
        (json, None, vec![b' '; 2 * 1024 * 1024 + 1], 413, "too_large"),
        (json, Some("gzip"), gzip(&vec![b' '; 16 << 20]), 413, "too_large"),
        (json, Some("gzip"), b"no gzip".to_vec(), 400, "bad_gzip"),
        (json, Some("br"), b"{}".to_vec(), 415, "unsupported_encoding"),
        ("text/plain", None, b"{}".to_vec(), 415, "unsupported_media_type"),
    ];
    for (kind, encoding, body, status, code) in cases {
        let answer = send(&api, kind, encoding, body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{}", answer.body);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_get_one_answer_and_too_many_of_them_must_wait() {
    let (_hub, api) = hub().await;
    let made = api.create("/api/v1/api-keys", json!({ "name": "To be revoked" })).await;
    let revoked = made["key"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap());
    assert_eq!(api.send(api.request(Method::DELETE, &path)).await.unwrap().status, 204);
    let unknown = format!("ftk_{}_{}", uuid::Uuid::now_v7().simple(), "x".repeat(43));
    let mut bodies = Vec::new();
    for key in ["", "ftk_", "nonsense", &unknown, &revoked] {
        let answer = api.clone().anonymous().with_key(key).try_ingest(&json!([])).await.unwrap();
        assert_eq!(answer.status, 401, "{key}");
        let mut body = answer.body;
        body["instance"] = Value::Null;
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(
            api.clone()
                .anonymous()
                .with_key(&unknown)
                .try_ingest(&json!([]))
                .await
                .unwrap()
                .status
                .as_u16(),
        );
    }
    assert!(statuses.ends_with(&[429, 429]), "{statuses:?}");
    let good = api.try_ingest(&json!([])).await.unwrap();
    assert_eq!(
        (good.status.as_u16(), good.code()),
        (400, "no_readings"),
        "a good key is let in all the same"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_one_site_reaches_that_site_alone() {
    let (_hub, api) = hub().await;
    let (near, far) = (api.create_site("Near").await, api.create_site("Far").await);
    let (ours, theirs) =
        (api.create_unit(&near, "Ours").await, api.create_unit(&far, "Theirs").await);
    let made = api.create("/api/v1/api-keys", json!({ "name": "Near only", "siteId": near })).await;
    let bound = api.clone().with_key(made["key"].as_str().unwrap());
    let reading = |unit: &str| json!({ "unitId": unit, "temperature": 4, "recordedAt": ago(5) });
    let answer = bound.ingest(json!([reading(&ours), reading(&theirs)])).await;
    assert_eq!(counts(&answer), ([1, 0, 0, 0], vec![(1, "unknown_unit".to_owned())]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_past_its_rate_is_told_when_to_come_again() {
    let builder = hub_testkit::hub::HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
    let hub = builder.env("HUB_KEY_REQUESTS", "5").start().await.unwrap();
    let (_, api) = hub.owner("Slow").await.unwrap();
    let mut limited = None;
    for _ in 0..20 {
        let answer = api.try_ingest(&json!([])).await.unwrap();
        if answer.status == 429 {
            limited = Some(answer);
        }
    }
    let limited = limited.expect("twenty requests at once are more than five a second");
    assert!(limited.headers[header::RETRY_AFTER].to_str().unwrap().parse::<u64>().unwrap() >= 1);
}
