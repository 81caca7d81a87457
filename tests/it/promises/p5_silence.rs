//! P5: silence is never "ok": a quiet sensor is late, then offline, and what was alarmed stays alarmed.

use serde_json::{Value, json};

use super::{BACKENDS, SOON, Story, ago, assert_counts, minutes, reading};

/// A sensor expected each second: late after 2 s, offline after 4 s.
fn talkative() -> Value {
    json!({
        "expectedIntervalSecs": 1, "lateMisses": 2, "offlineMisses": 4, "offlineMinSecs": 0, "linkGraceSecs": 0,
        "confirmHighShutSecs": 1, "backlogSettleSecs": 0,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_sensor_is_late_then_offline_and_never_ok() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", talkative()).await;
        assert_eq!(
            story.api.live(&unit).await["status"],
            "monitoring_interrupted",
            "nobody was heard yet"
        );
        story.api.ingest(json!([reading(&unit, ago(0), 3.0)])).await;
        assert_eq!(story.api.live(&unit).await["status"], "ok");
        story.api.wait_for_status(&unit, "late", SOON).await;
        story.api.wait_for_status(&unit, "monitoring_interrupted", SOON).await;
        let alerts = story.alerts(&unit, "monitoring_interrupted").await;
        assert_eq!(alerts.len(), 1, "{backend:?}");
        assert_eq!(story.events(&alerts[0]).await, ["opened", "escalated"]);
        story.api.ingest(json!([reading(&unit, ago(0), 3.0)])).await;
        let alerts = story.alerts(&unit, "monitoring_interrupted").await;
        assert_eq!(alerts[0]["status"], "resolved");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_that_falls_silent_during_an_alarm_leaves_the_alarm() {
    for backend in BACKENDS {
        let mut story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", talkative()).await;
        story.api.ingest(json!([reading(&unit, ago(0), 9.0)])).await;
        story.api.wait_for_status(&unit, "alarm_active", SOON).await;
        story
            .wait_for_alerts(&unit, "monitoring_interrupted", SOON, |alerts| {
                alerts.first().is_some_and(|alert| alert["severity"] == "critical")
            })
            .await;
        assert_eq!(story.api.live(&unit).await["status"], "alarm_active", "{backend:?}");
        story.hub.kill9();
        story.hub.restart().await.expect("the hub starts again");
        let live = story.api.live(&unit).await;
        assert_eq!((&live["status"], &live["link"]), (&json!("alarm_active"), &json!("offline")));
        assert_eq!(story.alerts(&unit, "temperature_high").await[0]["status"], "active");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_sensors_on_one_unit_the_slower_one_is_not_late() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        let fast = story.api.create_device(&unit, "fast", None).await;
        let slow = story.api.create_device(&unit, "slow", None).await;
        let began = ago(3600);
        let of = |device: &str, minute: i64, celsius: f64| {
            let mut reading = reading(&unit, began + minutes(minute), celsius);
            reading["deviceId"] = json!(device);
            reading
        };
        let quick: Vec<Value> = (0..12).map(|i| of(&fast, 5 * i, 3.0)).collect();
        assert_counts(&story.api.ingest(json!(quick)).await, 12, 0, 0);
        // the slower sensor's radio delivers its own hour afterwards, too warm for 20 min
        let later = [of(&slow, 0, 3.0), of(&slow, 20, 9.0), of(&slow, 40, 9.0)];
        assert_counts(&story.api.ingest(json!(later)).await, 3, 0, 0);
        let live = story.api.live(&unit).await;
        assert_eq!(
            live["thermal"], "alarm_active",
            "{backend:?}: the unit shows the worst of its points"
        );
        assert_eq!(story.alerts(&unit, "temperature_high").await.len(), 1);
    }
}
