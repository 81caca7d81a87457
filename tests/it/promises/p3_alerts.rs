//! P3: one open alert per unit and kind, and none lost.

use std::{collections::HashMap, time::Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{BACKENDS, Backend, Story, ago, minutes, reading, text};

async fn units(story: &Story, count: usize) -> Vec<String> {
    let rule = json!({ "scope": "organization", "rule": { "lowLimit": 0, "highLimit": 5 } });
    let answer = story.api.post("/api/v1/alert-rules", &rule).await;
    assert!(answer.status.is_success(), "{}", answer.body);
    let names = (0..count).map(|i| format!("Unit {i}"));
    let made = names.map(|name| async move { story.api.create_unit(&story.site, &name).await });
    stream::iter(made).buffer_unordered(8).collect().await
}

/// Every unit hot in the same second: in batches of 500 from four clients.
async fn power_cut(backend: Backend, count: usize) {
    let story = Story::begin(backend).await;
    let units = units(&story, count).await;
    let at = ago(1);
    let batches: Vec<Value> = units
        .chunks(500)
        .map(|units| units.iter().map(|unit| reading(unit, at, 12.0)).collect())
        .collect();
    let began = Instant::now();
    let sent = batches.iter().map(|batch| story.api.ingest(batch.clone()));
    let answers: Vec<Value> = stream::iter(sent).buffer_unordered(4).collect().await;
    let took = began.elapsed();
    let accepted: u64 = answers.iter().filter_map(|answer| answer["accepted"].as_u64()).sum();
    assert_eq!(accepted, count as u64, "{backend:?}");
    let alerts = story.api.list("/api/v1/alerts?status=open&kind=temperature_high").await;
    let mut by_unit: HashMap<&str, usize> = HashMap::new();
    alerts.iter().for_each(|alert| {
        *by_unit.entry(alert["unitId"].as_str().expect("an alert has a unit")).or_default() += 1
    });
    assert_eq!(by_unit.len(), count, "{backend:?}: every unit has its alert");
    assert!(by_unit.values().all(|alerts| *alerts == 1), "{backend:?}: no unit has two");
    eprintln!("{count} units hot at once on {backend:?}: durable in {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_units_hot_at_once_are_two_hundred_alerts() {
    for backend in BACKENDS {
        power_cut(backend, 200).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_units_hot_at_once_are_ten_thousand_alerts_on_sqlite() {
    power_cut(Backend::Sqlite, 10_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_units_hot_at_once_are_ten_thousand_alerts_on_postgres() {
    power_cut(Backend::Postgres, 10_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_share_units_in_different_order_all_get_through() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let units = units(&story, 40).await;
        let client = |client: usize| {
            let (story, mut units) = (&story, units.clone());
            async move {
                units.rotate_left(client * 5);
                if client % 2 == 1 {
                    units.reverse();
                }
                for round in 0..10_i64 {
                    let source = format!("logger-{client}");
                    let batch: Vec<Value> = units
                        .iter()
                        .map(|unit| {
                            let mut reading = reading(unit, ago(600 - 30 * round), 3.0);
                            reading["source"] = json!(source);
                            reading
                        })
                        .collect();
                    let answer = story.api.ingest(json!(batch)).await;
                    assert_eq!(answer["accepted"], 40);
                }
            }
        };
        futures_util::future::join_all((0..8).map(client)).await;
        assert_eq!(story.readings(&units[0]).await.len(), 80, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relapse_keeps_its_alert_and_a_second_incident_opens_another() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        let began = ago(3 * 3600);
        let celsius = [
            (0, 9.0),
            (12, 9.0), // an alarm
            (15, 3.0),
            (20, 9.0),
            (32, 9.0), // a relapse before it is over, and an alarm again
            (35, 3.0),
            (40, 3.0), // over
            (60, 9.0),
            (72, 9.0),
            (75, 3.0),
            (80, 3.0), // a second incident
        ];
        for (minute, celsius) in celsius {
            story.api.ingest(json!([reading(&unit, began + minutes(minute), celsius)])).await;
        }
        let alerts = story.alerts(&unit, "temperature_high").await;
        assert_eq!(alerts.len(), 2, "{backend:?}");
        let (second, first) = (&alerts[0], &alerts[1]);
        assert_eq!(story.events(first).await, ["opened", "confirmed", "confirmed", "resolved"]);
        assert_eq!(story.events(second).await, ["opened", "confirmed", "resolved"]);
        assert_eq!(first["resolvedAt"], json!(text(began + minutes(40))));
        assert_eq!(second["openedAt"], json!(text(began + minutes(60))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swing_ends_the_one_alert_and_opens_the_other() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        let began = ago(2 * 3600);
        for (minute, celsius) in [(0, 9.0), (5, 9.0), (10, -3.0), (15, -3.0), (22, -3.0)] {
            story.api.ingest(json!([reading(&unit, began + minutes(minute), celsius)])).await;
        }
        let (high, low) = (
            story.alerts(&unit, "temperature_high").await,
            story.alerts(&unit, "temperature_low").await,
        );
        assert_eq!((high.len(), low.len()), (1, 1), "{backend:?}");
        assert_eq!(high[0]["status"], "resolved");
        assert_eq!(low[0]["status"], "active");
        assert_eq!(low[0]["confirmedAt"], json!(text(began + minutes(20))));
        assert_eq!(story.api.live(&unit).await["status"], "alarm_active");
    }
}
