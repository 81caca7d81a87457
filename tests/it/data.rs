//! Data read out: readings in lists and buckets, histories, files for people, everything of an organization.

mod files;
mod history;
mod pages;
mod readings;
mod whole;

use chrono::{DateTime, Utc};
use hub_testkit::api::Api;
use reqwest::Method;
use serde_json::{Value, json};

use crate::promises::text;

/// A reading of a channel of a unit in °C.
fn of_channel(unit: &str, channel: &str, at: DateTime<Utc>, celsius: f64) -> Value {
    json!({ "unitId": unit, "channel": channel, "temperature": celsius, "recordedAt": text(at) })
}

/// The text of a file, which is whole, and its headers.
async fn file(api: &Api, path: &str) -> (String, reqwest::header::HeaderMap) {
    let response = api.request(Method::GET, path).send().await.expect("the hub answers");
    assert_eq!(response.status(), 200, "{path}");
    let headers = response.headers().clone();
    (response.text().await.expect("the file is whole"), headers)
}

/// The rows of a CSV file by the names of their columns.
fn rows(text: &str) -> Vec<Value> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().expect("a header").clone();
    let row = |record: csv::Result<csv::StringRecord>| {
        let record = record.expect("as many cells as the header");
        names
            .iter()
            .zip(record.iter())
            .map(|(name, cell)| (name.to_owned(), Value::from(cell)))
            .collect()
    };
    reader.records().map(row).collect()
}
