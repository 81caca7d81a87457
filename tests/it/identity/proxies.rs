//! Who is counted when all come through one proxy.

use hub_testkit::{api::Api, hub::HubProcess};
use reqwest::Method;
use serde_json::json;

/// Shows a refresh token that is none, as a proxy passes it on.
async fn junk(api: &Api, forwarded: &[&str]) -> u16 {
    let asked = json!({ "refreshToken": "junk" });
    let mut request = api.request(Method::POST, "/api/v1/auth/refresh").json(&asked);
    for line in forwarded {
        request = request.header("X-Forwarded-For", *line);
    }
    api.send(request).await.expect("the hub answers").status.as_u16()
}

async fn tire(api: &Api, forwarded: &[&str]) {
    for _ in 0..60 {
        assert_eq!(junk(api, forwarded).await, 401);
    }
    assert_eq!(junk(api, forwarded).await, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_each_address_has_a_budget_of_its_own() {
    let hub = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
    let hub = hub.env("HUB_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8").start().await.unwrap();
    let api = hub.api();
    tire(&api, &["198.51.100.1"]).await;
    for same in [
        &["203.0.113.9, 198.51.100.1"][..],
        &["203.0.113.9", "198.51.100.1, 10.1.2.3"],
        &["198.51.100.1:4711"],
    ] {
        assert_eq!(
            junk(&api, same).await,
            429,
            "what they write themselves changes nothing: {same:?}"
        );
    }
    for other in [&["198.51.100.2"][..], &["198.51.100.1", "198.51.100.3"], &[], &["unknown"]] {
        assert_eq!(junk(&api, other).await, 401, "{other:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_says_whom_a_request_is_of() {
    let hub = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
    let hub = hub.env("HUB_TRUSTED_PROXIES", "10.0.0.0/8").start().await.unwrap();
    let api = hub.api();
    tire(&api, &["198.51.100.1"]).await;
    assert_eq!(junk(&api, &["198.51.100.2"]).await, 429);
}
