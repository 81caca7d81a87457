//! Stories of telling.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{SOON, World};

const ANNA: &str = "+13125550101";

async fn policy(world: &World, contact: &str) {
    let policy = json!({
        "name": "Everybody", "scope": "organization", "minSeverity": "critical", "notifyOnResolve": true,
        "steps": [
            { "afterMinutes": 0, "contactIds": [contact], "channels": ["sms", "email"] },
            { "afterMinutes": 1, "contactIds": [contact], "channels": ["sms"] },
        ],
    });
    world.api.create("/api/v1/notification-policies", policy).await;
}

async fn alert_of(world: &World, unit: &str) -> Value {
    // it was silent for a while, too
    let alerts = world.api.alerts_of(unit).await.into_iter();
    alerts.into_iter().find(|alert| alert["kind"] == "temperature_high").expect("it has an alert")
}

/// Reading → alarm → SMS and e-mail → the answer acknowledges → nothing more comes.
pub(super) async fn an_alarm_is_told_and_an_answer_acknowledges_it(world: &World) {
    let anna = world.contact("Anna", ANNA, "anna@example.org").await;
    policy(world, &anna).await;
    let unit = world.hot_unit("Walk-in 1").await;
    let text = world.until_sms(ANNA, 2).await;
    assert!(text.contains("Walk-in 1"), "{text}");
    let mails = world.mail.until_messages(1).await;
    let mail = &mails[0];
    assert_eq!(mail.to, ["anna@example.org"]);
    assert!(mail.text().unwrap().contains("Walk-in 1"), "{mail:?}");

    let code = text.split("eply ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    world.answers(ANNA, &format!("ack {code}.")).await;
    let answer = world.until_sms(ANNA, 3).await;
    assert!(answer.contains("Walk-in 1") && answer.contains(code), "{answer}");
    let alert = alert_of(world, &unit).await;
    assert_eq!(alert["status"], "acknowledged");
    // late, and about the same: the truth
    world.answers(ANNA, code).await;
    let late = world.until_sms(ANNA, 4).await;
    assert_ne!(late, answer);

    // past the minute after which the next step would have come
    tokio::time::sleep(Duration::from_secs(65)).await;
    assert_eq!(world.sms_to(ANNA).await.len(), 4, "an answer stops the escalation");
    let lines = world
        .api
        .list(&format!("/api/v1/notifications/ledger?alertId={}", alert["id"].as_str().unwrap()))
        .await;
    assert!(
        lines.iter().all(|line| line["stage"] != "critical+1" || line["state"] != "sent"),
        "{lines:#?}"
    );

    // what became of each is told by receipts, in any order and as often as they like
    for sent in world.sms_to(ANNA).await {
        let path = webhook_path(&sent.body);
        for event in ["message.finalized", "message.sent", "message.finalized"] {
            world
                .telnyx_says(&path, &receipt(sent.id.as_deref().unwrap(), event))
                .await
                .expect(200);
        }
    }
    let lines = until_delivered(world, 4).await;
    assert!(lines.iter().all(|line| line["possibleDuplicate"] == false));
    let balance = world.settled().await;
    assert_eq!((&balance["balance"], &balance["unplannedAlerts"]), (&json!(0), &json!(0)));
    world.telnyx.ensure_clean().await;
}

pub(crate) fn webhook_path(sms: &Value) -> String {
    let url = sms["webhook_url"].as_str().unwrap();
    url[url.find("/api/").unwrap()..].to_owned()
}

fn receipt(message: &str, event: &str) -> Value {
    let status = if event == "message.sent" { "sent" } else { "delivered" };
    json!({ "data": {
        "event_type": event, "id": Uuid::now_v7(), "record_type": "event",
        "payload": {
            "id": message, "direction": "outbound", "type": "SMS", "errors": [],
            "to": [{ "phone_number": ANNA, "status": status }],
        },
    } })
}

async fn until_delivered(world: &World, count: usize) -> Vec<Value> {
    let begun = std::time::Instant::now();
    loop {
        let lines =
            world.api.list("/api/v1/notifications/ledger?state=delivered&channel=sms").await;
        if lines.len() == count {
            return lines;
        }
        assert!(begun.elapsed() < SOON, "{lines:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(super) async fn who_is_not_told_stands_in_the_ledger_with_the_reason(world: &World) {
    let asked = json!({ "name": "Ben", "phone": "+13125550102" });
    let ben = hub_testkit::api::id(&world.api.create("/api/v1/contacts", asked).await);
    let policy = json!({
        "name": "Ben", "scope": "organization", "minSeverity": "warning",
        "steps": [{ "afterMinutes": 0, "contactIds": [ben], "channels": ["sms"] }],
    });
    world.api.create("/api/v1/notification-policies", policy).await;
    world.hot_unit("Freezer").await;
    let begun = std::time::Instant::now();
    let line = loop {
        let lines = world.api.list(&format!("/api/v1/notifications/ledger?contactId={ben}")).await;
        // it was silent for a while, too, which was over before it was planned
        if let Some(line) = lines.iter().find(|line| line["reasonCode"] != "resolved") {
            break line.clone();
        }
        assert!(begun.elapsed() < SOON, "{lines:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&line["state"], &line["reasonCode"]), (&json!("suppressed"), &json!("unverified")));
    assert!(line["reason"].as_str().unwrap().len() > 10, "{line}");
    assert!(world.sms_to("+13125550102").await.is_empty(), "an unproven phone gets no alert");
    let balance = world.settled().await;
    assert_eq!(balance["balance"], 0);
}

pub(super) async fn what_telnyx_does_not_sign_moves_nothing(world: &World) {
    let anna = world.contact("Anna", ANNA, "anna@example.org").await;
    policy(world, &anna).await;
    let unit = world.hot_unit("Walk-in 1").await;
    let text = world.until_sms(ANNA, 2).await;
    let code = text.split("eply ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let event = json!({ "data": {
        "event_type": "message.received", "id": Uuid::now_v7(),
        "payload": { "id": Uuid::now_v7(), "text": code, "from": { "phone_number": ANNA }, "to": [] },
    } });
    let answer = world.stranger_says("/api/integrations/telnyx", &event).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, "bad_signature"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(alert_of(world, &unit).await["status"], "active");
    // the same, signed, twice: taken once
    for _ in 0..2 {
        world.telnyx_says("/api/integrations/telnyx", &event).await.expect(200);
    }
    world.until_sms(ANNA, 3).await;
    assert_eq!(alert_of(world, &unit).await["status"], "acknowledged");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.sms_to(ANNA).await.len(), 3, "a repetition is answered, and does nothing");
}
