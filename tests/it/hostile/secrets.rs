//! Secrets that were used once are found nowhere afterwards: not in logs, numbers, refusals, lists, files or the audit
//! log, and in the database as hashes alone, but for what has to be there as it is.

use std::fs;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hub_testkit::{
    api::{Answer, Api, id},
    hub::{Bootstrap, HubProcess, PASSWORD},
    socket::Socket,
};
use reqwest::Method;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::{survived, survived_body};
use crate::{
    edge::ago,
    identity::{accept, refresh, send, sign_in, text},
};

/// What a second factor is computed from.
const FACTOR: &str = "the secret of a second factor";

/// What comes before the 32 secret bytes of a signing key, and two more (Ed25519 as PKCS #8, RFC 8410).
const KEY_MARK: [u8; 12] = [0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22];

const FIRST: &str = "canary-first-8Jq2 password";
const SECOND: &str = "canary-second-5Vx9 password";
const THIRD: &str = "canary-third-1Tz4 password";
const WRONG: &str = "canary-wrong-7Bn3 password";

/// A running hub that logs everything, and what must not be seen of what was done there.
struct Scene {
    hub: HubProcess,
    made: Bootstrap,
    owner: Api,
    nobody: Api,
    secrets: Vec<(&'static str, String)>,
    /// Everything that was answered where no secret belongs.
    said: String,
}

impl Scene {
    async fn begin() -> Self {
        let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).env("HUB_LOG", "trace");
        let hub = builder.start().await.expect("the hub starts");
        let (made, owner) = hub.owner("Canary").await.expect("an owner is made");
        let nobody = owner.clone().anonymous();
        let mut scene = Self { hub, made, owner, nobody, secrets: Vec::new(), said: String::new() };
        scene.hide("the owner's password", PASSWORD);
        scene.hide("a first key", &scene.made.api_key.clone());
        scene.hide("the owner's token", &scene.made.token.clone());
        for password in [FIRST, SECOND, THIRD, WRONG] {
            scene.hide("a password", password);
        }
        scene
    }

    /// Notes a secret; of a text with an id, the part that is secret.
    fn hide(&mut self, what: &'static str, text: &str) {
        let secret = match text.split_once('_') {
            Some((kind @ ("ftk" | "fti"), rest)) if kind.len() == 3 => rest.split_once('_'),
            _ => text.split_once('_').filter(|(id, _)| id.len() == 32),
        };
        let secret = secret.map_or(text, |(_, secret)| secret);
        // of a signed token nothing is secret but the signature
        let secret =
            if text.starts_with("eyJ") { text.rsplit('.').next().unwrap_or(text) } else { secret };
        assert!(secret.len() >= 8, "{what} is too short to be looked for: {secret}");
        self.secrets.push((what, secret.to_owned()));
    }

    fn hide_from(&mut self, what: &'static str, object: &Value, name: &str) -> String {
        let secret = text(object, name);
        self.hide(what, &secret);
        secret
    }

    /// Notes an answer in which no secret belongs.
    fn note(&mut self, answer: &Answer) {
        self.said += &answer.body.to_string();
        self.said += &format!("{:?}", answer.headers);
    }

    /// Keys, connections and links: made, used, changed, and made again by the same request.
    async fn things(&mut self) {
        let (owner, site) = (self.owner.clone(), self.owner.create_site("Site").await);
        let make = || {
            let request = owner.request(Method::POST, "/api/v1/api-keys");
            let request = request.header("Idempotency-Key", "once").json(&json!({ "name": "Key" }));
            owner.send(request)
        };
        let key = make().await.unwrap().expect(201);
        self.hide_from("a key", &key, "key");
        self.note(&make().await.unwrap());
        let path = format!("/api/v1/api-keys/{}/rotate", id(&key));
        let rotated = send(&owner, Method::POST, &path, Some(&json!({}))).await.expect(200);
        let fresh = self.hide_from("a key's new secret", &rotated, "key");
        let sender = self.nobody.clone().with_key(fresh);
        self.note(&sender.try_ingest(&json!([{ "temperature": 1 }])).await.unwrap());
        let made = owner.create("/api/v1/ttn-connections", json!({ "name": "Network" })).await;
        let secret = self.hide_from("a connection's secret", &made, "secret");
        let request = owner.clone().anonymous().request(Method::POST, &text(&made, "path"));
        let request = request.header("X-Webhook-Secret", secret).json(&json!({ "x": 1 }));
        self.note(&survived(&owner, "a webhook", request).await);
        let path = format!("/api/v1/ttn-connections/{}/rotate-secret", id(&made));
        let rotated = send(&owner, Method::POST, &path, Some(&json!({}))).await.expect(200);
        self.hide_from("a connection's new secret", &rotated, "secret");
        let link = json!({ "name": "Authority", "siteIds": [site], "expiresAt": ago(-3_600) });
        let link = owner.create("/api/v1/inspector-links", link).await;
        let token = self.hide_from("an inspector's link", &link, "token");
        let inspector = self.nobody.clone().with_token(token);
        self.note(&inspector.get("/api/v1/sites").await);
        self.note(&inspector.get("/api/v1/devices").await);
    }

