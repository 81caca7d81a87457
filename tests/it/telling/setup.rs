//! What members try out themselves, and what owners are told of a hub that cannot send.

use std::time::{Duration, Instant};

use hub_testkit::{
    api::{Api, id},
    contract_mock::Fault,
    mail_sink::{Deed, Mail, Stage},
};
use serde_json::{Value, json};

use super::world::{SOON, World};
use crate::identity::{accept, text};

const ANNA: &str = "+13125550101";
const BOSS: &str = "+13125550109";

async fn test_myself(api: &Api, channel: &str) -> hub_testkit::api::Answer {
    api.post("/api/v1/me/test-message", &json!({ "channel": channel })).await
}

/// The line of a message that was asked for, once it has ended.
async fn until_over(world: &World, line: &str) -> Value {
    let begun = Instant::now();
    loop {
        let lines = world.api.list("/api/v1/notifications/ledger").await;
        let now = lines.into_iter().find(|one| one["id"] == line).expect("the line is there");
        if ["sent", "delivered", "failed", "suppressed"].contains(&now["state"].as_str().unwrap()) {
            return now;
        }
        assert!(begun.elapsed() < SOON, "{now}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until_mail(world: &World, to: &str, says: &str) -> Mail {
    let begun = Instant::now();
    loop {
        let mails = world.mail.messages();
        let is_it = |mail: &&Mail| mail.to == [to] && mail.subject().unwrap().contains(says);
        if let Some(mail) = mails.iter().find(is_it) {
            return mail.clone();
        }
        assert!(begun.elapsed() < SOON, "no mail {says:?} to {to}: {mails:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A member of whatever role sees that alerts would reach them, by the whole way.
pub(super) async fn members_test_the_way_to_themselves(world: &World) {
    let asked = json!({ "email": "vera@example.org", "role": "viewer" });
    world.api.create("/api/v1/invitations", asked).await;
    let mail = until_mail(world, "vera@example.org", "invites you").await;
    let text_of_it = mail.text().unwrap();
    let token = text_of_it.split("/api/mail/account/").nth(1).unwrap();
    let token = token.split_whitespace().next().unwrap();
    let asked = json!({ "token": token, "password": hub_testkit::hub::PASSWORD });
    let session = accept(&world.hub.api(), &asked).await.expect(200)["session"].take();
    let vera = world.hub.api().with_token(text(&session, "token"));
    let sent = test_myself(&vera, "email").await.expect(202);
    until_mail(world, "vera@example.org", "est").await;
    let line = until_over(world, &id(&sent)).await;
    assert_eq!((&line["state"], &line["stage"]), (&json!("sent"), &json!("test")));
    assert_eq!(line["recipient"]["kind"], "user", "{line}");
    // by SMS to a phone that is hers alone
    let answer = test_myself(&vera, "sms").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (409, "incomplete"), "{}", answer.body);
    let contact = world.contact("Vera", ANNA, "vera@example.org").await;
    assert_eq!(test_myself(&vera, "sms").await.status, 409, "somebody's phone, not yet hers");
    let path = format!("/api/v1/contacts/{contact}");
    let edit = world.api.request(reqwest::Method::PATCH, &path).header("If-Match", "*");
    let edit = edit.json(&json!({ "userId": session["user"]["id"] }));
    world.api.send(edit).await.unwrap().expect(200);
    let sent = test_myself(&vera, "sms").await.expect(202);
    world.until_sms(ANNA, 2).await;
    assert_eq!(until_over(world, &id(&sent)).await["recipient"]["id"], contact.as_str());

    let answer = test_myself(&vera, "fax").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["errors"][0]["pointer"]),
        (422, &json!("/channel"))
    );
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(test_myself(&vera, "email").await.status.as_u16());
    }
    assert_eq!(statuses, [202, 202, 202, 202, 429]);
    let entries = world.api.list("/api/v1/audit").await;
    assert_eq!(entries.iter().filter(|one| one["action"] == "member.messaged").count(), 6);
    assert_eq!(world.hub.api().post("/api/v1/me/test-message", &Value::Null).await.status, 401);
}

/// Telnyx does not know the hub's key: the owner is mailed, once.
pub(super) async fn owners_are_told_once_that_sms_cannot_be_sent(world: &World) {
    let anna = world.contact("Anna", ANNA, "anna@example.org").await;
    world.telnyx.faults(Fault::status("POST /v2/messages", 401).times(2)).await;
    let path = format!("/api/v1/contacts/{anna}/test-message");
    for _ in 0..2 {
        let sent = world.api.post(&path, &json!({ "channel": "sms" })).await.expect(202);
        assert_eq!(until_over(world, &id(&sent)).await["state"], "failed");
    }
    let mail = until_mail(world, &world.owner, "cannot send SMS").await;
    assert!(mail.text().unwrap().contains("401"), "{:?}", mail.text());
    let balance = world.settled().await;
    assert_eq!(balance["balance"], 0);
    let lines = world.api.list("/api/v1/notifications/ledger").await;
    let told: Vec<&Value> = lines.iter().filter(|line| line["stage"] == "setup_broken").collect();
    assert_eq!((told.len(), &told[0]["state"]), (1, &json!("sent")), "{told:#?}");
}

/// The mail server does not know the hub's password: an owner who is a contact with a phone gets an SMS.
pub(super) async fn owners_are_told_by_sms_that_mails_cannot_be_sent(world: &World) {
    let boss = world.contact("Boss", BOSS, "boss@example.org").await;
    let me = world.api.read("/api/v1/me").await["user"]["id"].clone();
    let path = format!("/api/v1/contacts/{boss}");
    let edit = world.api.request(reqwest::Method::PATCH, &path).header("If-Match", "*");
    world.api.send(edit.json(&json!({ "userId": me }))).await.unwrap().expect(200);
    world.mail.fault(Stage::Mail, Deed::Reply(530, "authentication required".to_owned()), 1);
    let path = format!("{path}/test-message");
    let sent = world.api.post(&path, &json!({ "channel": "email" })).await.expect(202);
    assert_eq!(until_over(world, &id(&sent)).await["state"], "failed");
    let text = world.until_sms(BOSS, 2).await;
    assert!(text.contains("cannot send e-mail") && text.contains("530"), "{text}");
}
