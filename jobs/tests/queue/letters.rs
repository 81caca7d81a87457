//! What operators see of the queue: dead letters and counts.

use std::time::Duration;

use hub_store::{
    StoreError,
    queue::{JobPool, QueueCount},
    records::PageQuery,
};
use serde_json::json;

use crate::world::{QUEUE, World, in_secs, quick, spec};

const SOON: Duration = Duration::from_secs(5);

fn page(limit: u16, cursor: Option<String>) -> PageQuery {
    PageQuery { limit, cursor }
}

pub(crate) async fn dead_letters_are_listed_and_tried_again_by_hand(world: &World) {
    let given_up = world.job(json!({"do": "give up"}));
    let exhausted = world.job(json!({"do": "fail"})).max_attempts(1);
    let failing = world.job(json!({"do": "fail"}));
    let done = world.job(json!({"do": "succeed"}));
    let all = [given_up, exhausted, failing, done];
    world.store.enqueue(&all).await.unwrap();
    let working = world.works(spec(), quick());
    for (job, state) in all.iter().zip(["Killed 1/8", "Failed 1/1"]) {
        world.becomes(&job.key, state, SOON).await;
    }
    world.becomes(&all[3].key, "Done 1/8", SOON).await;
    working.stop().await;
    let first = world.store.dead_letters(None, page(1, None)).await.unwrap();
    let [exhausted] = &first.items[..] else { panic!("one a page: {first:?}") };
    assert_eq!((exhausted.id, exhausted.queue.as_str()), (all[1].id, QUEUE), "newest job first");
    assert_eq!((exhausted.attempts, exhausted.max_attempts), (1, 1));
    assert_eq!(exhausted.last_error.as_deref(), Some("the provider is away"));
    assert_eq!(exhausted.key.as_deref(), Some(all[1].key.as_str()));
    let age_ms = in_secs(0).as_millis() - exhausted.ended_at.as_millis();
    assert!((-1_000..15_000).contains(&age_ms), "ended {age_ms} ms ago");
    let second = world.store.dead_letters(Some(QUEUE), page(5, first.next)).await.unwrap();
    let [given_up] = &second.items[..] else { panic!("the other one: {second:?}") };
    assert_eq!(given_up.id, all[0].id);
    assert_eq!(given_up.last_error.as_deref(), Some("no such number"), "in the handler's words");
    assert!(second.next.is_none());
    assert!(world.store.dead_letters(Some("other"), page(5, None)).await.unwrap().items.is_empty());

    assert_eq!(world.store.retry_dead_letter(all[0].id).await.unwrap(), QUEUE);
    for alive in [all[0].id, all[2].id, all[3].id, uuid::Uuid::now_v7()] {
        let again = world.store.retry_dead_letter(alive).await;
        assert!(matches!(again, Err(StoreError::NotFound)), "{again:?}");
    }
    let working = world.works(spec(), quick());
    world.becomes(&all[0].key, "Killed 1/8", SOON).await;
    assert_eq!(world.diary.count(&all[0].key, "begun"), 2);
    working.stop().await;
}

pub(crate) async fn queues_are_counted_by_what_they_have(world: &World) {
    assert!(world.store.queue_counts().await.unwrap().is_empty());
    let slow = world.job(json!({"do": "sleep", "ms": 1_500}));
    let dead = world.job(json!({"do": "give up"}));
    let done = world.job(json!({"do": "succeed"}));
    let later = world.job(json!({"do": "succeed"})).run_at(in_secs(3_600));
    let mut elsewhere = world.job(json!({"do": "succeed"})).run_at(in_secs(-90));
    elsewhere.queue = "another".into();
    let all = [slow, dead, done, later, elsewhere];
    assert_eq!(world.store.enqueue(&all).await.unwrap(), 5);
    let working = world.works(spec(), quick());
    world.becomes(&all[1].key, "Killed 1/8", SOON).await;
    world.becomes(&all[2].key, "Done 1/8", SOON).await;
    world.diary.sees(&all[0].key, "begun", 1, SOON).await;
    let mut counts = world.store.queue_counts().await.unwrap();
    let waited = counts[0].oldest_secs.take().unwrap();
    assert!((89..100).contains(&waited), "waited {waited} s");
    let count = |queue: &str, waiting, in_hand, dead| QueueCount {
        queue: queue.to_owned(),
        waiting,
        in_hand,
        dead,
        oldest_secs: None,
    };
    assert_eq!(counts, [count("another", 1, 0, 0), count(QUEUE, 1, 1, 1)]);
    working.stop().await;
}

/// The role that answers people writes jobs in its transactions, and reads none: they are of all organizations.
pub(crate) async fn who_answers_people_may_promise_a_job_and_see_none(world: &World) {
    let JobPool::Postgres(pool) = world.store.job_pool().unwrap() else { return };
    let mut change = pool.begin().await.unwrap();
    sqlx::raw_sql("SET LOCAL ROLE hub_api").execute(&mut *change).await.unwrap();
    let job = world.job(json!({"do": "succeed"}));
    let twice = [job.clone(), job];
    assert_eq!(hub_store::queue::enqueue_on_postgres(&mut change, &twice).await.unwrap(), 1);
    for refused in [
        "SELECT count(*) FROM apalis.jobs",
        "DELETE FROM apalis.jobs",
        "SELECT * FROM apalis.workers",
    ] {
        let mut attempt = sqlx::Connection::begin(&mut *change).await.unwrap();
        let asked = sqlx::raw_sql(refused).execute(&mut *attempt).await;
        assert!(asked.unwrap_err().to_string().contains("permission denied"), "{refused}");
        attempt.rollback().await.unwrap();
    }
    change.commit().await.unwrap();
}
