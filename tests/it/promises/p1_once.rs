//! P1: an acknowledged reading is durable, and stored once, however often it is sent.

use serde_json::{Value, json};

use super::{BACKENDS, Story, ago, assert_counts, minutes, reading};

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_sent_again_and_again_is_stored_once() {
    for backend in BACKENDS {
        let mut story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        let began = ago(3600);
        let batch: Vec<Value> =
            (0..10).map(|i| reading(&unit, began + minutes(5 * i), 3.0)).collect();
        assert_counts(&story.api.ingest(json!(batch)).await, 10, 0, 0);
        assert_counts(&story.api.ingest(json!(batch)).await, 0, 0, 10);
        let doubled: Vec<Value> = batch.iter().chain(&batch).cloned().collect();
        assert_counts(&story.api.ingest(json!(doubled)).await, 0, 0, 20);
        story.hub.kill9();
        story.hub.restart().await.expect("the hub starts again");
        assert_counts(&story.api.ingest(json!(batch)).await, 0, 0, 10);
        assert_eq!(story.readings(&unit).await.len(), 10, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_sent_at_the_same_time_are_stored_once() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        let batch: Vec<Value> = (0..50).map(|i| reading(&unit, ago(60 * (50 - i)), 3.0)).collect();
        let sent = (0..8).map(|_| story.api.ingest(json!(batch)));
        let answers = futures_util::future::join_all(sent).await;
        let count =
            |name: &str| answers.iter().filter_map(|answer| answer[name].as_u64()).sum::<u64>();
        assert_eq!((count("accepted"), count("duplicates")), (50, 350), "{backend:?}");
        assert_eq!(story.readings(&unit).await.len(), 50);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_contents_for_one_reading_the_first_is_kept() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        let at = ago(60);
        assert_counts(&story.api.ingest(json!([reading(&unit, at, 3.0)])).await, 1, 0, 0);
        assert_counts(&story.api.ingest(json!([reading(&unit, at, 4.0)])).await, 0, 0, 1);
        let stored = story.readings(&unit).await;
        assert_eq!(stored.len(), 1);
        assert_eq!(stored[0]["temperature"], json!(3.0));
    }
}
