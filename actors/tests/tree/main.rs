//! The supervision tree on the memory store and a paused clock: timers, restarts, quarantine and admission, each
//! to the millisecond and without waiting.

#![expect(clippy::unwrap_used, reason = "a test may end where it cannot go on")]

mod nodes;
mod world;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use hub_actors::{AlertAskError, AskError, ReadingFate, UnitBatch, UnitsSettings};
use hub_domain::{
    AlertEventKind, AlertKind, Channel, LinkState, Point, Reading, Refusal, RuleField, RuleLayer,
    Severity, SourceId, Status, Suspicion,
};
use hub_store::{Fault, RuleScope, Said};
use world::{PERSON, World};

const MINUTE: u32 = 60;

#[tokio::test(start_paused = true)]
async fn the_timer_raises_the_alarm_at_the_confirm_time_without_a_second_reading() {
    let world = World::begin().await;
    world.ingest(9_000).await;
    assert_eq!(world.show().await.view.status, Status::Excursion);
    world.sleep(10 * MINUTE - 1).await;
    assert_eq!(world.show().await.view.status, Status::Excursion);
    world.sleep(2).await;
    assert_eq!(world.show().await.view.status, Status::AlarmActive);
    let alerts = world.alerts(AlertKind::TemperatureHigh).await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].severity, Severity::Critical);
    assert_eq!(alerts[0].confirmed_at, Some(alerts[0].opened_at.plus_secs(10 * MINUTE)));
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_starts_later_raises_what_fell_due_meanwhile_at_its_own_instant() {
    let world = World::begin().await;
    world.ingest(9_000).await;
    let world = world.stop_for(3600).await;
    let alerts =
        world.wait_for(AlertKind::TemperatureHigh, |alerts| alerts[0].confirmed_at.is_some()).await;
    assert_eq!(alerts[0].confirmed_at, Some(alerts[0].opened_at.plus_secs(10 * MINUTE)));
    assert_eq!(world.show().await.view.link, LinkState::Offline);
}

