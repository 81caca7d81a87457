use std::time::Duration;

use serde_json::json;

use super::{ago, counts, hub};

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_becomes_an_alert_that_somebody_acknowledges() {
    let (_hub, api) = hub().await;
    let site = api.create_site("Kitchen").await;
    let unit = api.create_unit(&site, "Walk-in 1").await;
    let rule = api
        .set_unit_rule(&unit, json!({ "highLimit": 8, "lowLimit": 2, "confirmHighShutSecs": 60 }))
        .await;
    assert_eq!(rule["rule"]["highLimit"], 8.0);
    let reading = |secs, temperature: f64| json!({ "unitId": unit, "temperature": temperature, "recordedAt": ago(secs), "doorOpen": false });
    let batch = json!([reading(200, 4.25), reading(190, 9.5), reading(100, 11.0)]);
    assert_eq!(counts(&api.ingest(batch.clone()).await), ([3, 0, 0, 0], vec![]));
    assert_eq!(counts(&api.ingest(batch).await), ([0, 0, 3, 0], vec![]));
    let live = api.wait_for_status(&unit, "alarm_active", Duration::from_secs(5)).await;
    assert_eq!((live["temperature"].as_f64(), live["highLimit"].as_f64()), (Some(11.0), Some(8.0)));
    let alerts = api.alerts_of(&unit).await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(
        (&alerts[0]["kind"], &alerts[0]["severity"]),
        (&json!("temperature_high"), &json!("critical"))
    );
    let path = format!("/api/v1/alerts/{}", alerts[0]["id"].as_str().unwrap());
    let acknowledged =
        api.post(&format!("{path}/acknowledge"), &json!({ "note": "on my way" })).await.expect(200);
    assert_eq!(acknowledged["status"], "acknowledged");
    let again = api.post(&format!("{path}/acknowledge"), &json!({})).await.expect(200);
    assert_eq!(again["acknowledgedAt"], acknowledged["acknowledgedAt"], "one's own, said again");
    let resolve =
        api.post(&format!("{path}/resolve"), &json!({ "correctiveAction": "shut the door" })).await;
    assert_eq!((resolve.status.as_u16(), resolve.code()), (409, "condition_active"));
    let whole = api.read(&path).await;
    let events: Vec<_> = whole["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["opened", "confirmed", "acknowledged"]);
    assert_eq!(whole["events"][2]["note"], "on my way");
    assert_eq!(api.list(&format!("/api/v1/units/{unit}/readings")).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_there_after_a_restart() {
    let (mut hub, api) = hub().await;
    let site = api.create_site("Kitchen").await;
    let unit = api.create_unit(&site, "Walk-in 1").await;
    let reading = json!([{ "unitId": unit, "temperature": 4, "recordedAt": ago(5) }]);
    assert_eq!(counts(&api.ingest(reading.clone()).await), ([1, 0, 0, 0], vec![]));
    assert!(hub.terminate().await.expect("it ends"), "an orderly end is a success");
    hub.restart().await.expect("it starts again");
    assert_eq!(counts(&api.ingest(reading).await), ([0, 0, 1, 0], vec![]));
    assert_eq!(api.live(&unit).await["temperature"], 4.0);
}