    /// Somebody comes in, takes a second factor, and loses the password.
    async fn person(&mut self) {
        let nobody = self.nobody.clone();
        let email = "canary@example.test";
        let asked = json!({ "email": email, "role": "staff" });
        let invited = self.owner.create("/api/v1/invitations", asked).await;
        let token = self.hide_from("an invitation", &invited, "token");
        let asked = json!({ "token": token, "password": FIRST });
        let session = accept(&nobody, &asked).await.expect(200)["session"].take();
        self.note(&accept(&nobody, &asked).await); // it is used up
        let (person, id) = (self.signed_in(&session), text(&session["user"], "id"));
        let old = text(&session, "refreshToken");
        let renewed = refresh(&nobody, &old).await.expect(200);
        self.signed_in(&renewed);
        self.note(&refresh(&nobody, &old).await);
        let secret = self.second_factor(&person, email, FIRST).await;
        let asked = json!({ "current": FIRST, "new": SECOND });
        let session = person.post("/api/v1/me/password", &asked).await.expect(200);
        let person = self.signed_in(&session);
        let mut socket =
            Socket::connect(&self.hub.socket_url(), &text(&session, "token")).await.unwrap();
        drop(socket.subscribe("site:nonsense").await);
        drop(Socket::connect(&self.hub.socket_url(), WRONG).await);
        self.note(&person.post("/api/v1/me/totp", &json!({ "password": WRONG })).await);
        self.lost_password(&id).await;
        let asked = json!({ "email": email, "password": THIRD, "totp": code(&secret, 1) });
        let session = nobody.post("/api/v1/auth/sign-in", &asked).await.expect(200);
        let person = self.signed_in(&session);
        self.second_factor(&person, email, THIRD).await; // the first went with the password
        let asked = json!({ "refreshToken": session["refreshToken"] });
        nobody.post("/api/v1/auth/sign-out", &asked).await.expect(204);
    }

    fn signed_in(&mut self, session: &Value) -> Api {
        let token = self.hide_from("an access token", session, "token");
        self.hide_from("a token that renews", session, "refreshToken");
        self.nobody.clone().with_token(token)
    }

    async fn second_factor(&mut self, person: &Api, email: &str, password: &str) -> String {
        let begun =
            person.post("/api/v1/me/totp", &json!({ "password": password })).await.expect(200);
        let secret = self.hide_from(FACTOR, &begun, "secret");
        let asked = json!({ "code": code(&secret, -1) });
        let confirmed = person.post("/api/v1/me/totp/confirm", &asked).await.expect(200);
        let codes = confirmed["recoveryCodes"].as_array().expect("codes").clone();
        for code in &codes {
            self.hide("a recovery code", code.as_str().expect("a text"));
        }
        let mut asked = json!({ "email": email, "password": password, "recoveryCode": codes[0] });
        let session = self.nobody.post("/api/v1/auth/sign-in", &asked).await.expect(200);
        self.signed_in(&session);
        self.note(&self.nobody.post("/api/v1/auth/sign-in", &asked).await); // it is used up
        asked["recoveryCode"] = json!("canary-no-code");
        self.note(&self.nobody.post("/api/v1/auth/sign-in", &asked).await);
        secret
    }

    async fn lost_password(&mut self, id: &str) {
        let path = |kind: &str| format!("/api/v1/members/{id}/{kind}");
        // a colleague saw the link, so it proves too little for the second factor to stay
        let link = self.owner.create(&path("email-verification-link"), json!({})).await;
        let token = self.hide_from("a link that proves an address", &link, "token");
        self.nobody.post("/api/v1/auth/verify-email", &json!({ "token": token })).await.expect(204);
        let link = self.owner.create(&path("password-reset-link"), json!({})).await;
        let token = self.hide_from("a link to set a password", &link, "token");
        let asked = json!({ "token": token, "password": THIRD });
        let path_of_it = "/api/v1/auth/password-reset/complete";
        self.nobody.post(path_of_it, &asked).await.expect(204);
        self.note(&self.nobody.post(path_of_it, &asked).await); // it is used up
    }

    /// Secrets where they do not belong, in requests that are refused.
    async fn mistakes(&mut self) {
        let (nobody, email) = (self.nobody.clone(), self.made.email.clone());
        self.note(&sign_in(&nobody, &email, WRONG).await);
        let key = format!("ftk_{:032x}_{WRONG}", 7);
        self.note(&nobody.clone().with_key(key).try_ingest(&json!([])).await.unwrap());
        self.note(&nobody.clone().with_token(WRONG).get("/api/v1/me").await);
        let bodies = [
            json!({ "email": email, "password": [WRONG] }).to_string(),
            json!({ "email": email, "passwort": WRONG }).to_string(),
            json!({ "email": email, "password": PASSWORD, "x": WRONG }).to_string(),
            format!("{{\"email\":\"{email}\",\"password\":\"{WRONG}\""),
            format!("{{\"email\":\"{email}\",\"password\":{WRONG}}}"),
            format!("\"{WRONG}\""),
        ];
        for body in bodies {
            for path in ["sign-in", "accept-invitation", "refresh", "password-reset/complete"] {
                let path = format!("/api/v1/auth/{path}");
                let request = nobody.request(Method::POST, &path);
                let answer =
                    survived_body(&nobody, &path, request, body.clone().into_bytes()).await;
                self.note(&answer);
            }
        }
    }

