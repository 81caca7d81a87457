//! The edge: what is answered to good, bad and hostile requests by the running binary.

mod bounds;
mod cors;
mod hostile;
mod ingest;
mod openapi;
mod people;
mod roles;
mod rules;
mod server;
mod tasks;
mod tenants;
mod thin_line;

use hub_testkit::{api::Api, hub::HubProcess};
use serde_json::Value;

/// A running hub with one organization, and its owner's client with token and key.
pub(crate) async fn hub() -> (HubProcess, Api) {
    let hub = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).start().await.expect("the hub starts");
    let (_, api) = hub.owner("Edge").await.expect("an owner is made");
    (hub, api)
}

/// The instant of this moment less `secs`, as RFC 3339.
pub(crate) fn ago(secs: i64) -> String {
    let at = chrono::Utc::now() - chrono::TimeDelta::seconds(secs);
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Accepted, late, duplicates, quarantined, and the codes of the rejected.
pub(crate) fn counts(answer: &Value) -> ([u64; 4], Vec<(u64, String)>) {
    let count = |name: &str| answer[name].as_u64().expect("a count");
    let rejected = answer["rejected"].as_array().expect("a list").iter().map(|one| {
        assert!(one["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{one}");
        (one["index"].as_u64().expect("an index"), one["code"].as_str().expect("a code").to_owned())
    });
    let fields = answer.as_object().expect("an object").len();
    assert_eq!(fields, 5, "exactly the agreed fields: {answer}");
    (
        [count("accepted"), count("late"), count("duplicates"), count("quarantined")],
        rejected.collect(),
    )
}
