//! A request for each operation that makes or edits something, which is good but for what a test puts into it.

use std::sync::atomic::{AtomicU64, Ordering};

use hub_testkit::{
    api::{Api, id},
    hub::PASSWORD,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::fields::Operation;
use crate::{
    edge::ago,
    identity::{self, text},
};

/// A good request, and where what it says is seen afterwards.
pub(super) struct Sample {
    pub(super) by: Api,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Value,
    pub(super) seen: Seen,
    secret: Option<String>,
}

/// Where a text of a request is seen once it was taken.
pub(super) enum Seen {
    /// In the object that was made or edited, in the field of the same name.
    There,
    /// At another address.
    At(String, fn(&Value) -> &Value),
    /// In the item of a list whose id the answer has.
    Among { list: String, id: &'static str, field: &'static str },
    /// Nowhere: what it holds is no words of somebody.
    Nowhere,
}

/// A running hub with one of everything.
pub(super) struct World {
    pub(super) inner: identity::World,
    pub(super) owner: Api,
    operator: Api,
    /// Somebody whose own account is tried.
    person: Api,
    person_id: String,
    ids: Vec<(&'static str, String)>,
    network: (String, String),
    alerts: Mutex<Vec<String>>,
    count: AtomicU64,
}

impl Sample {
    /// The request without its body.
    pub(super) fn request(&self) -> RequestBuilder {
        let request = self.by.request(self.method.clone(), &self.path);
        let request = match &self.secret {
            Some(secret) => request.header("X-Webhook-Secret", secret),
            None => request,
        };
        if self.method == Method::PATCH { request.header("If-Match", "*") } else { request }
    }
}

impl World {
    pub(super) async fn on(inner: identity::World) -> Self {
        let owner = inner.owner.clone();
        let printed = inner.admin(&["operator", "add", "root@example.test"]).await;
        let printed: Value = serde_json::from_str(&printed).expect("a line of JSON");
        let password = text(&printed, "password");
        let session = identity::sign_in(&inner.hub.api(), "root@example.test", &password).await;
        let operator = inner.hub.api().with_token(text(&session.expect(200), "token"));
        let (session, person) = inner.member("person@example.test", "staff").await;
        let rule = json!({ "scope": "organization", "rule": { "lowLimit": 0, "highLimit": 5 } });
        let rule = id(&owner.create("/api/v1/alert-rules", rule).await);
        let network = owner.create("/api/v1/ttn-connections", json!({ "name": "Network" })).await;
        let mut world = Self {
            owner,
            operator,
            person,
            person_id: text(&session["user"], "id"),
            ids: vec![("alert-rules", rule), ("ttn-connections", id(&network))],
            network: (text(&network, "path"), text(&network, "secret")),
            alerts: Mutex::default(),
            count: AtomicU64::new(0),
            inner,
        };
        world.fill().await;
        world
    }

    /// Makes one of everything that can be edited, each from its own sample.
    async fn fill(&mut self) {
        self.ids.push(("organizations", self.inner.made.organization_id.clone()));
        self.ids.push(("members", self.person_id.clone()));
        let made = [
            ("sites", "createSite"),
            ("units", "createUnit"),
            ("areas", "createArea"),
            ("devices", "createDevice"),
            ("gateways", "createGateway"),
            ("calibrations", "createCalibration"),
            ("api-keys", "createApiKey"),
            ("contacts", "createContact"),
            ("notification-policies", "createNotificationPolicy"),
            ("digests", "createDigest"),
            ("manual-logs", "createManualLog"),
            ("corrective-actions", "createCorrectiveAction"),
            ("maintenance-windows", "createMaintenanceWindow"),
        ];
        for (place, operation) in made {
            let path = format!("/api/v1/{place}");
            let sample = self.sample(operation, Method::POST, &path).await;
            let made = id(&self.owner.create(&path, sample.body).await);
            self.ids.push((place, made));
        }
    }

    /// The one of everything that is at such a place: `sites`, `units`, …
    fn one(&self, place: &str) -> &str {
        let found = self.ids.iter().find(|(known, _)| *known == place);
        &found.unwrap_or_else(|| panic!("there is none of {place}")).1
    }

    fn next(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    async fn fresh_unit(&self) -> String {
        self.owner.create_unit(self.one("sites"), &format!("Unit {}", self.next())).await
    }

    /// An alert that may be acknowledged and resolved.
    async fn fresh_alert(&self) -> String {
        let mut alerts = self.alerts.lock().await;
        if alerts.is_empty() {
            let mut readings = Vec::new();
            for _ in 0..50 {
                let unit = self.fresh_unit().await;
                for (secs, celsius) in [(30, 3.0), (20, 9.0), (10, 3.0)] {
                    readings.push(
                        json!({ "unitId": unit, "temperature": celsius, "recordedAt": ago(secs) }),
                    );
                }
            }
            self.owner.ingest(Value::Array(readings)).await;
            let all = self.owner.list("/api/v1/alerts?status=active").await;
            let all = all.iter().filter(|alert| alert["snoozedUntil"].is_null());
            alerts.extend(all.map(id).take(50)); // newest first, so those of just now
        }
        alerts.pop().expect("a unit out of its limits has an alert")
    }

    /// A sensor that was heard and belongs to nobody.
    async fn fresh_stranger(&self) -> String {
        let dev_eui = format!("{:016X}", 0x00A8_4041_0000_0000 + self.next());
        let frame = json!({
            "end_device_ids": { "dev_eui": dev_eui },
            "uplink_message": { "session_key_id": "AX", "f_cnt": 1, "frm_payload": "AQI=" },
        });
        let (path, secret) = &self.network;
        let network = self.owner.clone().anonymous();
        let request = network.request(Method::POST, path).header("X-Webhook-Secret", secret);
        let answer = network.send(request.json(&frame)).await.expect("the hub answers");
        assert!(answer.status.is_success(), "{}", answer.body);
        dev_eui
    }

    /// A contact who has no digest yet: nobody has more than ten.
    async fn fresh_contact(&self) -> String {
        let contact = json!({ "name": "Reader", "email": "reader@example.test" });
        id(&self.owner.create("/api/v1/contacts", contact).await)
    }

    async fn fresh_invitation(&self) -> String {
        self.inner.invite(&format!("guest-{}@example.test", self.next()), "viewer").await
    }

    /// A good request of an operation.
    pub(super) async fn sample_of(&self, operation: &Operation) -> Sample {
        self.sample(&operation.id, operation.method.clone(), &operation.path).await
    }

    async fn sample(&self, operation: &str, method: Method, path: &str) -> Sample {
        if let Some(sample) = self.apart(operation, &method, path).await {
            return sample;
        }
        let body = match method {
            Method::PATCH => self.edited(operation),
            _ => self.made(operation).await,
        };
        let body = body.unwrap_or_else(|| {
            panic!("{operation} has no sample: a good body for it belongs into this file")
        });
        let place = path.split('/').nth(3).expect("a place");
        let path = if path.contains("{id}") {
            path.replace("{id}", self.one(place))
        } else {
            path.to_owned()
        };
        self.by_owner(method, path, body, Seen::There)
    }

    fn by_owner(&self, method: Method, path: String, body: Value, seen: Seen) -> Sample {
        Sample { by: self.owner.clone(), method, path, body, seen, secret: None }
    }

    /// Bodies of what is made in the organization and read at its own address.
    async fn made(&self, operation: &str) -> Option<Value> {
        let name = "Sample";
        Some(match operation {
            "createSite" => json!({ "name": name, "timezone": "Europe/Berlin" }),
            "createUnit" => {
                json!({ "name": name, "siteId": self.one("sites"), "areaId": null, "preset": null })
            }
            "createArea" => json!({ "name": name, "siteId": self.one("sites") }),
            "createDevice" => {
                json!({ "name": name, "model": name, "unitId": self.one("units"), "devEui": null })
            }
            "createGateway" => {
                json!({ "name": name, "siteId": self.one("sites"), "gatewayEui": null })
            }
            "createCalibration" => json!({
                "deviceId": self.one("devices"), "performedAt": ago(60), "performedBy": name,
                "certificate": name, "note": name, "dueAt": ago(-600),
            }),
            "createApiKey" => json!({ "name": name, "siteId": self.one("sites") }),
            "createTtnConnection" => json!({ "name": name }),
            _ => return self.recorded(operation).await,
        })
    }

    /// The same of people, of what they record, and of what is done to things.
    async fn recorded(&self, operation: &str) -> Option<Value> {
        let name = "Sample";
        Some(match operation {
            "createContact" => json!({
                "name": name, "email": "contact@example.test", "phone": null, "language": "en",
                "timezone": "UTC", "userId": null,
            }),
            "createNotificationPolicy" => json!({
                "name": name, "scope": "unit", "scopeId": self.fresh_unit().await,
                "minSeverity": "warning", "kinds": ["temperature_high"], "ackMinutes": 45,
                "quietHours": { "from": "22:00", "to": "06:00", "timezone": "UTC" },
                "steps": [{ "afterMinutes": 0, "contactIds": [self.one("contacts")], "roles": ["owner"], "channels": ["email"] }],
            }),
            "createDigest" => json!({
                "contactId": self.fresh_contact().await, "rhythm": "weekly", "weekday": 1, "at": "07:00",
                "timezone": "UTC", "siteIds": [self.one("sites")], "onlyIfNeeded": true,
            }),
            "createCorrectiveAction" => {
                json!({ "unitId": self.one("units"), "action": name, "takenAt": ago(5) })
            }
            "createMaintenanceWindow" => json!({
                "unitId": self.fresh_unit().await, "kind": "maintenance", "reason": name,
                "startsAt": ago(-3_600), "endsAt": ago(-7_200),
            }),
            "createManualLog" => json!({
                "id": Uuid::new_v4(), "unitId": self.one("units"), "temperature": 4, "recordedAt": ago(5), "note": name,
            }),
            "createInspectorLink" => {
                json!({ "name": name, "siteIds": [self.one("sites")], "expiresAt": ago(-3_600) })
            }
            "createInvitation" => json!({ "email": "somebody@example.test", "role": "viewer" }),
            "putAlertRule" => json!({
                "scope": "unit", "scopeId": self.one("units"), "temperatureUnit": "C",
                "rule": { "lowLimit": 0, "highLimit": 5 },
            }),
            "assignDevice" => json!({ "unitId": self.one("units"), "from": ago(5) }),
            "reportDoor" => json!({ "open": true, "recordedAt": ago(5) }),
            "rotateApiKey" | "rotateTtnSecret" => json!({ "keepOldSecs": 60 }),
            _ => return None,
        })
    }

    /// Bodies of edits.
    fn edited(&self, operation: &str) -> Option<Value> {
        Some(match operation {
            "editSite" | "editArea" | "editUnit" | "editDevice" | "editGateway" | "editApiKey"
            | "editTtnConnection" | "editContact" | "editOrganization" => json!({}),
            "editCalibration" | "editCorrectiveAction" | "editManualLog" => json!({}),
            "editMaintenanceWindow" => json!({ "endsAt": ago(-7_200) }),
            "editNotificationPolicy" => json!({
                "kinds": ["temperature_high"],
                "quietHours": { "from": "22:00", "to": "06:00", "timezone": "UTC" },
                "steps": [{ "afterMinutes": 0, "contactIds": [self.one("contacts")], "roles": ["owner"], "channels": ["email"] }],
            }),
            "editDigest" => json!({
                "rhythm": "weekly", "weekday": 2, "at": "08:00", "timezone": "UTC", "onlyIfNeeded": false,
                "siteIds": [self.one("sites")],
            }),
            "editMember" => json!({ "role": "staff" }),
            "editAlertRule" => json!({ "rule": {}, "unset": ["confirmHighShutSecs"] }),
            _ => return None,
        })
    }

    /// Samples that are sent by somebody else, or whose words are seen elsewhere.
    async fn apart(&self, operation: &str, method: &Method, path: &str) -> Option<Sample> {
        if path.contains("/auth/") || path.split('/').nth(3) == Some("me") {
            return Some(self.of_account(operation, method, path).await);
        }
        let mut sample = self.by_owner(method.clone(), path.to_owned(), json!({}), Seen::Nowhere);
        match operation {
            "acknowledgeAlert" | "resolveAlert" | "snoozeAlert" => {
                let alert = self.fresh_alert().await;
                sample.path = path.replace("{id}", &alert);
                let (body, look) = of_alert(operation);
                (sample.body, sample.seen) =
                    (body, Seen::At(format!("/api/v1/alerts/{alert}"), look));
            }
            "claimDevice" => {
                sample.path = path.replace("{devEui}", &self.fresh_stranger().await);
                sample.body = json!({ "name": "Sample", "model": "Sample", "from": null });
                sample.seen = Seen::There;
            }
            "eraseOrganization" => {
                sample.path = path.replace("{id}", self.one("organizations"));
            }
            "createPlatformOrganization" => {
                sample.by = self.operator.clone();
                let email = format!("boss-{}@example.test", self.next());
                sample.body = json!({ "name": "Sample", "ownerEmail": email });
                let list = "/api/v1/platform/organizations".to_owned();
                sample.seen = Seen::Among { list, id: "/organization/id", field: "/name" };
            }
            "beginImpersonation" => self.stay(&mut sample).await,
            "ingestReadings" => {
                let unit = self.one("units");
                sample.body = json!({ "readings": [{ "unitId": unit, "temperature": 4, "recordedAt": ago(5) }] });
            }
            "openCheckout" | "changePlan" => sample.body = json!({ "plan": "pro" }),
            "receiveStripeWebhook" => {
                sample.by = self.owner.clone().anonymous();
                sample.body =
                    json!({ "id": "evt_1", "type": "invoice.paid", "data": { "object": {} } });
            }
            "receiveTelnyxWebhook" => {
                sample.by = self.owner.clone().anonymous();
                sample.body =
                    json!({ "data": { "id": "evt_1", "event_type": "message.received" } });
            }
            "receiveTelnyxReceipt" => {
                sample.by = self.owner.clone().anonymous();
                sample.path = format!("/api/integrations/telnyx/{}", Uuid::now_v7());
                sample.body = json!({ "data": { "id": "evt_1", "event_type": "message.sent" } });
            }
            "sendPhoneCode" | "verifyPhone" | "sendTestMessage" => {
                let deed = match operation {
                    "sendPhoneCode" => "phone-code",
                    "verifyPhone" => "verify-phone",
                    _ => "test-message",
                };
                sample.path = format!("/api/v1/contacts/{}/{deed}", self.one("contacts"));
                sample.body = match operation {
                    "verifyPhone" => json!({ "code": "123456" }),
                    "sendTestMessage" => json!({ "channel": "email" }),
                    _ => Value::Null,
                };
            }
            "receiveTtnWebhook" => {
                sample.by = self.owner.clone().anonymous();
                (sample.path, sample.secret) =
                    (self.network.0.clone(), Some(self.network.1.clone()));
                sample.body = json!({
                    "end_device_ids": { "dev_eui": "0011223344556677" },
                    "uplink_message": {
                        "session_key_id": "AX", "f_cnt": self.next(), "frm_payload": "AQI=",
                        "version_ids": {}, "rx_metadata": [{ "rssi": -80, "gateway_ids": {} }],
                    },
                });
            }
            _ => return None,
        }
        Some(sample)
    }

    /// A stay of the platform's operator in an organization of its own: there is one at a time in each.
    async fn stay(&self, sample: &mut Sample) {
        let asked =
            json!({ "name": "Stay", "ownerEmail": format!("stay-{}@example.test", self.next()) });
        let made = self.operator.create("/api/v1/platform/organizations", asked).await;
        let organization = id(&made["organization"]);
        sample.by = self.operator.clone();
        sample.body = json!({ "organizationId": organization, "role": "viewer", "reason": "Sample", "minutes": 5 });
        let list = "/api/v1/platform/impersonations".to_owned();
        sample.seen = Seen::Among { list, id: "/id", field: "/reason" };
    }

    /// What somebody does about their own account.
    async fn of_account(&self, operation: &str, method: &Method, path: &str) -> Sample {
        let mut sample = self.by_owner(method.clone(), path.to_owned(), json!({}), Seen::Nowhere);
        sample.by = self.person.clone();
        match operation {
            "editMe" => sample.seen = Seen::At(path.to_owned(), |me| &me["user"]["name"]),
            "acceptInvitation" => {
                sample.by = self.owner.clone().anonymous();
                let token = self.fresh_invitation().await;
                sample.body = json!({ "token": token, "name": "Sample", "password": PASSWORD });
                let list = "/api/v1/members".to_owned();
                sample.seen = Seen::Among { list, id: "/session/user/id", field: "/name" };
            }
            "signIn" => {
                let email = format!("nobody-{}@example.test", self.next());
                sample.body = json!({ "email": email, "password": "wrong" });
            }
            "requestPasswordReset" => sample.body = json!({ "email": "nobody@example.test" }),
            "completePasswordReset" => sample.body = json!({ "token": "x", "password": PASSWORD }),
            "refreshToken" | "signOut" => sample.body = json!({ "refreshToken": "x" }),
            "verifyEmail" => sample.body = json!({ "token": "x" }),
            "changePassword" => sample.body = json!({ "current": "wrong", "new": PASSWORD }),
            "tieIssuer" => sample.body = json!({ "token": "x", "password": "wrong" }),
            "sendOwnTestMessage" => sample.body = json!({ "channel": "email" }),
            "beginTotp" => sample.body = json!({ "password": "wrong" }),
            "confirmTotp" => sample.body = json!({ "code": "000000" }),
            "removeTotp" => sample.body = json!({ "password": "wrong", "code": "000000" }),
            _ => panic!("{operation} has no sample: a good body for it belongs into this file"),
        }
        sample
    }
}

/// The body of what is done about an alert, and where its words are seen.
fn of_alert(operation: &str) -> (Value, fn(&Value) -> &Value) {
    match operation {
        "acknowledgeAlert" => {
            (json!({}), |alert| last(&alert["events"], "event", "acknowledged", "note"))
        }
        "resolveAlert" => (json!({}), |alert| {
            let action = last(&alert["timeline"], "what", "corrective_action", "text");
            if action.is_null() {
                last(&alert["events"], "event", "resolved", "note")
            } else {
                action
            }
        }),
        _ => (json!({ "reason": "Sample", "until": ago(-3_600) }), |alert| {
            last(&alert["timeline"], "what", "snoozed", "text")
        }),
    }
}

/// The field of the last line of a kind.
fn last<'a>(lines: &'a Value, by: &str, kind: &str, field: &str) -> &'a Value {
    let mut lines = lines.as_array().expect("lines").iter().rev();
    lines.find(|line| line[by] == kind).map_or(&Value::Null, |line| &line[field])
}
