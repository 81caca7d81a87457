//! Secrets of messages are found nowhere afterwards: not in logs, numbers, pages, refusals, lists, exports or the audit
//! log, and not in any table. What is stored of links in mails is nothing, or a hash.

use std::{fmt::Write as _, fs};

use hub_testkit::{
    api::{Api, id},
    hub::PASSWORD,
    mail_sink::Mail,
    postgres::PrivatePostgres,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{SOON, World};
use crate::identity::{accept, sign_in, text};

const ANNA: &str = "+13125550101";
const BOB: &str = "bob@example.org";

/// Settings that hold secrets, and the secrets.
const SMTP_PASSWORD: &str = "canary-smtp-4Kq8";
const TELNYX_KEY: &str = "KEYcanarytelnyx7Zs2";
const STRIPE_KEY: &str = "sk_test_canarystripe9Wd5";
const STRIPE_SECRETS: [&str; 2] = ["whsec_canaryfirst3Pm6", "whsec_canarysecond1Vb8"];

struct Scene {
    world: World,
    secrets: Vec<(&'static str, String)>,
    /// Everything that was answered where no secret belongs.
    said: String,
}

impl Scene {
    fn hide(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 12, "{what} is too short to be looked for: {secret}");
        self.secrets.push((what, secret.to_owned()));
    }

    /// Waits for a mail to an address whose text has a link to a page; gives its token.
    async fn mailed(&mut self, what: &'static str, to: &str, page: &str) -> String {
        let is_it = |mail: &Mail| mail.to == [to] && mail.text().unwrap().contains(page);
        let look = || async { self.world.mail.messages().into_iter().rfind(is_it) };
        let mail = hub_testkit::wait::until(what, SOON, look).await;
        let text = mail.text().unwrap();
        let token = text.split(page).nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        // of an account's link what stands before is no secret
        let secret = token.split_once('_').filter(|(id, _)| id.len() == 32);
        let secret = secret.map_or(token.as_str(), |(_, secret)| secret).to_owned();
        self.hide(what, &secret);
        self.world.mail.forget();
        token
    }

    async fn ask(&mut self, api: &Api, method: Method, path: &str, body: &Value) -> Value {
        let request = api.request(method, path);
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = api.send(request).await.unwrap();
        write!(self.said, "{}{:?}", answer.body, answer.headers).unwrap();
        answer.body
    }

    async fn alerts(&mut self) {
        let anna = self.world.contact("Anna", ANNA, "anna@example.org").await;
        let policy = json!({
            "name": "Anna", "scope": "organization", "minSeverity": "critical",
            "steps": [{ "afterMinutes": 0, "contactIds": [anna], "channels": ["sms", "email"] }],
        });
        self.world.api.create("/api/v1/notification-policies", policy).await;
        self.world.hot_unit("Walk-in 1").await;
        let to = "anna@example.org";
        let look = || async { self.world.mail.messages().into_iter().find(|mail| mail.to == [to]) };
        let mail = hub_testkit::wait::until("a mail of the alarm", SOON, look).await;
        assert_eq!(mail.user.as_deref(), Some("hub"), "it was signed in with the password");
        let link = |page: &str| {
            let text = mail.text().unwrap();
            let path = format!("/api/mail/{page}/");
            let token = text.split(&path).nth(1).unwrap().split_whitespace().next().unwrap();
            (token.to_owned(), format!("{path}{token}"))
        };
        let nobody = self.world.hub.api();
        for (what, page, body) in [
            ("a link that acknowledges", "acknowledge", "acknowledge=yes"),
            ("a link that ends mails", "unsubscribe", "List-Unsubscribe=One-Click"),
        ] {
            let (token, path) = link(page);
            self.hide(what, &token);
            for method in [Method::GET, Method::POST, Method::POST] {
                let request = nobody.request(method, &path).body(body);
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                let answer = nobody.send(request).await.unwrap();
                assert_eq!(answer.status, 200);
                write!(self.said, "{}{:?}", answer.body, answer.headers).unwrap();
            }
            for (method, path) in [
                (Method::GET, format!("{path}x")),
                (Method::PUT, path.clone()),
                (Method::GET, format!("{path}/x")),
                (Method::GET, format!("/{token}")),
            ] {
                self.ask(&nobody, method, &path, &Value::Null).await;
            }
        }
        self.world.mail.forget();
    }

    async fn accounts(&mut self) {
        let (api, nobody) = (self.world.api.clone(), self.world.hub.api());
        let asked = json!({ "email": BOB, "role": "staff" });
        let made = self.ask(&api, Method::POST, "/api/v1/invitations", &asked).await;
        let token = self.mailed("an invitation", BOB, "/api/mail/account/").await;
        for body in ["", "password=canary"] {
            let path = format!("/api/mail/account/{token}");
            let method = if body.is_empty() { Method::GET } else { Method::POST };
            let answer = nobody.send(nobody.request(method, &path).body(body)).await.unwrap();
            assert_eq!(answer.status, 200);
            write!(self.said, "{}{:?}", answer.body, answer.headers).unwrap();
        }
        let asked = json!({ "token": token, "password": PASSWORD });
        let session = accept(&nobody, &asked).await.expect(200)["session"].take();
        self.ask(&nobody, Method::POST, "/api/v1/auth/accept-invitation", &asked).await;
        let path = format!("/api/v1/invitations/{}", id(&made));
        self.ask(&api, Method::GET, &path, &Value::Null).await;

        let asked = json!({ "email": BOB });
        self.ask(&nobody, Method::POST, "/api/v1/auth/password-reset", &asked).await;
        let token = self.mailed("a link to set a password", BOB, "/api/mail/account/").await;
        let asked = json!({ "token": token, "password": "canary another password" });
        let path = "/api/v1/auth/password-reset/complete";
        for _ in 0..2 {
            self.ask(&nobody, Method::POST, path, &asked).await;
        }
        let session_of_bob = sign_in(&nobody, BOB, "canary another password").await.expect(200);
        let bob = nobody.clone().with_token(text(&session_of_bob, "token"));
        self.ask(&bob, Method::POST, "/api/v1/me/email-verification", &Value::Null).await;
        let token = self.mailed("a link that proves an address", BOB, "/api/mail/account/").await;
        let asked = json!({ "token": token });
        for _ in 0..2 {
            self.ask(&nobody, Method::POST, "/api/v1/auth/verify-email", &asked).await;
        }
        let path = format!("/api/v1/members/{}/password-reset-link", id(&session["user"]));
        self.ask(&api, Method::POST, &path, &Value::Null).await;
        self.mailed("a link that a colleague asked for", BOB, "/api/mail/account/").await;
        self.ask(&bob, Method::POST, "/api/v1/me/test-message", &json!({ "channel": "email" }))
            .await;
        self.mailed("a link of a test", BOB, "/api/mail/acknowledge/").await;
    }

    /// Partners that refuse: their words are stored and shown.
    async fn refusals(&mut self) {
        let contacts = self.world.api.list("/api/v1/contacts").await;
        let path = format!("/api/v1/contacts/{}/test-message", id(&contacts[0]));
        let fault = hub_testkit::contract_mock::Fault::status("POST /v2/messages", 401);
        self.world.telnyx.faults(fault).await;
        self.world.api.post(&path, &json!({ "channel": "sms" })).await.expect(202);
        let api = self.world.api.clone();
        let asked = json!({ "email": "nobody@example.org", "role": "staff" });
        self.world.mail.refuse_next(550);
        self.ask(&api, Method::POST, "/api/v1/invitations", &asked).await;
        for path in ["/api/integrations/stripe", "/api/integrations/telnyx"] {
            let event = json!({ "id": "evt_1", "type": "x" });
            self.ask(&self.world.hub.api(), Method::POST, path, &event).await;
        }
        self.world.settled().await;
    }

    async fn read_all(&mut self, organization: &str) {
        let api = self.world.api.clone();
        for list in
            ["audit", "invitations", "contacts", "notifications/ledger", "members", "alerts"]
        {
            let items = api.list(&format!("/api/v1/{list}")).await;
            assert!(!items.is_empty(), "{list}");
            self.said += &Value::Array(items).to_string();
        }
        let export = format!("/api/v1/organizations/{organization}/export");
        for path in
            [export.as_str(), "/metrics", "/api/v1/me", "/api/v1/billing", "/api/openapi.json"]
        {
            let response = api.request(Method::GET, path).send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            self.said += &response.text().await.unwrap();
        }
    }

    /// Everything in every table, as text: bytes in hex.
    async fn stored(&self) -> Vec<u8> {
        if let Some(dump) = self.world.dump().await {
            return dump.into_bytes();
        }
        let files = fs::read_dir(self.world.hub.data()).unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|path| path.is_file() && *path != self.world.hub.log());
        files.flat_map(|path| fs::read(path).unwrap()).collect()
    }
}

