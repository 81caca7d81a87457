use hub_testkit::hub::{HubProcess, PASSWORD};
use serde_json::json;

use super::hub;

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_signs_in_and_the_token_says_who_they_are() {
    let hub = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).start().await.unwrap();
    let made = hub.bootstrap("Edge").await.unwrap();
    let api = hub.api();
    let asked = json!({ "email": made.email.to_uppercase(), "password": PASSWORD });
    let signed_in = api.post("/api/v1/auth/sign-in", &asked).await.expect(200);
    assert_eq!(signed_in["tokenType"], "Bearer");
    assert_eq!(signed_in["user"]["id"], *made.user_id);
    assert_eq!(signed_in["organizations"][0]["role"], "owner");
    let api = api.with_token(signed_in["token"].as_str().unwrap());
    assert_eq!(api.read("/api/v1/me").await["user"]["email"], *made.email);
    let organizations = api.read("/api/v1/organizations").await;
    let [organization] = &organizations["items"].as_array().unwrap()[..] else { panic!("one") };
    assert_eq!(
        (&organization["id"], &organization["name"]),
        (&json!(made.organization_id), &json!("Edge"))
    );
    let asked = json!({ "refreshToken": signed_in["refreshToken"] });
    let refreshed = api.post("/api/v1/auth/refresh", &asked).await.expect(200);
    assert!(refreshed["expiresAt"].as_str() >= signed_in["expiresAt"].as_str());
    let keys = hub.api().read("/.well-known/jwks.json").await;
    assert_eq!((&keys["keys"][0]["crv"], &keys["keys"][0]["d"]), (&json!("Ed25519"), &json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_and_a_wrong_password_look_the_same_and_tire() {
    let hub = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).start().await.unwrap();
    let made = hub.bootstrap("Edge").await.unwrap();
    let api = hub.api();
    let mut seen = Vec::new();
    for email in [made.email.as_str(), "nobody@example.test"] {
        let mut answer =
            api.post("/api/v1/auth/sign-in", &json!({ "email": email, "password": "wrong" })).await;
        answer.body["instance"] = json!(null);
        seen.push((answer.status.as_u16(), answer.body));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!((seen[0].0, &seen[0].1["code"]), (401, &json!("bad_credentials")));
    for _ in 0..12 {
        api.post("/api/v1/auth/sign-in", &json!({ "email": made.email, "password": "wrong" }))
            .await;
    }
    let tired = api
        .post("/api/v1/auth/sign-in", &json!({ "email": made.email, "password": PASSWORD }))
        .await;
    assert_eq!(tired.status, 429);
    assert!(tired.headers.contains_key("retry-after"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_when_it_said_it_would() {
    let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).env("HUB_TOKEN_SECS", "1");
    let hub = builder.start().await.unwrap();
    let (_, api) = hub.owner("Edge").await.unwrap();
    let expired = hub_testkit::wait::until(
        "the token to end",
        std::time::Duration::from_secs(15),
        || async {
            let answer = api.get("/api/v1/me").await;
            (answer.status == 401).then_some(answer)
        },
    );
    assert_eq!(expired.await.code(), "token_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn demo_credentials_are_on_no_other_hub() {
    let (hub, _) = hub().await;
    assert_eq!(hub.api().get("/api/demo").await.status, 404);
}
