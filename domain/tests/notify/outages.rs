//! Silences that belong together.

use hub_domain::Severity;

use crate::story::{Story, at, check, policy, step, steps};

fn site_of(units: u32) -> Story {
    let mut story = Story::of([policy(steps([step(0, "cid+dee sms+email"), step(15, "eve sms")]))]);
    story.situation.people[2].email = hub_domain::notify::Reach::Reached;
    story.situation.people[3].sms = hub_domain::notify::Reach::Reached;
    story.situation.sites[0].units = units;
    story
}

#[test]
fn a_silence_is_told_after_a_minute() {
    check(
        steps([step(0, "cid sms")]),
        "
        08:00     a silent alarms  -
        08:00:30  b silent alarms  -
        08:01:00  -                cid.sms
        08:01:30  -                cid.sms
        ",
    );
}

#[test]
fn half_of_a_site_is_one_outage_for_each_person_and_so_are_its_steps() {
    site_of(8).play(
        "
        08:00     a..c silent alarms  -
        08:00:40  d silent alarms     -
        08:01:00  -                   cid.sms.outage[4] cid.email.outage[4] dee.sms.outage[4] dee.email.outage[4]
        08:16:00  -                   eve.sms.outage[4]
        08:46:00  -                   ann.sms.outage[4] ann.email.outage[4]
        ",
    );
}

#[test]
fn fewer_than_half_of_a_site_or_than_three_units_are_told_one_by_one() {
    let mut story = Story::of([policy(steps([step(0, "dee email")]))]);
    story.situation.sites[0].units = 9;
    story.play(
        "
        08:00:00  a..d silent alarms  -
        08:01:00  -                   dee.email dee.email dee.email dee.email
        ",
    );
    let mut story = Story::of([policy(steps([step(0, "dee email")]))]);
    story.situation.sites[0].units = 2;
    story.play(
        "
        08:00:00  a..b silent alarms  -
        08:01:00  -                   dee.email dee.email
        ",
    );
}

#[test]
fn a_unit_that_is_heard_again_within_the_minute_was_nobody_s() {
    site_of(8).play(
        "
        08:00     a..d silent alarms  -
        08:00:30  a..d resolved       cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved dee.sms!resolved dee.sms!resolved dee.sms!resolved dee.sms!resolved eve.sms!resolved eve.sms!resolved eve.sms!resolved eve.sms!resolved
        08:10     -                   -
        ",
    );
}

#[test]
fn the_end_of_an_outage_is_told_once_and_who_saw_one_unit_is_told_of_the_others() {
    let mut story = Story::of([policy(steps([step(0, "dee email"), step(15, "dee email")]))]);
    story.situation.sites[0].units = 6;
    story.play(
        "
        08:00     a..d silent alarms  -
        08:01:00  -                   dee.email.outage[4]
        08:05     a acknowledged      -
        08:16:00  -                   dee.email.outage[3]
        08:20     a..c resolved       -
        08:20:30  d resolved          -
        08:21:00  -                   dee.email.outage_over[3]
        08:21:30  -                   dee.email.resolved
        ",
    );
}

#[test]
fn after_the_hub_was_away_what_is_silent_still_is_one_message_of_the_organization() {
    // A4: most of them report again within 10 minutes
    let mut story = Story::of([policy(steps([step(0, "cid sms")]))]);
    story.situation.back_at = Some(at("08:00"));
    story.situation.alerts.clear();
    story.play(
        "
        08:00     a..z silent alarms  -
        08:05     a..v resolved       cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved cid.sms!resolved
        08:10     -                   cid.sms.outage[4]
        08:40     -                   ann.sms.outage[4] ann.email.outage[4]
        ",
    );
    assert!(story.situation.alerts.iter().all(|alert| alert.severity == Severity::Critical));
}

#[test]
fn what_is_hot_after_the_hub_was_away_is_told_at_once() {
    let mut story = Story::of([policy(steps([step(0, "cid sms")]))]);
    story.situation.back_at = Some(at("08:00"));
    story.play("08:00  a hot alarms  cid.sms");
}
