//! Sites, areas and units through their whole lives, on the running binary.

mod deleting;
mod editing;
mod lives;
mod once;
mod sockets;

use std::time::Duration;

use hub_testkit::api::{Answer, Api};
use reqwest::Method;
use serde_json::{Value, json};

use crate::promises::{ago, text};

/// How soon subscribers see an edit.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(1);

/// `PATCH path` for the edition of `tag`.
pub(crate) async fn patch(api: &Api, path: &str, tag: &str, body: &Value) -> Answer {
    let request = api.request(Method::PATCH, path).header("If-Match", tag).json(body);
    api.send(request).await.expect("the hub answers")
}

pub(crate) async fn delete(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::DELETE, path)).await.expect("the hub answers")
}

/// `POST path` without a body.
pub(crate) async fn act(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::POST, path)).await.expect("the hub answers")
}

pub(crate) fn tag(answer: &Answer) -> &str {
    answer.headers.get("etag").and_then(|tag| tag.to_str().ok()).expect("an answer has an ETag")
}

pub(crate) fn unit_path(unit: &str) -> String {
    format!("/api/v1/units/{unit}")
}

/// A reading of this moment less `secs`.
pub(crate) fn reading(unit: &str, secs: i64, celsius: f64) -> Value {
    json!({ "unitId": unit, "recordedAt": text(ago(secs)), "temperature": celsius })
}

/// The unit's alerts that are not resolved.
pub(crate) async fn open_alerts(api: &Api, unit: &str) -> Vec<Value> {
    let alerts = api.alerts_of(unit).await;
    alerts.into_iter().filter(|alert| alert["status"] != "resolved").collect()
}
