//! Check-ins, silences, doors and manual logs.

use hub_domain::{AlertKind, Input, Judged, Mode, Rule, Severity, Suspicion, Verdict};

use crate::story::{Story, at, check, fridge};

/// A fridge whose sensor checks in so rarely that no story waits for it.
fn patient() -> Rule {
    Rule { expected_interval_secs: 86_400, ..fridge() }
}

#[test]
fn a_sensor_of_five_minutes_is_late_after_15_30_and_offline_after_30_30() {
    check(
        fridge(),
        "
        08:00:00  3.0   ok
        08:15:29  tick  ok
        08:15:30  tick  late                    link.opened
        08:30:29  tick  late
        08:30:30  tick  monitoring_interrupted  link.escalated
        09:00:00  tick  monitoring_interrupted
        09:10:00  3.0   ok                      link.resolved
        ",
    );
}

#[test]
fn late_is_a_warning_and_offline_critical() {
    let mut story = Story::of(fridge());
    story.play("08:00:00  3.0  ok\n 08:15:30  tick  late  link.opened");
    assert_eq!(story.alert(AlertKind::MonitoringInterrupted).severity, Severity::Warning);
    story.play("08:30:30  tick  monitoring_interrupted  link.escalated");
    assert_eq!(story.alert(AlertKind::MonitoringInterrupted).severity, Severity::Critical);
}

#[test]
fn no_sensor_is_offline_sooner_than_20_minutes() {
    check(
        Rule { expected_interval_secs: 60, ..fridge() },
        "
        08:00:00  3.0   ok
        08:03:30  tick  late                    link.opened
        08:20:29  tick  late
        08:20:30  tick  monitoring_interrupted  link.escalated
        ",
    );
}

#[test]
fn a_unit_never_heard_of_is_not_ok_and_nobody_is_told() {
    check(
        fridge(),
        "08:00:00  tick  monitoring_interrupted\n 20:00:00  tick  monitoring_interrupted",
    );
}

#[test]
fn a_gap_inside_a_batch_was_a_silence() {
    check(
        fridge(),
        "
        08:00:00<08:40:00  3.0
        08:40:00<08:40:00  3.0  ok  link.opened@08:15:30 link.escalated@08:30:30 link.resolved
        ",
    );
}

#[test]
fn a_stale_backlog_stays_offline_without_flapping() {
    check(
        fridge(),
        "
        08:00:00           3.0   ok
        08:30:30           tick  monitoring_interrupted  link.opened@08:15:30 link.escalated
        08:05:00<09:30:00  3.0   monitoring_interrupted
        08:10:00<09:30:01  3.0   monitoring_interrupted
        09:14:30<09:30:02  3.0   monitoring_interrupted
        09:14:33<09:30:02  3.0   ok                      link.resolved
        09:30:03           tick  late                    link.opened
        ",
    );
}

#[test]
fn only_a_sensor_s_plausible_reading_is_a_check_in() {
    check(
        fridge(),
        "
        08:00:00  3.0         ok
        08:15:00  manual:3.0  ok
        08:15:10  board:30.0  ok
        08:15:20  500.0       ok    fault.opened
        08:15:30  tick        late  link.opened
        ",
    );
}

#[test]
fn a_door_open_for_3_minutes_is_a_warning_and_for_10_critical() {
    let mut story = Story::of(fridge());
    story.play("08:00:00  door:open  .\n 08:02:59  tick  .\n 08:03:00  tick  .  door.opened");
    assert_eq!(story.alert(AlertKind::DoorOpen).severity, Severity::Warning);
    story.play("08:09:59  tick  .\n 08:10:00  tick  .  door.escalated");
    assert_eq!(story.alert(AlertKind::DoorOpen).severity, Severity::Critical);
    story.play("08:12:00  door:shut  .  door.resolved");
}

#[test]
fn a_door_shut_in_time_is_no_alert_and_one_shut_too_late_was_one() {
    check(fridge(), "08:00:00  door:open  .\n 08:02:59  door:shut  .\n 08:20:00  tick  .");
    check(
        fridge(),
        "08:00:00  door:open  .\n 08:11:00  door:shut  .  door.opened@08:03:00 door.escalated@08:10:00 door.resolved",
    );
}

#[test]
fn a_backlog_of_door_reports_is_judged_by_its_own_time() {
    check(
        fridge(),
        "
        08:00:00<09:00:00  door:open  .
        09:00:59           tick       .
        08:02:00<09:00:59  door:shut  .
        09:02:00           tick       .
        ",
    );
    check(
        fridge(),
        "
        08:00:00<09:00:00  door:open  .
        09:01:00           tick       .  door.opened@08:03:00 door.escalated@08:10:00
        ",
    );
}

