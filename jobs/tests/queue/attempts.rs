//! Attempts that fail: how often, after what pauses, and how it ends.

use std::time::Duration;

use serde_json::json;

use crate::world::{QUEUE, World, quick, spec};

const SOON: Duration = Duration::from_secs(5);

pub(crate) async fn failures_are_tried_again_after_pauses_that_grow_and_end_as_a_dead_letter(
    world: &World,
) {
    let working = world.works(spec(), quick());
    let key = world.enqueue(world.job(json!({"do": "fail"})).max_attempts(4)).await;
    world.becomes(&key, "Failed 4/4", Duration::from_secs(25)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let begun: Vec<_> = world
        .diary
        .of(&key)
        .into_iter()
        .filter(|it| it.what == "begun")
        .map(|it| it.at_ms)
        .collect();
    assert_eq!(begun.len(), 4, "it is tried no more: {begun:?}");
    // half to all of 1, 2 and 4 s; SQLite rounds up to a whole second, and a look comes ten times a second
    for (gap, whole_ms) in begun.windows(2).zip([1_000, 2_000, 4_000]) {
        let pause_ms = gap[1] - gap[0];
        let longest_ms = whole_ms + 2_000;
        assert!((whole_ms / 2..=longest_ms).contains(&pause_ms), "{pause_ms} ms for {whole_ms}");
    }
    let said = world.ask("SELECT last_result::text FROM apalis.jobs").await;
    assert!(said.contains("the provider is away"), "{said}");
    working.stop().await;
}

/// apalis' own `RetryAfterError` ran eleven times in 17 ms on PostgreSQL and never again on SQLite.
pub(crate) async fn a_pause_that_a_provider_asks_for_is_kept(world: &World) {
    let working = world.works(spec(), quick());
    let key = world.enqueue(world.job(json!({"do": "wait", "ms": 3_000})).max_attempts(2)).await;
    world.becomes(&key, "Failed 2/2", Duration::from_secs(12)).await;
    let begun: Vec<_> = world
        .diary
        .of(&key)
        .into_iter()
        .filter(|it| it.what == "begun")
        .map(|it| it.at_ms)
        .collect();
    assert_eq!(begun.len(), 2);
    let pause_ms = begun[1] - begun[0];
    assert!((2_900..6_000).contains(&pause_ms), "{pause_ms} ms where 3 s were asked for");
    working.stop().await;
}

pub(crate) async fn what_is_given_up_is_a_dead_letter_at_once(world: &World) {
    let working = world.works(spec(), quick());
    let key = world.enqueue(world.job(json!({"do": "give up"}))).await;
    world.becomes(&key, "Killed 1/8", SOON).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.diary.count(&key, "begun"), 1);
    working.stop().await;
}

/// Without a fence a panic ends the worker; with apalis' own the job stays `Running` for ever.
pub(crate) async fn a_panic_is_a_failure_and_its_worker_lives(world: &World) {
    let working = world.works(spec(), quick());
    let once = world.enqueue(world.job(json!({"do": "panic once"}))).await;
    let always = world.enqueue(world.job(json!({"do": "panic"})).max_attempts(2)).await;
    let next = world.enqueue(world.job(json!({"do": "succeed"}))).await;
    world.becomes(&next, "Done 1/8", SOON).await;
    world.becomes(&once, "Done 2/8", SOON * 2).await;
    world.becomes(&always, "Failed 2/2", SOON * 2).await;
    let workers = world.ask("SELECT CAST(count(*) AS TEXT) FROM apalis.workers").await;
    assert_eq!(workers, "1", "the worker was not even started again");
    working.stop().await;
}

pub(crate) async fn an_attempt_that_takes_too_long_is_ended(world: &World) {
    let working = world.works(spec().time_limit(Duration::from_millis(300)), quick());
    let key = world.enqueue(world.job(json!({"do": "sleep", "ms": 60_000})).max_attempts(1)).await;
    world.becomes(&key, "Failed 1/1", SOON).await;
    let said = world.ask("SELECT last_result::text FROM apalis.jobs").await;
    assert!(said.contains("took too long"), "{said}");
    assert_eq!(world.diary.count(&key, "done"), 0);
    working.stop().await;
}

/// A job that does not decode ends apalis' worker, and the next one too.
pub(crate) async fn a_job_that_nobody_can_read_is_given_up_and_its_worker_lives(world: &World) {
    let unreadable = world.enqueue(world.job(json!(["no", "order"]))).await;
    let broken = world.enqueue(world.job(json!({}))).await;
    let bytes = if world.is_sqlite() { "x'ff00'" } else { "'\\xff00'::bytea" };
    world
        .change(&format!("UPDATE apalis.jobs SET job = {bytes} WHERE idempotency_key = '{broken}'"))
        .await;
    let working = world.works(spec(), quick());
    let next = world.enqueue(world.job(json!({"do": "succeed"}))).await;
    world.becomes(&next, "Done 1/8", SOON).await;
    world.becomes(&unreadable, "Killed 1/8", SOON).await;
    world.becomes(&broken, "Killed 1/8", SOON).await;
    working.stop().await;
}

/// Taking over counts attempts and heeds no maximum: such a job would end one worker after the other.
pub(crate) async fn a_job_whose_worker_died_in_every_attempt_is_given_up(world: &World) {
    let key = world.enqueue(world.job(json!({"do": "succeed"})).max_attempts(3)).await;
    world.change(&format!("UPDATE apalis.jobs SET attempts = 3 WHERE job_type = '{QUEUE}'")).await;
    let working = world.works(spec(), quick());
    world.becomes(&key, "Killed 4/3", SOON).await;
    assert_eq!(world.diary.count(&key, "begun"), 0);
    working.stop().await;
}
