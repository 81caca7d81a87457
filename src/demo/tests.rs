//! The demo's part of a conversation with a hub, recorded by a remote end that keeps a tree.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::*;

#[derive(Default)]
struct Kept {
    /// Objects by the last part of their path.
    tree: HashMap<String, Vec<Value>>,
    readings: Vec<Value>,
}

type Shared = Arc<Mutex<Kept>>;

async fn list(
    State(kept): State<Shared>,
    Path(kind): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let kept = kept.lock().unwrap();
    let of_site = |item: &&Value| query.get("siteId").is_none_or(|id| item["siteId"] == **id);
    let with_live = |item: &Value| {
        let own = kept.readings.iter().filter(|one| one["unitId"] == item["id"]);
        let newest = own.filter_map(|one| one["recordedAt"].as_str()).max();
        let mut item = item.clone();
        item["live"] = json!({"recordedAt": newest});
        item
    };
    let items = kept.tree.get(&kind).into_iter().flatten().filter(of_site);
    Json(json!({"items": items.map(with_live).collect::<Vec<_>>(), "nextCursor": null}))
}

async fn make(
    State(kept): State<Shared>,
    Path(kind): Path<String>,
    Json(mut body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut kept = kept.lock().unwrap();
    let known = kept.tree.entry(kind.clone()).or_default();
    body["id"] = format!("{kind}-{}", known.len()).into();
    known.push(body.clone());
    (StatusCode::CREATED, Json(body))
}

async fn take(State(kept): State<Shared>, Json(mut body): Json<Value>) -> Json<Value> {
    let Value::Array(readings) = body["readings"].take() else { panic!("no readings") };
    let accepted = readings.len();
    kept.lock().unwrap().readings.extend(readings);
    Json(
        json!({"accepted": accepted, "late": 0, "duplicates": 0, "quarantined": 0, "rejected": []}),
    )
}

async fn remote() -> (String, Shared) {
    let kept = Shared::default();
    let app = Router::new()
        .route("/health/ready", get(async || StatusCode::OK))
        .route("/api/v1/{kind}", get(list).post(make))
        .route("/api/ingest/readings", post(take))
        .with_state(Arc::clone(&kept));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, kept)
}

fn recorded_ms(reading: &Value) -> i64 {
    let text = reading["recordedAt"].as_str().unwrap();
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

/// Runs the demo until a reading measured at or after `since_ms` has come, with a bound on the wait.
async fn drive_until(url: &str, kept: &Shared, since_ms: i64) {
    let live = async {
        loop {
            let came = kept.lock().unwrap().readings.iter().any(|one| recorded_ms(one) > since_ms);
            if came {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        ended = drive(url, "token", "key", 1) => panic!("the demo ended: {ended:?}"),
        () = live => {}
        () = tokio::time::sleep(Duration::from_secs(60)) => panic!("no live reading within a minute"),
    }
}

#[tokio::test]
async fn the_demo_makes_its_units_tells_their_past_and_goes_on_live() {
    let (url, kept) = remote().await;
    let started_ms = Utc::now().timestamp_millis();
    drive_until(&url, &kept, started_ms + 1_500).await;
    let kept = kept.lock().unwrap();
    assert_eq!((kept.tree["sites"].len(), kept.tree["units"].len()), (3, 26));
    let units = &kept.tree["units"];
    assert!(
        units.iter().all(|unit| unit["areaId"].as_str().is_some_and(|id| id.starts_with("areas-")))
    );
    let rule = &kept.tree["alert-rules"][0];
    assert_eq!(
        (&rule["scope"], &rule["rule"]["confirmHighShutSecs"]),
        (&json!("organization"), &json!(20))
    );
    let oldest = kept.readings.iter().map(recorded_ms).min().unwrap();
    assert!((started_ms - HISTORY_MS..started_ms - HISTORY_MS + 20_000).contains(&oldest));
    for unit in units {
        let own = kept.readings.iter().filter(|one| one["unitId"] == unit["id"]).count();
        assert!(own >= 90, "{} has {own} readings", unit["name"]);
    }
}

#[tokio::test]
async fn a_demo_started_again_makes_nothing_twice_and_tells_no_old_reading() {
    let (url, kept) = remote().await;
    let started_ms = Utc::now().timestamp_millis();
    drive_until(&url, &kept, started_ms).await;
    let (units, told, newest) = {
        let kept = kept.lock().unwrap();
        let newest: HashMap<String, i64> =
            kept.readings.iter().map(|one| (one["unitId"].to_string(), recorded_ms(one))).collect();
        (kept.tree["units"].clone(), kept.readings.len(), newest)
    };
    drive_until(&url, &kept, Utc::now().timestamp_millis() + 1_000).await;
    let kept = kept.lock().unwrap();
    assert_eq!(kept.tree["units"], units);
    let again = &kept.readings[told..];
    assert!(!again.is_empty());
    assert!(again.iter().all(|one| recorded_ms(one) > newest[&one["unitId"].to_string()]));
}
