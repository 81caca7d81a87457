//! Group commits.

use hub_domain::{
    MilliCelsius, OrgId, PerMille, Point, Reading, SiteId, SourceId, Timestamp, UnitId, UnitState,
    Version, reading::Channel,
};
use hub_store::{CommitError, Committed, PastFate, Said, TransitionCommit, UnitCommit};

use crate::world::{NOON, World, all_pages};

pub(crate) fn reading(unit: UnitId, recorded_at: Timestamp, milli_c: i32) -> Reading {
    let point = Point { source: SourceId::direct(unit), channel: Channel::TEMPERATURE };
    Reading::new(point, recorded_at, recorded_at, MilliCelsius(milli_c))
}

/// A commit of nothing yet.
pub(crate) fn commit(org: OrgId, site: SiteId, unit: UnitId) -> UnitCommit {
    UnitCommit {
        org,
        site,
        unit,
        owner_epoch: 0,
        fresh: Vec::new(),
        past: Vec::new(),
        transition: None,
    }
}

/// A transition to a state that says it is `version`'s.
pub(crate) fn transition(expected: i64) -> TransitionCommit {
    let state =
        UnitState { alerts_opened: u32::try_from(expected).unwrap() + 1, ..UnitState::default() };
    TransitionCommit {
        expected: Version(expected),
        state,
        rule_version: 3,
        wake_at: None,
        events: Vec::new(),
        statuses: Vec::new(),
        said: Said::default(),
        deletes: None,
    }
}

fn is_conflict(outcome: &Result<Committed, CommitError>, unit: UnitId) -> bool {
    matches!(outcome, Err(CommitError::Conflict(of)) if *of == unit)
}

/// Commits all at once, so that they meet in as few groups as can be.
async fn all(world: &World, commits: Vec<UnitCommit>) -> Vec<Result<Committed, CommitError>> {
    let pending: Vec<_> = commits.into_iter().map(|commit| world.store.submit(commit)).collect();
    let mut outcomes = Vec::with_capacity(pending.len());
    for outcome in pending {
        outcomes.push(outcome.await);
    }
    outcomes
}

pub(crate) async fn a_group_of_many_units_is_written_whole(world: &World) {
    let (org, site, units) = world.units(60).await;
    let of_unit = |(index, unit): (usize, &hub_store::records::UnitRecord)| {
        let at = |n: u32| NOON.plus_secs(60 * n);
        let fresh = (0..50).map(|n| reading(unit.id, at(n), 4_000)).collect();
        let transition = (index % 2 == 0).then(|| transition(0));
        UnitCommit { fresh, transition, ..commit(org, site, unit.id) }
    };
    let commits = units.iter().enumerate().map(of_unit).collect();
    assert!(
        all(world, commits)
            .await
            .iter()
            .all(|outcome| *outcome.as_ref().unwrap() == Committed::default())
    );
    for unit in &units {
        assert_eq!(world.count_readings(org, unit.id).await, 50);
    }
    let loaded = world.store.load_sites(&[site]).await.unwrap();
    let versions: Vec<_> =
        loaded[0].units.iter().map(|unit| (unit.version.0, unit.state.alerts_opened)).collect();
    assert!(
        versions
            .iter()
            .enumerate()
            .all(|(index, got)| *got == if index % 2 == 0 { (1, 1) } else { (0, 0) })
    );
    assert_eq!(world.store.writer_stalled_for(), None);
}

pub(crate) async fn a_unit_moved_by_another_is_left_out_alone(world: &World) {
    let (org, site, units) = world.units(3).await;
    let moving = |index: usize, expected| {
        let fresh = vec![reading(units[index].id, NOON.plus_millis(expected), 4_000)];
        UnitCommit {
            transition: Some(transition(expected)),
            fresh,
            ..commit(org, site, units[index].id)
        }
    };
    world.store.commit(moving(1, 0)).await.unwrap();
    let outcomes = all(world, vec![moving(0, 0), moving(1, 5), moving(2, 0)]).await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    assert!(is_conflict(&outcomes[1], units[1].id), "{outcomes:?}");
    let counts = [
        world.count_readings(org, units[0].id).await,
        world.count_readings(org, units[1].id).await,
        world.count_readings(org, units[2].id).await,
    ];
    assert_eq!(counts, [1, 1, 1], "the reading of the conflicted one is not there");
}

