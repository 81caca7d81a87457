//! A hub whose e-mails go to a sink, with subscriptions that are made due.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use hub_testkit::{
    api::{Api, id},
    hub::{Bootstrap, HubProcess},
    mail_sink::MailSink,
    postgres::PrivatePostgres,
    rows::Rows,
};
use serde_json::{Value, json};

/// How long anything may take that takes moments.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A hub and what tests look at it with.
pub(crate) struct World {
    pub(crate) hub: HubProcess,
    pub(crate) made: Bootstrap,
    pub(crate) api: Api,
    pub(crate) mail: MailSink,
    pub(crate) rows: Rows,
    url: Option<String>,
}

/// A worker beside the hub. It ends with the test.
pub(crate) struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl World {
    pub(crate) async fn on_sqlite() -> Self {
        Self::start(None).await
    }

    pub(crate) async fn on_postgres() -> Self {
        let url = tokio::task::spawn_blocking(|| PrivatePostgres::shared().create_database());
        Self::start(Some(url.await.unwrap())).await
    }

    async fn start(url: Option<String>) -> Self {
        let mail = MailSink::start();
        let mut builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
        for (name, value) in settings(&mail) {
            builder = builder.env(name, value);
        }
        if let Some(url) = &url {
            builder = builder.database_url(url);
        }
        let hub = builder.start().await.unwrap();
        let (made, api) = hub.owner("Harbour Kitchens").await.unwrap();
        let own = || format!("sqlite://{}", hub.data().join("hub.db").display());
        let rows = Rows::open(&url.clone().unwrap_or_else(own)).await.unwrap();
        Self { hub, made, api, mail, rows, url }
    }

    /// One more process that works the same queues.
    pub(crate) fn worker(&self) -> Worker {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
        command.env_remove("DATABASE_URL").env("HUB_DATA_DIR", self.hub.data());
        command.envs(settings(&self.mail)).args(["worker", "--listen", "127.0.0.1:0"]);
        if let Some(url) = &self.url {
            command.env("DATABASE_URL", url);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Worker(command.spawn().unwrap())
    }

    /// A contact with an e-mail address.
    pub(crate) async fn contact(&self, name: &str, email: &str) -> String {
        id(&self.api.create("/api/v1/contacts", json!({ "name": name, "email": email })).await)
    }

    /// Daily digests at that time of the day, by UTC.
    pub(crate) async fn daily(&self, at: DateTime<Utc>, more: Value) -> String {
        let at = at.format("%H:%M").to_string();
        let mut asked = json!({ "rhythm": "daily", "at": at, "timezone": "UTC" });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        id(&self.api.create("/api/v1/digests", asked).await)
    }

    /// Makes digests due now: as if they had been wanted since then.
    pub(crate) async fn wanted_since(&self, digest: &str, since: DateTime<Utc>) {
        let (since, id) = (since.timestamp_millis(), self.rows.id(digest));
        let set = format!(
            "UPDATE digest_subscriptions SET last_until = {since}, due_at = {since} + 1 WHERE id = {id}"
        );
        self.rows.run(&set).await.unwrap();
    }

    /// Makes a unit one that is there since then.
    pub(crate) async fn there_since(&self, unit: &str, since: DateTime<Utc>) {
        let (since, id) = (since.timestamp_millis(), self.rows.id(unit));
        let set = format!("UPDATE units SET created_at = {since} WHERE id = {id}");
        self.rows.run(&set).await.unwrap();
    }

    /// Readings of a unit in one go: from each of these instants on one each five minutes of that temperature, until the
    /// next of them, and `to`.
    pub(crate) async fn readings(
        &self,
        unit: &str,
        parts: &[(DateTime<Utc>, f64)],
        to: DateTime<Utc>,
    ) {
        let mut all = Vec::new();
        for (n, (from, celsius)) in parts.iter().enumerate() {
            let until = parts.get(n + 1).map_or(to, |(next, _)| *next);
            let instants =
                std::iter::successors(Some(*from), |at| Some(*at + TimeDelta::minutes(5)));
            all.extend(instants.take_while(|at| *at < until).map(|at| {
                let at = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
                json!({ "unitId": unit, "temperature": celsius, "recordedAt": at })
            }));
        }
        let sent = self.api.ingest(json!(all)).await;
        assert_eq!(sent["accepted"], all.len());
    }

    /// The states of the digests that there are, in the order of their beginning.
    pub(crate) async fn digests(&self) -> Vec<String> {
        self.rows.texts("SELECT state FROM digests ORDER BY created_at, id").await.unwrap()
    }

    /// Waits until so many digests were settled one way or the other.
    pub(crate) async fn until_settled(&self, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let are_there = self.lines().await.len() >= count;
            let balance = self.api.read("/api/v1/notifications/balance").await;
            let lines = self.lines().await; // as they are at the end
            if are_there && balance["inFlight"] == 0 {
                assert_eq!((&balance["balance"], lines.len()), (&json!(0), count), "{lines:#?}");
                return lines;
            }
            assert!(begun.elapsed() < SOON, "{balance} {lines:#?} {:?}", self.digests().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The lines of digests in the ledger, newest first.
    pub(crate) async fn lines(&self) -> Vec<Value> {
        let lines = self.api.list("/api/v1/notifications/ledger").await;
        lines.into_iter().filter(|line| line["stage"] == "digest").collect()
    }

    /// Waits long enough for anything that is told twice to come, and gives how many mails there are.
    pub(crate) async fn mails_at_last(&self) -> usize {
        tokio::time::sleep(Duration::from_secs(4)).await;
        self.mail.messages().len()
    }
}

/// The last whole minute that is over for a minute.
pub(crate) fn just_now() -> DateTime<Utc> {
    let at = Utc::now() - TimeDelta::minutes(1);
    let minute =
        NaiveTime::from_hms_opt(chrono::Timelike::hour(&at), chrono::Timelike::minute(&at), 0);
    at.with_time(minute.unwrap()).unwrap()
}

fn settings(mail: &MailSink) -> [(&'static str, String); 2] {
    [("HUB_SMTP_URL", mail.url()), ("HUB_MAIL_FROM", "FreshTrack <digests@example.org>".to_owned())]
}
