//! Real series, sent to the running hub as their sensors' loggers and networks would: what is stored, and what is made
//! of it, is known beforehand.

mod bodies;
mod tower;

use std::process::{Command, Output};

use chrono::DateTime;
use hub_testkit::api::Api;
use hub_testkit::ledger::instant;
use hub_testkit::shared;
use reqwest::Method;
use serde_json::{Value, json};

use crate::promises::{BACKENDS, Story};

/// The columns of the loggers of fridge and freezer. Their counter wraps and is no identity.
const COLUMNS: [&str; 3] =
    ["--humidity-column=humidity", "--signal-column=rssi", "--battery-voltage-column=voltage"];

/// `hub replay` of a logger's file into a unit, in batches of `batch`.
async fn replay(story: &Story, file: &str, unit: &str, batch: usize) -> Option<String> {
    let path = shared::path(&format!("datasets/ruuvi-fridge-freezer/{file}.csv"))?;
    let made = story.api.create("/api/v1/api-keys", json!({ "name": "Replay" })).await;
    let key = made["key"].as_str().expect("a new key is shown once").to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hub"));
    command.arg("replay").arg(path).args(["--url", &story.hub.url(), "--unit", unit]);
    command.args(["--batch", &batch.to_string()]).args(COLUMNS).env("HUB_API_KEY", key);
    let run =
        tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
    let Output { status, stdout, stderr } = run.expect("the binary is there");
    assert!(status.success(), "hub replay: {}", String::from_utf8_lossy(&stderr));
    Some(String::from_utf8_lossy(&stdout).into_owned())
}

/// Too cold for long four times, in three alerts: one is a relapse before the alert was over.
async fn assert_fridge(story: &Story, unit: &str, what: &str) {
    assert_eq!(story.readings(unit).await.len(), 368, "{what}");
    let alerts = story.alerts(unit, "temperature_low").await;
    assert_eq!(alerts.len(), 3, "{what}");
    let mut confirmed = Vec::new();
    for alert in alerts.iter().rev() {
        let path = format!("/api/v1/alerts/{}", alert["id"].as_str().expect("an alert has an id"));
        let alert = story.api.read(&path).await;
        let events = alert["events"].as_array().expect("an alert has events").clone();
        confirmed.extend(events.into_iter().filter(|event| event["event"] == "confirmed"));
    }
    let confirmed: Vec<i64> =
        confirmed.iter().map(|event| instant(&event["at"]).as_millis()).collect();
    let clock = ["09:41:56", "13:40:29", "15:50:16", "19:22:06"];
    let expected = clock.map(|time| format!("2020-05-05T{time}+02:00"));
    let expected = expected
        .map(|at| DateTime::parse_from_rfc3339(&at).expect("it is RFC 3339").timestamp_millis());
    assert_eq!(confirmed, expected, "{what}");
    assert_eq!(story.alerts(unit, "temperature_high").await, [] as [Value; 0], "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fridge_is_too_cold_four_times_in_three_alerts() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        for batch in [500, 1] {
            let unit = story.api.create_unit(&story.site, &format!("Fridge by {batch}")).await;
            let rule = json!({ "lowLimit": 2, "highLimit": 8, "confirmLowShutSecs": 1200, "confirmHighShutSecs": 1200,
                "confirmLowOpenSecs": 1200, "confirmHighOpenSecs": 1200 });
            story.api.set_unit_rule(&unit, rule).await;
            for time in ["once", "twice"] {
                if replay(&story, "fridge", &unit, batch).await.is_none() {
                    return;
                }
                assert_fridge(
                    &story,
                    &unit,
                    &format!("{backend:?}, in batches of {batch}, sent {time}"),
                )
                .await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_freezer_and_the_fruit_drawer_are_stored_whole() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        for (file, rows, first) in [("freezer", 371, -29.51), ("fruits", 213, 1.0)] {
            let unit = story.api.create_unit(&story.site, file).await;
            let Some(summary) = replay(&story, file, &unit, 100).await else { return };
            let readings = story.readings(&unit).await;
            assert_eq!(readings.len(), rows, "{backend:?}, {file}: {summary}");
            assert_eq!(readings[0]["temperature"], json!(first), "{backend:?}, {file}");
            assert!(
                readings.iter().all(|reading| reading["humidity"].is_number()),
                "{backend:?}, {file}"
            );
        }
    }
}

/// A way for The Things Stack into an organization.
struct Connection {
    api: Api,
    path: String,
    secret: String,
}

impl Connection {
    async fn make(api: &Api) -> Self {
        let made =
            api.create("/api/v1/ttn-connections", json!({ "name": "The Things Stack" })).await;
        let text = |name: &str| made[name].as_str().expect("the answer says so").to_owned();
        Self { api: api.clone().anonymous(), path: text("path"), secret: text("secret") }
    }

    /// Sends a webhook's body and gives the answer's status.
    async fn send(&self, body: &Value) -> u16 {
        self.send_with(&self.secret, body).await
    }

    async fn send_with(&self, secret: &str, body: &Value) -> u16 {
        let request = self
            .api
            .request(Method::POST, &self.path)
            .header("X-Webhook-Secret", secret)
            .json(body);
        self.api.send(request).await.expect("the hub answers").status.as_u16()
    }
}
