//! A hub whose SMS go to the mock of Telnyx and whose e-mails go to a sink.

use std::{
    process::Command,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hub_messaging::email::LinkKeys;
use hub_testkit::{
    api::{Answer, Api},
    contract_mock::{ContractMock, Entry},
    hub::{HubBuilder, HubProcess},
    mail_sink::MailSink,
    postgres::PrivatePostgres,
    rows::Rows,
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, Row as _};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// The number that SMS come from.
const OURS: &str = "+18445550001";

/// How long anything may take that takes moments.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Hubs that start at once: each makes its tables, and a hub that has to wait for a connection then gives up.
static STARTING: Semaphore = Semaphore::const_new(1);

/// A hub and its partners.
pub(crate) struct World {
    pub(crate) hub: HubProcess,
    pub(crate) api: Api,
    pub(crate) telnyx: ContractMock,
    pub(crate) mail: MailSink,
    /// The owner's address.
    pub(crate) owner: String,
    database_url: Option<String>,
    pub(crate) keys: Signer,
}

/// Signs what Telnyx reports.
#[derive(Clone)]
pub(crate) struct Signer(Arc<Ed25519KeyPair>);

impl Signer {
    fn new() -> Self {
        Self(Arc::new(Ed25519KeyPair::generate().unwrap()))
    }

    /// Sends an event as Telnyx does.
    pub(crate) async fn say(
        &self,
        api: &Api,
        path: &str,
        event: &Value,
    ) -> reqwest::Result<Answer> {
        let (body, at) = (event.to_string(), now_secs().to_string());
        let signature = self.0.sign(format!("{at}|{body}").as_bytes());
        let request = api
            .request(Method::POST, path)
            .header("telnyx-signature-ed25519", BASE64_STANDARD.encode(signature.as_ref()))
            .header("telnyx-timestamp", at)
            .header("content-type", "application/json")
            .body(body);
        api.send(request).await
    }
}

impl World {
    pub(crate) async fn on_sqlite() -> Option<Self> {
        Self::start(None).await
    }

    pub(crate) async fn on_postgres() -> Option<Self> {
        let url = tokio::task::spawn_blocking(|| PrivatePostgres::shared().create_database());
        Self::start(Some(url.await.unwrap())).await
    }

    async fn start(url: Option<String>) -> Option<Self> {
        Self::shaped(url, |builder, _, _| builder).await
    }

    /// With more settings, by the address of the mail server.
    pub(crate) async fn start_with(
        url: Option<String>,
        settings: impl FnOnce(&str) -> Vec<(&'static str, String)>,
    ) -> Option<Self> {
        let with = |builder, _: &ContractMock, mail: &MailSink| {
            let more = settings(&mail.url()).into_iter();
            more.fold(builder, |builder: HubBuilder, (name, value)| builder.env(name, value))
        };
        Self::shaped(url, with).await
    }

    /// A hub whose settings are gone over before it starts. `None` where there are no contracts to judge by.
    pub(crate) async fn shaped(
        url: Option<String>,
        shape: impl FnOnce(HubBuilder, &ContractMock, &MailSink) -> HubBuilder,
    ) -> Option<Self> {
        let telnyx = ContractMock::telnyx().await?;
        let (mail, keys) = (MailSink::start(), Signer::new());
        let public = BASE64_STANDARD.encode(keys.0.public_key().as_ref());
        let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"))
            .env("HUB_TELNYX_URL", telnyx.url())
            .env("HUB_TELNYX_KEY", "KEY0123456789")
            .env("HUB_TELNYX_FROM", OURS)
            .env("HUB_TELNYX_PUBLIC_KEYS", public)
            .env("HUB_SMTP_URL", mail.url())
            .env("HUB_MAIL_FROM", "FreshTrack <alerts@example.org>");
        let builder = match url.clone() {
            Some(url) => builder.database_url(url),
            None => builder,
        };
        let starting = STARTING.acquire().await.unwrap();
        let hub = shape(builder, &telnyx, &mail).start().await.unwrap();
        let (made, api) = hub.owner("Telling").await.unwrap();
        drop(starting);
        Some(Self { hub, api, telnyx, mail, owner: made.email, database_url: url, keys })
    }

    /// Its database, past the hub.
    pub(crate) async fn rows(&self) -> Rows {
        let url = self.database_url.clone().unwrap_or_else(|| self.sqlite_url());
        Rows::open(&url).await.expect("it is there")
    }

    /// Whether the hub keeps its data in PostgreSQL.
    pub(crate) const fn is_postgres(&self) -> bool {
        self.database_url.is_some()
    }

    fn sqlite_url(&self) -> String {
        format!("sqlite://{}", self.hub.data().join("hub.db").display())
    }

    /// `hub admin …`, which must go well.
    pub(crate) async fn admin(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
        command.arg("admin").args(arguments).env("HUB_DATA_DIR", self.hub.data());
        command.env_remove("DATABASE_URL");
        if let Some(url) = &self.database_url {
            command.env("DATABASE_URL", url);
        }
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Writes into the database, past the hub.
    pub(crate) async fn run(&self, sql: &str) {
        let rows = self.rows().await;
        rows.run(sql).await.unwrap();
        rows.close().await;
    }

    /// Columns of text of every row of a table.
    pub(crate) async fn table(&self, table: &str, columns: &str) -> Vec<Vec<Option<String>>> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {columns} FROM {table}"));
        if let Some(url) = &self.database_url {
            let mut database = sqlx::PgConnection::connect(url).await.unwrap();
            let rows = sqlx::query(sql).fetch_all(&mut database).await.unwrap();
            rows.iter().map(|row| (0..row.len()).map(|at| row.get(at)).collect()).collect()
        } else {
            let mut database = sqlx::SqliteConnection::connect(&self.sqlite_url()).await.unwrap();
            let rows = sqlx::query(sql).fetch_all(&mut database).await.unwrap();
            rows.iter().map(|row| (0..row.len()).map(|at| row.get(at)).collect()).collect()
        }
    }

    /// Every row of every table as text, on PostgreSQL.
    pub(crate) async fn dump(&self) -> Option<String> {
        let url = self.database_url.as_ref()?;
        let mut database = sqlx::PgConnection::connect(url).await.unwrap();
        let tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
            WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
        let tables: Vec<String> =
            sqlx::query_scalar(tables).fetch_all(&mut database).await.unwrap();
        let mut dump = String::new();
        for table in tables {
            let rows = sqlx::AssertSqlSafe(format!("SELECT its::text FROM {table} AS its"));
            let rows: Vec<String> =
                sqlx::query_scalar(rows).fetch_all(&mut database).await.unwrap();
            dump += &rows.join("\n");
        }
        Some(dump)
    }

    /// What the hub signs links in mails by, read past it.
    pub(crate) async fn link_keys(&self) -> LinkKeys {
        let asked = "SELECT pkcs8 FROM signing_keys ORDER BY created_at, kid";
        let keys: Vec<Vec<u8>> = if let Some(url) = &self.database_url {
            let mut database = sqlx::PgConnection::connect(url).await.unwrap();
            sqlx::query_scalar(asked).fetch_all(&mut database).await.unwrap()
        } else {
            let mut database = sqlx::SqliteConnection::connect(&self.sqlite_url()).await.unwrap();
            sqlx::query_scalar(asked).fetch_all(&mut database).await.unwrap()
        };
        LinkKeys::derive(&keys[0], &[])
    }

    /// Sends an event as Telnyx does.
    pub(crate) async fn telnyx_says(&self, path: &str, event: &Value) -> Answer {
        self.keys.say(&self.hub.api(), path, event).await.unwrap()
    }

    /// The same by somebody else's keys.
    pub(crate) async fn stranger_says(&self, path: &str, event: &Value) -> Answer {
        Signer::new().say(&self.hub.api(), path, event).await.unwrap()
    }

    /// Has a phone answer.
    pub(crate) async fn answers(&self, phone: &str, text: &str) {
        let event = json!({ "data": {
            "event_type": "message.received", "id": Uuid::now_v7(), "record_type": "event",
            "payload": {
                "id": Uuid::now_v7(), "direction": "inbound", "type": "SMS", "text": text,
                "from": { "phone_number": phone }, "to": [{ "phone_number": OURS }],
            },
        } });
        self.telnyx_says("/api/integrations/telnyx", &event).await.expect(200);
    }

    /// The SMS that the provider took for a phone so far.
    pub(crate) async fn sms_to(&self, phone: &str) -> Vec<Entry> {
        let mut taken = self.telnyx.accepted("POST", "/v2/messages").await;
        taken.retain(|entry| entry.body["to"] == phone);
        taken
    }

    /// Waits until so many SMS were taken for a phone; gives the text of the last.
    pub(crate) async fn until_sms(&self, phone: &str, count: usize) -> String {
        self.until_sms_within(phone, count, SOON).await
    }

    /// The same for what takes longer.
    pub(crate) async fn until_sms_within(
        &self,
        phone: &str,
        count: usize,
        within: Duration,
    ) -> String {
        let begun = Instant::now();
        loop {
            let taken = self.sms_to(phone).await;
            if taken.len() >= count {
                return taken[count - 1].body["text"].as_str().unwrap().to_owned();
            }
            if begun.elapsed() > within {
                let ledger = self.api.read("/api/v1/notifications/ledger").await;
                panic!("{} of {count} SMS; ledger {ledger:#}", taken.len());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A contact whose phone was shown to be theirs by the number that came there.
    pub(crate) async fn contact(&self, name: &str, phone: &str, email: &str) -> String {
        let asked = json!({ "name": name, "phone": phone, "email": email });
        let id = hub_testkit::api::id(&self.api.create("/api/v1/contacts", asked).await);
        let path = format!("/api/v1/contacts/{id}");
        let before = self.sms_to(phone).await.len();
        self.api.post(&format!("{path}/phone-code"), &Value::Null).await.expect(202);
        let text = self.until_sms(phone, before + 1).await;
        let code = digits(&text, 6).unwrap_or_else(|| panic!("no number in {text:?}"));
        let wrong = json!({ "code": "not it" });
        self.api.post(&format!("{path}/verify-phone"), &wrong).await.expect(422);
        let contact =
            self.api.post(&format!("{path}/verify-phone"), &json!({ "code": code })).await;
        assert!(contact.expect(200)["phoneVerifiedAt"].is_string());
        id
    }

    /// A unit that is too warm for 25 minutes: its alarm is confirmed by what is sent.
    pub(crate) async fn hot_unit(&self, name: &str) -> String {
        let site = self.api.create_site("Kitchen").await;
        let unit = json!({ "siteId": site, "name": name, "preset": "us.cold.reachin" });
        let unit = hub_testkit::api::id(&self.api.create("/api/v1/units", unit).await);
        self.heat(&unit).await;
        unit
    }

    pub(crate) async fn heat(&self, unit: &str) {
        let reading = |secs: i64| {
            let at = crate::edge::ago(secs);
            json!({ "unitId": unit, "temperature": 14, "recordedAt": at })
        };
        let sent = self.api.ingest(json!([reading(1_500), reading(1)])).await;
        assert_eq!(sent["accepted"], 2);
    }

    /// Waits until nothing of the ledger is on its way, and gives its balance.
    pub(crate) async fn settled(&self) -> Value {
        let begun = Instant::now();
        loop {
            let balance = self.api.read("/api/v1/notifications/balance").await;
            if balance["inFlight"] == 0 {
                return balance;
            }
            assert!(begun.elapsed() < SOON, "still on their way: {balance}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The first run of so many digits in a text.
pub(crate) fn digits(text: &str, count: usize) -> Option<String> {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    runs.filter(|run| run.len() == count).map(str::to_owned).next()
}

fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
