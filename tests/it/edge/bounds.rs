use std::{
    os::unix::fs::PermissionsExt as _,
    process::Command,
    time::{Duration, Instant},
};

use hub_testkit::{api::Api, hub::HubProcess};
use reqwest::{Method, header};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{ago, hub};

/// A connection's client and its path.
async fn connection(api: &Api) -> (Api, String) {
    let made = api.create("/api/v1/ttn-connections", json!({ "name": "Network" })).await;
    let said = |name: &str| made[name].as_str().expect("it is in the answer").to_owned();
    (api.clone().with_token(said("secret")), said("path"))
}

fn frame(session: &str, counter: u32) -> Value {
    json!({
        "end_device_ids": { "dev_eui": "0011223344556677" },
        "uplink_message": { "session_key_id": session, "f_cnt": counter, "frm_payload": "AQI=" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn control_characters_are_refusals_and_no_outage() {
    let (hub, api) = hub().await;
    let asked = json!({ "email": "a\0@example.test", "password": "x" });
    for attempt in 0..11 {
        let answer = hub.api().post("/api/v1/auth/sign-in", &asked).await;
        let expected = if attempt < 10 { 401 } else { 429 };
        assert_eq!(answer.status, expected, "each is a failure");
    }
    let (client, path) = connection(&api).await;
    let answer = client.post(&path, &frame("A\0B", 1)).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.body["errors"][0]["code"], "bad_session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_has_a_size_and_a_rate() {
    let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).env("HUB_KEY_REQUESTS", "2");
    let hub = builder.start().await.unwrap();
    let (_, api) = hub.owner("Edge").await.unwrap();
    let (client, path) = connection(&api).await;
    let mut large = frame("AX", 1);
    large["padding"] = json!("x".repeat(256 * 1024));
    assert_eq!(client.post(&path, &large).await.status, 413);
    let mut answers = Vec::new();
    for counter in 0..10 {
        answers.push(client.post(&path, &frame("AX", counter)).await);
    }
    let tired = answers.iter().find(|answer| answer.status == 429).expect("the rate is spent");
    assert!(tired.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(tired.code(), "too_many_requests");
}

/// Senders of one organization, be they keys or connections, have one share together.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_several_keys_of_one_organization_is_its_own() {
    let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
    let hub = builder.env("HUB_ORGANIZATION_SENDS", "5").start().await.unwrap();
    let (_, loud) = hub.owner("Loud").await.unwrap();
    let (_, calm) = hub.owner("Calm").await.unwrap();
    let unit = calm.create_unit(&calm.create_site("Site").await, "Unit").await;
    let mut keys = Vec::new();
    for name in ["A", "B", "C", "D"] {
        let made = loud.create("/api/v1/api-keys", json!({ "name": name })).await;
        keys.push(loud.clone().with_key(made["key"].as_str().unwrap()));
    }
    let (client, path) = connection(&loud).await;
    let begun = Instant::now();
    let (mut taken, mut tired) = (0, 0);
    for round in 0..12_u32 {
        let reading = json!([{ "unitId": unit, "temperature": 4, "recordedAt": ago(1) }]);
        for key in &keys {
            let answer = key.try_ingest(&json!([])).await.unwrap();
            if answer.status == 429 {
                assert!(answer.headers.contains_key(header::RETRY_AFTER));
                tired += 1;
            } else {
                taken += 1;
            }
        }
        let answer = client.post(&path, &frame("AX", round)).await;
        if answer.status == 429 {
            tired += 1
        } else {
            taken += 1
        }
        if round % 4 == 0 {
            assert_eq!(calm.try_ingest(&reading).await.unwrap().status, 200, "it has its own");
        }
    }
    let share = 5.0 + 5.0 * begun.elapsed().as_secs_f64();
    assert!(f64::from(taken) <= share && tired > 0, "{taken} taken of {share}, {tired} refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_of_several_keys_of_one_organization_are_counted_together() {
    let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
    let hub = builder.env("HUB_ORGANIZATION_READINGS", "1").start().await.unwrap();
    let (_, loud) = hub.owner("Loud").await.unwrap();
    let (_, calm) = hub.owner("Calm").await.unwrap();
    let made = loud.create("/api/v1/api-keys", json!({ "name": "Second" })).await;
    let second = loud.clone().with_key(made["key"].as_str().unwrap());
    let many = Value::Array(vec![json!({ "temperature": 4 }); 3_000]);
    assert_eq!(loud.try_ingest(&many).await.unwrap().status, 200);
    let answer = second.try_ingest(&many).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.code()), (429, "too_many_requests"));
    assert_eq!(calm.try_ingest(&many).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_the_socket_are_problems_and_answers_are_not_to_be_stored() {
    let (_hub, api) = hub().await;
    let path = "/connection/websocket";
    let cases = [
        (api.request(Method::POST, path), 405, "method_not_allowed"),
        (api.request(Method::GET, path), 426, "upgrade_required"),
        (
            api.request(Method::GET, path).header(header::ORIGIN, "https://evil.test"),
            403,
            "wrong_origin",
        ),
    ];
    for (request, status, code) in cases {
        let answer = api.send(request).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code));
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
    }
    for path in ["/api/v1/me", "/api/v1/sites", "/api/v1/nothing"] {
        assert_eq!(api.get(path).await.headers[header::CACHE_CONTROL], "no-store", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_ends_in_time_whoever_holds_on_to_it() {
    let (mut hub, api) = hub().await;
    let key = api.create("/api/v1/api-keys", json!({ "name": "Stalling" })).await;
    let head = format!(
        "POST /api/ingest/readings HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        key["key"].as_str().unwrap()
    );
    let mut held = Vec::new();
    for said in ["", "GET /", head.as_str()] {
        let mut stream = TcpStream::connect(("127.0.0.1", hub.port())).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        held.push(stream);
    }
    assert_eq!(api.get("/health/live").await.status, 200);
    let begun = Instant::now();
    assert!(hub.terminate().await.unwrap());
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_with_idle_connections_alone_ends_at_once() {
    let (mut hub, api) = hub().await;
    let _silent = TcpStream::connect(("127.0.0.1", hub.port())).await.unwrap();
    assert_eq!(api.get("/health/live").await.status, 200);
    let begun = Instant::now();
    assert!(hub.terminate().await.unwrap());
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_proves_who_asks_or_what_the_address_takes() {
    let (_hub, api) = hub().await;
    let nobody = api.clone().anonymous();
    let (_, webhook) = connection(&api).await;
    let readings = json!({ "readings": [] });
    let somebody = json!({ "email": "nobody@example.test", "password": "x" });
    for (path, body, challenge) in [
        ("/api/v1/auth/sign-in", somebody, "Bearer"),
        ("/api/ingest/readings", readings.clone(), "ApiKey header=\"X-API-Key\""),
        (webhook.as_str(), readings, "ApiKey header=\"X-Webhook-Secret\""),
    ] {
        let answer = nobody.post(path, &body).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], challenge, "{path}");
    }
    for (path, taken) in [("/", "GET, HEAD"), ("/board.html", "GET, HEAD")] {
        let answer = nobody.post(path, &json!({})).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (405, "method_not_allowed"), "{path}");
        assert_eq!(answer.headers[header::ALLOW], taken, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_of_a_hub_behind_tls_are_told_to_come_by_it_alone() {
    for (url, said) in
        [("https://hub.example.com", Some("max-age=31536000")), ("http://hub.example.com", None)]
    {
        let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).env("HUB_PUBLIC_URL", url);
        let hub = builder.start().await.unwrap();
        for path in ["/", "/api/v1/me", "/health/live"] {
            let answer = hub.api().get(path).await;
            let strict = answer.headers.get(header::STRICT_TRANSPORT_SECURITY);
            assert_eq!(strict.map(|value| value.to_str().unwrap()), said, "{url} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_may_read_the_database() {
    let (hub, _) = hub().await;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    for name in ["hub.db", "hub.db-wal", "hub.db-shm"] {
        assert_eq!(mode(&hub.data().join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_taken_address_and_a_bad_folder_are_wrong_settings() {
    let folder = tempfile::tempdir().unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let fresh = folder.path().join("fresh");
    for (address, data, named) in
        [(taken.as_str(), &fresh, "HUB_LISTEN"), ("127.0.0.1:0", &file, "HUB_DATA_DIR")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
        let command = command.args(["serve", "--listen", address]).env_clear();
        let output = command.env("HUB_DATA_DIR", data).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(named), "{errors}");
    }
    assert!(!fresh.exists(), "nothing was made for a hub that cannot listen");
}
