//! An organization with one object of each kind, made through the interface.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use chrono::{SecondsFormat, TimeDelta, Utc};
use hub_testkit::{
    hub::{HubProcess, PASSWORD},
    rows::Rows,
};
use serde_json::{Value, json};

use crate::{
    asking::{Asked, Caller, Heard},
    document::Operation,
    samples,
    table::{KINDS, ONE_PAGE},
};

static COUNTER: AtomicU32 = AtomicU32::new(1);

/// The roles that members have.
pub(crate) const ROLES: [&str; 5] = ["viewer", "staff", "manager", "admin", "owner"];

/// An organization with one object of each kind.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) org: String,
    /// Is in every text of theirs.
    pub(crate) word: &'static str,
    /// Begins each of their devEuis.
    pub(crate) eui: &'static str,
    /// Begins each of their phone numbers.
    pub(crate) phone: &'static str,
    pub(crate) temperature: f64,
    /// The owner's address.
    pub(crate) email: String,
    /// Ids by kind, and the secrets that were shown once.
    pub(crate) things: BTreeMap<String, String>,
    /// Tokens by role, and of one who is a member no more.
    pub(crate) tokens: BTreeMap<&'static str, String>,
    pub(crate) key: String,
    pub(crate) revoked_key: String,
    pub(crate) expired: String,
    /// Cursors that lists gave the owner, by operation.
    pub(crate) cursors: BTreeMap<String, String>,
}

/// What tells an organization's things from the other's.
#[derive(Clone, Copy)]
pub(crate) struct Marks {
    word: &'static str,
    eui: &'static str,
    phone: &'static str,
    temperature: f64,
}

pub(crate) const OURS: Marks =
    Marks { word: "okapi", eui: "0ca9ba0ca9ba", phone: "+4915111", temperature: 12.375 };
pub(crate) const THEIRS: Marks =
    Marks { word: "zebrafinch", eui: "2ebf1c2ebf1c", phone: "+4915199", temperature: 41.125 };

impl Tenant {
    pub(crate) async fn make(
        hub: &HubProcess,
        rows: &Rows,
        operations: &[Operation],
        marks: Marks,
    ) -> anyhow::Result<Self> {
        let Marks { word, eui, phone, temperature } = marks;
        let made = hub.bootstrap(&format!("{word} foods")).await?;
        let mut tenant = Self {
            org: made.organization_id.clone(),
            word,
            eui,
            phone,
            temperature,
            email: made.email.clone(),
            things: BTreeMap::from([
                ("organization".to_owned(), made.organization_id),
                ("owner".to_owned(), made.user_id),
            ]),
            tokens: BTreeMap::new(),
            key: made.api_key,
            revoked_key: String::new(),
            expired: String::new(),
            cursors: BTreeMap::new(),
        };
        tenant.admit_people(hub, rows).await?;
        let owner = tenant.caller("owner", &hub.url(), 1);
        tenant.make_things(&owner, operations).await;
        tenant.take_readings(&owner).await;
        tenant.make_seconds(&owner).await;
        tenant.take_cursors(&owner, operations).await;
        Ok(tenant)
    }

    async fn admit_people(&mut self, hub: &HubProcess, rows: &Rows) -> anyhow::Result<()> {
        for role in ROLES.into_iter().chain(["member", "spare-member", "guest", "ex-member"]) {
            let (id, name) = (uuid::Uuid::now_v7().to_string(), format!("{} {role}", self.word));
            let email = format!("{role}@{}.test", self.word);
            let email = if role == "guest" { format!("{}@example.test", &id[24..]) } else { email };
            let kind = if ROLES.contains(&role) { role } else { "staff" };
            rows.add_member(&self.org, &self.email, (&id, &email, &name), kind).await?;
            let asked = json!({ "email": email, "password": PASSWORD });
            let signed_in = hub.api().post("/api/v1/auth/sign-in", &asked).await.expect(200);
            self.tokens.insert(role, text(&signed_in, "token"));
            if role == "ex-member" {
                rows.remove_member(&self.org, &id).await?;
            }
            self.things.insert(format!("{}_email", role.replace('-', "_")), email);
            self.things.insert(role.replace('-', "_"), id);
        }
        Ok(())
    }