fn holds(text: &[u8], secret: &str) -> bool {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    [secret.as_bytes(), hex.as_bytes()]
        .iter()
        .any(|form| text.windows(form.len()).any(|window| window == *form))
}

async fn secrets_of_messages_are_found_nowhere(url: Option<String>) {
    let (stripe_key, secrets) = (STRIPE_KEY, STRIPE_SECRETS.join(","));
    let settings = |mail: &str| {
        let smtp = mail.replace("smtp://", &format!("smtp://hub:{SMTP_PASSWORD}@"));
        vec![
            ("HUB_LOG", "trace".to_owned()),
            ("HUB_SMTP_URL", smtp),
            ("HUB_TELNYX_KEY", TELNYX_KEY.to_owned()),
            ("HUB_STRIPE_KEY", stripe_key.to_owned()),
            ("HUB_STRIPE_WEBHOOK_SECRETS", secrets),
            ("HUB_STRIPE_PRICES", "starter=price_1,pro=price_2,haccp=price_3".to_owned()),
            ("HUB_STRIPE_URL", "http://127.0.0.1:9".to_owned()),
        ]
    };
    let Some(world) = World::start_with(url, settings).await else { return };
    let mut scene = Scene { world, secrets: Vec::new(), said: String::new() };
    scene.hide("the mail server's password", SMTP_PASSWORD);
    scene.hide("Telnyx's key", TELNYX_KEY);
    scene.hide("Stripe's key", STRIPE_KEY);
    for secret in STRIPE_SECRETS {
        scene.hide("a secret of Stripe's webhooks", secret);
    }
    scene.alerts().await;
    scene.accounts().await;
    scene.refusals().await;
    let me = scene.world.api.read("/api/v1/me").await;
    let organization = text(&me["organizations"][0], "id");
    scene.read_all(&organization).await;
    let stored = scene.stored().await;
    assert!(stored.len() > 20_000, "{} bytes are stored", stored.len());
    assert!(scene.world.hub.terminate().await.unwrap());
    let log = fs::read(scene.world.hub.log()).unwrap();
    assert!(log.len() > 50_000, "a log at this level says something");
    assert_eq!(scene.secrets.len(), 12);
    let seen = [("logged", log.as_slice()), ("told", scene.said.as_bytes()), ("stored", &stored)];
    for (what, secret) in &scene.secrets {
        for (how, text) in seen {
            assert!(!holds(text, secret), "{what} is {how}");
        }
    }
    // and would be found if it were there
    assert!(holds(&log, "POST") && holds(scene.said.as_bytes(), BOB) && holds(&stored, BOB));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_of_messages_are_found_nowhere_on_sqlite() {
    secrets_of_messages_are_found_nowhere(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_of_messages_are_found_nowhere_on_postgres() {
    let url = tokio::task::spawn_blocking(|| PrivatePostgres::shared().create_database());
    secrets_of_messages_are_found_nowhere(Some(url.await.unwrap())).await;
}
