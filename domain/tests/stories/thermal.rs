//! Too warm, too cold, and back.

use hub_domain::{AlertKind, Judged, MilliCelsius, Rule, Severity, Suspicion, Unit};

use crate::story::{Story, at, check, fridge};

fn with(change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = fridge();
    change(&mut rule);
    rule
}

#[test]
fn excursion_becomes_an_alarm_exactly_at_the_confirm_time() {
    check(
        fridge(),
        "
        08:00:00  9.0  excursion     high.opened
        08:09:59  9.0  excursion
        08:10:00  9.0  alarm_active  high.confirmed
        08:11:00  4.6  alarm_active
        08:12:00  4.5  restoring
        08:13:00  4.4  ok            high.resolved
        ",
    );
}

#[test]
fn equal_to_a_limit_is_inside_and_a_thousandth_beyond_is_not() {
    check(fridge(), "08:00:00  5.0     ok\n 08:05:00  5.001   excursion  high.opened");
    check(fridge(), "08:00:00  0.0     ok\n 08:05:00  -0.001  excursion  low.opened");
}

#[test]
fn cleared_begins_exactly_at_the_hysteresis() {
    check(fridge(), "08:00:00  9.0  excursion  high.opened\n 08:05:00  4.501  excursion");
    check(fridge(), "08:00:00  9.0  excursion  high.opened\n 08:05:00  4.500  restoring");
    check(fridge(), "08:00:00  -1   excursion  low.opened\n  08:05:00  0.499  excursion");
    check(fridge(), "08:00:00  -1   excursion  low.opened\n  08:05:00  0.500  restoring");
}

#[test]
fn the_timer_confirms_without_a_second_reading_at_the_instant_it_became_true() {
    check(
        fridge(),
        "
        08:00:00  9.0   excursion     high.opened
        08:09:59  tick  excursion
        08:10:00  tick  alarm_active  high.confirmed
        08:10:01  tick  alarm_active
        ",
    );
    check(
        fridge(),
        "
        08:00:00  9.0   excursion     high.opened
        08:14:00  tick  alarm_active  high.confirmed@08:10:00
        ",
    );
}

#[test]
fn hot_at_0_and_good_at_25_minutes_is_an_alarm_in_one_batch_and_one_by_one() {
    check(
        fridge(),
        "
        08:00:00  9.0  excursion  high.opened
        08:25:00  3.0  restoring  high.confirmed@08:10:00 link.opened@08:15:30 link.resolved
        08:30:00  3.0  ok         high.resolved
        ",
    );
    check(
        fridge(),
        "
        08:00:00<08:30:00  9.0
        08:25:00<08:30:00  3.0
        08:30:00<08:30:00  3.0  ok  high.opened@08:00:00 high.confirmed@08:10:00 link.opened@08:15:30 link.resolved@08:25:00 high.resolved
        ",
    );
}

#[test]
fn a_good_reading_exactly_at_the_confirm_time_comes_too_late() {
    check(
        fridge(),
        "
        08:00:00  9.0  excursion  high.opened
        08:10:00  3.0  restoring  high.confirmed
        ",
    );
    check(
        fridge(),
        "
        08:00:00  9.0  excursion  high.opened
        08:09:59  3.0  restoring
        08:10:00  tick restoring
        ",
    );
}

#[test]
fn a_spike_inside_a_batch_is_an_alarm() {
    // 36, 60, 60, 36 °F over 40 min
    check(
        fridge(),
        "
        08:00:00<08:40:00   2.222
        08:13:20<08:40:00  15.556
        08:26:40<08:40:00  15.556
        08:40:00<08:40:00   2.222  restoring  high.opened@08:13:20 high.confirmed@08:23:20
        ",
    );
}

#[test]
fn a_relapse_keeps_the_alert_and_its_severity_and_starts_the_clock_again() {
    let mut story = Story::of(fridge());
    story.play(
        "
        08:00:00  9.0   excursion     high.opened
        08:10:00  tick  alarm_active  high.confirmed
        08:12:00  4.0   restoring
        08:14:00  9.0   excursion
        ",
    );
    let alert = story.alert(AlertKind::TemperatureHigh);
    assert_eq!((alert.opened_at, alert.severity), (at("08:00:00"), Severity::Critical));
    story.play(
        "
        08:23:59  tick  excursion
        08:24:00  tick  alarm_active  high.confirmed
        08:26:00  4.0   restoring
        08:28:00  4.0   ok            high.resolved
        ",
    );
}

