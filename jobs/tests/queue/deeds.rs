//! Jobs are done: once, soon, in their time, no more at once than may be.

use std::time::Duration;

use hub_jobs::queue::Pace;
use serde_json::json;

use crate::{
    diary::now_ms,
    world::{World, in_secs, quick, spec},
};

const SOON: Duration = Duration::from_secs(5);

pub(crate) async fn a_job_is_done_once_and_soon(world: &World) {
    let working = world.works(spec(), quick());
    let key = world.enqueue(world.job(json!({"do": "succeed"}))).await;
    world.becomes(&key, "Done 1/8", SOON).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.diary.count(&key, "done"), 1);
    assert!(working.vitals.silent(Duration::from_secs(1)).is_empty());
    working.stop().await;
}

/// apalis' own interval went deaf in one of thirty idle spells, for up to 27 s.
pub(crate) async fn a_worker_is_never_deaf(world: &World) {
    let working = world.works(spec(), Pace::default());
    let mut slowest_ms = 0;
    for round in 0..60 {
        // spells that end at every phase of the interval
        tokio::time::sleep(Duration::from_millis(130 + 7 * (round % 15))).await;
        let asked = now_ms();
        let key = world.enqueue(world.job(json!({"do": "succeed"}))).await;
        let begun = world.diary.sees(&key, "begun", 1, SOON).await;
        slowest_ms = slowest_ms.max(begun.at_ms.saturating_sub(asked));
    }
    assert!(slowest_ms < 2_000, "a job waited {slowest_ms} ms where a look comes every 100 ms");
    working.stop().await;
}

pub(crate) async fn a_job_waits_for_its_time(world: &World) {
    let working = world.works(spec(), Pace::default());
    let due = in_secs(2);
    let key = world.enqueue(world.job(json!({"do": "succeed"})).run_at(due)).await;
    let begun = world.diary.sees(&key, "begun", 1, SOON).await;
    let late_ms = i64::try_from(begun.at_ms).unwrap() - due.as_millis();
    assert!((0..2_500).contains(&late_ms), "begun {late_ms} ms after its time");
    working.stop().await;
}

pub(crate) async fn a_nudge_is_quicker_than_a_look(world: &World) {
    let slow =
        Pace { look_every: Duration::from_secs(4), beat_every: Duration::from_secs(30), ..quick() };
    let working = world.works(spec(), slow);
    tokio::time::sleep(Duration::from_millis(700)).await; // it has looked, and will again in four seconds
    let asked = now_ms();
    let key = world.enqueue(world.job(json!({"do": "succeed"}))).await;
    working.nudges.nudge(crate::world::QUEUE);
    let begun = world.diary.sees(&key, "begun", 1, SOON).await;
    assert!(begun.at_ms - asked < 1_500, "begun {} ms after the nudge", begun.at_ms - asked);
    working.stop().await;
}

pub(crate) async fn a_queue_keeps_to_its_rate(world: &World) {
    let jobs: Vec<_> = (0..12).map(|_| world.job(json!({"do": "succeed"}))).collect();
    world.store.enqueue(&jobs).await.unwrap();
    let working = world.works(spec().per_second(4), quick());
    let begun_at = |key| world.diary.sees(key, "begun", 1, Duration::from_secs(10));
    let mut begun = Vec::new();
    for job in &jobs {
        begun.push(begun_at(&job.key).await.at_ms);
    }
    begun.sort_unstable();
    // four at once, then one each quarter of a second
    let took_ms = begun[11] - begun[0];
    assert!((1_800..5_000).contains(&took_ms), "12 jobs at 4/s took {took_ms} ms");
    working.stop().await;
}

pub(crate) async fn no_more_run_at_once_than_the_queue_says(world: &World) {
    let jobs: Vec<_> = (0..9).map(|_| world.job(json!({"do": "sleep", "ms": 400}))).collect();
    world.store.enqueue(&jobs).await.unwrap();
    let working = world.works(spec().concurrency(3, 10), quick());
    for job in &jobs {
        world.becomes(&job.key, "Done 1/8", Duration::from_secs(15)).await;
    }
    let (mut running, mut most) = (0_i32, 0);
    for line in world.diary.lines() {
        running += if line.what == "begun" { 1 } else { -1 };
        most = most.max(running);
    }
    assert_eq!((running, most), (0, 3));
    working.stop().await;
}