    /// Everything that may be read afterwards.
    async fn read_all(&mut self) {
        for list in
            ["audit", "api-keys", "ttn-connections", "inspector-links", "invitations", "members"]
        {
            let items = self.owner.list(&format!("/api/v1/{list}")).await;
            assert!(!items.is_empty(), "{list}");
            self.said += &Value::Array(items).to_string();
        }
        let export = format!("/api/v1/organizations/{}/export", self.made.organization_id);
        for path in [export.as_str(), "/metrics", "/api/v1/me", "/.well-known/jwks.json"] {
            let request = self.owner.request(Method::GET, path);
            let response = request.send().await.expect("the hub answers");
            assert_eq!(response.status(), 200, "{path}");
            self.said += &response.text().await.expect("it is whole");
        }
    }
}

/// What somebody's device shows so many steps from now.
fn code(secret: &str, steps: i64) -> String {
    let secret = Secret::try_from_base32(secret).expect("a secret in base 32");
    let totp = Builder::new().with_secret(secret).build().expect("a device");
    let now = chrono::Utc::now().timestamp() + steps * 30;
    totp.generate(u64::try_from(now).expect("it is after 1970")).to_string()
}

fn holds(text: &[u8], secret: &[u8]) -> bool {
    secret.len() <= text.len() && text.windows(secret.len()).any(|window| window == secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_found_nowhere_afterwards() {
    let mut scene = Scene::begin().await;
    scene.things().await;
    scene.person().await;
    scene.mistakes().await;
    scene.read_all().await;
    assert!(scene.hub.terminate().await.expect("it ends in time"));
    let log = fs::read(scene.hub.log()).expect("the log is there");
    assert!(log.len() > 50_000, "a log at this level says something");
    assert!(scene.secrets.len() > 25, "{}", scene.secrets.len());
    for (what, secret) in &scene.secrets {
        assert!(!holds(&log, secret.as_bytes()), "{what} is in the log: {}", around(&log, secret));
        assert!(!holds(scene.said.as_bytes(), secret.as_bytes()), "{what} is told");
    }
    let stored = stored(&scene);
    for (what, secret) in &scene.secrets {
        assert!(!holds(&stored, secret.as_bytes()), "{what} is stored as it is");
    }
    assert_kept(&scene, &stored, &log);
}

/// What has to be in the database as it is, and is nowhere else: a code is computed from a second factor's secret, and
/// tokens are signed with a key.
fn assert_kept(scene: &Scene, stored: &[u8], log: &[u8]) {
    let mut factors = scene.secrets.iter().filter(|(what, _)| *what == FACTOR);
    let (_, factor) = factors.next_back().expect("somebody has one");
    let factor = Secret::try_from_base32(factor).expect("base 32").as_ref().to_vec();
    assert!(holds(stored, &factor), "it is stored in another way now: say which");
    let places = stored.windows(KEY_MARK.len()).enumerate().filter(|(_, bytes)| *bytes == KEY_MARK);
    let key = |(at, _)| stored.get(at + KEY_MARK.len() + 2..at + KEY_MARK.len() + 34);
    let keys: Vec<&[u8]> = places.filter_map(key).collect();
    assert!(!keys.is_empty(), "keys are stored in another way now: say which");
    for kept in keys.into_iter().chain([factor.as_slice()]) {
        for shown in [STANDARD.encode(kept), URL_SAFE_NO_PAD.encode(kept), hex(kept)] {
            let shown = shown.trim_end_matches('=').as_bytes();
            assert!(
                !holds(log, shown) && !holds(scene.said.as_bytes(), shown),
                "a kept secret is told"
            );
        }
        assert!(!holds(log, kept) && !holds(scene.said.as_bytes(), kept), "a kept secret is told");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything in the files of the hub's folder but its log.
fn stored(scene: &Scene) -> Vec<u8> {
    let files = fs::read_dir(scene.hub.data()).expect("the folder").map(Result::unwrap);
    let files =
        files.map(|file| file.path()).filter(|path| path.is_file() && *path != scene.hub.log());
    files.flat_map(|path| fs::read(path).expect("a file")).collect()
}

/// The line in which a secret stands.
fn around(log: &[u8], secret: &str) -> String {
    let mut lines = log.split(|byte| *byte == b'\n');
    let line = lines.find(|line| holds(line, secret.as_bytes())).unwrap_or_default();
    String::from_utf8_lossy(line).chars().take(600).collect()
}
