//! A unit that is deleted has no alert open, whatever happens at that moment.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use hub_testkit::{api::Api, wait};
use reqwest::Method;
use serde_json::json;

use super::{act, delete, open_alerts, reading, unit_path};
use crate::promises::{BACKENDS, Backend, Story};

#[tokio::test(flavor = "multi_thread")]
async fn readings_that_stream_in_meanwhile_open_no_alert_of_a_deleted_unit() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Fridge", json!({ "confirmHighShutSecs": 0 })).await;
        story.api.ingest(json!([reading(&unit, 60, 9.0)])).await;
        assert!(!open_alerts(&story.api, &unit).await.is_empty());
        let (is_over, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
        let senders = (0..4).map(|_| stream_in(&story.api, &unit, &is_over, &refused));
        let deletion = async {
            tokio::time::sleep(Duration::from_millis(150)).await; // readings are under way by then
            delete(&story.api, &unit_path(&unit)).await.expect(204);
            // every sender learns of it
            wait::until("readings to be refused", Duration::from_secs(5), || async {
                (refused.load(Ordering::SeqCst) > 20).then_some(())
            })
            .await;
            is_over.store(true, Ordering::SeqCst);
        };
        tokio::join!(deletion, join_all(senders));
        let alerts = story.api.alerts_of(&unit).await;
        assert!(alerts.iter().all(|alert| alert["status"] == "resolved"), "{alerts:#?}");
        let last = story.events(&alerts[0]).await;
        assert_eq!(last.last().map(String::as_str), Some("resolved"));
    }
}

/// Sends hot readings of the unit until told to end. None may be answered with an error of the hub's.
async fn stream_in(api: &Api, unit: &str, is_over: &AtomicBool, refused: &AtomicUsize) {
    while !is_over.load(Ordering::SeqCst) {
        let answer =
            api.try_ingest(&json!([reading(unit, 0, 9.5)])).await.expect("the hub answers");
        let answer = answer.expect(200);
        for rejected in answer["rejected"].as_array().expect("a list") {
            assert_eq!(rejected["code"], "unknown_unit");
            refused.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_of_a_deleted_unit_is_unassigned_until_the_unit_is_back() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let unit = story.unit("Fridge", json!({})).await;
        let device = api.create_device(&unit, "Probe", None).await;
        let send = async || {
            let at = crate::promises::text(crate::promises::ago(0));
            let reading = json!({ "deviceId": device, "recordedAt": at, "temperature": 4.0 });
            let answer = api.ingest(json!([reading])).await;
            answer["rejected"][0]["code"].as_str().unwrap_or("accepted").to_owned()
        };
        assert_eq!(send().await, "accepted");
        delete(api, &unit_path(&unit)).await.expect(204);
        assert_eq!(send().await, "device_unassigned", "{backend:?}");
        act(api, &format!("/api/v1/units/{unit}/restore")).await.expect(200);
        assert_eq!(api.live(&unit).await["status"], "monitoring_interrupted");
        assert_eq!(send().await, "accepted", "{backend:?}");
        assert_eq!(api.live(&unit).await["status"], "ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_instant_leaves_no_deleted_unit_with_an_open_alert_on_sqlite() {
    survives_kills(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_instant_leaves_no_deleted_unit_with_an_open_alert_on_postgres() {
    survives_kills(Backend::Postgres).await;
}

async fn survives_kills(backend: Backend) {
    let mut story = Story::begin(backend).await;
    let mut units = Vec::new();
    for n in 0..12 {
        units.push(story.unit(&format!("Fridge {n}"), json!({})).await);
    }
    let hot: Vec<_> = units.iter().map(|unit| reading(unit, 30, 9.0)).collect();
    story.api.ingest(json!(hot)).await;
    for millis in [3, 12, 30] {
        let doomed: Vec<_> = units.iter().map(|unit| spawn_deletion(&story.api, unit)).collect();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        story.hub.kill9();
        join_all(doomed).await;
        story.hub.restart().await.expect("the hub starts again");
        units = assert_whole(&story.api, units).await;
    }
    for unit in &units {
        delete(&story.api, &unit_path(unit)).await.expect(204);
        assert_eq!(open_alerts(&story.api, unit).await.len(), 0);
    }
}

fn spawn_deletion(api: &Api, unit: &str) -> tokio::task::JoinHandle<()> {
    let (api, path) = (api.clone(), unit_path(unit));
    tokio::spawn(async move {
        api.send(api.request(Method::DELETE, &path)).await.ok(); // the hub is killed meanwhile
    })
}

/// Each unit is deleted and has no alert open, or is there and has its alarm still: no reading need tell of it again.
/// Gives those that are there.
async fn assert_whole(api: &Api, units: Vec<String>) -> Vec<String> {
    let mut there = Vec::new();
    for unit in units {
        let is_there = api.get(&unit_path(&unit)).await.status == 200;
        let open = open_alerts(api, &unit).await.len();
        assert_eq!(open > 0, is_there, "unit {unit} is there: {is_there}, with {open} alerts open");
        if is_there {
            there.push(unit);
        }
    }
    there
}