#[tokio::test(start_paused = true)]
async fn readings_since_the_checkpoint_are_folded_to_the_same_state() {
    let world = World::begin().await;
    for step in 0..40 {
        world.ingest(3_000 + step * 10).await;
        world.sleep(30).await;
    }
    let before = world.units.observe(world.unit).await.unwrap();
    assert!(before.readings_since > 30, "nothing moved, so there is no newer checkpoint");
    let world = world.stop_for(0).await;
    let after = world.units.observe(world.unit).await.unwrap();
    assert_eq!(after.state, before.state);
    assert_eq!(after.version, before.version);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_sensor_is_late_and_then_offline_to_the_second() {
    let world = World::begin().await;
    world.ingest(3_000).await;
    world.sleep(15 * MINUTE + 29).await;
    assert_eq!(world.show().await.view.status, Status::Ok);
    world.sleep(2).await;
    assert_eq!(world.show().await.view.status, Status::Late);
    world.sleep(15 * MINUTE).await;
    assert_eq!(world.show().await.view.status, Status::MonitoringInterrupted);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_costs_no_state_and_the_timer_tries_again() {
    let world = World::begin().await;
    world.store.inject(Fault::Unavailable);
    assert_eq!(world.try_ingest(9_000).await, Err(AskError::Unavailable));
    assert_eq!(world.show().await.view.temperature, None);
    world.ingest(9_000).await;
    world.sleep(10 * MINUTE - 1).await;
    world.store.inject(Fault::Unavailable);
    world.sleep(10).await;
    assert_eq!(world.show().await.view.status, Status::AlarmActive);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_looked_up_and_nothing_is_doubled() {
    for fault in [Fault::UnknownLost, Fault::UnknownWritten] {
        let world = World::begin().await;
        world.ingest(3_000).await;
        world.sleep(60).await;
        world.store.inject(fault);
        let fates = world.try_ingest(9_000).await.unwrap();
        assert!(matches!(fates[0], ReadingFate::Accepted | ReadingFate::Duplicate), "{fates:?}");
        let alerts = world.alerts(AlertKind::TemperatureHigh).await;
        assert_eq!(alerts.len(), 1, "{fault:?}");
        assert_eq!(world.stored().await, 2, "{fault:?}");
        assert_eq!(world.show().await.view.status, Status::Excursion);
    }
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_keeps_failing_is_set_aside_and_its_readings_are_still_stored() {
    let broken = Arc::new(AtomicBool::new(true));
    let failures = Arc::new(AtomicUsize::new(0));
    let fault = {
        let (broken, failures) = (Arc::clone(&broken), Arc::clone(&failures));
        Arc::new(move |_| {
            if broken.load(Ordering::SeqCst) {
                failures.fetch_add(1, Ordering::SeqCst);
                panic!("this reading breaks the unit");
            }
        })
    };
    let settings = UnitsSettings { fault: Some(fault), ..UnitsSettings::default() };
    let world = World::with(settings).await;
    for _ in 0..10 {
        world.try_ingest(3_000).await.ok();
        world.sleep(1).await;
    }
    assert_eq!(failures.load(Ordering::SeqCst), 5, "five failures in a minute, then no more");
    assert_eq!(world.units.stats().quarantined, 1);
    let before = world.stored().await;
    assert_eq!(world.try_ingest(4_000).await, Ok(vec![ReadingFate::Accepted]));
    assert_eq!(world.stored().await, before + 1);
    broken.store(false, Ordering::SeqCst);
    world.sleep(700).await;
    world.ingest(4_500).await;
    assert_eq!(world.show().await.view.status, Status::Ok);
    assert_eq!(world.units.stats().quarantined, 0);
}

#[tokio::test(start_paused = true)]
async fn one_units_failures_leave_its_neighbours_alone() {
    let settings = UnitsSettings { fault: None, ..UnitsSettings::default() };
    let world = World::with(settings).await;
    let other = world.another_unit().await;
    world.store.inject(Fault::UnknownLost);
    let batches = [world.unit, other]
        .map(|unit| UnitBatch { unit, readings: vec![world.reading(unit, 9_000)] });
    let answers = world.units.ingest(batches.to_vec()).await;
    assert!(answers.iter().all(|answer| answer.is_ok()), "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rule_edit_is_judged_by_the_very_next_reading_and_moves_running_clocks() {
    let world = World::begin().await;
    world.ingest(9_000).await;
    world.sleep(MINUTE).await;
    world
        .set_rule(RuleLayer::Unit, world.unit.0, &[(RuleField::ConfirmHighShutSecs, Some(120))])
        .await;
    world.units.rules_changed(RuleScope::Unit(world.unit)).await.unwrap();
    world.sleep(MINUTE + 1).await;
    assert_eq!(world.show().await.view.status, Status::AlarmActive);
    world.set_rule(RuleLayer::Unit, world.unit.0, &[(RuleField::HighLimit, Some(12_000))]).await;
    world.units.rules_changed(RuleScope::Unit(world.unit)).await.unwrap();
    world.ingest(9_000).await;
    assert_eq!(world.show().await.view.status, Status::Restoring);
    let world = world.stop_for(1).await;
    assert_eq!(
        world.show().await.view.status,
        Status::Restoring,
        "a start judges by the new rule only what is new"
    );
}

#[tokio::test(start_paused = true)]
async fn of_many_acknowledgements_one_counts() {
    let world = World::begin().await;
    world.ingest(9_000).await;
    let alert = world.alerts(AlertKind::TemperatureHigh).await[0].id;
    let races =
        (0..100).map(|_| world.units.acknowledge(world.unit, alert, Some(PERSON), Said::default()));
    let answers = futures_util::future::join_all(races).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let refused = AlertAskError::Refused(Refusal::AlreadyAcknowledged);
    assert!(answers.iter().all(|answer| answer.is_ok() || *answer == Err(refused)));
    let resolved = world.units.resolve(world.unit, alert, PERSON, Said::default()).await;
    assert_eq!(resolved, Err(AlertAskError::Refused(Refusal::ConditionActive)));
    let events = world.events(alert).await;
    assert_eq!(events, [AlertEventKind::Opened, AlertEventKind::Acknowledged]);
}

#[tokio::test(start_paused = true)]
async fn more_in_flight_than_allowed_is_busy_at_once() {
    let settings = UnitsSettings { max_in_flight: 0, ..UnitsSettings::default() };
    let world = World::with(settings).await;
    assert_eq!(world.try_ingest(3_000).await, Err(AskError::Busy));
}

#[tokio::test(start_paused = true)]
async fn a_reading_from_the_future_is_told_and_moves_nothing() {
    let world = World::begin().await;
    world.ingest(3_000).await;
    let mut reading = world.reading(world.unit, 30_000);
    reading.recorded_at = reading.recorded_at.plus_secs(5 * MINUTE + 1);
    let answers =
        world.units.ingest(vec![UnitBatch { unit: world.unit, readings: vec![reading] }]).await;
    assert_eq!(answers, [Ok(vec![ReadingFate::Quarantined(Suspicion::InFuture)])]);
    assert_eq!(world.show().await.view.status, Status::Ok);
}

#[tokio::test(start_paused = true)]
async fn a_unit_created_in_a_live_site_is_live_and_an_unknown_one_is_told() {
    let world = World::begin().await;
    world.ingest(3_000).await;
    let unit = world.another_unit().await;
    world.units.unit_created(unit).await.unwrap();
    assert_eq!(world.units.stats().live_units, 2);
    assert_eq!(
        world.units.show(hub_domain::UnitId(uuid::Uuid::nil())).await,
        Err(AskError::UnknownUnit)
    );
}

#[tokio::test(start_paused = true)]
async fn a_thousand_timers_due_in_the_same_second_all_fire() {
    let world = World::begin().await;
    let mut units = Vec::new();
    for _ in 0..1_000 {
        units.push(world.another_unit().await);
    }
    let batches = units
        .iter()
        .map(|unit| UnitBatch { unit: *unit, readings: vec![world.reading(*unit, 9_000)] });
    let answers = world.units.ingest(batches.collect()).await;
    assert!(answers.iter().all(Result::is_ok));
    world.sleep(10 * MINUTE + 1).await;
    for unit in units {
        assert_eq!(world.units.show(unit).await.unwrap().view.status, Status::AlarmActive);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_tell_for_a_while_sends_nobody_to_quarantine() {
    let world = World::begin().await;
    for _ in 0..10 {
        (0..4).for_each(|_| world.store.inject(Fault::UnknownLost));
        world.try_ingest(25_000).await.ok();
        world.sleep(2).await;
    }
    assert_eq!(world.units.stats().quarantined, 0);
    world.sleep(5).await;
    world.ingest(25_000).await;
    assert_eq!(world.show().await.view.status, Status::Excursion);
}

#[tokio::test(start_paused = true)]
async fn readings_stored_unjudged_are_judged_when_they_are_sent_again() {
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    let fault = Arc::new(move |_| assert!(!is_broken.load(Ordering::SeqCst), "broken"));
    let settings = UnitsSettings { fault: Some(fault), ..UnitsSettings::default() };
    let world = World::with(settings).await;
    for _ in 0..6 {
        world.try_ingest(3_000).await.ok();
        world.sleep(1).await;
    }
    let batch =
        vec![UnitBatch { unit: world.unit, readings: vec![world.reading(world.unit, 9_000)] }];
    assert_eq!(world.units.ingest(batch.clone()).await, [Ok(vec![ReadingFate::Accepted])]);
    assert!(world.alerts(AlertKind::TemperatureHigh).await.is_empty());
    broken.store(false, Ordering::SeqCst);
    world.sleep(700).await;
    assert_eq!(world.units.ingest(batch).await, [Ok(vec![ReadingFate::Accepted])]);
    assert_eq!(world.alerts(AlertKind::TemperatureHigh).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_site_that_was_taken_over_is_claimed_again_when_it_is_asked() {
    let world = World::begin().await;
    world.ingest(3_000).await;
    world.store.load_sites(&[world.site]).await.unwrap(); // as another process would
    world.sleep(60).await;
    for _ in 0..5 {
        if world.try_ingest(9_000).await.is_ok() {
            break;
        }
        world.sleep(2).await;
    }
    assert_eq!(world.show().await.view.status, Status::Excursion);
    assert_eq!(world.alerts(AlertKind::TemperatureHigh).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_still_cannot_be_read_is_set_aside_for_as_long_again() {
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    let fault = Arc::new(move |_| assert!(!is_broken.load(Ordering::SeqCst), "broken"));
    let world = World::with(UnitsSettings { fault: Some(fault), ..UnitsSettings::default() }).await;
    for _ in 0..10 {
        world.try_ingest(3_000).await.ok();
        world.sleep(1).await;
    }
    assert_eq!(world.units.stats().quarantined, 1);
    broken.store(false, Ordering::SeqCst);
    world.store.inject(Fault::Unreadable);
    world.sleep(10 * MINUTE).await; // it was tried again, and could not be read
    world.sleep(9 * MINUTE).await;
    assert_eq!(world.units.stats().quarantined, 1, "it is not tried again each second");
    assert_eq!(world.units.show(world.unit).await.err(), Some(AskError::Busy));
    assert_eq!(world.try_ingest(4_000).await, Ok(vec![ReadingFate::Accepted]), "kept unjudged");
    world.sleep(2 * MINUTE).await;
    assert_eq!(world.units.stats().quarantined, 0);
    assert_eq!(world.show().await.view.status, Status::MonitoringInterrupted);
}

/// A source measures the world's unit no more from now on.
async fn retire(world: &World, source: SourceId) {
    world.units.retire_source(world.unit, source, world.clock.now()).await.unwrap();
}

/// Takes in readings of the world's unit.
async fn send(world: &World, readings: Vec<Reading>) -> Vec<ReadingFate> {
    let batch = UnitBatch { unit: world.unit, readings };
    world.units.ingest(vec![batch]).await.remove(0).unwrap()
}

/// A reading of the source of that label.
fn labelled(world: &World, label: &str, milli_celsius: i32) -> Reading {
    let reading = world.reading(world.unit, milli_celsius);
    let source = SourceId::labelled(world.unit, label);
    Reading { point: Point { source, ..reading.point }, ..reading }
}

#[tokio::test(start_paused = true)]
async fn an_alarm_outlives_the_sensor_that_raised_it_and_a_restart() {
    let world = World::begin().await;
    let hot = labelled(&world, "old", 9_000);
    assert_eq!(send(&world, vec![hot.clone()]).await, [ReadingFate::Accepted]);
    world.sleep(10 * MINUTE + 1).await;
    retire(&world, hot.point.source).await;
    let world = world.stop_for(60).await;
    assert_eq!(send(&world, vec![hot]).await, [ReadingFate::Duplicate]);
    let shown = world.show().await.view;
    assert_eq!((shown.status, shown.temperature), (Status::AlarmActive, None));
    let alert = world.alerts(AlertKind::TemperatureHigh).await.remove(0);
    assert_eq!((alert.severity, alert.resolved_at), (Severity::Critical, None));
    for _ in 0..2 {
        world.sleep(MINUTE).await;
        send(&world, vec![labelled(&world, "new", 3_000)]).await;
    }
    assert_eq!(world.show().await.view.status, Status::Ok);
    let alerts = world.alerts(AlertKind::TemperatureHigh).await;
    assert_eq!((alerts.len(), alerts[0].id), (1, alert.id));
    assert!(alerts[0].resolved_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_was_forgotten_and_sends_again_what_was_judged_stops_nothing() {
    let world = World::begin().await;
    let first = labelled(&world, "first", 3_000);
    send(&world, vec![first.clone()]).await;
    retire(&world, first.point.source).await;
    for n in 0..40 {
        world.sleep(1).await;
        let next = labelled(&world, &format!("next{n}"), 3_000);
        send(&world, vec![next.clone()]).await;
        retire(&world, next.point.source).await;
    }
    let state = world.units.observe(world.unit).await.unwrap().state;
    assert!(state.point(&first.point).is_none(), "it is forgotten");
    world.sleep(1).await;
    let hot = labelled(&world, "first", 9_000);
    let fates = send(&world, vec![first.clone(), hot]).await;
    assert_eq!(fates, [ReadingFate::Duplicate, ReadingFate::Accepted]);
    assert_eq!(world.show().await.view.status, Status::Excursion);
}

#[tokio::test(start_paused = true)]
async fn a_second_log_of_one_minute_is_judged_and_known_again_as_the_first_is() {
    let world = World::begin().await;
    let log = |sequence, milli_celsius| {
        let reading = world.reading(world.unit, milli_celsius);
        let point = Point { channel: Channel::MANUAL, ..reading.point };
        Reading { sequence, point, ..reading }
    };
    let logs = [log(9, 3_000), log(4, 20_000)];
    for log in &logs {
        assert_eq!(send(&world, vec![log.clone()]).await, [ReadingFate::Accepted]);
    }
    assert_eq!(world.show().await.view.status, Status::Excursion);
    let world = world.stop_for(60).await;
    assert_eq!(send(&world, logs.to_vec()).await, [ReadingFate::Duplicate; 2]);
    assert_eq!(world.stored().await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_for_each_message_does_not_fill_a_unit() {
    let world = World::begin().await;
    let batch: Vec<_> = (0..200).map(|n| labelled(&world, &format!("m{n}"), 3_000)).collect();
    let fates = send(&world, batch).await;
    let count = |wanted| fates.iter().filter(|fate| **fate == wanted).count();
    assert_eq!((count(ReadingFate::Accepted), count(ReadingFate::TooManyPoints)), (64, 136));
    assert_eq!(world.units.observe(world.unit).await.unwrap().state.points.len(), 64);
}
