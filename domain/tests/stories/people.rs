//! What people do with alerts, and sensors that are taken away.

use hub_domain::{
    AlertEventKind, AlertKind, AlertStatus, Channel, Input, Judged, LinkCause, MilliCelsius, Point,
    Reading, Refusal, Rule, Severity, SourceId, Status, Timestamp, UnitView, Verdict,
};
use uuid::Uuid;

use crate::story::{Story, at, fridge, person, point};

/// A fridge whose sensor checks in so rarely that no story waits for it.
fn patient() -> Rule {
    Rule { expected_interval_secs: 86_400, ..fridge() }
}

#[test]
fn an_acknowledged_alert_not_over_in_30_minutes_escalates_once() {
    let mut story = Story::of(patient());
    story.play("08:00:00  9.0  excursion  high.opened");
    let alert = story.alert(AlertKind::TemperatureHigh).id;
    let acknowledge = Input::Acknowledge { alert, by: Some(person()) };
    story.tell("08:02:00", acknowledge, "high.acknowledged");
    assert_eq!(story.alert(AlertKind::TemperatureHigh).status(), AlertStatus::Acknowledged);
    story.play(
        "
        08:10:00  tick  alarm_active  high.confirmed
        08:31:59  tick  alarm_active
        08:32:00  tick  alarm_active  high.escalated
        10:00:00  tick  alarm_active
        ",
    );
}

#[test]
fn an_acknowledged_alert_that_is_over_in_time_escalates_no_more() {
    let mut story = Story::of(patient());
    story.play("08:00:00  9.0  excursion  high.opened");
    story.acknowledge("08:02:00", AlertKind::TemperatureHigh);
    story.play(
        "
        08:05:00  3.0   restoring
        08:06:00  3.0   ok         high.resolved
        09:00:00  tick  ok
        ",
    );
}

#[test]
fn a_recovery_after_the_timeout_comes_too_late_also_where_the_timer_was_lost() {
    let mut story = Story::of(Rule { restore_readings: 1, ..patient() });
    story.play("08:00:00  9.0  excursion  high.opened");
    story.acknowledge("08:02:00", AlertKind::TemperatureHigh);
    story.play("08:40:00  3.0  ok  high.confirmed@08:10:00 high.escalated@08:32:00 high.resolved");
}

#[test]
fn acknowledging_stops_no_evaluation() {
    let mut story = Story::of(patient());
    story.play("08:00:00  9.0  excursion  high.opened");
    story.acknowledge("08:02:00", AlertKind::TemperatureHigh);
    story.play("08:10:00  tick  alarm_active  high.confirmed");
    let alert = story.alert(AlertKind::TemperatureHigh);
    assert_eq!((alert.severity, alert.acknowledged_by), (Severity::Critical, Some(person())));
}

#[test]
fn an_alert_is_acknowledged_once() {
    let mut story = Story::of(patient());
    story.play("08:00:00  9.0  excursion  high.opened");
    let alert = story.alert(AlertKind::TemperatureHigh).id;
    story.acknowledge("08:02:00", AlertKind::TemperatureHigh);
    let again = story.tell("08:03:00", Input::Acknowledge { alert, by: Some(person()) }, "");
    assert_eq!(again, Verdict::Refused(Refusal::AlreadyAcknowledged));
}

#[test]
fn an_alert_that_escalated_after_its_acknowledgement_is_acknowledged_anew_for_as_long() {
    let mut story = Story::of(patient());
    story.play("08:00:00  9.0  excursion  high.opened");
    let alert = story.alert(AlertKind::TemperatureHigh).id;
    story.acknowledge("08:02:00", AlertKind::TemperatureHigh);
    story.play(
        "
        08:10:00  tick  alarm_active  high.confirmed
        08:32:00  tick  alarm_active  high.escalated
        ",
    );
    let acknowledge = Input::Acknowledge { alert, by: Some(person()) };
    assert_eq!(story.tell("08:40:00", acknowledge.clone(), "high.acknowledged"), Verdict::Done);
    let refused = Verdict::Refused(Refusal::AlreadyAcknowledged);
    assert_eq!(story.tell("08:41:00", acknowledge, ""), refused);
    story.play(
        "
        09:09:59  tick  alarm_active
        09:10:00  tick  alarm_active  high.escalated
        ",
    );
}

