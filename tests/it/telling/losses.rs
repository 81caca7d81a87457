//! Stories of what goes wrong on the way.

use std::time::Duration;

use hub_testkit::{
    api::id,
    contract_mock::Fault,
    mail_sink::{Deed, Stage},
    wait,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{story::webhook_path, world::World};

const ANNA: &str = "+13125550101";
const BEN: &str = "+13125550102";

/// A policy by which these are told by SMS alone.
async fn by_sms(world: &World, contacts: &[&str]) {
    let policy = json!({
        "name": "By SMS", "scope": "organization", "minSeverity": "critical",
        "steps": [{ "afterMinutes": 0, "contactIds": contacts, "channels": ["sms"] }],
    });
    world.api.create("/api/v1/notification-policies", policy).await;
}

fn event(kind: &str, message: &str, status: &str, errors: &Value) -> Value {
    json!({ "data": {
        "event_type": kind, "id": Uuid::now_v7(), "record_type": "event",
        "payload": {
            "id": message, "direction": "outbound", "type": "SMS", "errors": errors,
            "to": [{ "phone_number": ANNA, "status": status }],
        },
    } })
}

/// The line of an alarm's SMS to a contact.
async fn line_of(world: &World, contact: &str) -> Value {
    let path = format!("/api/v1/notifications/ledger?contactId={contact}&channel=sms");
    let lines = world.api.list(&path).await.into_iter();
    lines.into_iter().find(|line| line["stage"] == "critical+0").expect("a line of the alarm")
}

/// At two hubs, since each waits for a minute.
pub(super) async fn answers_that_are_lost_are_waited_for(world: &World) {
    let is_postgres = world.is_postgres();
    let another = if is_postgres { World::on_postgres().await } else { World::on_sqlite().await };
    let another = another.expect("there is one already");
    tokio::join!(
        an_answer_that_was_lost_is_waited_for(world),
        a_try_that_may_have_arrived_is_not_denied(&another),
    );
}

/// Telnyx takes both and its answers are lost. Of Anna's it reports later, of Ben's nothing: he alone may get it twice.
async fn an_answer_that_was_lost_is_waited_for(world: &World) {
    let anna = world.contact("Anna", ANNA, "anna@example.org").await;
    let ben = world.contact("Ben", BEN, "ben@example.org").await;
    by_sms(world, &[&anna, &ben]).await;
    world.telnyx.faults(Fault::accept_then_drop("POST /v2/messages").times(2)).await;
    world.hot_unit("Walk-in 1").await;
    world.until_sms(ANNA, 2).await;
    world.until_sms(BEN, 2).await;
    let sent = &world.sms_to(ANNA).await[1];
    let message = sent.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
    let told = event("message.sent", &message, "sent", &json!([]));
    world.telnyx_says(&webhook_path(&sent.body), &told).await.expect(200);

    world.until_sms_within(BEN, 3, Duration::from_secs(100)).await;
    assert_eq!(world.sms_to(ANNA).await.len(), 2, "what was reported is not sent again");
    assert_eq!(world.sms_to(BEN).await.len(), 3);
    let (of_anna, of_ben) = (line_of(world, &anna).await, line_of(world, &ben).await);
    assert_eq!((&of_anna["state"], &of_anna["possibleDuplicate"]), (&json!("sent"), &json!(false)));
    assert_eq!((&of_ben["state"], &of_ben["possibleDuplicate"]), (&json!("sent"), &json!(true)));
    assert_eq!(of_ben["attempts"][0]["state"], "unclear", "{of_ben:#}");
    assert_eq!(world.settled().await["balance"], 0);
    world.telnyx.ensure_clean().await;
}

pub(super) async fn a_provider_that_is_down_is_asked_again(world: &World) {
    let anna = world.contact("Anna", ANNA, "anna@example.org").await;
    by_sms(world, &[&anna]).await;
    world.telnyx.faults(Fault::status("POST /v2/messages", 503).times(2)).await;
    world.hot_unit("Walk-in 1").await;
    world.until_sms(ANNA, 2).await;
    world.settled().await;
    let line = line_of(world, &anna).await;
    assert_eq!((&line["state"], &line["possibleDuplicate"]), (&json!("sent"), &json!(false)));
    let states: Vec<&str> = line["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["refused", "refused", "accepted"], "{line:#}");
}

pub(super) async fn who_cannot_be_reached_by_sms_gets_an_e_mail(world: &World) {
    let anna = world.contact("Anna", ANNA, "anna@example.org").await;
    by_sms(world, &[&anna]).await;
    world.hot_unit("Walk-in 1").await;
    world.until_sms(ANNA, 2).await;
    world.settled().await;
    assert!(world.mail.messages().is_empty());
    let sent = &world.sms_to(ANNA).await[1];
    let errors = json!([{ "code": "40001", "title": "Landline", "detail": "is a landline" }]);
    let told = event("message.finalized", sent.id.as_deref().unwrap(), "delivery_failed", &errors);
    world.telnyx_says(&webhook_path(&sent.body), &told).await.expect(200);
    let mails = world.mail.until_messages(1).await;
    assert_eq!(mails[0].to, ["anna@example.org"]);
    let line = line_of(world, &anna).await;
    assert_eq!(line["state"], "failed");
    assert!(line["reason"].as_str().unwrap().contains("40001"), "{line}");
}

/// The mail server takes a mail and its answer is lost; before it would be tried again somebody acknowledges. The line does
/// not say that it was not sent.
async fn a_try_that_may_have_arrived_is_not_denied(world: &World) {
    let anna = world.contact("Anna", ANNA, "anna@example.org").await;
    let policy = json!({
        "name": "By mail", "scope": "organization", "minSeverity": "critical",
        "steps": [{ "afterMinutes": 0, "contactIds": [anna], "channels": ["email"] }],
    });
    world.api.create("/api/v1/notification-policies", policy).await;
    world.mail.fault(Stage::Content, Deed::Cut, 1);
    world.hot_unit("Walk-in 1").await;
    world.mail.until_messages(1).await;
    let alert = id(&world.api.list("/api/v1/alerts?kind=temperature_high").await[0]);
    world.api.post(&format!("/api/v1/alerts/{alert}/acknowledge"), &json!({})).await.expect(200);
    let path = format!("/api/v1/notifications/ledger?contactId={anna}");
    let line = wait::until("the line to end", Duration::from_secs(100), async || {
        let line = world.api.list(&path).await.into_iter().find(|it| it["alertId"] == alert)?;
        (line["state"] == "superseded").then_some(line)
    });
    let line = line.await;
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.starts_with("somebody acknowledged the alert before this was sent"), "{line}");
    assert!(reason.ends_with("of which nobody can say whether it arrived"), "{line}");
    assert_eq!(world.mail.messages().len(), 1);
}
