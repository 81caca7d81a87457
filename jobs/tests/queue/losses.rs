//! Workers that block, end, are killed or fall asleep: their jobs are neither lost nor done twice without need.

use std::time::Duration;

use hub_jobs::queue::Pace;
use serde_json::json;

use crate::{
    process::Process,
    world::{Working, World, open, quick, spec},
};

const SOON: Duration = Duration::from_secs(5);

/// apalis' jobs share one task with their worker's signs of life: a job that blocked for 8 s was run four times.
pub(crate) async fn a_worker_that_blocks_keeps_its_job(world: &World) {
    let first = world.works(spec(), quick());
    let key = world.enqueue(world.job(json!({"do": "block", "ms": 6_000}))).await;
    world.diary.sees(&key, "begun", 1, SOON).await;
    let other_store = open(&world.url).await;
    let second = Working::start(&other_store, &world.diary, spec(), quick());
    world.becomes(&key, "Done 1/8", SOON * 2).await;
    assert_eq!(world.diary.count(&key, "begun"), 1, "{:#?}", world.diary.lines());
    first.stop().await;
    second.stop().await;
}

/// While fetched jobs wait for a free place, apalis says no word of its worker's life.
pub(crate) async fn jobs_that_wait_behind_slow_ones_are_not_taken_over(world: &World) {
    let jobs: Vec<_> = (0..4).map(|_| world.job(json!({"do": "sleep", "ms": 2_500}))).collect();
    world.store.enqueue(&jobs).await.unwrap();
    let first = world.works(spec().concurrency(1, 4), quick());
    world.diary.sees(&jobs[0].key, "begun", 1, SOON).await;
    let other_store = open(&world.url).await;
    let second = Working::start(&other_store, &world.diary, spec(), quick());
    for job in &jobs {
        world.becomes(&job.key, "Done 1/8", Duration::from_secs(20)).await;
        assert_eq!(world.diary.count(&job.key, "begun"), 1, "{:#?}", world.diary.lines());
    }
    first.stop().await;
    second.stop().await;
}

/// apalis' monitor says that all is well when its worker has ended, and starts no other.
pub(crate) async fn a_worker_that_ends_is_started_again(world: &World) {
    let working = world.works(spec(), quick());
    let before = world.enqueue(world.job(json!({"do": "succeed"}))).await;
    world.becomes(&before, "Done 1/8", SOON).await;
    // its next sign of life is refused, which ends it
    world.change("UPDATE apalis.jobs SET lock_by = NULL; DELETE FROM apalis.workers").await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let after = world.enqueue(world.job(json!({"do": "succeed"}))).await;
    world.becomes(&after, "Done 1/8", SOON).await;
    working.stop().await;
}

pub(crate) async fn a_worker_that_stops_finishes_what_runs_and_gives_back_the_rest(world: &World) {
    let jobs: Vec<_> = (0..3).map(|_| world.job(json!({"do": "sleep", "ms": 1_500}))).collect();
    world.store.enqueue(&jobs).await.unwrap();
    let working = world.works(spec().concurrency(1, 3), Pace::default());
    world.diary.sees(&jobs[0].key, "begun", 1, SOON).await;
    working.stop().await;
    assert_eq!(world.state_of(&jobs[0].key).await, "Done 1/8");
    // those that waited behind it go to another at once, not after its signs of life were missed
    let other = world.works(spec(), Pace::default());
    for job in &jobs[1..] {
        world.diary.sees(&job.key, "begun", 1, Duration::from_secs(3)).await;
        assert_eq!(world.diary.count(&job.key, "begun"), 1);
    }
    other.stop().await;
}

/// The same with the pace that the hub runs at: a killed process is missed after 15 s and its job begun again by 20.
pub(crate) async fn a_killed_processs_job_is_taken_over_within_20_s(world: &World) {
    let process = Process::start(world, Pace::default());
    let key = world.enqueue(world.job(json!({"do": "sleep", "ms": 3_000}))).await;
    let begun = world.diary.sees(&key, "begun", 1, Duration::from_secs(20)).await;
    assert_eq!(begun.process, process.id());
    process.kill9();
    let other = world.works(spec(), Pace::default());
    let again = world.diary.sees(&key, "begun", 2, Duration::from_secs(25)).await;
    let after_ms = again.at_ms - begun.at_ms;
    assert!(after_ms <= 20_500, "taken over {after_ms} ms after it began");
    assert_eq!(again.process, std::process::id());
    world.becomes(&key, "Done 2/8", SOON).await;
    other.stop().await;
}

