//! What people record, and what follows from it: by the running binary, on both databases.

mod alerts;
mod doors;
mod logs;
mod maintenance;

use std::{sync::Arc, time::Duration};

use chrono::{SecondsFormat, TimeDelta, Utc};
use freshtrack_hub::{auth::Passwords, clock::SystemClock};
use hub_store::{OpenOptions, Store, records::Role};
use hub_testkit::{
    api::{Answer, Api},
    hub::{HubProcess, PASSWORD},
    postgres::PrivatePostgres,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::promises::Backend;

/// How long anything may take that happens at once.
const SOON: Duration = Duration::from_secs(20);

/// A running hub with an organization, its owner and one site.
struct Place {
    hub: HubProcess,
    /// Speaks as the owner, and sends readings with the organization's key.
    owner: Api,
    organization: String,
    site: String,
    url: String,
}

impl Place {
    async fn begin(backend: Backend) -> Self {
        let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
        let (builder, url) = match backend {
            Backend::Sqlite => (builder, None),
            Backend::Postgres => {
                let url = PrivatePostgres::shared().create_database();
                (builder.database_url(url.clone()), Some(url))
            }
        };
        let hub = builder.start().await.expect("the hub starts");
        let own = format!("sqlite://{}", hub.data().join("hub.db").display());
        let (made, owner) = hub.owner("Records").await.expect("an owner is made");
        let site = owner.create_site("Kitchen").await;
        let organization = made.organization_id;
        Self { hub, owner, organization, site, url: url.unwrap_or(own) }
    }

    /// A unit with limits of 0 to 5 °C, and `rule` over that.
    async fn unit(&self, name: &str, rule: Value) -> String {
        self.unit_in(&self.site, name, rule).await
    }

    async fn unit_in(&self, site: &str, name: &str, rule: Value) -> String {
        let unit = self.owner.create_unit(site, name).await;
        let mut whole = json!({ "lowLimit": 0, "highLimit": 5 });
        for (field, value) in rule.as_object().expect("a rule is an object") {
            whole[field] = value.clone();
        }
        self.owner.set_unit_rule(&unit, whole).await;
        unit
    }

    /// Somebody else in the organization, made in the running hub's own database.
    async fn member(&self, role: Role) -> Api {
        let clock = Arc::new(SystemClock);
        let options = OpenOptions { url: self.url.clone(), max_connections: 2, clock };
        let store = Store::open(options).await.expect("the store opens");
        let email = format!("{}-{}@example.test", role.name(), uuid::Uuid::now_v7().simple());
        let hash = Passwords::new(1).hash(PASSWORD.to_owned()).await.expect("it is hashed");
        let user = store.create_user(&email, role.name(), Some(&hash)).await.expect("it is new");
        let organization = self.organization.parse().expect("an id");
        store.set_membership(organization, user.id, role).await.expect("it is stored");
        store.close().await;
        let asked = json!({ "email": email, "password": PASSWORD });
        let signed_in = self.hub.api().post("/api/v1/auth/sign-in", &asked).await.expect(200);
        self.hub.api().with_token(signed_in["token"].as_str().expect("a token"))
    }

    /// Opens an alert that waits for a second cleared reading, so that a person may resolve it.
    async fn restoring(&self, unit: &str) -> String {
        let reading = |secs, temperature: f64| json!({ "unitId": unit, "temperature": temperature, "recordedAt": ago(secs) });
        self.owner.ingest(json!([reading(30, 3.0), reading(20, 9.0), reading(10, 3.0)])).await;
        let alerts = self.owner.alerts_of(unit).await;
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        alerts[0]["id"].as_str().expect("an id").to_owned()
    }
}

/// The instant of this moment less `secs`, as RFC 3339.
fn ago(secs: i64) -> String {
    ago_millis(secs * 1000)
}

fn ago_millis(millis: i64) -> String {
    let at = Utc::now() - TimeDelta::milliseconds(millis);
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

async fn patch(api: &Api, path: &str, version: i64, body: &Value) -> Answer {
    let request = api.request(Method::PATCH, path).header("If-Match", format!("\"{version}\""));
    api.send(request.json(body)).await.expect("the hub answers")
}

async fn delete(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::DELETE, path)).await.expect("the hub answers")
}

/// The names of an alert's timeline, in order.
fn lines(alert: &Value) -> Vec<&str> {
    let timeline = alert["timeline"].as_array().expect("a timeline");
    let named =
        timeline.iter().map(|line| line["event"].as_str().or_else(|| line["what"].as_str()));
    named.map(|name| name.expect("a name")).collect()
}
