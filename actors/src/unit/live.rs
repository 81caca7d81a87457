//! A unit in memory: its live state, and what is committed of it.

use std::collections::HashSet;

use hub_domain::{
    AlertEvent, Input, Point, Reading, StatusChange, Timestamp, Transition, Unit, Version,
    point::MOST_POINTS,
};
use hub_store::{By, Said, TransitionCommit, UnitCommit, records::LoadedUnit};

use crate::{
    answer::UnitSnapshot,
    shown::{Progress, ShownUnit, UnitPlace},
};

/// What a unit starts with.
pub(crate) struct UnitStart {
    pub(crate) loaded: LoadedUnit,
    pub(crate) owner_epoch: i64,
}

/// A unit's live state.
pub(crate) struct LiveUnit {
    pub(super) unit: Unit,
    pub(super) place: UnitPlace,
    /// The edition of its record that the name is of.
    pub(super) edition: i64,
    pub(super) version: Version,
    pub(super) rule_version: i64,
    pub(super) owner_epoch: i64,
    /// Rises with each publication; begins at the load's instant, so that it rises over restarts too.
    pub(super) seq: u64,
    /// Readings since the checkpoint.
    pub(super) since: u32,
    /// The newest arrival; the next one is later, so that arrivals order the batches of a unit.
    pub(super) received_at: Timestamp,
    /// The earliest timer that is armed.
    pub(super) armed_at: Option<Timestamp>,
    /// What folding the readings since the checkpoint came to that no commit holds yet (a rule edited meanwhile).
    pub(super) unsaid: Vec<AlertEvent>,
    /// The same of what it is shown as.
    pub(super) unsaid_statuses: Vec<StatusChange>,
    pub(super) must_checkpoint: bool,
}

impl LiveUnit {
    /// Folds the readings since the checkpoint onto it, each batch as it was judged when it came.
    pub(crate) fn start(start: UnitStart, now: Timestamp) -> Self {
        let LoadedUnit { record, version, state, since, rule, rule_version } = start.loaded;
        let edition = record.edition.version;
        let place = UnitPlace { org: record.org, site: record.site, name: record.name.into() };
        let known = state.points.iter().map(|point| point.newest_received_at).max();
        let mut live = Self {
            unit: Unit { id: record.id, rule, state },
            place,
            edition,
            version,
            rule_version,
            owner_epoch: start.owner_epoch,
            seq: u64::try_from(now.as_millis()).unwrap_or(0),
            since: u32::try_from(since.len()).unwrap_or(u32::MAX),
            received_at: known
                .max(since.last().map(|reading| reading.received_at))
                .unwrap_or_default(),
            armed_at: None,
            unsaid: Vec::new(),
            unsaid_statuses: Vec::new(),
            must_checkpoint: false,
        };
        for batch in since.chunk_by(|a, b| a.received_at == b.received_at) {
            live.fold(batch);
        }
        live
    }

    fn fold(&mut self, batch: &[Reading]) {
        let inputs: Vec<_> = batch.iter().map(Input::Reading).collect();
        let transition = self.unit.step(&inputs, batch[0].received_at);
        self.unit.state = transition.state;
        self.must_checkpoint |= transition.moved;
        self.unsaid.extend(transition.events);
        self.unsaid_statuses.extend(transition.statuses);
    }

    /// What is shown of it.
    pub(crate) fn shown(&self) -> ShownUnit {
        let progress =
            Progress { version: self.version, readings: self.since, edition: self.edition };
        ShownUnit::of(&self.place, &self.unit, self.seq, progress)
    }

    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        if self.must_checkpoint { Some(self.received_at) } else { self.unit.wake_at() }
    }

    /// The points of `readings` that the unit does not know, each once, and not more than it could take in at once.
    pub(super) fn unknown_points<'a>(
        &self,
        readings: impl Iterator<Item = &'a Reading>,
    ) -> Vec<Point> {
        let mut seen = HashSet::new();
        let believed = readings.filter(|reading| reading.suspicion().is_none());
        let points = believed.map(|reading| &reading.point);
        let unknown = points.filter(|point| self.unit.state.point(point).is_none());
        unknown.filter(|point| seen.insert(*point)).take(MOST_POINTS + 1).cloned().collect()
    }

    /// The instant of a step that takes in an arrival.
    pub(super) fn arrival(&self, now: Timestamp) -> Timestamp {
        now.max(self.received_at.plus_millis(1))
    }

    pub(crate) fn snapshot(&self) -> UnitSnapshot {
        UnitSnapshot {
            unit: self.unit.id,
            site: self.place.site,
            state: self.unit.state.clone(),
            version: self.version,
            rule_version: self.rule_version,
            readings_since: self.since,
            wake_at: self.wake_at(),
        }
    }

    pub(super) fn commit(
        &self,
        fresh: Vec<Reading>,
        past: Vec<Reading>,
        transition: Option<TransitionCommit>,
    ) -> UnitCommit {
        let UnitPlace { org, site, .. } = self.place;
        UnitCommit {
            org,
            site,
            unit: self.unit.id,
            owner_epoch: self.owner_epoch,
            fresh,
            past,
            transition,
        }
    }

    pub(super) fn transition_commit(
        &self,
        transition: &Transition,
        said: Said,
        deletes: Option<By>,
    ) -> TransitionCommit {
        TransitionCommit {
            expected: self.version,
            state: transition.state.clone(),
            rule_version: self.rule_version,
            wake_at: transition.wake_at,
            events: self.unsaid.iter().chain(&transition.events).cloned().collect(),
            statuses: self.unsaid_statuses.iter().chain(&transition.statuses).copied().collect(),
            said,
            deletes,
        }
    }
}
