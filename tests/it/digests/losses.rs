//! Never twice, never lost.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;

use super::world::{World, just_now};

/// How long a job of a process that was killed may take to be taken over, and its message to be sent.
const AFTER_A_KILL: Duration = Duration::from_secs(120);

async fn a_unit(world: &World) {
    let site = world.api.create_site("Quay").await;
    world.api.create_unit(&site, "Walk-in 1").await;
}

pub(super) async fn of_many_workers_one_tells(world: &mut World) {
    a_unit(world).await;
    let _workers = [world.worker(), world.worker()];
    tokio::time::sleep(Duration::from_secs(2)).await; // until they look, too
    let to = just_now();
    let mut digests = Vec::new();
    for reader in 0..8 {
        let email = format!("reader{reader}@example.org");
        let contact = world.contact("Reader", &email).await;
        digests.push(world.daily(to, json!({ "contactId": contact })).await);
    }
    for digest in &digests {
        world.wanted_since(digest, to - TimeDelta::hours(1)).await;
    }
    world.mail.until_messages(8).await;
    assert_eq!(world.mails_at_last().await, 8);
    let mut told: Vec<String> =
        world.mail.messages().into_iter().flat_map(|mail| mail.to).collect();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 8, "each reader once: {told:?}");
    world.until_settled(8).await;
    assert_eq!(world.digests().await, ["told"; 8]);
}

/// Killed while its message waits for a mail server that is away; and killed as soon as the digest is begun, whatever
/// came of it by then.
pub(super) async fn a_hub_that_is_killed_on_the_way_tells_once(world: &mut World) {
    a_unit(world).await;
    let to = just_now();
    for (round, is_tried) in [true, false].into_iter().enumerate() {
        let digest = world.daily(to, json!({})).await;
        world.mail.go_away(); // so that no message is gone before the hub is
        world.wanted_since(&digest, to - TimeDelta::hours(1)).await;
        let refused = "SELECT state FROM delivery_attempts WHERE state = 'refused'";
        let begun = std::time::Instant::now();
        while world.digests().await.len() <= round
            || is_tried && world.rows.texts(refused).await.unwrap().is_empty()
        {
            assert!(begun.elapsed() < AFTER_A_KILL, "{:#?}", world.lines().await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.hub.kill9();
        world.mail.come_back();
        world.hub.restart().await.unwrap();
        let begun = std::time::Instant::now();
        while world.mail.messages().len() <= round {
            assert!(begun.elapsed() < AFTER_A_KILL, "{:#?}", world.lines().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(world.mails_at_last().await, round + 1);
        let lines = world.until_settled(round + 1).await;
        assert!(lines.iter().all(|line| line["state"] == "sent"), "{lines:#?}");
    }
    assert_eq!(world.digests().await, ["told"; 2]);
}

pub(super) async fn the_days_of_an_absence_are_made_up_by_one(world: &mut World) {
    a_unit(world).await;
    let to = just_now();
    let digest = world.daily(to, json!({})).await;
    world.hub.kill9();
    let since = to - TimeDelta::days(3);
    world.wanted_since(&digest, since).await;
    world.hub.restart().await.unwrap();
    let mails = world.mail.until_messages(1).await;
    let text = mails[0].text().unwrap();
    for at in [since, to] {
        let at = at.format("%a %-d %b %Y, %H:%M (UTC)").to_string();
        assert!(text.contains(&at), "{at} is not in {text}");
    }
    assert_eq!(world.mails_at_last().await, 1);
    world.until_settled(1).await;
    assert_eq!(world.digests().await, ["told"]);
}
