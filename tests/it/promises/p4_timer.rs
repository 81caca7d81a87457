//! P4: a confirmed alarm needs no second reading: the unit's own timer raises it, after a restart too.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{BACKENDS, SOON, Story, ago, reading, text};

const QUICK: &str = r#"{ "confirmHighShutSecs": 3, "backlogSettleSecs": 1 }"#;

fn quick() -> Value {
    serde_json::from_str(QUICK).expect("this is JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timer_confirms_without_a_second_reading() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", quick()).await;
        let at = ago(0);
        story.api.ingest(json!([reading(&unit, at, 9.0)])).await;
        assert_eq!(story.api.live(&unit).await["status"], "excursion");
        story.api.wait_for_status(&unit, "alarm_active", SOON).await;
        let alerts = story.alerts(&unit, "temperature_high").await;
        assert_eq!(alerts.len(), 1, "{backend:?}");
        assert_eq!(alerts[0]["confirmedAt"], json!(text(at + TimeDelta::seconds(3))));
        assert_eq!(story.events(&alerts[0]).await, ["opened", "confirmed"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timer_confirms_though_the_hub_was_killed_meanwhile() {
    for backend in BACKENDS {
        let mut story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", quick()).await;
        let at = ago(0);
        story.api.ingest(json!([reading(&unit, at, 9.0)])).await;
        story.hub.kill9();
        tokio::time::sleep(Duration::from_secs(4)).await; // it falls due while nobody looks
        story.hub.restart().await.expect("the hub starts again");
        let alerts = story
            .wait_for_alerts(&unit, "temperature_high", SOON, |alerts| {
                !alerts[0]["confirmedAt"].is_null()
            })
            .await;
        assert_eq!(alerts.len(), 1, "{backend:?}");
        assert_eq!(alerts[0]["confirmedAt"], json!(text(at + TimeDelta::seconds(3))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_that_keep_coming_do_not_put_the_alarm_off() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        let began = ago(20 * 60);
        for step in 0..40 {
            let at = began + TimeDelta::seconds(step * 20);
            story.api.ingest(json!([reading(&unit, at, 9.0)])).await;
        }
        let alerts = story.alerts(&unit, "temperature_high").await;
        assert_eq!(alerts.len(), 1, "{backend:?}");
        assert_eq!(alerts[0]["confirmedAt"], json!(text(began + TimeDelta::seconds(600))));
    }
}
