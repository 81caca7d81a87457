//! What is left to say of an alert that somebody has seen, or that is over.

use std::collections::BTreeSet;

use super::{
    desk::{Cause, Desk},
    escalation::{Course, people_of},
    holds::{self, Hold},
    intent::{IntentId, Reason, Round, Stage},
    ledger::{Fate, knows},
    outage::GATHER_SECS,
    policy::{Channel, Terms},
    sentences,
    situation::{AlertFacts, PersonId, Told},
};
use crate::{AlertKind, Timestamp};

/// A message of an alert that is over may be with the provider as its line is superseded: looked at again after a minute.
const LOOK_SECS: u32 = 60;

/// Ends what is not told yet of rounds that are over.
pub(super) fn end_rounds(desk: &mut Desk<'_>, alert: &AlertFacts, course: Option<Course>) {
    let round = course.map(|course| course.round);
    let is_resolved = alert.resolved_at.is_some();
    let lines: Vec<&Told> = desk.ledger.of_alert(alert.id).to_vec();
    for line in lines.into_iter().filter(|line| line.round().is_some() && line.round() != round) {
        let is_overtaken = round == Some(Round::Critical);
        if line.is_held() {
            let overtaken = (Reason::Overtaken, sentences::OVERTAKEN);
            let closed = sentences::closed(is_resolved);
            desk.close(line, if is_overtaken { overtaken } else { closed });
        }
        if line.is_unsent() && !is_overtaken {
            desk.supersede(line.id, sentences::pointless(is_resolved));
        }
    }
}

/// Says of everybody whom a policy names, and of whom the ledger says nothing yet, why they are not told.
pub(super) fn exclude_the_rest(desk: &mut Desk<'_>, alert: &AlertFacts, terms: &Terms) {
    let is_below = alert.severity < terms.min_severity;
    let (reason, sentence) = sentences::closed(alert.resolved_at.is_some());
    let below = sentences::below(alert.severity, terms.min_severity);
    let why = if is_below { (Reason::BelowSeverity, below) } else { (reason, sentence.to_owned()) };
    let round = alert.first_course().round;
    let mut seen = BTreeSet::new();
    for step in &terms.steps {
        let stage = Stage::Due { round, minute: step.after_minutes.into() };
        let (policy, reason, sentence) = (terms.policy, why.0, why.1.clone());
        let cause = Cause { stage, policy, reason, sentence };
        let Some(channel) = step.channels.first() else { continue };
        for person in people_of(desk, step) {
            if seen.insert(person) && !knows(&desk.ledger, alert.id, person) {
                desk.exclude(alert, person, *channel, &cause, why.clone(), None);
            }
        }
    }
}

/// Tells those who were told that it is over.
pub(super) fn tell_the_end<'a>(
    desk: &mut Desk<'a>,
    alert: &'a AlertFacts,
    all: &[Terms],
    resolved_at: Timestamp,
) {
    let telling: Vec<&Terms> = all.iter().filter(|terms| terms.notify_on_resolve).collect();
    if telling.is_empty() {
        return;
    }
    let told = told(desk, alert);
    let (due_at, until) =
        (resolved_at.plus_secs(gathering(alert)), resolved_at.plus_secs(LOOK_SECS));
    if may_yet_be_sent(desk, alert) && desk.now() < until {
        desk.look(alert.id, until);
    }
    if due_at > desk.now() {
        if !told.is_empty() {
            desk.look(alert.id, due_at);
        }
        return;
    }
    let hold = hold_of(desk, alert, &telling);
    let (stage, reason, sentence) = (Stage::Resolved, Reason::Over, sentences::OVER.to_owned());
    let cause = Cause { stage, policy: telling[0].policy, reason, sentence };
    for (person, channel) in told {
        desk.ask(alert, person, channel, &cause, hold.as_ref());
    }
}

/// Whether there is something that may be sent as it is taken back.
fn may_yet_be_sent(desk: &Desk<'_>, alert: &AlertFacts) -> bool {
    let mut lines = desk.ledger.of_alert(alert.id).iter().filter(|line| line.round().is_some());
    lines.any(|line| desk.ledger.fate(line) == Fate::Unsent)
}

/// To whom it was told, and how. What was not sent yet as it ended, nobody was told.
fn told(desk: &Desk<'_>, alert: &AlertFacts) -> BTreeSet<(PersonId, Channel)> {
    let reached = |line: &&&Told| {
        line.round().is_some() && matches!(desk.ledger.fate(line), Fate::UnderWay | Fate::Arrived)
    };
    let lines = desk.ledger.of_alert(alert.id).iter().filter(reached);
    lines.map(|line| (line.person, line.channel)).collect()
}

/// Units that were silent together are heard again within moments.
const fn gathering(alert: &AlertFacts) -> u32 {
    match alert.kind {
        AlertKind::MonitoringInterrupted => GATHER_SECS,
        AlertKind::TemperatureHigh
        | AlertKind::TemperatureLow
        | AlertKind::MissedManualEntry
        | AlertKind::DoorOpen
        | AlertKind::LowBattery
        | AlertKind::SensorFault
        | AlertKind::CalibrationDue
        | AlertKind::SuspectedCoolingFailure => 0,
    }
}

/// What keeps the end back by every policy: that which ends first.
fn hold_of(desk: &Desk<'_>, alert: &AlertFacts, telling: &[&Terms]) -> Option<Hold> {
    let hold = |terms: &&Terms| holds::of_terms(alert, terms, desk.zone(alert), desk.now());
    let holds: Option<Vec<Hold>> = telling.iter().map(hold).collect();
    holds?.into_iter().min_by_key(|hold| hold.until.unwrap_or(Timestamp::LATEST))
}

/// Ends messages of several whose every alert is seen or over, and that nobody began to send.
pub(super) fn end_carriers(desk: &mut Desk<'_>) {
    let carriers = desk.ledger.lines().filter(|line| line.alert.is_none() && line.is_unsent());
    let carriers = carriers.filter(|line| matches!(line.stage, Stage::Outage | Stage::Group));
    let ends: Vec<(IntentId, bool)> =
        carriers.filter_map(|line| Some((line.id, ended(desk, line)?))).collect();
    for (id, is_resolved) in ends {
        desk.supersede(id, sentences::pointless(is_resolved));
    }
}

/// Whether all that a message carries is seen or over, and if so, whether all of it is over. What is not looked at now
/// may be open.
fn ended(desk: &Desk<'_>, carrier: &Told) -> Option<bool> {
    let mut is_resolved = true;
    let mut carried = BTreeSet::new();
    for line in desk.ledger.carried_by(carrier.id) {
        let alert = desk.alert(line.alert?)?;
        let round = alert.course().map(|course| course.round);
        if line.round().is_none() || line.round() == round {
            return None;
        }
        is_resolved &= alert.resolved_at.is_some();
        carried.insert(alert.id);
    }
    let is_whole = carrier.members.iter().all(|member| carried.contains(member));
    (is_whole && !carried.is_empty()).then_some(is_resolved)
}
