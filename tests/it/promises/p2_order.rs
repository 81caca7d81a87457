//! P2: every reading is judged, in the order of its own time, each batch reading by reading.

use serde_json::{Value, json};

use super::{BACKENDS, SOON, Story, ago, assert_counts, minutes, reading, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_spike_inside_a_batch_is_an_alarm() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Prep table", json!({ "highLimit": 5 })).await;
        let began = ago(45 * 60);
        let fahrenheit = [(0, 36), (13, 60), (27, 60), (40, 36)];
        let batch: Vec<Value> = fahrenheit
            .into_iter()
            .map(|(minute, degrees)| {
                let at = text(began + minutes(minute));
                json!({ "unitId": unit, "temperature": degrees, "temperatureUnit": "F", "recordedAt": at })
            })
            .collect();
        assert_counts(&story.api.ingest(json!(batch)).await, 4, 0, 0);
        let alerts = story.alerts(&unit, "temperature_high").await;
        assert_eq!(alerts.len(), 1, "{backend:?}: {alerts:#?}");
        assert_eq!(alerts[0]["openedAt"], json!(text(began + minutes(13))));
        assert_eq!(alerts[0]["confirmedAt"], json!(text(began + minutes(23))));
        assert_eq!(alerts[0]["severity"], "critical");
        assert_eq!(story.api.live(&unit).await["thermal"], "restoring");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_old_hot_reading_after_a_good_one_moves_nothing() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        assert_counts(&story.api.ingest(json!([reading(&unit, ago(30), 3.0)])).await, 1, 0, 0);
        let before = story.api.wait_for_status(&unit, "ok", SOON).await;
        assert_counts(&story.api.ingest(json!([reading(&unit, ago(3600), 30.0)])).await, 1, 1, 0);
        let after = story.api.live(&unit).await;
        assert_eq!(after["status"], "ok", "{backend:?}");
        assert_eq!(after["temperature"], before["temperature"]);
        assert!(story.alerts(&unit, "temperature_high").await.is_empty());
        let stored = story.readings(&unit).await;
        assert_eq!(stored.len(), 2);
        assert_eq!((&stored[0]["late"], &stored[1]["late"]), (&json!(true), &json!(false)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hot_at_0_and_good_at_25_minutes_is_an_alarm_in_one_batch_and_one_by_one() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let together = story.unit("Together", json!({})).await;
        let apart = story.unit("Apart", json!({})).await;
        let began = ago(26 * 60);
        let of = |unit: &str| [reading(unit, began, 9.0), reading(unit, began + minutes(25), 3.0)];
        story.api.ingest(json!(of(&together))).await;
        for reading in of(&apart) {
            story.api.ingest(json!([reading])).await;
        }
        for unit in [together, apart] {
            let alerts = story.alerts(&unit, "temperature_high").await;
            assert_eq!(alerts.len(), 1, "{backend:?}");
            assert_eq!(alerts[0]["openedAt"], json!(text(began)));
            assert_eq!(alerts[0]["confirmedAt"], json!(text(began + minutes(10))));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_yesterday_streaming_in_row_by_row_is_judged_by_its_own_time() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        let began = ago(24 * 3600);
        // 5 min too warm at a time, twice: never long enough to confirm
        let celsius = [3.0, 3.0, 9.0, 3.0, 3.0, 3.0, 9.0, 3.0, 3.0, 3.0];
        for (row, celsius) in celsius.into_iter().enumerate() {
            let at = began + minutes(5 * i64::try_from(row).expect("few rows"));
            assert_counts(&story.api.ingest(json!([reading(&unit, at, celsius)])).await, 1, 0, 0);
        }
        let alerts = story.alerts(&unit, "temperature_high").await;
        assert_eq!(alerts.len(), 2, "{backend:?}: {alerts:#?}");
        for alert in &alerts {
            assert_eq!(story.events(alert).await, ["opened", "resolved"]);
        }
        // the sensor is silent today, and that is one interruption, not one for each row
        let interruptions = story.alerts(&unit, "monitoring_interrupted").await;
        assert_eq!(interruptions.len(), 1, "{interruptions:#?}");
        assert_ne!(story.api.live(&unit).await["status"], "ok");
    }
}