#[test]
fn an_inside_but_uncleared_reading_starts_the_count_again() {
    check(
        fridge(),
        "
        08:00:00  9.0  excursion  high.opened
        08:02:00  4.0  restoring
        08:04:00  4.8  restoring
        08:06:00  4.0  restoring
        08:08:00  4.0  ok         high.resolved
        ",
    );
}

#[test]
fn restore_readings_say_how_many_cleared_ones_it_takes() {
    check(
        with(|rule| rule.restore_readings = 1),
        "08:00:00  9.0  excursion  high.opened\n 08:02:00  4.0  ok  high.resolved",
    );
    check(
        with(|rule| rule.restore_readings = 3),
        "
        08:00:00  9.0  excursion  high.opened
        08:02:00  4.0  restoring
        08:04:00  4.0  restoring
        08:06:00  4.0  ok         high.resolved
        ",
    );
}

#[test]
fn a_swing_ends_the_one_alert_by_its_own_condition_and_opens_the_other() {
    check(
        fridge(),
        "
        08:00:00  9.0   excursion     high.opened
        08:10:00  tick  alarm_active  high.confirmed
        08:12:00  -3.0  excursion     low.opened
        08:14:00  -3.0  excursion     high.resolved
        08:22:00  tick  alarm_active  low.confirmed
        08:24:00  3.0   restoring
        08:26:00  3.0   ok            low.resolved
        ",
    );
}

#[test]
fn a_second_incident_is_an_alert_of_its_own() {
    let mut story = Story::of(fridge());
    story.play("08:00:00  9.0  excursion  high.opened");
    let first = story.alert(AlertKind::TemperatureHigh).id;
    story.play(
        "
        08:02:00  4.0  restoring
        08:04:00  4.0  ok         high.resolved
        08:06:00  9.0  excursion  high.opened
        ",
    );
    assert_ne!(first, story.alert(AlertKind::TemperatureHigh).id);
}

#[test]
fn the_same_history_derives_the_same_ids() {
    let told = || {
        let mut story = Story::of(fridge());
        story.play("08:00:00  9.0  excursion  high.opened");
        story.alert(AlertKind::TemperatureHigh).id
    };
    assert_eq!(told(), told());
}

#[test]
fn an_open_door_lengthens_the_confirm_time_and_hides_no_alarm() {
    check(
        fridge(),
        "
        08:00:00  9.0/open  excursion     high.opened
        08:10:00  tick      excursion     door.opened@08:03:00 door.escalated
        08:15:00  9.0/open  excursion
        08:19:59  tick      excursion
        08:20:00  tick      alarm_active  high.confirmed
        ",
    );
}

#[test]
fn an_open_door_never_shortens_the_confirm_time() {
    check(
        with(|rule| rule.confirm_high_shut_secs = 1800),
        "
        08:00:00  9.0/open  excursion     high.opened
        08:15:00  9.0/open  excursion     door.opened@08:03:00 door.escalated@08:10:00
        08:29:00  9.0/open  excursion
        08:30:00  9.0/open  alarm_active  high.confirmed
        ",
    );
}

#[test]
fn a_door_shut_after_the_shorter_time_confirms_at_that_instant() {
    check(
        fridge(),
        "
        08:00:00  9.0/open   excursion     high.opened
        08:12:00  9.0/open   excursion     door.opened@08:03:00 door.escalated@08:10:00
        08:14:00  door:shut  alarm_active  door.resolved high.confirmed
        ",
    );
}

#[test]
fn a_door_shut_before_the_shorter_time_is_over_leaves_that_one() {
    check(
        fridge(),
        "
        08:00:00  9.0/open   excursion     high.opened
        08:02:00  door:shut  excursion
        08:10:00  tick       alarm_active  high.confirmed
        ",
    );
}

