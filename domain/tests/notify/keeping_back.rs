//! Modes, snoozes and quiet hours keep things back, and what still holds is told as they end.

use hub_domain::{
    Severity, Zone,
    notify::{Plan, QuietHours, QuietRule},
};

use crate::story::{check, step, steps};

fn quiet(plan: Plan) -> Plan {
    let (from_minute, to_minute, zone) = (22 * 60, 6 * 60, Zone::parse("Europe/London"));
    let hours = QuietHours { from_minute, to_minute, zone, except_critical: true };
    Plan { quiet: Some(QuietRule::Hours(hours)), ..plan }
}

#[test]
fn what_is_open_as_maintenance_ends_is_told_then_and_escalated_from_then_on() {
    check(
        steps([step(0, "cid sms"), step(15, "dee email")]),
        "
        08:00  a hot alarms, a maintenance 10:00  cid.sms!maintenance
        10:00  -                                  cid.sms
        10:15  -                                  dee.email
        ",
    );
}

#[test]
fn what_is_over_before_maintenance_is_was_nobody_s() {
    check(
        steps([step(0, "cid sms")]),
        "
        08:00  a hot alarms, a maintenance 10:00  cid.sms!maintenance
        09:00  a resolved                         cid.sms!resolved
        11:00  -                                  -
        ",
    );
}

#[test]
fn maintenance_that_ends_early_or_later_is_followed() {
    check(
        steps([step(0, "cid sms")]),
        "
        08:00  a hot alarms, a maintenance 10:00  cid.sms!maintenance
        09:00  a maintenance 12:00                cid.sms!maintenance
        09:30  a normal                           cid.sms
        ",
    );
}

#[test]
fn commissioning_ends_when_somebody_says_so() {
    check(
        steps([step(0, "cid sms")]),
        "
        08:00  a hot alarms, a commissioning  cid.sms!commissioning
        09:07  a normal                       cid.sms
        ",
    );
}

#[test]
fn defrosting_keeps_back_what_comes_next_and_not_what_was_told() {
    check(
        steps([step(0, "cid sms"), step(15, "dee email")]),
        "
        08:00  a hot alarms         cid.sms
        08:10  a defrosting 08:40   -
        08:15  -                    dee.email!defrosting
        08:40  -                    dee.email
        09:10  -                    ann.sms ann.email
        ",
    );
}

#[test]
fn a_snooze_holds_for_its_alert_alone() {
    check(
        steps([step(0, "dee email"), step(15, "cid sms")]),
        "
        08:00  a hot alarms, b hot alarms  dee.email dee.email
        08:05  a snoozed 09:00             -
        08:15  -                           cid.sms cid.sms!snoozed
        08:20  b acknowledged              -
        09:00  -                           cid.sms
        ",
    );
}

#[test]
fn a_warning_in_quiet_hours_is_told_in_the_morning_if_it_is_still_open() {
    check(
        quiet(steps([step(0, "cid sms"), step(15, "dee email")])),
        "
        21:59  a battery opens  cid.sms
        22:14  -                dee.email!quiet_hours
        23:00  b battery opens  cid.sms!quiet_hours
        24:00  c battery opens  cid.sms!quiet_hours
        25:00  c resolved       cid.sms!resolved dee.email!resolved
        30:00  -                dee.email cid.sms
        30:15  -                dee.email
        ",
    );
}

#[test]
fn a_critical_alert_passes_quiet_hours_and_a_warning_that_becomes_one_too() {
    check(
        quiet(steps([step(0, "cid sms")])),
        "
        23:00  a hot alarms  cid.sms
        23:01  b hot opens   cid.sms!quiet_hours
        23:10  b worsens     cid.sms cid.sms!overtaken
        23:11  a acknowledged  -
        23:12  b acknowledged  -
        ",
    );
    let mut plan = quiet(steps([step(0, "cid sms")]));
    let Some(QuietRule::Hours(hours)) = plan.quiet.as_mut() else { unreachable!() };
    hours.except_critical = false;
    check(
        plan,
        "
        23:00  a hot alarms  cid.sms!quiet_hours
        30:00  -             cid.sms
        ",
    );
}

#[test]
fn the_end_of_a_warning_is_told_in_the_morning_too() {
    check(
        Plan { min_severity: Some(Severity::Warning), ..quiet(steps([step(0, "cid sms")])) },
        "
        21:00  a battery opens  cid.sms
        23:00  a resolved       cid.sms!quiet_hours
        30:00  -                cid.sms.resolved
        ",
    );
}
