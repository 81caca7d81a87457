//! The hub's promises, each shown on the running binary: what was broken in the system before does not happen here.

mod p1_once;
mod p2_order;
mod p3_alerts;
mod p4_timer;
mod p5_silence;
mod p7_channels;

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use hub_testkit::{
    api::Api,
    hub::{HubBuilder, HubProcess},
    postgres::PrivatePostgres,
};
use serde_json::{Value, json};

/// How long anything may take that happens at once.
pub(crate) const SOON: Duration = Duration::from_secs(15);

/// The databases that a promise is kept on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// A hub on a database of its own.
    pub(crate) fn hub(self) -> HubBuilder {
        let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
        match self {
            Self::Sqlite => builder,
            Self::Postgres => builder.database_url(PrivatePostgres::shared().create_database()),
        }
    }
}

pub(crate) const BACKENDS: [Backend; 2] = [Backend::Sqlite, Backend::Postgres];

/// A running hub with one organization and one site.
pub(crate) struct Story {
    pub(crate) hub: HubProcess,
    /// Speaks as the owner, and sends readings with the organization's key.
    pub(crate) api: Api,
    pub(crate) organization: String,
    pub(crate) token: String,
    pub(crate) site: String,
}

impl Story {
    pub(crate) async fn begin(backend: Backend) -> Self {
        Self::on(backend.hub()).await
    }

    /// The same on a hub that is described.
    pub(crate) async fn on(builder: HubBuilder) -> Self {
        let hub = builder.start().await.expect("the hub starts");
        let (bootstrap, api) = hub.owner("Promises").await.expect("an owner is made");
        let site = api.create_site("Kitchen").await;
        Self { hub, api, organization: bootstrap.organization_id, token: bootstrap.token, site }
    }

    /// A unit with limits of 0 to 5 °C, and `rule` over that.
    pub(crate) async fn unit(&self, name: &str, rule: Value) -> String {
        let unit = self.api.create_unit(&self.site, name).await;
        let mut whole = json!({ "lowLimit": 0, "highLimit": 5 });
        for (field, value) in rule.as_object().expect("a rule is an object") {
            whole[field] = value.clone();
        }
        self.api.set_unit_rule(&unit, whole).await;
        unit
    }

    /// Alerts of a unit of one kind, newest first.
    pub(crate) async fn alerts(&self, unit: &str, kind: &str) -> Vec<Value> {
        let alerts = self.api.alerts_of(unit).await;
        alerts.into_iter().filter(|alert| alert["kind"] == kind).collect()
    }

    /// The names of an alert's events, in order.
    pub(crate) async fn events(&self, alert: &Value) -> Vec<String> {
        let id = alert["id"].as_str().expect("an alert has an id");
        let alert = self.api.read(&format!("/api/v1/alerts/{id}")).await;
        let events = alert["events"].as_array().expect("an alert has events");
        events
            .iter()
            .map(|event| event["event"].as_str().expect("an event has a name").to_owned())
            .collect()
    }

    pub(crate) async fn readings(&self, unit: &str) -> Vec<Value> {
        self.api.list(&format!("/api/v1/units/{unit}/readings")).await
    }

    /// Waits until `condition` holds of the unit's alerts of `kind`.
    pub(crate) async fn wait_for_alerts(
        &self,
        unit: &str,
        kind: &str,
        within: Duration,
        condition: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let alerts = self.alerts(unit, kind).await;
            if condition(&alerts) {
                return alerts;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "after {within:?} the alerts are {alerts:#?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// An instant so many seconds before this one, in whole milliseconds.
pub(crate) fn ago(secs: i64) -> DateTime<Utc> {
    let now = Utc::now() - TimeDelta::seconds(secs);
    DateTime::from_timestamp_millis(now.timestamp_millis())
        .expect("this is a representable instant")
}

pub(crate) fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(crate) fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

/// A reading of a unit in °C.
pub(crate) fn reading(unit: &str, at: DateTime<Utc>, celsius: f64) -> Value {
    json!({ "unitId": unit, "temperature": celsius, "recordedAt": text(at) })
}

/// Counts of an answer to an ingest: accepted, late, duplicates, quarantined, rejected.
#[track_caller]
pub(crate) fn assert_counts(answer: &Value, accepted: u64, late: u64, duplicates: u64) {
    let expected = json!({ "accepted": accepted, "late": late, "duplicates": duplicates, "quarantined": 0, "rejected": [] });
    assert_eq!(*answer, expected);
}