pub(crate) async fn a_site_taken_over_takes_no_more_commits(world: &World) {
    let (org, site, units) = world.units(1).await;
    let other = world.site(org).await;
    let neighbour = world.unit(org, other).await;
    let held = world.store.load_sites(&[site]).await.unwrap()[0].owner_epoch;
    let now_held = world.store.load_sites(&[site]).await.unwrap()[0].owner_epoch;
    assert_eq!(now_held, held + 1);
    let fresh = |unit| vec![reading(unit, NOON, 4_000)];
    let stale = UnitCommit {
        owner_epoch: held,
        fresh: fresh(units[0].id),
        ..commit(org, site, units[0].id)
    };
    let untouched = UnitCommit { fresh: fresh(neighbour.id), ..commit(org, other, neighbour.id) };
    let outcomes = all(world, vec![stale.clone(), untouched]).await;
    assert!(is_conflict(&outcomes[0], units[0].id), "{outcomes:?}");
    assert!(outcomes[1].is_ok());
    assert_eq!(world.count_readings(org, units[0].id).await, 0);
    world.store.commit(UnitCommit { owner_epoch: now_held, ..stale }).await.unwrap();
}

pub(crate) async fn a_reading_that_was_not_fresh_is_a_conflict_of_its_unit_alone(world: &World) {
    let (org, site, units) = world.units(4).await;
    let fresh = |index: usize, minutes: &[u32]| {
        let fresh = minutes
            .iter()
            .map(|n| reading(units[index].id, NOON.plus_secs(60 * n), 4_000))
            .collect();
        UnitCommit { fresh, ..commit(org, site, units[index].id) }
    };
    world.store.commit(fresh(1, &[3])).await.unwrap();
    world.store.commit(fresh(3, &[3])).await.unwrap();
    let outcomes = all(
        world,
        vec![fresh(0, &[1, 2, 3]), fresh(1, &[1, 2, 3]), fresh(2, &[1]), fresh(3, &[3])],
    )
    .await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    assert!(
        is_conflict(&outcomes[1], units[1].id) && is_conflict(&outcomes[3], units[3].id),
        "{outcomes:?}"
    );
    assert_eq!(world.count_readings(org, units[0].id).await, 3);
    assert_eq!(world.count_readings(org, units[1].id).await, 1);
}

pub(crate) async fn a_late_reading_that_is_judged_after_all_is_taken_over(world: &World) {
    let (org, site, units) = world.units(2).await;
    let of = |index: usize| reading(units[index].id, NOON, 4_000);
    let late = UnitCommit { past: vec![of(0)], ..commit(org, site, units[0].id) };
    let fresh =
        |index: usize| UnitCommit { fresh: vec![of(index)], ..commit(org, site, units[index].id) };
    assert!(all(world, vec![late, fresh(1)]).await.iter().all(Result::is_ok));
    let outcomes = all(world, vec![fresh(0), fresh(1)]).await;
    assert!(outcomes[0].is_ok() && is_conflict(&outcomes[1], units[1].id), "{outcomes:?}");
    let page = crate::world::page(9);
    let stored =
        world.store.readings(org, units[0].id, NOON, NOON.plus_secs(1), page).await.unwrap();
    assert_eq!(stored.items.iter().map(|stored| stored.is_late).collect::<Vec<_>>(), [false]);
}

pub(crate) async fn a_reading_said_twice_as_fresh_is_a_conflict(world: &World) {
    let (org, site, units) = world.units(2).await;
    let twice = vec![reading(units[0].id, NOON, 4_000), reading(units[0].id, NOON, 5_000)];
    let once = vec![reading(units[1].id, NOON, 4_000)];
    let commits = vec![
        UnitCommit { fresh: twice, ..commit(org, site, units[0].id) },
        UnitCommit { fresh: once, ..commit(org, site, units[1].id) },
    ];
    let outcomes = all(world, commits).await;
    assert!(is_conflict(&outcomes[0], units[0].id) && outcomes[1].is_ok(), "{outcomes:?}");
    assert_eq!(world.count_readings(org, units[0].id).await, 0);
}

