//! Databases that go away while commits are under way.

use std::time::{Duration, Instant};

use hub_domain::{OrgId, SiteId, UnitId};
use hub_store::{CommitError, Store, UnitCommit};
use hub_testkit::{postgres::PrivatePostgres, wait};

use crate::{
    commits::{commit, reading},
    world::{HandClock, NOON, options, page},
};

/// A store on a server of the test's own, since it is to be killed.
async fn own_server() -> (PrivatePostgres, Store, String) {
    let server = tokio::task::spawn_blocking(|| PrivatePostgres::start().unwrap()).await.unwrap();
    let url = server.create_database();
    let clock = std::sync::Arc::new(HandClock::at(NOON));
    let store = Store::open(options(&url, clock)).await.unwrap();
    store.migrate().await.unwrap();
    let database = url.rsplit('/').next().unwrap().to_owned();
    (server, store, database)
}

async fn units(store: &Store, count: usize) -> (OrgId, SiteId, Vec<UnitId>) {
    let by = hub_store::records::Actor::Hub;
    let org = store.create_organization("o", by).await.unwrap().id;
    let site = store.create_site(org, "s", "UTC", by).await.unwrap().id;
    let mut units = Vec::new();
    for n in 0..count {
        units.push(store.create_unit(org, site, None, &n.to_string(), None, by).await.unwrap().id);
    }
    (org, site, units)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_nothing_that_was_answered_and_leaves_no_doubt_unsaid() {
    let (server, store, _) = own_server().await;
    let (org, site, ids) = units(&store, 8).await;
    for round in 0..3_u32 {
        let streams: Vec<_> = ids
            .iter()
            .map(|unit| tokio::spawn(stream_from(store.clone(), org, site, *unit, round)))
            .collect();
        let before = store.counts().await.unwrap();
        assert_eq!(before.units, 8);
        wait_for_readings(&store, org, ids[0], round).await;
        server.kill9();
        let mut all = Vec::new();
        for stream in streams {
            all.push(stream.await.unwrap());
        }
        server.restart();
        for (unit, outcomes) in ids.iter().zip(&all) {
            check(&store, org, *unit, outcomes, round).await;
        }
        let after = commit_soon(&store, org, site, ids[0], round).await;
        assert!(after < Duration::from_secs(5), "the writer connects again: {after:?}");
    }
    store.close().await;
}

/// The instants of each round are apart, so that what is stored of one is known.
fn offset(round: u32) -> i64 {
    i64::from(round) * 200_000
}

/// Commits one reading after another for a unit until the store is away; gives each one's outcome.
async fn stream_from(
    store: Store,
    org: OrgId,
    site: SiteId,
    unit: UnitId,
    round: u32,
) -> Vec<Result<(), CommitError>> {
    let mut outcomes = Vec::new();
    for n in 0..100_000 {
        let fresh = vec![reading(unit, NOON.plus_millis(offset(round) + n), 4_000)];
        let outcome = store.commit(UnitCommit { fresh, ..commit(org, site, unit) }).await.map(drop);
        let is_over = outcome.is_err();
        outcomes.push(outcome);
        if is_over {
            break;
        }
    }
    outcomes
}

async fn stored_in(store: &Store, org: OrgId, unit: UnitId, round: u32) -> usize {
    let (from, to) = (NOON.plus_millis(offset(round)), NOON.plus_millis(offset(round + 1) - 1_000));
    let mut count = 0;
    let mut query = page(5_000);
    loop {
        // a server that begins anew cuts off every connection once more
        let ask = || async { store.readings(org, unit, from, to, query.clone()).await.ok() };
        let page = wait::until("a page of readings", Duration::from_secs(20), ask).await;
        count += page.items.len();
        query.cursor = page.next;
        if query.cursor.is_none() {
            return count;
        }
    }
}

async fn wait_for_readings(store: &Store, org: OrgId, unit: UnitId, round: u32) {
    let enough = || async { (stored_in(store, org, unit, round).await >= 50).then_some(()) };
    wait::until("fifty readings of the first unit", Duration::from_secs(20), enough).await;
}

/// What was answered as written is there, what was refused is not, and only the last may be in doubt.
async fn check(
    store: &Store,
    org: OrgId,
    unit: UnitId,
    outcomes: &[Result<(), CommitError>],
    round: u32,
) {
    let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let stored = stored_in(store, org, unit, round).await;
    match outcomes.last().unwrap() {
        Err(CommitError::Unknown(_)) => {
            assert!([written, written + 1].contains(&stored), "{stored} of {written}")
        }
        Err(CommitError::Unavailable(_)) => assert_eq!(stored, written),
        other => panic!("the server was killed, and the last commit says {other:?}"),
    }
}

async fn commit_soon(
    store: &Store,
    org: OrgId,
    site: SiteId,
    unit: UnitId,
    round: u32,
) -> Duration {
    let begun = Instant::now();
    let at = NOON.plus_millis(offset(round + 1) - 500);
    let again = || async {
        let fresh = vec![reading(unit, at, 4_000)];
        store.commit(UnitCommit { fresh, ..commit(org, site, unit) }).await.ok()
    };
    wait::until("a commit after the restart", Duration::from_secs(20), again).await;
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_away_commits_are_refused_at_once_and_none_is_written() {
    let (server, store, _) = own_server().await;
    let (org, site, ids) = units(&store, 4).await;
    server.stop();
    let begun = Instant::now();
    let pending: Vec<_> = (0..5_000)
        .map(|n| {
            let unit = ids[usize::try_from(n % 4).unwrap()];
            let fresh = vec![reading(unit, NOON.plus_millis(n), 4_000)];
            store.submit(UnitCommit { fresh, ..commit(org, site, unit) })
        })
        .collect();
    for outcome in pending {
        assert!(matches!(outcome.await, Err(CommitError::Unavailable(_))));
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(store.ping().await.is_err());
    server.restart();
    for unit in &ids {
        assert_eq!(stored_in(&store, org, *unit, 0).await, 0);
    }
    commit_soon(&store, org, site, ids[0], 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_restarted_while_nothing_was_written_is_not_noticed() {
    let (server, store, _) = own_server().await;
    let (org, site, ids) = units(&store, 1).await;
    let one = |n| UnitCommit {
        fresh: vec![reading(ids[0], NOON.plus_millis(n), 4_000)],
        ..commit(org, site, ids[0])
    };
    store.commit(one(0)).await.unwrap();
    server.restart();
    store.commit(one(1)).await.unwrap();
    assert_eq!(stored_in(&store, org, ids[0], 0).await, 2);
}

/// Waits until the writer's COMMIT is held up, and kills the server process that does it.
async fn kill_in_commit(server: &PrivatePostgres, wait_event: &str) {
    let sql = format!(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'freshtrack-hub' AND query = 'COMMIT'
            AND state = 'active' AND wait_event = '{wait_event}'"
    );
    let look = || async {
        tokio::task::block_in_place(|| server.run_sql("postgres", &sql)).parse::<u32>().ok()
    };
    let pid = wait::until("a COMMIT that waits", Duration::from_secs(20), look).await;
    let kill =
        std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(kill.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_cut_off_before_it_was_done_is_in_doubt_and_not_there() {
    let (server, store, database) = own_server().await;
    let (org, site, ids) = units(&store, 2).await;
    let dawdle = "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER dawdle AFTER UPDATE ON unit_states DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION dawdle()";
    tokio::task::block_in_place(|| server.run_sql(&database, dawdle));
    let fresh = vec![reading(ids[0], NOON, 4_000)];
    let transition = Some(crate::commits::transition(0));
    let pending = store.submit(UnitCommit { fresh, transition, ..commit(org, site, ids[0]) });
    kill_in_commit(&server, "PgSleep").await;
    let outcome = pending.await;
    assert!(matches!(outcome, Err(CommitError::Unknown(_))), "{outcome:?}");
    commit_soon(&store, org, site, ids[1], 0).await;
    assert_eq!(stored_in(&store, org, ids[0], 0).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_cut_off_after_it_was_done_is_in_doubt_and_there() {
    let (server, store, _) = own_server().await;
    let (org, site, ids) = units(&store, 2).await;
    // a standby that nobody is: a COMMIT is durable here, and then waits for that one
    let reload = "SELECT pg_reload_conf()";
    let set = |sql: &str| {
        tokio::task::block_in_place(|| {
            (server.run_sql("postgres", sql), server.run_sql("postgres", reload))
        });
    };
    set("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    let stream = tokio::spawn(stream_from(store.clone(), org, site, ids[0], 0));
    kill_in_commit(&server, "SyncRep").await;
    let outcomes = stream.await.unwrap();
    assert!(matches!(outcomes.last(), Some(Err(CommitError::Unknown(_)))), "{outcomes:?}");
    // it is seen once the server has recovered from the kill
    let look =
        || async { (stored_in(&store, org, ids[0], 0).await == outcomes.len()).then_some(()) };
    wait::until("the reading in doubt, which is there", Duration::from_secs(20), look).await;
    set("ALTER SYSTEM RESET synchronous_standby_names");
    commit_soon(&store, org, site, ids[1], 0).await;
}
