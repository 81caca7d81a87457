//! Messages of several alerts, and how everybody stands with one.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{SOON, World};

const ANNA: &str = "+13125550101";

async fn told_by_sms(world: &World, contact: &str) {
    let policy = json!({
        "name": "Anna", "scope": "organization", "kinds": ["temperature_high"], "minSeverity": "critical",
        "steps": [{ "afterMinutes": 0, "contactIds": [contact], "channels": ["sms"] }],
    });
    world.api.create("/api/v1/notification-policies", policy).await;
}

fn high(alerts: Vec<Value>) -> Value {
    let mut its = alerts.into_iter().filter(|alert| alert["kind"] == "temperature_high");
    its.next().expect("it has an alert")
}

/// The number by which a message of several is answered.
fn code(text: &str) -> &str {
    text.split("eply ").nth(1).and_then(|rest| rest.split(' ').next()).expect("it has a number")
}

/// The third message of five minutes is of all that is left, and one answer acknowledges that and nothing else.
pub(super) async fn an_answer_to_a_message_of_several_acknowledges_all_of_them(world: &World) {
    let anna = world.contact("Anna", ANNA, "anna@example.org").await;
    told_by_sms(world, &anna).await;
    let first = world.hot_unit("Walk-in 1").await;
    let alone = world.until_sms(ANNA, 2).await; // the first was the number of her phone
    let mut others = Vec::new();
    for number in 2..=5 {
        others.push(world.hot_unit(&format!("Freezer {number}")).await);
    }
    let text = world.until_sms_within(ANNA, 3, Duration::from_secs(90)).await;
    assert!(text.starts_with("4 MORE ALERTS"), "{text}");
    assert_ne!(code(&text), code(&alone));

    world.answers(ANNA, code(&text)).await;
    let begun = std::time::Instant::now();
    for unit in &others {
        loop {
            let alert = high(world.api.alerts_of(unit).await);
            if alert["status"] == "acknowledged" {
                break;
            }
            assert!(begun.elapsed() < SOON, "{alert:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(
        high(world.api.alerts_of(&first).await)["status"],
        "active",
        "it has its own number"
    );
    let answer = world.until_sms(ANNA, 4).await;
    assert!(answer.contains("+3") && answer.contains("acknowledged"), "{answer}");
    // again: the truth, and "OK" is about the one that is left
    world.answers(ANNA, code(&text)).await;
    let late = world.until_sms(ANNA, 5).await;
    assert!(late.contains("already"), "{late}");
    world.answers(ANNA, "ok").await;
    world.until_sms(ANNA, 6).await;
    assert_eq!(high(world.api.alerts_of(&first).await)["status"], "acknowledged");
    assert_eq!(world.settled().await["balance"], 0);
    world.telnyx.ensure_clean().await;
}

/// "Why was he not told?" has an answer for everybody, and it is a sentence.
pub(super) async fn everybody_has_a_sentence(world: &World) {
    let anna = world.contact("Anna", ANNA, "anna@example.org").await;
    let ben = json!({ "name": "Ben", "phone": "+13125550102" });
    let ben = hub_testkit::api::id(&world.api.create("/api/v1/contacts", ben).await);
    let policy = json!({
        "name": "Both", "scope": "organization", "minSeverity": "critical",
        "steps": [
            { "afterMinutes": 0, "contactIds": [anna, ben], "channels": ["sms"] },
            { "afterMinutes": 600, "roles": ["owner"], "channels": ["email"] },
        ],
    });
    world.api.create("/api/v1/notification-policies", policy).await;
    let unit = world.hot_unit("Walk-in 1").await;
    world.until_sms(ANNA, 2).await;
    let balance = world.settled().await;
    assert_eq!(balance["balance"], 0);

    let alert = high(world.api.alerts_of(&unit).await);
    let path = format!("/api/v1/alerts/{}/recipients", alert["id"].as_str().unwrap());
    let everybody = world.api.read(&path).await;
    let of = |name: &str| {
        let items = everybody["items"].as_array().unwrap();
        let item = items.iter().find(|item| item["recipient"]["name"] == name);
        item.unwrap_or_else(|| panic!("no {name} in {everybody:#}")).clone()
    };
    let (anna, ben) = (of("Anna"), of("Ben"));
    assert_eq!(
        (&anna["standing"], &anna["why"], anna["toldAt"].is_string()),
        (&json!("told"), &json!("Step 1 of the policy: at once when it became critical."), true)
    );
    assert_eq!(
        (&ben["standing"], &ben["why"], &ben["toldAt"]),
        (&json!("not_told"), &json!("The phone number is not verified."), &Value::Null)
    );
    let owner = everybody["items"].as_array().unwrap().iter();
    let owner: Vec<&Value> = owner.filter(|item| item["recipient"]["kind"] == "user").collect();
    assert_eq!(owner.len(), 1, "{everybody:#}");
    let turn = "Their turn is step 2 of the policy, 600 minutes in: it has not come.";
    assert_eq!((&owner[0]["standing"], &owner[0]["why"]), (&json!("not_told"), &json!(turn)));
    let nothing = format!("/api/v1/alerts/{}/recipients", uuid::Uuid::now_v7());
    assert_eq!(world.api.get(&nothing).await.status.as_u16(), 404);
    // the ledger's lines are the latest first, a page at a time
    let mut seen: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.api.read(&format!("/api/v1/notifications/ledger?limit=1{cursor}")).await;
        seen.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let planned: Vec<&str> = seen.iter().map(|line| line["plannedAt"].as_str().unwrap()).collect();
    assert!(planned.len() >= 3 && planned.is_sorted_by(|a, b| a >= b), "{planned:?}");
}

/// Who is named while an alert is open is told of it, and does not wait for the next occasion.
pub(super) async fn whom_a_policy_names_later_is_told_at_once(world: &World) {
    let anna = world.contact("Anna", ANNA, "anna@example.org").await;
    told_by_sms(world, &anna).await;
    let unit = world.hot_unit("Walk-in 1").await;
    world.until_sms(ANNA, 2).await;
    let eve = json!({ "name": "Eve", "email": "eve@example.org" });
    let eve = hub_testkit::api::id(&world.api.create("/api/v1/contacts", eve).await);
    let policy = json!({
        "name": "Eve", "scope": "unit", "scopeId": unit, "minSeverity": "critical",
        "steps": [{ "afterMinutes": 0, "contactIds": [eve], "channels": ["email"] }],
    });
    world.api.create("/api/v1/notification-policies", policy).await;
    let mails = world.mail.until_messages(1).await;
    assert_eq!(mails[0].to, ["eve@example.org"]);
    assert_eq!(world.sms_to(ANNA).await.len(), 2, "who was told is not told again");
}
