//! Hostile input: texts that break programs, floods, guesses, and secrets that must not be seen again.

mod bodies;
mod fields;
mod floods;
mod headers;
mod outlets;
mod queries;
mod samples;
mod secrets;
mod texts;

use std::time::{Duration, Instant};

use hub_testkit::api::{Answer, Api};
use reqwest::{RequestBuilder, header};
use tokio::sync::RwLock;

/// No request may take longer.
const NO_HANG: Duration = Duration::from_secs(5);

/// Held to write by who measures times, to read by who keeps both cores busy for a minute: figures of one beside the other
/// say nothing.
static CORES: RwLock<()> = RwLock::const_new(());

/// How many requests are under way at a time.
const LANES: usize = 8;

/// Whether every text goes to every field, operation and parameter, which takes a while: `HUB_HOSTILE=all`. A part of
/// them, another for each, is tried otherwise.
fn is_whole() -> bool {
    std::env::var("HUB_HOSTILE").is_ok_and(|how| how == "all")
}

/// Sends a request, which is answered in time and is no outage, whatever is in it.
async fn survived(api: &Api, what: &str, request: RequestBuilder) -> Answer {
    let begun = Instant::now();
    let answer = api.send(request).await;
    let answer = answer.unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
    assert!(begun.elapsed() < NO_HANG, "{what} took {:?}", begun.elapsed());
    assert!(answer.status.as_u16() < 500, "{what}: {} {}", answer.status, answer.body);
    answer
}

/// The same with a JSON body as it is.
async fn survived_body(api: &Api, what: &str, request: RequestBuilder, body: Vec<u8>) -> Answer {
    let request = request.header(header::CONTENT_TYPE, "application/json").body(body);
    survived(api, what, request).await
}
