//! Texts that JSON parsers stumble over, as the body of every operation that takes JSON.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{StreamExt as _, stream};
use hub_testkit::shared;
use serde_json::Value;

use super::{
    LANES,
    fields::{self, Operation},
    is_whole,
    samples::World,
    survived_body,
};
use crate::identity;

/// One way in for people, one for readings, one for radio frames: these get all texts, the others a part of them.
const ALL_TEXTS: [&str; 3] = ["createSite", "ingestReadings", "receiveTtnWebhook"];

/// So many texts go to each of the others: every eighth is 40 of 318.
const EVERY: usize = 8;

struct Text {
    name: String,
    must_be_refused: bool,
    bytes: Vec<u8>,
}

fn corpus() -> Option<Vec<Text>> {
    let lines = shared::text("contracts/hostile/json-parsing.jsonl")?;
    let text = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        let said = |name: &str| line[name].as_str().expect("a line is whole").to_owned();
        Text {
            name: said("name"),
            must_be_refused: said("expect") == "reject",
            bytes: STANDARD.decode(said("bytes_b64")).expect("the bytes are base64"),
        }
    };
    Some(lines.lines().map(text).collect())
}

/// Sends the texts to an operation, one after the other.
async fn try_operation(world: &World, operation: &Operation, texts: &[&Text]) {
    let sample = world.sample_of(operation).await;
    for text in texts {
        let what = format!("{} of {}", operation.id, text.name);
        let answer = survived_body(&sample.by, &what, sample.request(), text.bytes.clone()).await;
        let is_taken = answer.status.is_success();
        let may_be_absent = text.bytes.is_empty() && !operation.needs_body;
        assert!(!(text.must_be_refused && is_taken) || may_be_absent, "{what} was taken");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_brings_down_any_operation() {
    let Some(corpus) = corpus() else { return };
    assert!(corpus.len() >= 318, "{}", corpus.len());
    let all: Vec<&Text> = corpus.iter().collect();
    // another part for each operation, so that all texts come to many
    let part =
        |start: usize| -> Vec<&Text> { corpus.iter().skip(start % EVERY).step_by(EVERY).collect() };
    let world = World::on(identity::World::on_sqlite().await).await;
    let operations = fields::operations(&world.owner.read("/api/openapi.json").await);
    assert!(operations.len() >= 55, "{}", operations.len());
    let (all, parts) = (&all, (0..EVERY).map(part).collect::<Vec<_>>());
    let tries = operations.iter().enumerate().map(|(number, operation)| {
        let gets_all = is_whole() || ALL_TEXTS.contains(&operation.id.as_str());
        let texts = if gets_all { all } else { &parts[number % EVERY] };
        try_operation(&world, operation, texts)
    });
    stream::iter(tries).buffer_unordered(LANES).collect::<()>().await;
    assert_eq!(world.owner.get("/health/ready").await.status, 200);
    let log = world.inner.hub.log_tail();
    assert!(!log.contains("panic"), "{log}");
}
