//! The hub itself was away: what it then finds silent is no news of the sensors.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{SOON, World};

const ANNA: &str = "+13125550101";
const UNITS: usize = 6;

async fn silences(world: &World) -> Vec<Value> {
    world.api.list("/api/v1/alerts?status=open&kind=monitoring_interrupted").await
}

/// Nobody is told of silences in the first ten minutes, and what is left then is one message an organization.
pub(super) async fn what_is_silent_after_the_hub_was_away_is_told_once_and_not_at_once(
    world: &mut World,
) {
    let anna = world.contact("Anna", ANNA, "anna@example.org").await;
    let policy = json!({
        "name": "Anna", "scope": "organization", "kinds": ["monitoring_interrupted"], "minSeverity": "warning",
        "steps": [{ "afterMinutes": 0, "contactIds": [anna], "channels": ["sms"] }],
    });
    world.api.create("/api/v1/notification-policies", policy).await;
    let mut units = Vec::new();
    for number in 0..UNITS {
        let site = world.api.create_site(&format!("Kitchen {}", number / 2)).await;
        let unit = world.api.create_unit(&site, &format!("Freezer {number}")).await;
        let rule = json!({
            "expectedIntervalSecs": 5, "lateMisses": 2, "offlineMisses": 3, "offlineMinSecs": 0, "linkGraceSecs": 0,
        });
        world.api.set_unit_rule(&unit, rule).await;
        units.push(unit);
    }
    let heard = |unit: &String| json!({ "unitId": unit, "temperature": -20, "recordedAt": crate::edge::ago(0) });
    world.api.ingest(json!(units.iter().map(heard).collect::<Vec<_>>())).await;
    let before = silences(world).await.len();
    world.hub.kill9();
    assert_eq!(before, 0, "all were heard");
    tokio::time::sleep(Duration::from_secs(16)).await;
    let rows = world.rows().await;
    // the hub was away for as long as the sensors were not heard, and two hours more
    rows.run("UPDATE hub_presence SET beat_at = beat_at - 7200000").await.unwrap();
    rows.close().await;
    world.hub.restart().await.unwrap();

    let begun = std::time::Instant::now();
    while silences(world).await.len() < UNITS {
        assert!(begun.elapsed() < SOON, "{:#?}", silences(world).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // silences are gathered for a minute otherwise
    tokio::time::sleep(Duration::from_secs(65)).await;
    assert_eq!(world.sms_to(ANNA).await.len(), 1, "the number of her phone, and nothing else");
    world.api.ingest(json!([heard(&units[0])])).await; // and it reports again

    // ten minutes, without waiting for them
    let rows = world.rows().await;
    let ago = "UPDATE hub_presence SET back_at = back_at - 545000";
    rows.run(ago).await.unwrap();
    rows.run("UPDATE alert_plans SET due_at = due_at - 545000 WHERE due_at IS NOT NULL")
        .await
        .unwrap();
    rows.close().await;
    let text = world.until_sms(ANNA, 2).await;
    assert!(text.contains(&format!("{}", UNITS - 1)), "{text}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.sms_to(ANNA).await.len(), 2, "one message for the organization");
    assert_eq!(world.settled().await["balance"], 0);
}