#[test]
fn nobody_resolves_what_holds() {
    let mut story = Story::of(patient());
    story.play("08:00:00  9.0  excursion  high.opened");
    let alert = story.alert(AlertKind::TemperatureHigh).id;
    let refused = Verdict::Refused(Refusal::ConditionActive);
    assert_eq!(story.resolve("08:02:00", alert, ""), refused);
    story.play("08:10:00  tick  alarm_active  high.confirmed");
    assert_eq!(story.resolve("08:11:00", alert, ""), refused);
    story.play("08:12:00  3.0  restoring");
    assert_eq!(story.resolve("08:13:00", alert, "high.resolved"), Verdict::Done);
    story.play("08:13:30  tick  ok");
    let resolved = Verdict::Refused(Refusal::AlreadyResolved);
    assert_eq!(story.resolve("08:14:00", alert, ""), resolved);
    let acknowledge = Input::Acknowledge { alert, by: Some(person()) };
    assert_eq!(story.tell("08:15:00", acknowledge, ""), resolved);
}

#[test]
fn one_point_still_out_keeps_the_alert_open() {
    let mut story = Story::of(patient());
    story.play(
        "08:00:00  9.0  excursion  high.opened\n 08:01:00  b:9.0  excursion\n 08:02:00  3.0  excursion",
    );
    let alert = story.alert(AlertKind::TemperatureHigh).id;
    let refused = Verdict::Refused(Refusal::ConditionActive);
    assert_eq!(story.resolve("08:03:00", alert, ""), refused);
}

#[test]
fn nobody_resolves_an_open_door_or_a_silence() {
    let mut story = Story::of(fridge());
    story.play(
        "
        08:00:00  3.0        ok
        08:14:00  door:open  ok
        08:17:00  tick       late  link.opened@08:15:30 door.opened
        ",
    );
    for kind in [AlertKind::DoorOpen, AlertKind::MonitoringInterrupted] {
        let alert = story.alert(kind).id;
        let refused = Verdict::Refused(Refusal::ConditionActive);
        assert_eq!(story.resolve("08:18:00", alert, ""), refused);
    }
}

#[test]
fn a_resolved_relapse_is_a_new_alert() {
    let mut story = Story::of(patient());
    story.play("08:00:00  9.0  excursion  high.opened\n 08:02:00  3.0  restoring");
    let alert = story.alert(AlertKind::TemperatureHigh).id;
    story.resolve("08:03:00", alert, "high.resolved");
    story.play("08:04:00  9.0  excursion  high.opened");
    assert_ne!(story.alert(AlertKind::TemperatureHigh).id, alert);
}

#[test]
fn a_sensor_taken_away_leaves_its_alarm_until_another_sees_that_it_is_cold() {
    let mut story = hot_with_a_second_sensor();
    story.tell("08:12:00", leaves("b", "08:12:00"), "");
    story.play(
        "
        08:11:59<08:12:30  3.0  alarm_active
        08:13:00           3.0  restoring
        08:14:00           4.8  restoring
        08:15:00           3.0  restoring
        08:16:00           3.0  ok            high.resolved
        ",
    );
    let gone = story.unit.state.point(&point("b")).expect("its order is kept");
    assert!(gone.is_gone() && gone.temperature.is_none());
    assert_eq!(story.judge("08:00:10<08:17:00  b:9.0"), Judged::Past, "sent again, it is not new");
}

/// A sensor goes at that time, and is said to at once.
fn leaves(name: &str, time: &str) -> Input<'static> {
    Input::RetireSource { source: point(name).source, at: at(time) }
}

/// `a` is cold, `b` has been hot for the confirm time.
fn hot_with_a_second_sensor() -> Story {
    let mut story = Story::of(patient());
    story.play(
        "
        08:00:00  3.0    ok
        08:00:10  b:9.0  excursion     high.opened
        08:10:10  tick   alarm_active  high.confirmed
        ",
    );
    story
}

#[test]
fn a_hot_sensor_swapped_for_another_is_the_same_alarm() {
    let mut story = hot_with_a_second_sensor();
    let alert = story.alert(AlertKind::TemperatureHigh).id;
    story.tell("08:12:00", leaves("b", "08:12:00"), "");
    story.play("08:13:00  9.0  alarm_active\n 08:14:00  9.0  alarm_active");
    assert_eq!(story.alert(AlertKind::TemperatureHigh).id, alert);
    let refused = Verdict::Refused(Refusal::ConditionActive);
    assert_eq!(story.resolve("08:15:00", alert, ""), refused, "the new one says that it is hot");
}

