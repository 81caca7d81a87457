//! Batteries, faults, calibrations and cooling.

use hub_domain::{AlertKind, Input, MilliCelsius, Rule};

use crate::story::{Story, at, check, fridge};

#[test]
fn a_battery_is_low_at_10_percent_and_good_again_above_20() {
    check(
        fridge(),
        "
        08:00:00  3.0/11%  ok
        08:05:00  3.0/10%  ok  battery.opened
        08:10:00  3.0/20%  ok
        08:15:00  3.0      ok
        08:20:00  3.0/21%  ok  battery.resolved
        ",
    );
}

#[test]
fn a_battery_below_the_model_s_voltage_is_low() {
    check(
        Rule { battery_low_millivolts: Some(2_500), ..fridge() },
        "
        08:00:00  3.0/2500mV      ok
        08:05:00  3.0/2499mV      ok  battery.opened
        08:10:00  3.0/90%/2400mV  ok
        08:15:00  3.0/2500mV      ok  battery.resolved
        ",
    );
}

#[test]
fn what_cannot_be_a_temperature_is_a_fault_until_one_that_can() {
    // 300 °F is the last that can
    check(
        Rule { high_limit: None, ..fridge() },
        "
        08:00:00  148.889  ok
        08:01:00  148.890  ok  fault.opened
        08:02:00  -80.0    ok
        08:03:00  3.0      ok  fault.resolved
        ",
    );
}

#[test]
fn a_fault_of_a_circuit_board_is_nobody_s_alert() {
    check(fridge(), "08:00:00  3.0  ok\n 08:01:00  board:500.0  ok");
}

#[test]
fn a_calibration_falls_due_on_its_day_and_a_new_day_ends_it() {
    let mut story = Story::of(fridge());
    story.tell("07:00:00", Input::CalibrationDue(Some(at("08:10:00"))), "");
    story.play(
        "08:00:00  3.0  ok\n 08:09:59  tick  ok\n 08:12:00  tick  ok  calibration.opened@08:10:00",
    );
    story.tell("08:13:00", Input::CalibrationDue(Some(at("08:10:00"))), "");
    story.tell("08:14:00", Input::CalibrationDue(Some(at("20:00:00"))), "calibration.resolved");
    story.tell("08:15:00", Input::CalibrationDue(None), "");
}

#[test]
fn hot_for_45_minutes_behind_a_shut_door_and_nothing_better_is_suspected() {
    check(
        fridge(),
        "
        08:00:00  9.0  excursion     high.opened
        08:10:00  9.1  alarm_active  high.confirmed
        08:20:00  9.0  alarm_active
        08:30:00  9.2  alarm_active
        08:44:59  9.0  alarm_active
        08:45:00  9.0  alarm_active  cooling.opened
        08:50:00  8.9  alarm_active  cooling.resolved
        ",
    );
}

#[test]
fn fewer_than_five_readings_suspect_nothing() {
    check(
        fridge(),
        "
        08:00:00  9.0  excursion     high.opened
        08:15:00  9.0  alarm_active  high.confirmed@08:10:00
        08:30:00  9.0  alarm_active
        08:45:00  9.0  alarm_active
        08:46:00  9.0  alarm_active  cooling.opened
        ",
    );
}

#[test]
fn an_open_door_explains_the_heat() {
    check(
        fridge(),
        "
        08:00:00  9.0/open  excursion     high.opened
        08:10:00  9.0/open  excursion     door.opened@08:03:00 door.escalated
        08:20:00  9.0/open  alarm_active  high.confirmed
        08:30:00  9.0/open  alarm_active
        08:40:00  9.0/open  alarm_active
        08:50:00  9.0/open  alarm_active
        ",
    );
}

#[test]
fn a_unit_that_cools_down_is_not_suspected() {
    check(
        fridge(),
        "
        08:00:00  12.0  excursion     high.opened
        08:10:00  11.7  alarm_active  high.confirmed
        08:20:00  11.4  alarm_active
        08:30:00  11.1  alarm_active
        08:40:00  10.8  alarm_active
        08:50:00  10.5  alarm_active
        09:00:00  10.2  alarm_active
        ",
    );
}

#[test]
fn the_peak_is_the_temperature_farthest_out() {
    let mut story = Story::of(fridge());
    story.play(
        "
        08:00:00  -1.0  excursion  low.opened
        08:02:00  -4.0  excursion
        08:04:00  -2.0  excursion
        ",
    );
    let alert = story.alert(AlertKind::TemperatureLow);
    assert_eq!(
        (alert.temperature, alert.peak),
        (Some(MilliCelsius(-1_000)), Some(MilliCelsius(-4_000)))
    );
    assert_eq!(alert.limit, Some(MilliCelsius(0)));
}