    async fn make_things(&mut self, owner: &Caller, operations: &[Operation]) {
        for (kind, operation) in KINDS {
            let Some(operation) = operations.iter().find(|known| known.id == *operation) else {
                continue;
            };
            let is_first = KINDS
                .iter()
                .find(|(_, by)| *by == operation.id)
                .is_some_and(|(first, _)| first == kind);
            let made = self.make_thing(owner, operation, None, is_first).await;
            self.keep(kind, &made);
            let one = format!("{}/{{id}}", operation.path);
            let known = |method: &str, path: &str| {
                operations.iter().any(|known| known.method == method && known.path == path)
            };
            if !is_first {
                continue;
            }
            if known("DELETE", &one) {
                let spare = self.make_thing(owner, operation, Some("unit_b"), false).await;
                self.keep(&format!("spare_{kind}"), &spare);
            }
            if known("POST", &format!("{one}/restore")) {
                for (prefix, unit) in [("gone", "unit_c"), ("dead", "unit_d")] {
                    let gone = self.make_thing(owner, operation, Some(unit), false).await;
                    self.keep(&format!("{prefix}_{kind}"), &gone);
                    let place = one.replace("{id}", &text(&gone, "id"));
                    let delete = Asked { method: "DELETE".into(), ..Asked::get(place) };
                    let heard = owner.ask(&delete).await;
                    assert!(
                        heard.is_good(),
                        "{kind} is not deleted: {} {}",
                        heard.status,
                        heard.text
                    );
                }
            }
        }
        let key = json!({ "name": format!("{} revoked", self.word) });
        let key = must(owner, "POST", "/api/v1/api-keys", Some(key)).await.json();
        self.revoked_key = text(&key, "key");
        must(owner, "DELETE", &format!("/api/v1/api-keys/{}", text(&key, "id")), None).await;
    }

    /// Makes an object by its operation's sample; `unit` is meant instead of the first one.
    async fn make_thing(
        &self,
        owner: &Caller,
        operation: &Operation,
        unit: Option<&str>,
        is_keyed: bool,
    ) -> Value {
        let sample = samples::of(operation);
        let id = |_: usize, kind: &str| match (kind, unit) {
            // a unit has one of them
            ("unit", Some(other))
                if sample.operation.contains("Rule") || sample.operation.contains("Policy") =>
            {
                self.thing(other).to_owned()
            }
            _ => self.thing(kind).to_owned(),
        };
        let mut asked = sample.request(operation, id, &|word| self.word(word));
        if operation.creates && is_keyed {
            asked.headers.push(("Idempotency-Key", idempotency_key(operation, self)));
        }
        let heard = owner.ask(&asked).await;
        assert!(heard.is_good(), "{}: {} {}\n{asked:?}", operation.id, heard.status, heard.text);
        heard.json()
    }

    fn keep(&mut self, kind: &str, made: &Value) {
        let id = made["id"].as_str().unwrap_or_else(|| panic!("{kind} has no id: {made}"));
        self.things.insert(kind.to_owned(), id.to_owned());
        match kind {
            "ttn_connection" => {
                drop(self.things.insert("ttn_secret".to_owned(), text(made, "secret")))
            }
            "unit" => drop(self.things.insert("unit_name".to_owned(), text(made, "name"))),
            "device" => drop(self.things.insert("device_eui".to_owned(), text(made, "devEui"))),
            "inspector_link" => drop(self.tokens.insert("inspector", text(made, "token"))),
            _ => {}
        }
    }

