use hub_testkit::{
    api::{Answer, Api},
    hub::PASSWORD,
};
use reqwest::Method;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::{World, send, text};

const BOB: &str = "bob@example.test";

/// What somebody's device shows so many steps from now.
fn code(secret: &str, steps: i64) -> String {
    let secret = Secret::try_from_base32(secret).expect("a secret in base 32");
    let totp = Builder::new().with_secret(secret).build().expect("a device");
    let now = chrono::Utc::now().timestamp() + steps * 30;
    totp.generate(u64::try_from(now).expect("it is after 1970")).to_string()
}

/// Bob with a second factor that is in use: his client, its secret and the recovery codes.
///
/// The factor is confirmed with the code of the step before, so that the present one is not used up.
async fn bob(world: &World) -> (Api, String, Vec<String>) {
    let (_, bob) = world.member(BOB, "staff").await;
    let begun = bob.post("/api/v1/me/totp", &json!({ "password": PASSWORD })).await.expect(200);
    let secret = text(&begun, "secret");
    let confirmed = confirm(&bob, &code(&secret, -1)).await.expect(200);
    let codes = serde_json::from_value(confirmed["recoveryCodes"].clone()).expect("codes");
    (bob, secret, codes)
}

async fn confirm(api: &Api, code: &str) -> Answer {
    api.post("/api/v1/me/totp/confirm", &json!({ "code": code })).await
}

async fn sign_in(world: &World, factor: Value) -> Answer {
    let mut asked = json!({ "email": BOB, "password": PASSWORD });
    for (name, value) in factor.as_object().expect("fields") {
        asked[name] = value.clone();
    }
    world.hub.api().post("/api/v1/auth/sign-in", &asked).await
}

pub(crate) async fn a_second_factor_is_asked_for_once_confirmed(world: &World) {
    let (_, bob) = world.member(BOB, "staff").await;
    assert_eq!(confirm(&bob, "123456").await.code(), "totp_inactive");
    let wrong = bob.post("/api/v1/me/totp", &json!({ "password": "wrong" })).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (403, "wrong_password"));
    let begun = bob.post("/api/v1/me/totp", &json!({ "password": PASSWORD })).await.expect(200);
    let secret = text(&begun, "secret");
    assert!(text(&begun, "uri").starts_with("otpauth://totp/"), "{begun}");
    sign_in(world, json!({})).await.expect(200); // it is not in use yet
    let not_it = confirm(&bob, "000000x").await;
    assert_eq!(
        (not_it.status.as_u16(), &not_it.body["errors"][0]["pointer"]),
        (422, &json!("/code"))
    );
    let confirmed = confirm(&bob, &code(&secret, -1)).await.expect(200);
    assert_eq!(confirmed["recoveryCodes"].as_array().expect("codes").len(), 10);
    assert_eq!(confirm(&bob, &code(&secret, 0)).await.code(), "totp_active");
    let again = bob.post("/api/v1/me/totp", &json!({ "password": PASSWORD })).await;
    assert_eq!((again.status.as_u16(), again.code()), (409, "totp_active"));

    assert_eq!(sign_in(world, json!({})).await.code(), "totp_required");
    let guessed = json!({ "email": BOB, "password": "wrong" });
    let guessed = world.hub.api().post("/api/v1/auth/sign-in", &guessed).await;
    assert_eq!(guessed.code(), "bad_credentials", "who does not know the password is told nothing");
    let session = sign_in(world, json!({ "totp": code(&secret, 0) })).await.expect(200);
    assert_eq!(session["user"]["totp"], true);
    assert_eq!(world.audited(&world.owner, "user.totp_enabled").await.len(), 1);
}

pub(crate) async fn a_factor_does_not_stay_by_a_link_that_a_colleague_saw(world: &World) {
    let (api, _, _) = bob(world).await;
    let id = text(&api.read("/api/v1/me").await["user"], "id");
    let link = async |kind: &str| {
        let path = format!("/api/v1/members/{id}/{kind}-link");
        text(&world.owner.create(&path, json!({})).await, "token")
    };
    let verified = json!({ "token": link("email-verification").await });
    assert_eq!(api.post("/api/v1/auth/verify-email", &verified).await.status, 204);
    assert_eq!(api.read("/api/v1/me").await["user"]["emailVerified"], true);
    let reset = json!({ "token": link("password-reset").await, "password": PASSWORD });
    assert_eq!(api.post("/api/v1/auth/password-reset/complete", &reset).await.status, 204);
    sign_in(world, json!({})).await.expect(200);
    let entry = &world.audited(&world.owner, "user.password_reset").await[0];
    assert_eq!(entry["before"]["totp"], true, "it is on record that it went: {entry}");
}

pub(crate) async fn a_code_is_taken_once(world: &World) {
    let (_, secret, _) = bob(world).await;
    let used = json!({ "totp": code(&secret, 0) });
    let asked = (0..5).map(|_| sign_in(world, used.clone()));
    let mut statuses = Vec::new();
    for answer in futures_util::future::join_all(asked).await {
        statuses.push((answer.status.as_u16(), answer.code().to_owned()));
    }
    statuses.sort();
    let refused = || (401, "bad_totp".to_owned());
    assert_eq!(statuses, [(200, String::new()), refused(), refused(), refused(), refused()]);
    let before = json!({ "totp": code(&secret, -1) });
    assert_eq!(sign_in(world, before).await.code(), "bad_totp", "nor one of before it");
    sign_in(world, json!({ "totp": code(&secret, 1) })).await.expect(200);
}

pub(crate) async fn codes_cannot_be_guessed(world: &World) {
    let (_, secret, codes) = bob(world).await;
    let good = [-1, 0, 1, 2].map(|steps| code(&secret, steps));
    let guesses = (0..).map(|n| format!("{n:06}")).filter(|guess| !good.contains(guess));
    let mut told = Vec::new();
    for guess in guesses.take(12) {
        told.push(sign_in(world, json!({ "totp": guess })).await.status.as_u16());
    }
    assert_eq!(told, [[401; 10].as_slice(), &[429; 2]].concat());
    let right = sign_in(world, json!({ "totp": code(&secret, 0) })).await;
    assert_eq!(right.status, 429, "the right one has to wait too");
    assert_eq!(sign_in(world, json!({ "recoveryCode": codes[0] })).await.status, 429);
}

pub(crate) async fn recovery_codes_are_good_once_and_the_factor_can_go(world: &World) {
    let (api, secret, codes) = bob(world).await;
    let shown = codes[0].to_uppercase();
    sign_in(world, json!({ "recoveryCode": shown })).await.expect(200);
    assert_eq!(sign_in(world, json!({ "recoveryCode": codes[0] })).await.code(), "bad_totp");
    let remove = |asked: Value| {
        let api = api.clone();
        async move { send(&api, Method::DELETE, "/api/v1/me/totp", Some(&asked)).await }
    };
    let wrong = json!({ "password": "wrong", "code": code(&secret, 0) });
    assert_eq!(remove(wrong).await.code(), "wrong_password");
    for bad in [json!({}), json!({ "code": "000000x" }), json!({ "recoveryCode": codes[0] })] {
        let mut asked = bad;
        asked["password"] = PASSWORD.into();
        assert_eq!(remove(asked).await.status, 422);
    }
    let asked = json!({ "password": PASSWORD, "recoveryCode": codes[1] });
    assert_eq!(remove(asked.clone()).await.status, 204);
    assert_eq!(remove(asked).await.code(), "totp_inactive");
    sign_in(world, json!({})).await.expect(200);
    assert_eq!(world.audited(&world.owner, "user.totp_disabled").await.len(), 1);
}
