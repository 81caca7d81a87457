//! Steps, repetitions, owners, acknowledgements and ends.

use hub_domain::{
    Severity,
    notify::{Channel, PersonId, Plan, Repeat, Step},
};

use crate::story::{Story, check, contact, policy, step, steps};

#[test]
fn steps_are_told_in_their_time_and_then_the_owners_without_end() {
    check(
        steps([step(0, "cid sms"), step(15, "dee email")]),
        "
        08:00  a hot alarms  cid.sms
        08:15  -             dee.email
        08:45  -             ann.sms ann.email
        09:15  -             ann.sms ann.email
        09:45  -             ann.sms ann.email
        ",
    );
}

#[test]
fn a_step_is_repeated_as_often_as_it_says() {
    let repeat = Some(Repeat { every_minutes: 10, times: 2 });
    check(
        steps([Step { repeat, ..step(0, "cid sms") }, step(15, "dee email")]),
        "
        08:00  a hot alarms  cid.sms
        08:10  -             cid.sms
        08:15  -             dee.email
        08:20  -             cid.sms
        08:50  -             ann.sms ann.email
        ",
    );
}

#[test]
fn an_acknowledgement_ends_it_and_says_so_of_everybody_whose_turn_had_not_come() {
    check(
        steps([step(0, "cid sms"), step(15, "dee email"), step(30, "cid+eve sms")]),
        "
        08:00  a hot alarms    cid.sms
        08:10  a acknowledged  dee.email!acknowledged eve.sms!acknowledged
        12:00  -               -
        ",
    );
}

#[test]
fn what_is_told_as_a_step_falls_due_with_an_acknowledgement_is_nothing() {
    // A5: the timer and two people at one instant
    check(
        steps([step(0, "cid sms"), step(15, "dee email")]),
        "
        08:00  a hot alarms    cid.sms
        08:15  a acknowledged  dee.email!acknowledged
        ",
    );
}

#[test]
fn who_was_told_is_told_of_the_end_in_the_same_way_once() {
    check(
        steps([step(0, "cid+dee sms+email"), step(15, "eve sms")]),
        "
        08:00  a hot alarms  cid.sms dee.email cid.email!no_email dee.sms!no_phone
        08:10  a resolved    cid.sms.resolved dee.email.resolved eve.sms!resolved
        08:30  -             -
        ",
    );
}

#[test]
fn nobody_is_told_of_the_end_if_the_policy_says_so() {
    check(
        Plan { notify_on_resolve: Some(false), ..steps([step(0, "cid sms")]) },
        "
        08:00  a hot alarms  cid.sms
        08:10  a resolved    -
        ",
    );
}

#[test]
fn what_lasts_past_its_acknowledgement_is_told_from_the_first_step_again() {
    check(
        steps([step(0, "cid sms"), step(15, "dee email")]),
        "
        08:00  a hot alarms    cid.sms
        08:05  a acknowledged  dee.email!acknowledged
        08:35  a again         cid.sms
        08:50  -               dee.email
        09:20  -               ann.sms ann.email
        09:30  a acknowledged  -
        12:00  a resolved      cid.sms.resolved dee.email.resolved ann.sms.resolved ann.email.resolved
        ",
    );
}

#[test]
fn a_warning_that_is_confirmed_is_told_again_from_the_first_step() {
    check(
        steps([step(0, "cid sms"), step(15, "dee email")]),
        "
        08:00  a hot opens  cid.sms
        08:10  a worsens    cid.sms
        08:25  -            dee.email
        ",
    );
}

#[test]
fn a_warning_below_the_policy_is_told_once_it_is_critical() {
    check(
        Plan { min_severity: Some(Severity::Critical), ..steps([step(0, "cid sms")]) },
        "
        08:00  a hot opens  cid.sms!below_severity
        08:10  a worsens    cid.sms
        08:40  -            ann.sms ann.email
        ",
    );
}

#[test]
fn owners_have_a_day_for_a_warning_unless_the_policy_says_else() {
    check(
        steps([step(0, "dee email")]),
        "
        08:00  a battery opens  dee.email
        32:00  -                ann.sms ann.email
        ",
    );
    check(
        Plan { ack_minutes: Some(45), ..steps([step(0, "dee email")]) },
        "
        08:00  a battery opens  dee.email
        08:45  -                ann.sms ann.email
        09:30  -                ann.sms ann.email
        ",
    );
}

#[test]
fn a_policy_that_reaches_nobody_tells_the_owners_at_once() {
    check(
        steps([step(5, "dee+zed sms")]),
        "
        08:00  a hot alarms  ann.sms ann.email
        08:05  -             dee.sms!no_phone zed.sms!gone
        08:30  -             ann.sms ann.email
        ",
    );
}

#[test]
fn who_is_named_twice_is_told_once() {
    check(steps([step(0, "eve+@staff+@admin sms")]), "08:00  a hot alarms  bob.sms eve.sms");
}

#[test]
fn what_does_not_arrive_in_five_minutes_is_told_the_other_way_once() {
    let mut story = Story::of([policy(steps([step(0, "eve+cid sms"), step(60, "dee email")]))]);
    let lost = ["eve", "cid"].map(|name| (PersonId::Contact(contact(name)), Channel::Sms));
    story.unreached.extend(lost);
    story.play(
        "
        08:00  a hot alarms  eve.sms cid.sms
        08:05  -             eve.email cid.email!no_email
        09:00  -             dee.email
        ",
    );
}

#[test]
fn what_does_not_arrive_of_an_acknowledged_alert_is_not_told_the_other_way() {
    let mut story = Story::of([policy(steps([step(0, "eve sms")]))]);
    story.unreached.insert((PersonId::Contact(contact("eve")), Channel::Sms));
    story.play(
        "
        08:00  a hot alarms    eve.sms
        08:04  a acknowledged  -
        09:00  -               -
        ",
    );
}

#[test]
fn what_the_hub_learns_late_is_escalated_from_then_on() {
    let mut story = Story::of([policy(steps([step(0, "cid sms"), step(15, "dee email")]))]);
    story.play("08:00  a hot alarms  cid.sms");
    // nobody looked for two hours
    story.situation.now = crate::story::at("08:00");
    let told = story.look(crate::story::at("10:00"));
    assert_eq!(told, ["dee.email"]);
    story.play("10:30  -  ann.sms ann.email");
}
