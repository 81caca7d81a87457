//! Which policies hold, field by field, and what holds where there are none.

use hub_domain::{
    AlertKind, RuleLayer, Severity, UnitId,
    notify::{Plan, Policy, QuietHours, QuietRule, Terms, effective},
};
use uuid::Uuid;

use crate::story::{ORG, SITE, Story, step, steps};

const UNIT: UnitId = UnitId(Uuid::from_u128(u128::from_be_bytes([
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'a',
])));

fn of(number: u128, layer: RuleLayer, plan: Plan) -> Policy {
    let scope_id = match layer {
        RuleLayer::Unit => UNIT.0,
        RuleLayer::Site => SITE.0,
        RuleLayer::Organization | RuleLayer::Preset | RuleLayer::Default => ORG.0,
    };
    Policy { id: Uuid::from_u128(number), layer, scope_id, plan }
}

fn hot(policies: &[Policy]) -> Vec<Terms> {
    effective(policies, SITE, UNIT, AlertKind::TemperatureHigh)
}

fn hours() -> Option<QuietRule> {
    let (from_minute, to_minute, zone) = (1_320, 360, None);
    Some(QuietRule::Hours(QuietHours { from_minute, to_minute, zone, except_critical: true }))
}

#[test]
fn the_nearest_scope_with_steps_for_the_kind_tells_with_each_of_its_policies() {
    let door = Plan { kinds: Some(vec![AlertKind::DoorOpen]), ..steps([step(0, "cid sms")]) };
    let policies = [
        of(1, RuleLayer::Organization, steps([step(0, "dee email")])),
        of(2, RuleLayer::Site, steps([step(1, "cid sms")])),
        of(3, RuleLayer::Site, steps([step(2, "cid sms")])),
        of(4, RuleLayer::Unit, door),
    ];
    let ids = |kind| -> Vec<_> {
        let terms = effective(&policies, SITE, UNIT, kind);
        terms.iter().map(|terms| terms.policy.unwrap().as_u128()).collect()
    };
    assert_eq!(ids(AlertKind::TemperatureHigh), [2, 3]);
    assert_eq!(ids(AlertKind::DoorOpen), [4]);
    let elsewhere = effective(&policies, SITE, UnitId(Uuid::from_u128(9)), AlertKind::DoorOpen);
    assert_eq!(elsewhere.len(), 2);
}

#[test]
fn each_field_is_that_of_the_nearest_scope_that_says_it() {
    let policies = [
        of(
            1,
            RuleLayer::Organization,
            Plan {
                ack_minutes: Some(60),
                notify_on_resolve: Some(false),
                quiet: hours(),
                min_severity: Some(Severity::Critical),
                ..steps([step(0, "dee email")])
            },
        ),
        of(2, RuleLayer::Site, Plan { steps: vec![step(0, "cid sms")], ..Plan::default() }),
        of(3, RuleLayer::Unit, Plan { ack_minutes: Some(5), ..Plan::default() }),
    ];
    let terms = &hot(&policies)[0];
    assert_eq!(terms.policy, Some(Uuid::from_u128(2)), "the steps are the site's");
    assert_eq!(terms.ack_minutes, Some(5), "the unit's");
    assert_eq!(terms.min_severity, Severity::Critical, "the organization's");
    assert!(!terms.notify_on_resolve && terms.quiet_hours.is_some());

    let never = Plan { quiet: Some(QuietRule::Never), ..Plan::default() };
    let mut with_never = policies.to_vec();
    with_never.push(of(4, RuleLayer::Unit, never));
    assert_eq!(hot(&with_never)[0].quiet_hours, None, "the unit's says there are none");
}

#[test]
fn one_policy_says_nothing_of_another_of_its_scope_that_has_steps() {
    let policies = [
        of(1, RuleLayer::Site, Plan { ack_minutes: Some(5), ..steps([step(0, "cid sms")]) }),
        of(2, RuleLayer::Site, steps([step(0, "dee email")])),
    ];
    let acks: Vec<_> = hot(&policies).iter().map(|terms| terms.ack_minutes).collect();
    assert_eq!(acks, [Some(5), None]);
}

#[test]
fn without_a_policy_owners_and_admins_are_told_and_then_the_owners_each_half_hour() {
    Story::of([]).play(
        "
        08:00  a hot opens  ann.sms!below_severity ann.email!below_severity bob.sms!below_severity bob.email!below_severity
        08:10  a worsens    ann.sms ann.email bob.sms bob.email
        08:40  -            ann.sms ann.email
        09:10  -            ann.sms ann.email
        09:15  a resolved   ann.sms.resolved ann.email.resolved bob.sms.resolved bob.email.resolved
        ",
    );
}

#[test]
fn without_a_policy_what_never_gets_worse_than_a_warning_is_told_as_one() {
    Story::of([]).play(
        "
        08:00  a battery opens  ann.sms ann.email bob.sms bob.email
        32:00  -                ann.sms ann.email
        ",
    );
}

#[test]
fn a_policy_of_one_kind_leaves_the_others_to_the_hub_itself() {
    let door = Plan { kinds: Some(vec![AlertKind::DoorOpen]), ..steps([step(0, "cid sms")]) };
    Story::of([of(1, RuleLayer::Organization, door)]).play(
        "
        08:00  a hot alarms    ann.sms ann.email bob.sms bob.email
        08:01  b door alarms   cid.sms
        08:02  a acknowledged  -
        08:03  b acknowledged  -
        ",
    );
}