pub(crate) async fn late_readings_duplicates_and_contradictions_are_told_apart(world: &World) {
    use PastFate::{Conflicting, Duplicate, Late};
    let (org, site, units) = world.units(2).await;
    let unit = units[0].id;
    let at = |minute: u32, milli_c| reading(unit, NOON.plus_secs(60 * minute), milli_c);
    let arrived_later = |r: Reading| Reading { received_at: NOON.plus_secs(9_999), ..r };
    let first = UnitCommit { fresh: vec![at(10, 4_000), at(20, 5_000)], ..commit(org, site, unit) };
    world.store.commit(first).await.unwrap();
    let other_channel = Reading {
        point: Point { channel: Channel::parse("probe2").unwrap(), ..at(10, 0).point },
        ..at(10, 4_000)
    };
    let past = vec![
        at(5, 1_000),
        arrived_later(at(10, 4_000)),
        at(20, 5_001),
        at(5, 1_000),
        at(5, 1_001),
        at(30, 6_000),
        Reading { sequence: 7, ..at(10, 4_000) },
        other_channel,
    ];
    let fresh = vec![at(30, 6_000)];
    let neighbour = UnitCommit {
        past: vec![reading(units[1].id, NOON, 4_000)],
        ..commit(org, site, units[1].id)
    };
    let outcomes =
        all(world, vec![UnitCommit { fresh, past, ..commit(org, site, unit) }, neighbour]).await;
    let fates = [Late, Duplicate, Conflicting, Duplicate, Conflicting, Duplicate, Late, Late];
    assert_eq!(outcomes[0].as_ref().unwrap().past, fates);
    assert_eq!(outcomes[1].as_ref().unwrap().past, [Late]);

    let stored =
        all_pages(|page| world.store.readings(org, unit, NOON, NOON.plus_secs(7_200), page)).await;
    let told: Vec<_> =
        stored.iter().map(|s| (s.reading.temperature.0, s.reading.sequence, s.is_late)).collect();
    // at one instant the order is (source, channel, sequence): probe2 comes before temperature
    let expected = [
        (1_000, -1, true),
        (4_000, -1, true),
        (4_000, -1, false),
        (4_000, 7, true),
        (5_000, -1, false),
        (6_000, -1, false),
    ];
    assert_eq!(told, expected);
    assert_eq!(stored[2].reading.received_at, NOON.plus_secs(600), "the first is kept");
}

pub(crate) async fn nothing_of_a_conflicted_unit_is_written(world: &World) {
    let (org, site, units) = world.units(1).await;
    let unit = units[0].id;
    world
        .store
        .commit(UnitCommit { fresh: vec![reading(unit, NOON, 1)], ..commit(org, site, unit) })
        .await
        .unwrap();
    // the transition would do, the late reading too, but one "fresh" reading is not
    let spoilt = UnitCommit {
        fresh: vec![reading(unit, NOON.plus_secs(60), 2), reading(unit, NOON, 1)],
        past: vec![reading(unit, NOON.plus_secs(30), 3)],
        transition: Some(transition(0)),
        ..commit(org, site, unit)
    };
    assert!(is_conflict(&world.store.commit(spoilt).await, unit));
    assert_eq!(world.count_readings(org, unit).await, 1);
    assert_eq!(world.store.load_unit(unit, 0).await.unwrap().unwrap().version, Version(0));
}

pub(crate) async fn what_builds_on_a_failed_commit_fails_too(world: &World) {
    let (org, site, units) = world.units(2).await;
    let of = |index: usize, expected| UnitCommit {
        transition: Some(transition(expected)),
        ..commit(org, site, units[index].id)
    };
    let commits = vec![of(0, 7), of(0, 8), of(1, 0), of(0, 9), of(1, 1)];
    let outcomes: Vec<_> =
        all(world, commits).await.into_iter().map(|outcome| outcome.is_ok()).collect();
    assert_eq!(outcomes, [false, false, true, false, true]);
}

