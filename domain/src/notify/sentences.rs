//! Why somebody is told or not, as sentences for people. They name nobody, so that a ledger can be shown and logged.

use super::{
    intent::{Reason, Round},
    policy::Channel,
    situation::Reach,
};
use crate::{Mode, Severity, Timestamp, Zone};

pub(super) const SNOOZED: &str = "The alert is snoozed.";
pub(super) const GONE: &str = "The contact is not there any more.";
pub(super) const OVER: &str = "It is over, and this is to whom it was told.";
pub(super) const SMS_CAP: &str = "The organization's SMS of this hour are used up.";
pub(super) const OVERTAKEN: &str = "It became critical, and that is told instead.";
pub(super) const OVERFLOW: &str = "More alerts than SMS that the organization may send in an hour; each is in the hub, and told by e-mail.";
pub(super) const OUTAGE: &str = "Many units are silent together: told once, as an outage.";
pub(super) const OUTAGE_OVER: &str = "Many units are heard again: told once.";
pub(super) const CAPPED_INSTEAD: &str =
    "The organization's SMS of this hour are used up: told by e-mail instead.";

pub(super) const TEST: &str = "Somebody asked for it, to see that the way works.";
pub(super) const NOT_NAMED: &str = "No policy that holds for this alert names them.";

/// Of what is gathered.
pub(super) const fn group(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "More than two SMS in five minutes: what is left comes in one message.",
        Channel::Email => {
            "More than ten e-mails in five minutes: what is left comes in one message."
        }
    }
}

/// Of a turn that has not come.
pub(super) fn turn_to_come(number: usize, minute: u16) -> String {
    format!(
        "Their turn is step {number} of the policy, {} in: it has not come.",
        minutes(minute.into())
    )
}

/// Of a step.
pub(super) fn step(number: usize, minute: u32, round: Round) -> String {
    let since = since(round);
    if minute == 0 {
        return format!("Step {number} of the policy: at once when {since}.");
    }
    format!("Step {number} of the policy: {} after {since}.", minutes(minute))
}

/// Of a repetition of a step.
pub(super) fn repetition(number: usize, repetition: usize, minute: u32, round: Round) -> String {
    let since = since(round);
    format!(
        "Step {number} of the policy, repeated for the {} time: {} after {since}.",
        ordinal(repetition),
        minutes(minute)
    )
}

/// Of the owners, when the steps are done.
pub(super) fn owners(every: u32) -> String {
    format!(
        "The steps are done and nobody acknowledged: the owners are told every {}.",
        minutes(every)
    )
}

/// Where a policy reaches nobody.
pub(super) const OWNERS_INSTEAD: &str = "The policy reaches nobody: the owners are told.";

/// Of the other way.
pub(super) fn other(first: Channel, has_failed: bool) -> String {
    let first = match first {
        Channel::Sms => "SMS",
        Channel::Email => "e-mail",
    };
    if has_failed {
        return format!("The {first} failed: told the other way.");
    }
    format!("The {first} did not arrive within 5 minutes: told the other way.")
}

/// Of an alert that is not bad enough.
pub(super) fn below(severity: Severity, least: Severity) -> String {
    format!("It is a {severity}, and the policy asks for {least}.")
}

/// Of a mode that keeps back what is told; `None` for one that does not.
pub(super) const fn mode(mode: &Mode) -> Option<(Reason, &'static str)> {
    match mode {
        Mode::Normal => None,
        Mode::Maintenance { .. } => Some((Reason::Maintenance, "The unit is under maintenance.")),
        Mode::Defrosting { .. } => Some((Reason::Defrosting, "The unit is defrosting.")),
        Mode::Commissioning => Some((Reason::Commissioning, "The unit is being set up.")),
    }
}

/// Of quiet hours.
pub(super) fn quiet_until(until: Timestamp, zone: Zone) -> String {
    let wall = zone.wall(until);
    let (hour, minute) = (wall.minute / 60, wall.minute % 60);
    format!("Quiet hours until {} {hour:02}:{minute:02}, {}.", wall.day, zone.name())
}

/// Of somebody who is not reached.
pub(super) const fn unreached(channel: Channel, reach: Reach) -> (Reason, &'static str) {
    match (reach, channel) {
        (Reach::NoAddress | Reach::Reached, Channel::Sms) => {
            (Reason::NoPhone, "There is no phone number.")
        }
        (Reach::NoAddress | Reach::Reached, Channel::Email) => {
            (Reason::NoEmail, "There is no e-mail address.")
        }
        (Reach::Unverified, Channel::Sms) => {
            (Reason::Unverified, "The phone number is not verified.")
        }
        (Reach::Unverified, Channel::Email) => {
            (Reason::Unverified, "The e-mail address is not verified.")
        }
        (Reach::NoConsent, Channel::Sms) => {
            (Reason::NoConsent, "They have not agreed to be told by SMS.")
        }
        (Reach::NoConsent, Channel::Email) => {
            (Reason::NoConsent, "They have not agreed to be told by e-mail.")
        }
        (Reach::OptedOut, Channel::Sms) => (Reason::OptedOut, "They said stop to SMS."),
        (Reach::OptedOut, Channel::Email) => (Reason::OptedOut, "They unsubscribed from e-mail."),
    }
}

/// Of an alert that somebody saw, or that was over, before somebody's turn.
pub(super) const fn closed(is_resolved: bool) -> (Reason, &'static str) {
    if is_resolved {
        (Reason::Resolved, "It was over before their turn.")
    } else {
        (Reason::Acknowledged, "Somebody acknowledged it before their turn.")
    }
}

/// Of a message that there is no point in any more.
pub(super) const fn pointless(is_resolved: bool) -> (Reason, &'static str) {
    if is_resolved {
        (Reason::Resolved, "It was over before this was sent.")
    } else {
        (Reason::Acknowledged, "Somebody acknowledged it before this was sent.")
    }
}

const fn since(round: Round) -> &'static str {
    match round {
        Round::Opened => "it opened",
        Round::Critical => "it became critical",
        Round::Again(_) => "it escalated again",
    }
}

fn minutes(many: u32) -> String {
    if many == 1 { "1 minute".to_owned() } else { format!("{many} minutes") }
}

fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}
