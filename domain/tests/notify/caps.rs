//! How many messages there are: to a person in five minutes, of an organization in an hour.

use std::collections::BTreeSet;

use hub_domain::{
    AlertId, AlertKind, Severity, UnitId,
    notify::{Caps, Channel, IntentState, PersonId},
};
use uuid::Uuid;

use crate::story::{Story, alert, at, check, contact, policy, step, steps};

#[test]
fn what_comes_after_two_sms_is_gathered_into_one() {
    check(
        steps([step(0, "cid sms")]),
        "
        08:00:00  a..b hot alarms  cid.sms cid.sms
        08:00:10  c hot alarms     cid.sms.group[1]@08:01:10
        08:00:20  d..f hot alarms  cid.sms+3
        08:01:20  g hot alarms     cid.sms.group[1]@08:05:00
        08:05:01  h hot alarms     cid.sms.group[1]@08:06:01
        08:06:00  a..h acknowledged  cid.sms-acknowledged
        08:12:00  i hot alarms     cid.sms
        ",
    );
}

#[test]
fn what_comes_after_ten_e_mails_is_gathered_into_one() {
    check(
        steps([step(0, "dee email"), step(240, "cid sms")]),
        "
        08:00:00  a..j hot alarms  dee.email dee.email dee.email dee.email dee.email dee.email dee.email dee.email dee.email dee.email
        08:00:10  k hot alarms     dee.email.group[1]@08:01:10
        08:00:20  l..p hot alarms  dee.email+5
        08:01:20  q hot alarms     dee.email.group[1]@08:02:20
        08:02:30  r hot alarms     dee.email.group[1]@08:05:00
        08:12:00  s hot alarms     dee.email
        ",
    );
}

#[test]
fn the_most_urgent_go_alone() {
    check(
        steps([step(0, "cid sms")]),
        "
        08:00:00  a..c battery opens, d hot alarms  cid.sms cid.sms cid.sms.group[2]@08:01:00
        ",
    );
}

#[test]
fn a_group_is_told_the_other_way_like_any_message() {
    let mut story = Story::of([policy(steps([step(0, "eve sms")]))]);
    let eve = PersonId::Contact(contact("eve"));
    story.play(
        "
        08:00:00  a..d hot alarms  eve.sms eve.sms eve.sms.group[2]@08:01:00
        08:00:30  -                -
        ",
    );
    story.unreached.insert((eve, Channel::Sms));
    story.play("08:06:00  -  eve.email eve.email");
}

#[test]
fn beyond_what_an_organization_may_send_each_person_is_told_so_and_gets_e_mail() {
    let mut story =
        Story::of([policy(steps([step(0, "eve+bob+ann sms"), step(120, "dee email")]))]);
    // one is kept for saying that there is more
    story.situation.caps = Caps { sms_per_hour: 5 };
    story.play(
        "
        08:00:00  a hot alarms  ann.sms bob.sms eve.sms
        08:00:10  b hot alarms  ann.sms eve.sms.overflow[1] bob.sms!sms_cap bob.email eve.sms!sms_cap eve.email
        08:00:20  c hot alarms  ann.sms!sms_cap ann.email bob.sms!sms_cap bob.email eve.sms!sms_cap eve.email
        09:00:11  d hot alarms  ann.sms bob.sms eve.sms
        ",
    );
}

#[test]
fn with_no_sms_at_all_everything_is_told_by_e_mail() {
    let mut story = Story::of([policy(steps([step(0, "eve+cid sms")]))]);
    story.situation.caps = Caps { sms_per_hour: 0 };
    story.play("08:00  a hot alarms  eve.sms!sms_cap eve.email cid.sms!sms_cap cid.email!no_email");
}

#[test]
fn a_thousand_units_within_a_minute_are_three_sms_a_person_and_a_line_each() {
    // N3
    let mut story = Story::of([policy(steps([step(0, "cid+eve sms"), step(240, "dee email")]))]);
    for batch in 0..20_u32 {
        let now = at("08:00").plus_secs(batch * 3);
        for number in 0..50 {
            let id = Uuid::from_u128(u128::from(batch * 50 + number) + 1);
            let kind = AlertKind::TemperatureHigh;
            story.add(alert(AlertId(id), kind, Severity::Critical, UnitId(id), now));
        }
        story.plan_at(now);
    }
    for name in ["cid", "eve"] {
        let person = PersonId::Contact(contact(name));
        let lines = || story.situation.told.iter().filter(move |line| line.person == person);
        let sent = lines().filter(|line| line.state != IntentState::Superseded);
        let sent: Vec<_> = sent.map(|line| (line.send_at, line.members.len())).collect();
        // what comes in the last five seconds before a message is sent is in the next one
        let (alone, gathered, rest) = ((at("08:00"), 0), (at("08:01"), 948), (at("08:05"), 50));
        let expected = BTreeSet::from([alone, gathered, rest]);
        assert_eq!(BTreeSet::from_iter(sent.clone()), expected, "{name}");
        assert_eq!(sent.len(), 4);
        let alerts: BTreeSet<AlertId> = lines().filter_map(|line| line.alert).collect();
        assert_eq!(alerts.len(), 1_000, "nothing is hidden");
    }
}