#[test]
fn a_late_or_repeated_door_report_moves_nothing() {
    check(
        fridge(),
        "
        08:01:00           door:shut  .
        08:00:00<08:01:10  door:open  .
        08:01:00<08:01:20  door:open  .
        08:05:00           tick       .
        ",
    );
}

#[test]
fn a_door_report_from_the_future_does_not_shut_out_later_ones() {
    let mut story = Story::of(fridge());
    let report = Input::Door { open: true, recorded_at: at("09:00:00") };
    let quarantined = Verdict::Reading(Judged::Quarantined(Suspicion::InFuture));
    assert_eq!(story.tell("08:00:00", report, ""), quarantined);
    story.play("08:01:00  door:open  .\n 08:04:00  tick  .  door.opened");
}

#[test]
fn a_faulty_sensor_still_knows_its_door() {
    check(
        fridge(),
        "
        08:00:00  3.0         ok
        08:01:00  500.0/open  ok  fault.opened
        08:04:00  tick        ok  door.opened
        ",
    );
}

#[test]
fn in_a_silence_a_log_is_due_at_once_and_overdue_4_hours_after_the_last_reading() {
    check(
        fridge(),
        "
        08:00:00  3.0         ok
        08:30:30  tick        monitoring_interrupted  link.opened@08:15:30 link.escalated
        11:59:59  tick        monitoring_interrupted
        12:00:00  tick        monitoring_interrupted  log.opened
        12:30:00  manual:3.0  monitoring_interrupted  log.resolved
        16:29:59  tick        monitoring_interrupted
        16:30:00  tick        monitoring_interrupted  log.opened
        17:00:00  3.0         ok                      link.resolved log.resolved
        ",
    );
}

#[test]
fn a_log_that_comes_too_late_was_missed_also_where_the_timer_was_lost() {
    check(
        fridge(),
        "
        08:00:00  3.0         ok
        08:40:00  tick        monitoring_interrupted  link.opened@08:15:30 link.escalated@08:30:30
        12:10:00  manual:3.0  monitoring_interrupted  log.opened@12:00:00 log.resolved
        ",
    );
}

#[test]
fn a_manual_log_is_judged() {
    check(patient(), "08:00:00  3.0  ok\n 08:05:00  manual:9.0  excursion  high.opened");
}

#[test]
fn a_cadence_asks_for_logs_though_sensors_check_in() {
    check(
        Rule { manual_cadence_secs: Some(4 * 3600), ..patient() },
        "
        08:00:00  3.0         ok
        11:59:59  tick        ok
        12:00:00  tick        manual_required
        12:30:00  manual:3.0  ok
        16:30:00  tick        manual_required
        20:29:59  tick        manual_required
        20:30:00  tick        manual_required  log.opened
        21:00:00  3.0         manual_required
        21:30:00  manual:3.0  ok               log.resolved
        ",
    );
}

#[test]
fn what_a_silence_asked_for_ends_with_it_and_what_the_cadence_asks_for_stays() {
    check(
        Rule { manual_cadence_secs: Some(8 * 3600), ..fridge() },
        "
        08:00:00  3.0   ok
        12:00:00  tick  monitoring_interrupted  link.opened@08:15:30 link.escalated@08:30:30 log.opened
        12:10:00  3.0   ok                      link.resolved log.resolved
        12:20:00  3.0   ok
        ",
    );
    check(
        Rule { manual_cadence_secs: Some(3600), ..fridge() },
        "
        08:00:00  3.0   ok
        12:00:00  tick  monitoring_interrupted  link.opened@08:15:30 link.escalated@08:30:30 log.opened
        12:10:00  3.0   manual_required         link.resolved log.resolved
        13:00:00  tick  monitoring_interrupted  link.opened@12:25:30 link.escalated@12:40:30 log.opened
        ",
    );
}

#[test]
fn a_mode_mutes_and_measures_all_the_same() {
    let mut story = Story::of(patient());
    let mode = Mode::Maintenance { until: at("09:00:00"), by: None, reason: "new seal".into() };
    story.tell("07:00:00", Input::SetMode(mode), "");
    story.play(
        "
        08:00:00  9.0   excursion     high.opened(muted)
        08:10:00  tick  alarm_active  high.confirmed(muted)
        08:20:00  3.0   restoring
        08:59:59  3.0   ok            high.resolved(muted)
        09:00:00  9.0   excursion     high.opened
        ",
    );
    assert_eq!(story.unit.state.mode, Mode::Normal);
}

#[test]
fn a_mode_that_is_over_mutes_nothing_that_arrives_after_it() {
    let mut story = Story::of(patient());
    story.tell("07:00:00", Input::SetMode(Mode::Defrosting { until: at("08:00:00") }), "");
    story.play("07:59:00<08:00:00  9.0  excursion  high.opened");
}