#[test]
fn what_only_a_sensor_that_went_holds_open_a_person_may_resolve() {
    let mut story = hot_with_a_second_sensor();
    story.tell("08:12:00", leaves("b", "08:12:00"), "");
    let alert = story.alert(AlertKind::TemperatureHigh).id;
    assert_eq!(story.resolve("08:13:00", alert, "high.resolved"), Verdict::Done);
    story.play("08:13:30  tick  ok");
}

#[test]
fn a_sensor_that_comes_back_is_judged_by_its_own_readings() {
    let mut story = hot_with_a_second_sensor();
    story.tell("08:12:00", leaves("b", "08:12:00"), "");
    story.play(
        "
        08:13:00  b:9.0  alarm_active
        08:14:00  3.0    alarm_active
        08:15:00  3.0    alarm_active
        08:16:00  b:3.0  restoring
        08:17:00  b:3.0  ok            high.resolved
        ",
    );
}

#[test]
fn an_excursion_of_a_sensor_that_went_is_confirmed_before_another_ends_it() {
    let mut story = Story::of(patient());
    story.play("08:00:00  3.0  ok\n 08:00:10  b:9.0  excursion  high.opened");
    story.tell("08:02:00", leaves("b", "08:02:00"), "");
    story.play(
        "
        08:11:00<08:30:00  3.0  .
        08:12:00<08:30:00  3.0  ok  high.confirmed@08:10:10 high.resolved
        ",
    );
}

#[test]
fn a_sensor_counts_as_gone_from_when_it_went_not_from_when_that_was_told() {
    let mut story = Story::of(patient());
    story.play("08:00:00  3.0  ok\n 08:29:00  b:9.0  excursion  high.opened");
    // taken out at 08:30, told at 08:35; what the other one measured meanwhile comes only now
    let left = Input::RetireSource { source: point("b").source, at: at("08:30:00") };
    story.tell("08:35:00", left, "");
    story.play(
        "
        08:30:00<08:35:10  3.0  excursion
        08:32:00<08:35:11  3.0  restoring
        08:34:00<08:35:12  3.0  ok         high.resolved
        ",
    );
}

#[test]
fn a_sensor_that_is_said_to_go_later_is_gone_now() {
    let mut story = hot_with_a_second_sensor();
    let left = Input::RetireSource { source: point("b").source, at: Timestamp::LATEST };
    story.tell("08:12:00", left, "");
    let gone = story.unit.state.point(&point("b")).expect("its order is kept");
    assert_eq!(gone.gone_at, Some(at("08:12:00")));
}

#[test]
fn only_so_many_sensors_that_went_are_remembered_and_none_with_something_open() {
    let mut story = Story::of(patient());
    let sensor = |n: u32| Point { source: SourceId(Uuid::from_u128(n.into())), ..point("a") };
    for n in 0..50 {
        let now = at("08:00:00").plus_secs(n);
        let milli_celsius = if n == 7 { 9_000 } else { 4_900 };
        let reading = Reading::new(sensor(n), now, now, MilliCelsius(milli_celsius));
        story.step(&[Input::Reading(&reading)], now);
        story.step(&[Input::RetireSource { source: sensor(n).source, at: now }], now);
    }
    let is_known = |n: &u32| story.unit.state.point(&sensor(*n)).is_some();
    let known: Vec<u32> = (0..50).filter(is_known).collect();
    assert_eq!(known, std::iter::once(7).chain(18..50).collect::<Vec<_>>());
    assert_eq!(story.alert(AlertKind::TemperatureHigh).opened_at, at("08:00:07"));
}

#[test]
fn of_two_manual_logs_at_one_instant_both_are_judged_once() {
    for (first, second) in [(4, 9), (9, 4)] {
        let mut story = Story::of(patient());
        story.play(&format!("08:00:00<08:00:30  manual:3.0/#{first}  ."));
        let second = format!("08:00:00<08:00:40  manual:9.0/#{second}");
        story.play(&format!("{second}  excursion  high.opened"));
        assert_eq!(story.judge(&second), Judged::Past);
        let again = format!("08:00:00<08:00:50  manual:3.0/#{first}");
        assert_eq!(story.judge(&again), Judged::Past);
        assert_eq!(story.unit.state.points[0].newest, (at("08:00:00"), 9));
        assert_eq!(story.judge("07:59:59<08:01:00  manual:3.0/#12"), Judged::Past);
        assert_eq!(story.judge("08:00:01<08:01:10  manual:3.0/#1"), Judged::InOrder);
    }
}