pub(crate) async fn commits_of_one_unit_are_done_in_order(world: &World) {
    let (org, site, units) = world.units(1).await;
    let unit = units[0].id;
    let nth = |n: i64| UnitCommit {
        fresh: vec![reading(unit, NOON.plus_millis(n), 4_000)],
        transition: Some(transition(n)),
        ..commit(org, site, unit)
    };
    let outcomes = all(world, (0..20).map(nth).collect()).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(world.store.load_unit(unit, 0).await.unwrap().unwrap().version, Version(20));
    assert_eq!(world.count_readings(org, unit).await, 20);
}

pub(crate) async fn readings_are_listed_in_order_of_their_time(world: &World) {
    let (org, site, units) = world.units(2).await;
    let unit = units[0].id;
    let fresh: Vec<_> = (0..7).map(|n| reading(unit, NOON.plus_secs(60 * n), 4_000)).collect();
    world
        .store
        .commit(UnitCommit { fresh: fresh.clone(), ..commit(org, site, unit) })
        .await
        .unwrap();
    let (from, to) = (NOON.plus_secs(60), NOON.plus_secs(360));
    let listed = all_pages(|page| world.store.readings(org, unit, from, to, page)).await;
    let listed: Vec<_> = listed.into_iter().map(|stored| stored.reading).collect();
    assert_eq!(listed, fresh[1..6], "from is included, to is not");
    let foreign = world.org().await;
    assert_eq!(all_pages(|page| world.store.readings(foreign, unit, from, to, page)).await, []);
    assert_eq!(all_pages(|page| world.store.readings(org, units[1].id, from, to, page)).await, []);
}

pub(crate) async fn every_field_of_a_reading_comes_back(world: &World) {
    let (org, site, units) = world.units(1).await;
    let unit = units[0].id;
    let full = Reading {
        sequence: i64::MAX,
        humidity: Some(PerMille(442)),
        battery_percent: Some(100),
        battery_mv: Some(65_535),
        door_open: Some(true),
        signal_dbm: Some(-120),
        ..reading(unit, Timestamp::EARLIEST, -273_150)
    };
    let shut = Reading { door_open: Some(false), ..reading(unit, Timestamp::LATEST, 1_000_000) };
    let fresh = vec![full.clone(), shut.clone()];
    world
        .store
        .commit(UnitCommit { fresh: fresh.clone(), ..commit(org, site, unit) })
        .await
        .unwrap();
    let span = (Timestamp::EARLIEST, Timestamp::LATEST.plus_millis(1));
    let listed = all_pages(|page| world.store.readings(org, unit, span.0, span.1, page)).await;
    assert_eq!(listed.into_iter().map(|stored| stored.reading).collect::<Vec<_>>(), fresh);
    let again =
        world.store.commit(UnitCommit { past: fresh, ..commit(org, site, unit) }).await.unwrap();
    assert_eq!(
        again.past,
        [PastFate::Duplicate, PastFate::Duplicate],
        "compared field by field with what is stored"
    );
    for other in [
        Reading { humidity: None, ..full.clone() },
        Reading { battery_percent: Some(99), ..full.clone() },
        Reading { battery_mv: None, ..full.clone() },
        Reading { door_open: Some(false), ..full.clone() },
        Reading { signal_dbm: None, ..full },
    ] {
        let fate = world
            .store
            .commit(UnitCommit { past: vec![other], ..commit(org, site, unit) })
            .await
            .unwrap();
        assert_eq!(fate.past, [PastFate::Conflicting]);
    }
}

pub(crate) async fn an_empty_commit_changes_nothing(world: &World) {
    let (org, site, units) = world.units(1).await;
    let outcome = world.store.commit(commit(org, site, units[0].id)).await.unwrap();
    assert_eq!(outcome, Committed::default());
}
