//! By what units are judged, who is told, what senders prove themselves with, and what the log keeps of all of it.

mod audit;
mod contacts;
mod edits;
mod keys;
mod levels;
mod policies;

use hub_testkit::api::{Answer, Api, id};
use reqwest::Method;
use serde_json::{Value, json};

use crate::promises::{BACKENDS, Story, ago, reading};

/// `PATCH path` for the edition that `tag` names.
async fn patch(api: &Api, path: &str, tag: &str, body: &Value) -> Answer {
    let request = api.request(Method::PATCH, path).header("If-Match", tag).json(body);
    api.send(request).await.expect("the hub answers")
}

/// `DELETE path`.
async fn delete(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::DELETE, path)).await.expect("the hub answers")
}

/// `POST path` without a body.
async fn act(api: &Api, path: &str) -> Answer {
    api.send(api.request(Method::POST, path)).await.expect("the hub answers")
}

/// The edition that an answer shows.
fn tag(answer: &Answer) -> String {
    answer.headers["etag"].to_str().expect("a tag").to_owned()
}

/// The pointers of the fields that were found wrong, and their codes.
fn wrong(answer: &Answer) -> Vec<(&str, &str)> {
    let errors = answer.body["errors"].as_array().expect("fields are named").iter();
    // a body that only names what is not there is answered as that address would be
    let is_lost = errors.clone().all(|error| error["code"] == "unknown_reference");
    assert_eq!(answer.status, if is_lost { 404 } else { 422 }, "{}", answer.body);
    errors
        .map(|error| {
            let text = |name: &str| error[name].as_str().expect("text");
            (text("pointer"), text("code"))
        })
        .collect()
}

/// An id of nothing.
const NONE: &str = "019a0000-0000-7000-8000-000000000001";