#[test]
fn a_unit_has_only_so_many_points_and_what_is_one_too_many_moves_nothing() {
    let mut story = Story::of(patient());
    let sensor = |n: u32| Point { source: SourceId(Uuid::from_u128(n.into())), ..point("a") };
    let judge = |story: &mut Story, point: Point, secs: u32| {
        let now = at("08:00:00").plus_secs(secs);
        let reading = Reading::new(point, now, now, MilliCelsius(9_000));
        story.step(&[Input::Reading(&reading)], now).verdicts[0]
    };
    let judged = |judged| Verdict::Reading(judged);
    for n in 0..64 {
        assert_eq!(judge(&mut story, sensor(n), n), judged(Judged::InOrder));
    }
    let before = story.unit.state.clone();
    assert_eq!(judge(&mut story, sensor(64), 64), judged(Judged::TooManyPoints));
    assert_eq!(story.unit.state, before);
    let by_hand = Point { source: SourceId::direct(story.unit.id), channel: Channel::MANUAL };
    assert_eq!(judge(&mut story, by_hand, 65), judged(Judged::InOrder), "a person is always heard");
    assert_eq!(judge(&mut story, sensor(3), 66), judged(Judged::InOrder));
    let now = at("08:01:07");
    for n in [5, 6] {
        story.step(&[Input::RetireSource { source: sensor(n).source, at: now }], now);
    }
    assert_eq!(judge(&mut story, sensor(64), 68), judged(Judged::InOrder), "there is room again");
}

#[test]
fn logs_of_one_instant_beyond_a_number_are_late() {
    let mut story = Story::of(patient());
    let judge = |n: u32| story.judge(&format!("08:00:00<08:00:30  manual:3.0/#{n}"));
    let judged: Vec<Judged> = (0..20).rev().map(judge).collect();
    assert_eq!(judged.iter().filter(|judged| **judged == Judged::InOrder).count(), 16);
}

#[test]
fn a_unit_that_lost_its_last_sensor_is_not_ok_and_waits_for_none() {
    let mut story = Story::of(patient());
    story.play("08:00:00  3.0  ok");
    story.tell("08:01:00", leaves("a", "08:01:00"), "");
    story.play("08:01:01  tick  monitoring_interrupted\n 20:00:00  tick  monitoring_interrupted");
    assert_eq!(UnitView::of(&story.unit.state).temperature, None);
    story.play("20:01:00  3.0  ok");
}

#[test]
fn a_cause_of_a_silence_is_kept_until_the_sensor_checks_in() {
    let mut story = Story::of(fridge());
    story.play("08:00:00  3.0  ok\n 08:15:30  tick  late  link.opened");
    story.tell("08:16:00", Input::AttributeSilence(LinkCause::Gateway), "");
    assert_eq!(story.unit.state.link.cause, LinkCause::Gateway);
    story.play("08:20:00  3.0  ok  link.resolved");
    assert_eq!(story.unit.state.link.cause, LinkCause::Sensor);
    assert_eq!(story.unit.state.link.newest_at, Some(at("08:20:00")));
}

#[test]
fn a_unit_that_is_retired_has_no_alert_left_and_is_never_shown_as_ok() {
    let mut story = Story::of(patient());
    story.play(
        "
        08:00:00  3.0   ok
        08:01:00  9.0   excursion     high.opened
        08:11:00  tick  alarm_active  high.confirmed
        ",
    );
    story.tell("08:12:00", Input::CalibrationDue(Some(at("08:12:00"))), "calibration.opened");
    let retire = Input::Retire { by: Some(person()) };
    let retired = story.unit.step(&[retire], at("08:13:00"));
    let told: Vec<_> = retired.events.iter().map(|e| (e.event, e.alert.kind, e.by)).collect();
    let over = |kind| (AlertEventKind::Resolved, kind, Some(person()));
    assert_eq!(told, [AlertKind::TemperatureHigh, AlertKind::CalibrationDue].map(over));
    story.unit.state = retired.state;
    assert_eq!(story.unit.state.alerts, []);
    assert_eq!(UnitView::of(&story.unit.state).status, Status::MonitoringInterrupted);
    // it comes back: what was due is due, and what is hot is an excursion that begins anew
    story.tell("09:00:00", Input::Tick, "calibration.opened@08:12:00");
    let past = story.unit.state.points[0].newest;
    assert!(story.unit.state.points[0].is_past(past.0, past.1), "order is kept");
    story.play("09:01:00  9.0  excursion  high.opened");
}
