//! What people do with alerts, and sensors that are taken away.

use hub_domain::{AlertKind, AlertStatus, Input, LinkCause, Refusal, Rule, Severity, Verdict};

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
    let acknowledge = Input::Acknowledge { alert, by: person() };
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
    let again = story.tell("08:03:00", Input::Acknowledge { alert, by: person() }, "");
    assert_eq!(again, Verdict::Refused(Refusal::AlreadyAcknowledged));
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
    let acknowledge = Input::Acknowledge { alert, by: person() };
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
fn a_sensor_taken_away_takes_its_alarm_along() {
    let mut story = Story::of(patient());
    story.play(
        "
        08:00:00  3.0    ok
        08:00:10  b:9.0  excursion     high.opened
        08:10:10  tick   alarm_active  high.confirmed
        ",
    );
    story.tell("08:12:00", Input::RetireSource(point("b").source), "high.resolved");
    story.play("08:13:00  tick  ok");
    assert_eq!(story.unit.state.points.len(), 1);
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