    /// Readings, an open alert on two units, a frame of a device, and one of a device that nobody has claimed.
    async fn take_readings(&mut self, owner: &Caller) {
        let mut sender = owner.clone();
        (sender.key, sender.token) = (Some(self.key.clone()), None);
        let reading = |unit: &str, temperature: f64, at: String| json!({ "unitId": self.thing(unit), "temperature": temperature, "recordedAt": at });
        let rule =
            json!({ "scope": "unit", "scopeId": self.thing("unit_b"), "rule": { "highLimit": 8 } });
        must(owner, "POST", "/api/v1/alert-rules", Some(rule)).await;
        let readings = json!({ "readings": [
            reading("unit", 4.0, ago(45)), // so that its history has two parts
            reading("unit", self.temperature, ago(30)),
            reading("unit_b", self.temperature, ago(30)),
        ]});
        must(&sender, "POST", "/api/ingest/readings", Some(readings)).await;
        for (unit, kind) in [("unit", "alert"), ("unit_b", "alert_b")] {
            let list = format!("/api/v1/alerts?unitId={}", self.thing(unit));
            let found = must(owner, "GET", &list, None).await.json();
            self.things.insert(kind.to_owned(), text(&found["items"][0], "id"));
        }
        let (unclaimed, spare) = (self.word("eui"), self.word("eui"));
        self.things.insert("unclaimed_eui".to_owned(), unclaimed.clone());
        self.things.insert("spare_eui".to_owned(), spare.clone());
        let typed = format!("abcdef{:010x}", COUNTER.fetch_add(1, Ordering::Relaxed));
        self.things.insert("typed_eui".to_owned(), typed.clone());
        let its = || self.thing("device_eui").to_owned();
        let euis = [its(), its(), unclaimed, spare, typed];
        for (count, eui) in (1..).zip(euis) {
            let mut frame =
                Asked::get(format!("/api/integrations/ttn/{}", self.thing("ttn_connection")));
            frame.method = "POST".into();
            frame.headers.push(("X-Webhook-Secret", self.thing("ttn_secret").to_owned()));
            frame.body = Some(json!({
                "end_device_ids": { "dev_eui": eui },
                "uplink_message": { "session_key_id": "AX", "f_cnt": count, "frm_payload": "AQI=" },
            }));
            let heard = owner.ask(&frame).await;
            assert!(heard.is_good(), "a frame: {} {}", heard.status, heard.text);
        }
    }

    /// One more of what there is one of: what comes in pages has two.
    async fn make_seconds(&self, owner: &Caller) {
        let unit = format!("/api/v1/units/{}", self.thing("unit"));
        for (open, at) in [(true, ago(20)), (false, ago(10))] {
            let said = json!({ "open": open, "recordedAt": at });
            must(owner, "POST", &format!("{unit}/door-events"), Some(said)).await;
        }
        let site = format!("/api/v1/sites/{}", self.thing("site"));
        let rule = format!("/api/v1/alert-rules/{}", self.thing("alert_rule"));
        let edits = [
            (site, json!({ "name": self.word("name") })),
            (rule, json!({ "rule": { "highLimit": 9 } })),
        ];
        for (place, edit) in edits {
            let edit = Asked {
                method: "PATCH".into(),
                body: Some(edit),
                headers: vec![("If-Match", "*".to_owned())],
                ..Asked::get(place)
            };
            let heard = owner.ask(&edit).await;
            assert!(heard.is_good(), "{}: {} {}", edit.place, heard.status, heard.text);
        }
        let place = format!("/api/v1/devices/{}/assignments", self.thing("device"));
        for (unit, at) in [("unit_b", ago(9)), ("unit", ago(6))] {
            let moved = json!({ "unitId": self.thing(unit), "from": at });
            must(owner, "POST", &place, Some(moved)).await;
        }
    }

