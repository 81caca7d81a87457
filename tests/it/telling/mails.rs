//! Links in mails: what they acknowledge, what they end, and what they do not.

use std::time::{Duration, Instant};

use hub_domain::Timestamp;
use hub_messaging::email::{LinkDeed, LinkKeys};
use hub_testkit::{
    api::{Answer, id},
    mail_sink::Mail,
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{SOON, World};

const ANNA: &str = "anna@example.org";

/// A contact who is reached by e-mail alone.
async fn mailed(world: &World, name: &str, email: &str) -> String {
    let asked = json!({ "name": name, "email": email });
    id(&world.api.create("/api/v1/contacts", asked).await)
}

/// A policy by which a contact is mailed of everything from a severity on.
async fn policy(world: &World, contact: &str, min_severity: &str) {
    let policy = json!({
        "name": "By mail", "scope": "organization", "minSeverity": min_severity, "notifyOnResolve": true,
        "steps": [{ "afterMinutes": 0, "contactIds": [contact], "channels": ["email"] }],
    });
    world.api.create("/api/v1/notification-policies", policy).await;
}

/// Waits for the `count`th mail to an address whose subject says that.
async fn until_mail(world: &World, to: &str, says: &str, count: usize) -> Mail {
    let begun = Instant::now();
    loop {
        let mails = world.mail.messages().into_iter();
        let is_it = |mail: &Mail| mail.to == [to] && mail.subject().unwrap().contains(says);
        if let Some(mail) = mails.filter(is_it).nth(count - 1) {
            return mail;
        }
        if begun.elapsed() > SOON * 6 {
            let ledger = world.api.read("/api/v1/notifications/ledger").await;
            panic!("no mail {says:?} to {to}; ledger {ledger:#}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The path of the link of that kind in a mail's text, which the page has, too.
fn link(mail: &Mail, kind: &str) -> String {
    let text = mail.text().unwrap();
    let at =
        text.find(&format!("/api/mail/{kind}/")).unwrap_or_else(|| panic!("no {kind}: {text}"));
    let path = text[at..].split_whitespace().next().unwrap().to_owned();
    let token = path.rsplit('/').next().unwrap();
    assert!(mail.html().unwrap().contains(token), "the page has the link, too");
    path
}

async fn ask(world: &World, method: Method, path: &str, body: &'static str) -> Answer {
    let api = world.hub.api();
    let request = api.request(method, path).body(body);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    api.send(request).await.unwrap()
}

/// The page of a link, which is a page, kept by nobody and told to nobody.
async fn page(world: &World, method: Method, path: &str, body: &'static str) -> String {
    let answer = ask(world, method, path, body).await;
    let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("x-frame-options"), "DENY");
    assert!(header("content-security-policy").contains("form-action 'self'"));
    let page = answer.body.as_str().unwrap().to_owned();
    assert!(!page.contains("<script"), "it works without scripts");
    page
}

async fn alert_of(world: &World, unit: &str) -> Value {
    let alerts = world.api.alerts_of(unit).await.into_iter();
    let mut of_heat = alerts.filter(|alert| alert["kind"] == "temperature_high");
    let alert = of_heat.next().expect("it has an alert");
    world.api.read(&format!("/api/v1/alerts/{}", alert["id"].as_str().unwrap())).await
}

async fn audited(world: &World, action: &str) -> Vec<Value> {
    let entries = world.api.list("/api/v1/audit").await;
    entries.into_iter().filter(|entry| entry["action"] == action).collect()
}

pub(super) async fn a_link_acknowledges_once_and_by_a_button(world: &World) {
    let anna = mailed(world, "Anna", ANNA).await;
    policy(world, &anna, "critical").await;
    let unit = world.hot_unit("Walk-in <1>").await;
    let mail = until_mail(world, ANNA, "Walk-in <1>", 1).await;
    let path = link(&mail, "acknowledge");
    // scanners of mail open links, with and without a body
    for method in [Method::GET, Method::HEAD, Method::GET] {
        assert_eq!(ask(world, method, &path, "").await.status, 200);
    }
    let asked = page(world, Method::GET, &path, "").await;
    assert!(asked.contains("Walk-in &lt;1&gt;") && asked.contains("<form method=\"post\""));
    assert_eq!(alert_of(world, &unit).await["status"], "active", "to look changes nothing");

    let done = page(world, Method::POST, &path, "acknowledge=yes").await;
    assert!(done.contains(">Acknowledged</h1>") && !done.contains("<form"), "{done}");
    let alert = alert_of(world, &unit).await;
    assert_eq!(
        (&alert["status"], &alert["acknowledgedBy"]),
        (&json!("acknowledged"), &Value::Null)
    );
    let seen = alert["events"].as_array().unwrap().iter().find(|it| it["event"] == "acknowledged");
    assert_eq!(seen.unwrap()["note"], "by e-mail, Anna");
    let entries = audited(world, "alert.acknowledged").await;
    assert_eq!(entries.len(), 1, "{entries:#?}");
    assert!(entries[0].to_string().contains(&anna), "it says whose link it was: {}", entries[0]);

    // a second time the truth, and no second acknowledgement
    let late = page(world, Method::POST, &path, "acknowledge=yes").await;
    assert!(!late.contains(">Acknowledged</h1>") && late.contains("by Anna"), "{late}");
    assert!(!page(world, Method::GET, &path, "").await.contains("<form"));
    assert_eq!(audited(world, "alert.acknowledged").await.len(), 1);

    // mails of one alert are one thread
    let thread = mail.header("References").unwrap();
    assert!(thread.contains(alert["id"].as_str().unwrap()), "{thread}");
    assert_eq!(mail.header("In-Reply-To").unwrap(), thread);
    let unit_of_ours =
        json!({ "unitId": unit, "temperature": 3, "recordedAt": crate::edge::ago(0) });
    world.api.ingest(json!([unit_of_ours])).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let again = json!({ "unitId": unit, "temperature": 3, "recordedAt": crate::edge::ago(0) });
    world.api.ingest(json!([again])).await;
    let over = until_mail(world, ANNA, "ver", 1).await;
    assert_eq!(over.header("References").unwrap(), thread, "{:?}", over.subject());
    let over = page(world, Method::POST, &path, "").await;
    assert!(over.contains("Over since") && over.contains("Anna"), "{over}");
    assert_eq!(world.settled().await["balance"], 0);
}

pub(super) async fn links_that_are_not_good_are_all_alike(world: &World) {
    let anna = mailed(world, "Anna", ANNA).await;
    policy(world, &anna, "critical").await;
    let unit = world.hot_unit("Walk-in 1").await;
    let mail = until_mail(world, ANNA, "Walk-in 1", 1).await;
    let (good, end) = (link(&mail, "acknowledge"), link(&mail, "unsubscribe"));
    let (stem, token) = good.rsplit_once('/').unwrap();
    let of_other_deed = end.rsplit('/').next().unwrap();
    let letter = if token.as_bytes()[40] == b'A' { "B" } else { "A" };
    let keys = world.link_keys().await;
    let now = now();
    let nobodys = keys.sign(LinkDeed::Acknowledge, Uuid::now_v7(), ANNA, now);
    let strangers = LinkKeys::derive(b"guessed", &[]);
    let forged = strangers.sign(LinkDeed::Acknowledge, Uuid::now_v7(), ANNA, now);
    let tampered = format!("{}{letter}{}", &token[..40], &token[41..]);
    let bad = ["x", "%00", of_other_deed, &nobodys, &forged, &tampered];
    let mut seen = None;
    for token in bad {
        for method in [Method::GET, Method::POST] {
            let answer = ask(world, method, &format!("{stem}/{token}"), "").await;
            assert_eq!(answer.status, 404, "{token}: {}", answer.body);
            let first = seen.get_or_insert_with(|| answer.body.clone());
            assert_eq!(*first, answer.body, "{token}");
        }
    }
    // one that is over says so, and does nothing
    let line = line_of(world, &anna).await;
    let line: Uuid = line["id"].as_str().unwrap().parse().unwrap();
    let hours_ago = |hours: i64| now.plus_millis(-hours * 3_600_000);
    let over = keys.sign(LinkDeed::Acknowledge, line, ANNA, hours_ago(72));
    let answer = ask(world, Method::POST, &format!("{stem}/{over}"), "").await;
    assert_eq!(answer.status, 410, "{}", answer.body);
    let young = keys.sign(LinkDeed::Acknowledge, line, ANNA, hours_ago(71));
    page(world, Method::GET, &format!("{stem}/{young}"), "").await;
    assert_eq!(alert_of(world, &unit).await["status"], "active");

    // an address that is not theirs any more acknowledges and ends nothing
    let path = format!("/api/v1/contacts/{anna}");
    let edit = world.api.request(Method::PATCH, &path).header("If-Match", "*");
    let edit = edit.json(&json!({ "email": "other@example.org" }));
    world.api.send(edit).await.unwrap().expect(200);
    for path in [&good, &end] {
        let body = "List-Unsubscribe=One-Click";
        let answer = ask(world, Method::POST, path, body).await;
        assert_eq!((answer.status.as_u16(), Some(answer.body)), (404, seen.clone()));
    }
    assert_eq!(alert_of(world, &unit).await["status"], "active");

    // whoever tries many has to wait, and a good one is answered all the same
    let mut statuses = Vec::new();
    for _ in 0..70 {
        statuses.push(ask(world, Method::GET, &format!("{stem}/x"), "").await.status.as_u16());
    }
    assert!(statuses.ends_with(&[429]), "{statuses:?}");
    page(
        world,
        Method::GET,
        &format!("{stem}/{}", { keys.sign(LinkDeed::Acknowledge, line, "other@example.org", now) }),
        "",
    )
    .await;
}

/// Each round has a link of its own: a warning's does not acknowledge the alarm, and an alarm's not what came after its
/// acknowledgement.
pub(super) async fn a_link_is_good_for_the_round_that_it_told_of(world: &World) {
    let anna = mailed(world, "Anna", ANNA).await;
    policy(world, &anna, "warning").await;
    let site = world.api.create_site("Kitchen").await;
    let unit = json!({ "siteId": site, "name": "Walk-in 1", "preset": "us.cold.reachin" });
    let unit = id(&world.api.create("/api/v1/units", unit).await);
    world.api.set_unit_rule(&unit, json!({ "ackTimeoutSecs": 60 })).await;
    // it is an alarm once what may still stream in had a minute for it
    let reading =
        json!({ "unitId": unit, "temperature": 14, "recordedAt": crate::edge::ago(1_500) });
    world.api.ingest(json!([reading])).await;
    let warned =
        link(&until_mail(world, ANNA, "WARNING: Walk-in 1 too warm", 1).await, "acknowledge");
    assert!(page(world, Method::GET, &warned, "").await.contains("<form"));
    let alarmed =
        link(&until_mail(world, ANNA, "ALARM: Walk-in 1 too warm", 1).await, "acknowledge");
    let shown = page(world, Method::POST, &warned, "").await;
    assert!(shown.contains("told anew") && !shown.contains("<form"), "{shown}");
    assert_eq!(alert_of(world, &unit).await["status"], "active");
    let done = page(world, Method::POST, &alarmed, "").await;
    assert!(done.contains(">Acknowledged</h1>"), "{done}");

    let again = until_mail(world, ANNA, "STILL OPEN: Walk-in 1 too warm", 1).await;
    let shown = page(world, Method::POST, &alarmed, "").await;
    assert!(shown.contains("told anew") && !shown.contains(">Acknowledged</h1>"), "{shown}");
    assert_eq!(audited(world, "alert.acknowledged").await.len(), 1);
    let done = page(world, Method::POST, &link(&again, "acknowledge"), "").await;
    assert!(done.contains(">Acknowledged</h1>"), "{done}");
    assert_eq!(audited(world, "alert.acknowledged").await.len(), 2);
}

pub(super) async fn one_click_ends_mails_and_alarms_find_another_way(world: &World) {
    let anna = mailed(world, "Anna", ANNA).await;
    policy(world, &anna, "critical").await;
    world.hot_unit("Walk-in 1").await;
    let mail = until_mail(world, ANNA, "Walk-in 1", 1).await;
    let path = link(&mail, "unsubscribe");
    let header = mail.header("List-Unsubscribe").unwrap();
    assert!(header.starts_with('<') && header.contains(&path), "{header}");
    assert_eq!(mail.header("List-Unsubscribe-Post").unwrap(), "List-Unsubscribe=One-Click");
    let contact = format!("/api/v1/contacts/{anna}");
    for (method, body) in [(Method::GET, ""), (Method::POST, ""), (Method::POST, "x=y")] {
        let shown = page(world, method, &path, body).await;
        assert!(shown.contains("One-Click"), "{shown}");
        assert_eq!(world.api.read(&contact).await["emailOptedOutAt"], Value::Null);
    }
    for _ in 0..2 {
        let ended = page(world, Method::POST, &path, "List-Unsubscribe=One-Click").await;
        assert!(ended.contains("You get no more mails"), "{ended}");
    }
    assert!(world.api.read(&contact).await["emailOptedOutAt"].is_string());
    assert_eq!(audited(world, "contact.unsubscribed").await.len(), 1, "a repetition is none");

    // the next alarm says why she is not told, and goes to the owners, since nobody else is left
    world.mail.forget();
    world.hot_unit("Walk-in 2").await;
    let to_owner = until_mail(world, &world.owner, "Walk-in 2", 1).await;
    assert!(to_owner.header("List-Unsubscribe").is_none(), "owners are the last to be told");
    let line = line_of(world, &anna).await;
    assert_eq!((&line["state"], &line["reasonCode"]), (&json!("suppressed"), &json!("opted_out")));
    assert!(line["reason"].as_str().unwrap().contains("unsubscribed"), "{line}");
    assert!(world.mail.messages().iter().all(|mail| mail.to != [ANNA]));
    // a member acknowledges by a link, too, by name
    page(world, Method::POST, &link(&to_owner, "acknowledge"), "").await;
    let entries = audited(world, "alert.acknowledged").await;
    assert_eq!(entries[0]["actor"]["kind"], "user", "{}", entries[0]);

    let back = page(world, Method::POST, &path, "Resubscribe=yes").await;
    assert!(back.contains("One-Click"), "{back}");
    assert_eq!(world.api.read(&contact).await["emailOptedOutAt"], Value::Null);
    world.hot_unit("Walk-in 3").await;
    until_mail(world, ANNA, "Walk-in 3", 1).await;
}

/// Whoever says who is told cannot fall silent by a click, and what is asked for one by one has no such link.
pub(super) async fn owners_and_tests_have_no_link_that_ends_mails(world: &World) {
    let me = world.api.read("/api/v1/me").await["user"]["id"].clone();
    let asked = json!({ "name": "Boss", "email": "boss@example.org", "userId": me });
    let boss = id(&world.api.create("/api/v1/contacts", asked).await);
    policy(world, &boss, "critical").await;
    world.hot_unit("Walk-in 1").await;
    let mail = until_mail(world, "boss@example.org", "Walk-in 1", 1).await;
    assert!(
        mail.header("List-Unsubscribe").is_none() && !mail.text().unwrap().contains("unsubscribe")
    );
    let keys = world.link_keys().await;
    let token = keys.sign(LinkDeed::Unsubscribe, boss.parse().unwrap(), "boss@example.org", now());
    let path = format!("/api/mail/unsubscribe/{token}");
    let shown = page(world, Method::POST, &path, "List-Unsubscribe=One-Click").await;
    assert!(shown.contains("This link changes nothing"), "{shown}");
    let contact = world.api.read(&format!("/api/v1/contacts/{boss}")).await;
    assert_eq!(contact["emailOptedOutAt"], Value::Null);

    let anna = mailed(world, "Anna", ANNA).await;
    let asked = json!({ "channel": "email" });
    world.api.post(&format!("/api/v1/contacts/{anna}/test-message"), &asked).await.expect(202);
    let mail = until_mail(world, ANNA, "est", 1).await;
    assert!(mail.header("List-Unsubscribe").is_none());
    let shown = page(world, Method::POST, &link(&mail, "acknowledge"), "").await;
    assert!(shown.contains("This was a test"), "{shown}");
}

/// The line of the newest alarm to a contact.
async fn line_of(world: &World, contact: &str) -> Value {
    let path = format!("/api/v1/notifications/ledger?contactId={contact}&channel=email");
    let lines = world.api.list(&path).await.into_iter();
    let mut of_alarms = lines.filter(|line| line["stage"] == "critical+0");
    of_alarms.next().expect("a line of the alarm")
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}
