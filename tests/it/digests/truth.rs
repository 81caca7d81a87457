//! What a digest says, held against the histories that the hub itself shows, and who gets none.

use chrono::{DateTime, TimeDelta, Utc};
use hub_testkit::api::id;
use serde_json::{Value, json};

use super::world::{World, just_now};

/// Limits of 0 and 5 °C for all there is.
async fn limits(world: &World) {
    let rule = json!({ "scope": "organization", "rule": { "lowLimit": 0, "highLimit": 5 } });
    world.api.create("/api/v1/alert-rules", rule).await;
}

fn instant(value: &Value) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap().to_utc()
}

/// Seconds inside, outside and unknown of a unit, from its history as it is shown to people.
async fn seconds(world: &World, unit: &str, from: DateTime<Utc>, to: DateTime<Utc>) -> [i64; 3] {
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let path = format!("/api/v1/units/{unit}/history?from={}&to={}", text(from), text(to));
    let mut millis = [0; 3];
    for interval in world.api.list(&path).await {
        let begin = instant(&interval["from"]).max(from);
        let end = interval["to"].as_str().map_or(to, |_| instant(&interval["to"])).min(to);
        let pile = match interval["status"].as_str().unwrap() {
            "ok" | "restoring" | "manual_required" => 0,
            "excursion" | "alarm_active" => 1,
            _ => 2,
        };
        millis[pile] += (end - begin).num_milliseconds();
    }
    millis.map(|millis| millis / 1_000)
}

/// `3 h 12 min`.
fn duration(secs: i64) -> String {
    match (secs / 3_600, secs / 60 % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// A unit that was not heard at first, then well, then too warm, then well again; one beside it that nobody ever heard;
/// one elsewhere. The digest is of the first site alone.
pub(super) async fn a_digest_tells_what_was_and_once(world: &mut World) {
    limits(world).await;
    let (to, hours) = (just_now(), |hours: i64| TimeDelta::hours(hours));
    let site = world.api.create_site("Quay").await;
    let other = world.api.create_site("Elsewhere").await;
    let unit = world.api.create_unit(&site, "Walk-in 1").await;
    let silent = world.api.create_unit(&site, "Walk-in 2").await;
    let far = world.api.create_unit(&other, "Far away").await;
    for unit in [&unit, &silent, &far] {
        world.there_since(unit, to - hours(6)).await;
    }
    let parts = [(to - hours(4), 3.0), (to - hours(3), 9.0), (to - hours(2), 3.0)];
    world.readings(&unit, &parts, to).await;
    let anna = world.contact("Anna", "anna@example.org").await;
    let chosen = json!({ "contactId": anna, "siteIds": [site] });
    let digest = world.daily(to, chosen).await;
    let from = to - hours(5);
    world.wanted_since(&digest, from).await;

    let mails = world.mail.until_messages(1).await;
    let text = mails[0].text().unwrap();
    assert_eq!(mails[0].to, ["anna@example.org"]);
    let [inside, outside, unknown] = seconds(world, &unit, from, to).await;
    assert_eq!(inside + outside + unknown, 5 * 3_600);
    assert!(outside >= 3_600 && unknown >= 3_600, "{outside} {unknown}");
    assert_eq!(seconds(world, &silent, from, to).await, [0, 0, 5 * 3_600]);
    let all = inside + outside + unknown + 5 * 3_600;
    let per_mille = inside * 1_000 / all;
    let says = format!(
        "Quay\n  In range {}.{} %, out of range {}, no data {}\n",
        per_mille / 10,
        per_mille % 10,
        duration(outside),
        duration(unknown + 5 * 3_600)
    );
    let text = text.replace("\r\n", "\n");
    assert!(text.contains(&says), "{says}\nis not in\n{text}");
    let alerts = world.api.list(&format!("/api/v1/alerts?siteId={site}")).await;
    let opened = alerts.iter().map(|alert| instant(&alert["openedAt"]));
    let opened = opened.filter(|at| (from..to).contains(at)).count();
    assert!(opened >= 1);
    assert!(text.contains(&format!("Alerts: {opened}. Manual logs missed: 0.")), "{text}");
    assert!(text.contains("! Walk-in 2: no data\n"), "{text}");
    assert!(!text.contains("Elsewhere") && !text.contains("Far away"), "{text}");

    assert_eq!(world.mails_at_last().await, 1);
    let lines = world.until_settled(1).await;
    assert_eq!((&lines[0]["state"], &lines[0]["channel"]), (&json!("sent"), &json!("email")));
    assert_eq!(lines[0]["recipient"]["id"], anna);
    let after = world.api.read(&format!("/api/v1/digests/{digest}")).await;
    assert_eq!(instant(&after["toldUntil"]), to);
    assert_eq!(instant(&after["nextAt"]), to + TimeDelta::days(1));
    assert_eq!(after["version"], 1, "a digest is no edit");
}

pub(super) async fn who_is_not_told_has_a_line_that_says_why(world: &mut World) {
    limits(world).await;
    let to = just_now();
    let site = world.api.create_site("Quay").await;
    let empty = world.api.create_site("Empty").await;
    let unit = world.api.create_unit(&site, "Walk-in 1").await;
    world.there_since(&unit, to - TimeDelta::hours(3)).await;
    world.readings(&unit, &[(to - TimeDelta::hours(2), 3.0)], Utc::now()).await;
    let gone = world.contact("Gone", "gone@example.org").await;
    let cases = [
        ("nothing_to_say", json!({ "onlyIfNeeded": true })),
        ("no_units", json!({ "siteIds": [empty] })),
        ("gone", json!({ "contactId": gone })),
        ("digest", json!({})),
    ];
    let mut digests = Vec::new();
    for (_, asked) in &cases {
        digests.push(world.daily(to, asked.clone()).await);
    }
    let path = format!("/api/v1/contacts/{gone}");
    let delete = world.api.request(reqwest::Method::DELETE, &path);
    world.api.send(delete).await.unwrap().expect(204);
    for digest in &digests {
        world.wanted_since(digest, to - TimeDelta::hours(1)).await;
    }
    let lines = world.until_settled(4).await;
    for (reason, _) in &cases {
        let line = lines.iter().find(|line| line["reasonCode"] == *reason);
        let line = line.unwrap_or_else(|| panic!("no line of {reason}: {lines:#?}"));
        let state = if *reason == "digest" { "sent" } else { "suppressed" };
        assert_eq!(line["state"], state, "{line}");
        assert!(line["reason"].as_str().unwrap().len() > 10, "{line}");
    }
    assert_eq!(world.mails_at_last().await, 1);
    let mails = world.mail.messages();
    assert_eq!(mails[0].to, [&*world.made.email], "a member's own goes to their address");
    assert!(mails[0].text().unwrap().contains("In range 100.0 %"));
    // each was of its day, and the day is used up
    for digest in digests {
        world.wanted_since(&digest, to - TimeDelta::hours(1)).await;
    }
    assert_eq!(world.mails_at_last().await, 1);
    let listed = world.api.list("/api/v1/digests").await;
    assert_eq!(listed.iter().map(id).count(), 4);
}