/// A worker that comes back under its old name holds for ever, on PostgreSQL, what it held; on SQLite it is refused.
pub(crate) async fn a_process_that_comes_back_after_a_kill_takes_its_own_job_over(world: &World) {
    let process = Process::start(world, quick());
    let key = world.enqueue(world.job(json!({"do": "sleep", "ms": 1_500}))).await;
    world.diary.sees(&key, "begun", 1, Duration::from_secs(20)).await;
    process.kill9();
    let process = Process::start(world, quick());
    let again = world.diary.sees(&key, "begun", 2, Duration::from_secs(20)).await;
    assert_eq!(again.process, process.id());
    world.becomes(&key, "Done 2/8", SOON).await;
}

pub(crate) async fn a_process_that_slept_does_nothing_with_what_was_taken_over(world: &World) {
    let sleeper = Process::start(world, quick());
    let key = world.enqueue(world.job(json!({"do": "look again", "ms": 2_000}))).await;
    world.diary.sees(&key, "begun", 1, Duration::from_secs(20)).await;
    world.pause(&sleeper).await;
    let other = world.works(spec(), quick());
    world.diary.sees(&key, "done", 1, Duration::from_secs(15)).await;
    world.becomes(&key, "Done 2/8", SOON).await;
    sleeper.resume();
    // it ends its attempt, and hears that the job is not its own any more
    let said = world.diary.sees(&key, "not ours", 1, Duration::from_secs(10)).await;
    assert_eq!(said.process, sleeper.id());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.state_of(&key).await, "Done 2/8", "what it says of the job changes nothing");
    assert_eq!(world.diary.count(&key, "ours"), 1, "{:#?}", world.diary.lines());
    // and is as good a worker as before
    other.stop().await;
    let next = world.enqueue(world.job(json!({"do": "succeed"}))).await;
    let begun = world.diary.sees(&next, "begun", 1, SOON).await;
    assert_eq!(begun.process, sleeper.id());
}

/// It had fetched jobs and not begun them when it fell asleep; apalis would run them, and take them from who has them.
pub(crate) async fn a_process_that_slept_does_not_begin_what_it_had_fetched(world: &World) {
    let jobs: Vec<_> = (0..3).map(|_| world.job(json!({"do": "sleep", "ms": 1_000}))).collect();
    world.store.enqueue(&jobs).await.unwrap();
    let sleeper = Process::with_room(world, quick(), (1, 3));
    world.diary.sees(&jobs[0].key, "begun", 1, Duration::from_secs(20)).await;
    world.pause(&sleeper).await;
    let other = world.works(spec(), quick());
    for job in &jobs {
        world.becomes(&job.key, "Done 2/8", Duration::from_secs(15)).await;
    }
    sleeper.resume();
    world.diary.sees(&jobs[0].key, "done", 2, Duration::from_secs(10)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    for job in &jobs[1..] {
        assert_eq!(world.diary.count(&job.key, "begun"), 1, "{:#?}", world.diary.lines());
        assert_eq!(world.state_of(&job.key).await, "Done 2/8");
    }
    other.stop().await;
}

/// apalis' worker ends with its database, and its monitor says that all is well.
pub(crate) async fn a_database_that_goes_away_stops_no_worker(world: &World) {
    let working = world.works(spec(), quick());
    let before = world.enqueue(world.job(json!({"do": "succeed"}))).await;
    world.becomes(&before, "Done 1/8", SOON).await;
    take_away(world, Duration::from_secs(9)).await;
    let after = world.enqueue(world.job(json!({"do": "succeed"}))).await;
    world.becomes(&after, "Done 1/8", SOON * 3).await;
    working.stop().await;
}

/// Cuts every connection again and again; on SQLite holds the one lock for longer than anybody waits.
async fn take_away(world: &World, length: Duration) {
    if world.is_sqlite() {
        let other = sqlx::SqlitePool::connect(&world.url).await.unwrap();
        let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        tokio::time::sleep(length).await;
        held.rollback().await.unwrap();
        return;
    }
    let other = sqlx::PgPool::connect(&world.url).await.unwrap();
    let until = tokio::time::Instant::now() + length / 3;
    while tokio::time::Instant::now() < until {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::raw_sql(cut).execute(&other).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