#[test]
fn a_door_opened_after_the_confirm_time_changes_nothing_while_the_timer_waits() {
    check(
        fridge(),
        "
        08:00:00  9.0        excursion     high.opened
        08:09:30  9.0        excursion
        08:10:10  door:open  excursion
        08:10:29  tick       excursion
        08:10:30  tick       alarm_active  high.confirmed@08:10:00
        ",
    );
}

#[test]
fn a_door_opened_before_the_confirm_time_lengthens_it() {
    check(
        fridge(),
        "
        08:00:00  9.0        excursion     high.opened
        08:09:59  door:open  excursion
        08:14:00  9.0        excursion     door.opened@08:12:59
        08:20:00  tick       alarm_active  door.escalated@08:19:59 high.confirmed
        ",
    );
}

#[test]
fn past_the_hard_ceiling_is_an_alarm_at_once() {
    let rule = || with(|rule| rule.high_ceiling = Some(MilliCelsius(12_000)));
    check(
        rule(),
        "
        08:00:00  12.0    excursion     high.opened
        08:01:00  12.001  alarm_active  high.confirmed
        ",
    );
    check(rule(), "08:00:00  13.0  alarm_active  high.opened high.confirmed");
}

#[test]
fn a_ceiling_needs_no_limit() {
    let rule = with(|rule| {
        (rule.high_limit, rule.high_ceiling) = (None, Some(MilliCelsius(12_000)));
    });
    check(
        rule,
        "
        08:00:00  12.0    ok
        08:01:00  12.001  alarm_active  high.opened high.confirmed
        08:02:00  11.6    alarm_active
        08:03:00  11.5    restoring
        08:04:00  11.5    ok            high.resolved
        ",
    );
}

#[test]
fn the_longest_time_out_of_range_bounds_the_confirm_time() {
    check(
        with(|rule| rule.ceiling_secs = Some(900)),
        "
        08:00:00  9.0/open  excursion     high.opened
        08:14:59  9.0       excursion     door.opened@08:03:00 door.escalated@08:10:00
        08:15:00  9.0       alarm_active  high.confirmed
        ",
    );
}

#[test]
fn no_confirm_time_is_an_alarm_at_once() {
    check(
        with(|rule| rule.confirm_low_shut_secs = 0),
        "08:00:00  -1  alarm_active  low.opened low.confirmed",
    );
}

#[test]
fn a_backlog_is_judged_by_its_own_readings_and_not_by_the_wall_clock() {
    check(
        fridge(),
        "
        08:00:00           3.0   ok
        08:30:30           tick  monitoring_interrupted  link.opened@08:15:30 link.escalated
        08:05:00<10:00:00  9.0   excursion               high.opened
        10:00:30           tick  excursion
        08:12:00<10:00:31  3.0   monitoring_interrupted
        08:17:00<10:00:32  3.0   monitoring_interrupted  high.resolved
        10:01:00           3.0   ok                      link.resolved
        ",
    );
}

#[test]
fn a_backlog_that_ends_hot_is_an_alarm_once_it_has_settled() {
    check(
        fridge(),
        "
        08:05:00<10:00:00  9.0   excursion     high.opened link.opened@08:20:30 link.escalated@08:35:30
        10:00:59           tick  excursion
        10:01:00           tick  alarm_active  high.confirmed@08:15:00
        ",
    );
}

#[test]
fn a_backlog_confirms_by_its_own_time() {
    check(
        fridge(),
        "
        08:05:00<10:00:00  9.0  excursion               high.opened link.opened@08:20:30 link.escalated@08:35:30
        08:15:00<10:00:01  9.0  alarm_active            high.confirmed
        08:16:00<10:00:02  3.0  monitoring_interrupted
        08:17:00<10:00:03  3.0  monitoring_interrupted  high.resolved
        ",
    );
}

#[test]
fn silence_takes_nothing_back() {
    check(
        fridge(),
        "
        08:00:00  9.0   excursion     high.opened
        08:10:00  tick  alarm_active  high.confirmed
        08:30:30  tick  alarm_active  link.opened@08:15:30 link.escalated
        12:00:00  tick  alarm_active  log.opened
        23:59:59  tick  alarm_active
        ",
    );
}

