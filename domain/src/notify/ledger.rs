//! The ledger, in the ways in which planning asks it.

use std::collections::BTreeMap;

use super::{
    intent::{IntentId, Reason, Round, Stage},
    policy::Channel,
    situation::{IntentState, PersonId, Told},
};
use crate::{AlertId, Timestamp};

/// How long a message has to arrive before the other way is tried: 5 minutes.
pub(super) const RECEIPT_SECS: u32 = 300;

/// What is told already.
pub(super) struct Ledger<'a> {
    by_id: BTreeMap<IntentId, &'a Told>,
    by_alert: BTreeMap<AlertId, Vec<&'a Told>>,
    by_carrier: BTreeMap<IntentId, Vec<&'a Told>>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is not sent, and waits for nothing but its turn.
    Unsent,
    /// It was, or is being, sent, and may yet arrive.
    UnderWay,
    /// It arrived, or nobody will say whether it did.
    Arrived,
    /// It failed.
    Failed,
    /// It is not to be sent.
    Kept,
}

impl<'a> Ledger<'a> {
    pub(super) fn of(told: &'a [Told]) -> Self {
        let mut ledger = Self {
            by_id: told.iter().map(|line| (line.id, line)).collect(),
            by_alert: BTreeMap::new(),
            by_carrier: BTreeMap::new(),
        };
        for line in ledger.by_id.values() {
            if let Some(alert) = line.alert {
                ledger.by_alert.entry(alert).or_default().push(line);
            }
            if let Some(by) = line.by {
                ledger.by_carrier.entry(by).or_default().push(line);
            }
        }
        ledger
    }

    pub(super) fn line(&self, id: IntentId) -> Option<&'a Told> {
        self.by_id.get(&id).copied()
    }

    /// Every line, by id.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'a Told> {
        self.by_id.values().copied()
    }

    /// The lines of an alert.
    pub(super) fn of_alert(&self, alert: AlertId) -> &[&'a Told] {
        self.by_alert.get(&alert).map_or(&[], Vec::as_slice)
    }

    /// The lines that a message carries.
    pub(super) fn carried_by(&self, carrier: IntentId) -> &[&'a Told] {
        self.by_carrier.get(&carrier).map_or(&[], Vec::as_slice)
    }

    /// What became of a line: of one that is carried, of the message that carries it.
    pub(super) fn fate(&self, line: &Told) -> Fate {
        let own = |line: &Told| match line.state {
            IntentState::Planned | IntentState::Queued => Fate::Unsent,
            IntentState::Sending => Fate::UnderWay,
            // nobody confirms an e-mail
            IntentState::Sent if line.channel == Channel::Email => Fate::Arrived,
            IntentState::Sent => Fate::UnderWay,
            IntentState::Delivered => Fate::Arrived,
            IntentState::Failed => Fate::Failed,
            IntentState::Suppressed | IntentState::Superseded => Fate::Kept,
        };
        match line.by {
            Some(by) => self.line(by).map_or(Fate::Arrived, own),
            None => own(line),
        }
    }
}

impl Told {
    /// The round it is of.
    pub(super) const fn round(&self) -> Option<Round> {
        match self.stage {
            Stage::Due { round, .. } => Some(round),
            Stage::Resolved
            | Stage::Outage
            | Stage::OutageOver
            | Stage::Group
            | Stage::Overflow
            | Stage::Test
            | Stage::PhoneCode
            | Stage::Reply
            | Stage::Digest
            | Stage::SetupBroken => None,
        }
    }

    /// True if it is kept back by what ends.
    pub(super) fn is_held(&self) -> bool {
        self.state == IntentState::Suppressed && self.reason.is_hold()
    }

    /// True of a line by which somebody was told, or is to be; by another message, too, or by e-mail where there was no
    /// SMS left.
    pub(super) fn is_told(&self) -> bool {
        match self.state {
            IntentState::Planned
            | IntentState::Queued
            | IntentState::Sending
            | IntentState::Sent
            | IntentState::Delivered
            | IntentState::Failed => true,
            IntentState::Superseded => self.by.is_some(),
            IntentState::Suppressed => self.reason == Reason::SmsCap,
        }
    }

    /// True until somebody begins to send it.
    pub(super) const fn is_unsent(&self) -> bool {
        matches!(self.state, IntentState::Planned | IntentState::Queued)
    }

    /// When the other way is tried unless it arrived.
    pub(super) const fn receipt_due_at(&self) -> Timestamp {
        self.send_at.plus_secs(RECEIPT_SECS)
    }
}

/// Whether a line of that id may still be written: it is not there, or is kept back by what ends.
pub(super) fn is_open(ledger: &Ledger<'_>, id: IntentId) -> bool {
    ledger.line(id).is_none_or(Told::is_held)
}

/// Whether anything was written of an alert for a person.
pub(super) fn knows(ledger: &Ledger<'_>, alert: AlertId, person: PersonId) -> bool {
    ledger.of_alert(alert).iter().any(|line| line.person == person)
}
