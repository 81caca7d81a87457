//! Sensors through their lives: claimed with what they said before, moved, swapped, calibrated, heard by gateways.

mod calibrations;
mod claims;
mod gateways;
mod left;
mod lives;
mod swaps;

use std::time::Duration;

use chrono::{DateTime, Utc};
use hub_testkit::api::{Answer, Api};
use reqwest::Method;
use serde_json::{Value, json};

use crate::promises::{BACKENDS, SOON, Story, ago, assert_counts, minutes, text};

/// `PATCH path` for the edition that is there.
async fn patch(api: &Api, path: &str, body: &Value) -> Answer {
    let request = api.request(Method::PATCH, path).header("If-Match", "*").json(body);
    api.send(request).await.expect("the hub answers")
}

/// `DELETE path`.
async fn delete(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::DELETE, path)).await.expect("the hub answers")
}

/// A reading of a device in °C.
fn of_device(device: &str, at: DateTime<Utc>, celsius: f64) -> Value {
    json!({ "deviceId": device, "temperature": celsius, "recordedAt": text(at) })
}

/// A way for The Things Stack into an organization.
struct Network {
    api: Api,
    path: String,
    secret: String,
}

impl Network {
    async fn of(story: &Story) -> Self {
        let made = story.api.create("/api/v1/ttn-connections", json!({ "name": "Network" })).await;
        let text = |name: &str| made[name].as_str().expect("the answer says so").to_owned();
        Self { api: story.api.clone().anonymous(), path: text("path"), secret: text("secret") }
    }

    /// Sends a frame whose payload the network read itself.
    async fn send(&self, dev_eui: &str, f_cnt: i64, at: DateTime<Utc>, celsius: f64) {
        let frame = json!({ "session_key_id": "AY3x", "f_port": 2, "f_cnt": f_cnt, "frm_payload": "AQI=",
            "decoded_payload": { "TempC_SHT": celsius }, "received_at": text(at),
            "rx_metadata": [{ "rssi": -80, "gateway_ids": { "gateway_id": "roof", "eui": "B827EBFFFE000001" } }] });
        let body = json!({ "end_device_ids": { "dev_eui": dev_eui }, "uplink_message": frame });
        let request =
            self.api.request(Method::POST, &self.path).header("X-Webhook-Secret", &self.secret);
        let answer = self.api.send(request.json(&body)).await.expect("the hub answers");
        assert!(answer.status.is_success(), "{}", answer.body);
    }
}

/// Waits until a unit has so many readings, and gives them.
async fn wait_for_readings(
    story: &Story,
    unit: &str,
    count: usize,
    within: Duration,
) -> Vec<Value> {
    let what = format!("{count} readings");
    hub_testkit::wait::until(&what, within, || async {
        let readings = story.readings(unit).await;
        (readings.len() >= count).then_some(readings)
    })
    .await
}

/// The temperatures of readings, in their order.
fn temperatures(readings: &[Value]) -> Vec<f64> {
    readings.iter().map(|reading| reading["temperature"].as_f64().expect("a number")).collect()
}