#[test]
fn an_hour_old_hot_reading_moves_nothing() {
    let mut story = Story::of(fridge());
    story.play("08:00:00  3.0  ok\n 07:00:00<08:01:00  20.0  ok");
    assert_eq!(story.judge("07:30:00<08:02:00 20.0"), Judged::Past);
    assert_eq!(story.judge("08:00:00<08:03:00 20.0"), Judged::Past);
    assert_eq!(story.judge("08:00:00<08:04:00 3.0/#4"), Judged::InOrder);
    assert_eq!(story.judge("08:00:00<08:05:00 3.0/#4"), Judged::Past);
}

#[test]
fn a_reading_more_than_five_minutes_ahead_is_quarantined() {
    let mut story = Story::of(fridge());
    let before = story.unit.state.clone();
    let quarantined = Judged::Quarantined(Suspicion::InFuture);
    assert_eq!(story.judge("08:10:01<08:05:00 20.0"), quarantined);
    assert_eq!(story.unit.state, before);
    assert_eq!(story.judge("08:10:00<08:05:00 3.0"), Judged::InOrder);
}

#[test]
fn each_point_keeps_its_own_clock_and_the_unit_shows_the_worst() {
    check(
        fridge(),
        "
        08:00:00  3.0    ok
        08:00:10  b:9.0  excursion     high.opened
        08:05:00  3.0    excursion
        08:10:09  3.0    excursion
        08:10:10  tick   alarm_active  high.confirmed
        08:12:00  3.0    alarm_active
        08:15:00  b:3.0  restoring
        08:30:00  b:3.0  ok            high.resolved
        ",
    );
}

#[test]
fn one_point_s_backlog_is_not_judged_by_another_s_time() {
    check(
        fridge(),
        "
        09:00:00           3.0    ok
        08:00:00<09:00:01  b:9.0  excursion  high.opened
        09:00:02           3.0    excursion
        08:05:00<09:00:03  b:3.0  restoring
        ",
    );
}

#[test]
fn two_points_share_one_alert_told_once() {
    check(
        fridge(),
        "
        08:00:00  9.0    excursion     high.opened
        08:02:00  b:9.0  excursion
        08:12:00  tick   alarm_active  high.confirmed@08:10:00
        08:13:00  3.0    alarm_active
        08:14:00  3.0    alarm_active
        08:15:00  b:3.0  restoring
        08:16:00  b:3.0  ok            high.resolved
        ",
    );
}

#[test]
fn what_cannot_be_a_temperature_runs_the_clock_and_raises_no_peak() {
    let mut story = Story::of(fridge());
    story.play(
        "
        08:00:00  9.0    excursion     high.opened
        08:10:00  500.0  alarm_active  high.confirmed fault.opened
        ",
    );
    assert_eq!(story.alert(AlertKind::TemperatureHigh).peak, Some(MilliCelsius(9_000)));
    story.play("08:11:00  9.5  alarm_active  fault.resolved");
    assert_eq!(story.alert(AlertKind::TemperatureHigh).peak, Some(MilliCelsius(9_500)));
}

#[test]
fn an_auxiliary_point_is_shown_and_not_judged() {
    let mut story = Story::of(fridge());
    story.play("08:00:00  3.0  ok\n 08:01:00  board:60.0  ok\n 08:12:00  tick  ok");
    assert_eq!(story.unit.state.points.len(), 2);
}

#[test]
fn a_rule_edited_meanwhile_judges_what_runs() {
    let mut story = Story::of(fridge());
    story.play("08:00:00  9.0  excursion  high.opened");
    let rule = with(|rule| rule.confirm_high_shut_secs = 120).into();
    story.unit = Unit { rule, ..story.unit };
    story.play("08:05:00  tick  alarm_active  high.confirmed@08:02:00");
    let rule = with(|rule| rule.high_limit = None).into();
    story.unit = Unit { rule, ..story.unit };
    story.play("08:06:00  9.0  restoring\n 08:07:00  9.0  ok  high.resolved");
}