    async fn take_cursors(&mut self, owner: &Caller, operations: &[Operation]) {
        let mut without = Vec::new();
        for operation in operations.iter().filter(|operation| operation.takes("query", "cursor")) {
            let asked = self.own(operation);
            let join = if asked.place.contains('?') { '&' } else { '?' };
            let place = format!("{}{join}limit=1", asked.place);
            let heard = owner.ask(&Asked { place, ..asked }).await;
            if let Some(cursor) = heard.json()["nextCursor"].as_str() {
                self.cursors.insert(operation.id.clone(), cursor.to_owned());
            } else if !ONE_PAGE.iter().any(|(id, _)| *id == operation.id) {
                without.push(format!("{}: {} {}", operation.id, heard.status, heard.text));
            }
        }
        assert!(
            without.is_empty(),
            "one page only, so no cursor is tried:\n{}",
            without.join("\n")
        );
    }

    /// The sample of an operation with this organization's own objects.
    pub(crate) fn own(&self, operation: &Operation) -> Asked {
        let id = |_: usize, kind: &str| self.thing(kind).to_owned();
        samples::of(operation).request(operation, id, &|word| self.word(word))
    }

    /// The id of its object of a kind.
    #[track_caller]
    pub(crate) fn thing(&self, kind: &str) -> &str {
        self.things.get(kind).unwrap_or_else(|| {
            panic!("nothing makes a `{kind}`: see KINDS in tests/tenants/table.rs")
        })
    }

    /// Text of theirs.
    pub(crate) fn word(&self, word: &str) -> String {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let slot = i64::from(number) * 120;
        match word {
            "name" | "text" => format!("{}-{number}", self.word),
            "email" => format!("someone{number}@{}.test", self.word),
            "eui" => format!("{}{number:04x}", self.eui),
            "phone" => format!("{}{number:06}", self.phone),
            "ago" => ago(60 + i64::from(number % 1000)),
            "hour" => ago(-3600),
            // one after the other, so that spans of time do not overlap
            "soon" => ago(-3600 - slot),
            "later" => ago(-3600 - slot + 30),
            _ => format!("{}-secret-{number}", self.word),
        }
    }

    /// Somebody of the organization, at the hub at `base`.
    pub(crate) fn caller(&self, name: &'static str, base: &str, place: u8) -> Caller {
        let role = ROLES.into_iter().chain(["inspector"]).find(|role| *role == name);
        let token = self.tokens.get(name).cloned();
        assert!(token.is_some(), "{name} has no token");
        Caller { name, role, token, knows_secrets: true, ..Caller::nobody(base, place) }
    }

    /// The ten who ask, and an inspector.
    pub(crate) fn callers(&self, base: &str) -> Vec<Caller> {
        let mut callers: Vec<Caller> = (2..)
            .zip(["owner", "admin", "manager", "staff", "viewer", "ex-member"])
            .map(|(place, name)| self.caller(name, base, place))
            .collect();
        let nobody = |place| Caller::nobody(base, place);
        callers.push(Caller {
            name: "device key",
            key: Some(self.key.clone()),
            knows_secrets: true,
            ..nobody(10)
        });
        callers.push(Caller {
            name: "revoked key",
            key: Some(self.revoked_key.clone()),
            ..nobody(11)
        });
        callers.push(Caller {
            name: "expired token",
            token: Some(self.expired.clone()),
            ..nobody(12)
        });
        callers.push(nobody(13));
        callers.push(self.caller("inspector", base, 14));
        callers
    }
}

/// The key under which an organization's owner made the object of an operation.
pub(crate) fn idempotency_key(operation: &Operation, tenant: &Tenant) -> String {
    format!("key-of-{}-for-{}", tenant.word, operation.id)
}

async fn must(caller: &Caller, method: &str, place: &str, body: Option<Value>) -> Heard {
    let asked = Asked { method: method.into(), body, ..Asked::get(place) };
    let heard = caller.ask(&asked).await;
    assert!(heard.is_good(), "{method} {place}: {} {}", heard.status, heard.text);
    heard
}

#[track_caller]
pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

fn ago(secs: i64) -> String {
    (Utc::now() - TimeDelta::seconds(secs)).to_rfc3339_opts(SecondsFormat::Millis, true)
}
