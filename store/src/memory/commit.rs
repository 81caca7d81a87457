//! Commits in memory.

use std::collections::HashSet;

use hub_domain::{AlertStatus, Reading, Timestamp};
use tokio::sync::oneshot;

use super::{Fault, Memory, Tables};
use crate::{
    By, CommitError, Committed, PastFate, PendingCommit, UnitCommit,
    audit::{deeds_of, deletion_of},
    changes::{AlertChange, alert_changes},
    entity::unit,
    mint::Mint,
    records::StoredReading,
    writer::deleted,
};

impl Memory {
    pub(crate) fn submit(&self, commit: &UnitCommit) -> PendingCommit {
        let (answer, outcome) = oneshot::channel();
        answer.send(self.commit(commit)).ok();
        PendingCommit(outcome)
    }

    fn commit(&self, commit: &UnitCommit) -> Result<Committed, CommitError> {
        let now = self.mint.now();
        let changes = alert_changes(commit, now);
        let mut tables = self.tables();
        let unknown = || CommitError::Unknown("a test said so".to_owned());
        let fault = tables.faults.pop_front();
        match fault {
            Some(Fault::Unavailable) => {
                return Err(CommitError::Unavailable("a test said so".to_owned()));
            }
            Some(Fault::UnknownLost) => return Err(unknown()),
            Some(Fault::UnknownWritten | Fault::Unreadable) | None => {}
        }
        if !tables.is_true(commit, &changes) {
            return Err(CommitError::Conflict(commit.unit));
        }
        let committed = tables.write(commit, changes, now, &self.mint);
        if fault.is_some() { Err(unknown()) } else { Ok(committed) }
    }
}

impl Tables {
    /// True if what the commit takes for granted is so. Nothing is written before all of it is known.
    fn is_true(&self, commit: &UnitCommit, changes: &[AlertChange]) -> bool {
        let stored = self.readings.get(&commit.unit);
        let mut seen = HashSet::new();
        let is_fresh = |reading: &Reading| {
            let key = reading.key();
            let stored = stored.and_then(|stored| stored.get(&key));
            stored.is_none_or(|stored| stored.is_late) && seen.insert(key)
        };
        let is_at =
            |expected| self.states.get(&commit.unit).is_some_and(|row| row.version == expected);
        self.epochs.get(&commit.site) == Some(&commit.owner_epoch)
            && commit.transition.as_ref().is_none_or(|transition| is_at(transition.expected))
            && commit.fresh.iter().all(is_fresh)
            && changes
                .iter()
                .all(|change| change.is_opened != self.alerts.contains_key(&change.record.id))
            && self.is_one_of_a_kind(commit, changes)
    }

    /// What the partial unique index of the databases refuses.
    fn is_one_of_a_kind(&self, commit: &UnitCommit, changes: &[AlertChange]) -> bool {
        if changes.is_empty() {
            return true;
        }
        let untouched = |id| changes.iter().all(|change| change.record.id != id);
        let open = self.unresolved.get(&commit.unit).into_iter().flatten();
        let before = open.filter_map(|id| self.alerts.get(id)).filter(|alert| untouched(alert.id));
        let after = before.chain(changes.iter().map(|change| &change.record));
        let mut kinds = HashSet::new();
        after
            .filter(|alert| alert.status != AlertStatus::Resolved)
            .all(|alert| kinds.insert(alert.kind))
    }

    fn write(
        &mut self,
        commit: &UnitCommit,
        changes: Vec<AlertChange>,
        now: Timestamp,
        mint: &Mint,
    ) -> Committed {
        let stored = self.readings.entry(commit.unit).or_default();
        for reading in &commit.fresh {
            stored
                .insert(reading.key(), StoredReading { reading: reading.clone(), is_late: false });
        }
        let mut fate = |reading: &Reading| match stored.get(&reading.key()) {
            None => {
                stored.insert(
                    reading.key(),
                    StoredReading { reading: reading.clone(), is_late: true },
                );
                PastFate::Late
            }
            Some(first) if is_same(&first.reading, reading) => PastFate::Duplicate,
            Some(_) => PastFate::Conflicting,
        };
        let past = commit.past.iter().map(&mut fate).collect();
        if let Some(transition) = &commit.transition {
            let row = self.states.entry(commit.unit).or_default();
            row.version = transition.expected.next();
            (row.state, row.wake_at) = (transition.state.clone(), transition.wake_at);
            if let Some(by) = &transition.deletes {
                self.remove(commit, by, now, mint);
            }
        }
        for change in changes {
            self.write_alert(change);
        }
        for entry in deeds_of(commit, mint, now) {
            self.audit(&entry);
        }
        Committed { past }
    }

    /// A deleted unit is not kept in memory: nobody brings it back there.
    fn remove(&mut self, commit: &UnitCommit, by: &By, now: Timestamp, mint: &Mint) {
        let Some(record) = self.units.remove(&commit.unit) else { return };
        let before = unit::Model::from(&record);
        let after = deleted(&before, now);
        self.audit(&deletion_of(commit, by, &before, &after, mint));
    }

    fn write_alert(&mut self, change: AlertChange) {
        let events = self.alert_events.entry(change.record.id).or_default();
        let before = i64::try_from(events.len()).unwrap_or(i64::MAX);
        events.extend(change.events.into_iter().map(|mut event| {
            event.ordinal += before;
            event
        }));
        let unresolved = self.unresolved.entry(change.record.unit).or_default();
        if change.record.resolved_at.is_none() {
            unresolved.insert(change.record.id);
        } else {
            unresolved.remove(&change.record.id);
        }
        self.alerts.insert(change.record.id, change.record);
    }
}

/// True if two readings of one identity say the same; when each arrived does not matter.
pub(crate) fn is_same(one: &Reading, other: &Reading) -> bool {
    *one == Reading { received_at: one.received_at, ..other.clone() }
}
