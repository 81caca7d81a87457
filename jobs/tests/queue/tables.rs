//! The queue's rows: in whose transaction they are written, how long they stay, what the tables are like.

use std::{
    slice::from_ref,
    time::{Duration, Instant},
};

use hub_jobs::Retention;
use hub_store::queue::{JobPool, NewJob, enqueue_on_postgres, enqueue_on_sqlite};
use serde_json::json;

use crate::world::{World, in_secs, quick, spec};

const SOON: Duration = Duration::from_secs(5);

/// On PostgreSQL a second job of one key, as apalis inserts it, spoils the whole transaction around it.
pub(crate) async fn a_key_is_one_job_and_a_second_one_spoils_nothing(world: &World) {
    let job = world.job(json!({"do": "succeed"}));
    let again = NewJob { id: uuid::Uuid::now_v7(), ..job.clone() };
    let other = world.job(json!({"do": "succeed"}));
    in_one_transaction(
        world,
        &[from_ref(&job), from_ref(&again), &[again.clone(), other]],
        &[1, 0, 1],
        true,
    )
    .await;
    assert_eq!(world.ask("SELECT CAST(count(*) AS TEXT) FROM apalis.jobs").await, "2");
    let working = world.works(spec(), quick());
    world.becomes(&job.key, "Done 1/8", SOON).await;
    // the key is taken as long as the row is there
    assert_eq!(world.store.enqueue(&[job]).await.unwrap(), 0);
    working.stop().await;
}

pub(crate) async fn a_job_is_there_when_its_transaction_is_and_not_else(world: &World) {
    let job = world.job(json!({"do": "succeed"}));
    in_one_transaction(world, &[from_ref(&job)], &[1], false).await;
    assert_eq!(world.ask("SELECT CAST(count(*) AS TEXT) FROM apalis.jobs").await, "0");
    in_one_transaction(world, &[&[job]], &[1], true).await;
    assert_eq!(world.ask("SELECT CAST(count(*) AS TEXT) FROM apalis.jobs").await, "1");
}

async fn in_one_transaction(world: &World, inserts: &[&[NewJob]], new: &[u64], is_kept: bool) {
    match world.store.job_pool().unwrap() {
        JobPool::Postgres(pool) => {
            let mut change = pool.begin().await.unwrap();
            for (jobs, new) in inserts.iter().zip(new) {
                assert_eq!(enqueue_on_postgres(&mut change, jobs).await.unwrap(), *new);
            }
            if is_kept { change.commit().await.unwrap() } else { change.rollback().await.unwrap() }
        }
        JobPool::Sqlite { writer, .. } => {
            let mut change = writer.begin().await.unwrap();
            for (jobs, new) in inserts.iter().zip(new) {
                assert_eq!(enqueue_on_sqlite(&mut change, jobs).await.unwrap(), *new);
            }
            if is_kept { change.commit().await.unwrap() } else { change.rollback().await.unwrap() }
        }
    }
}

pub(crate) async fn what_is_over_is_purged_and_its_key_is_free_again(world: &World) {
    let done = world.job(json!({"do": "succeed"}));
    let given_up = world.job(json!({"do": "give up"}));
    let exhausted = world.job(json!({"do": "fail"})).max_attempts(1);
    let failing = world.job(json!({"do": "fail"})).max_attempts(9);
    let waiting = world.job(json!({"do": "succeed"})).run_at(in_secs(3_600));
    let all = [done, given_up, exhausted, failing, waiting];
    assert_eq!(world.store.enqueue(&all).await.unwrap(), 5);
    let working = world.works(spec(), quick());
    for (job, state) in all.iter().zip(["Done 1/8", "Killed 1/8", "Failed 1/1"]) {
        world.becomes(&job.key, state, SOON).await;
    }
    working.stop().await;
    assert_eq!(Retention::purge(&world.store, Duration::from_secs(60)).await.unwrap(), 0);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(Retention::purge(&world.store, Duration::from_secs(1)).await.unwrap(), 3);
    let enqueued = world.store.enqueue(&all).await.unwrap();
    assert_eq!(enqueued, 3, "the keys of those that are over, not of those that are not");
}

/// On SQLite apalis' own statement went through all that a worker ever finished: 240 jobs a second and fewer.
pub(crate) async fn three_thousand_jobs_take_seconds(world: &World) {
    let jobs: Vec<_> = (0..3_000).map(|_| world.job(json!({"do": "succeed"}))).collect();
    assert_eq!(world.store.enqueue(&jobs).await.unwrap(), 3_000);
    let begun = Instant::now();
    let working = world.works(spec().concurrency(50, 50), quick());
    loop {
        let left = "SELECT CAST(count(*) AS TEXT) FROM apalis.jobs WHERE status <> 'Done'";
        if world.ask(left).await == "0" {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "not done within a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    working.stop().await;
    assert_eq!(world.diary.lines().len(), 6_000, "each is done once");
    if world.is_sqlite() {
        // it is the plan that matters: which index leads to the job
        let plan: Vec<(i64, i64, i64, String)> = match world.store.job_pool().unwrap() {
            JobPool::Sqlite { writer, .. } => sqlx::query_as(
                "EXPLAIN QUERY PLAN WITH j AS (SELECT value ->> 'task_id' AS task_id FROM json_each('[]'))
                 UPDATE Jobs SET status = 'Done' FROM j WHERE Jobs.id = j.task_id AND Jobs.lock_by = 'me'",
            )
            .fetch_all(&writer)
            .await
            .unwrap(),
            JobPool::Postgres(_) => unreachable!(),
        };
        let by_id = plan.iter().any(|(.., step)| step.contains("(id=?)"));
        assert!(by_id, "{plan:?}");
    }
}

pub(crate) async fn migrating_again_changes_nothing(world: &World) {
    world.store.migrate().await.unwrap();
    assert!(world.store.pending_migrations().await.unwrap().is_empty());
    match world.store.job_pool().unwrap() {
        JobPool::Sqlite { writer, .. } => {
            // apalis' own set-up turns this off for the whole pool
            let level: i64 =
                sqlx::query_scalar("PRAGMA synchronous").fetch_one(&writer).await.unwrap();
            assert_eq!(level, 2);
        }
        JobPool::Postgres(pool) => {
            let notifies: String = sqlx::query_scalar(
                "SELECT tgenabled::text FROM pg_trigger WHERE tgname = 'notify_workers'",
            )
            .fetch_one(&pool)
            .await
            .unwrap();
            assert_eq!(notifies, "D", "each commit would ask for a lock of the whole server");
            let role: String =
                sqlx::query_scalar("SELECT current_user::text").fetch_one(&pool).await.unwrap();
            assert_eq!(role, "hub_writer");
        }
    }
}
