//! A unit as its actor would hold it: steps, commits, remembers.

use std::sync::Arc;

use hub_domain::{
    Input, Judged, MilliCelsius, OrgId, Point, Reading, SiteId, SourceId, Timestamp, Transition,
    Unit, Verdict, Version, reading::Channel,
};
use hub_store::{
    CommitError, Committed, Said, Store, TransitionCommit, UnitCommit, records::LoadedUnit,
};

/// A live unit.
pub(crate) struct Live {
    pub(crate) org: OrgId,
    pub(crate) site: SiteId,
    pub(crate) epoch: i64,
    pub(crate) version: Version,
    pub(crate) rule_version: i64,
    pub(crate) unit: Unit,
}

impl Live {
    /// A unit from its checkpoint and the readings since.
    pub(crate) fn of(loaded: LoadedUnit, epoch: i64) -> Self {
        let unit =
            Unit { id: loaded.record.id, rule: Arc::clone(&loaded.rule), state: loaded.state };
        let mut live = Self {
            org: loaded.record.org,
            site: loaded.record.site,
            epoch,
            version: loaded.version,
            rule_version: loaded.rule_version,
            unit,
        };
        for batch in loaded.since.chunk_by(|a, b| a.received_at == b.received_at) {
            let inputs: Vec<_> = batch.iter().map(Input::Reading).collect();
            let transition = live.unit.step(&inputs, batch[0].received_at);
            assert!(!transition.moved, "readings since a checkpoint move nothing");
            live.unit.state = transition.state;
        }
        live
    }

    /// Takes over a site and gives its units.
    pub(crate) async fn all(store: &Store, site: SiteId) -> Vec<Self> {
        let loaded = store.load_sites(&[site]).await.unwrap().pop().unwrap();
        let epoch = loaded.owner_epoch;
        loaded.units.into_iter().map(|unit| Self::of(unit, epoch)).collect()
    }

    /// A reading of the unit itself.
    pub(crate) fn reading(&self, recorded_at: Timestamp, milli_c: i32) -> Reading {
        let point = Point { source: SourceId::direct(self.unit.id), channel: Channel::TEMPERATURE };
        Reading::new(point, recorded_at, recorded_at, MilliCelsius(milli_c))
    }

    /// What a step on `inputs` is to commit.
    pub(crate) fn step(&self, inputs: &[Input<'_>], now: Timestamp) -> (UnitCommit, Transition) {
        let transition = self.unit.step(inputs, now);
        let judged = |wanted: Judged| {
            let of_kind =
                inputs.iter().zip(&transition.verdicts).filter_map(move |(input, verdict)| {
                    match input {
                        Input::Reading(reading) if *verdict == Verdict::Reading(wanted) => {
                            Some((*reading).clone())
                        }
                        _ => None,
                    }
                });
            of_kind.collect::<Vec<_>>()
        };
        let moved = transition.moved.then(|| TransitionCommit {
            expected: self.version,
            state: transition.state.clone(),
            rule_version: self.rule_version,
            wake_at: transition.wake_at,
            events: transition.events.clone(),
            statuses: transition.statuses.clone(),
            said: Said::default(),
            deletes: None,
        });
        let commit = UnitCommit {
            org: self.org,
            site: self.site,
            unit: self.unit.id,
            owner_epoch: self.epoch,
            fresh: judged(Judged::InOrder),
            past: judged(Judged::Past),
            transition: moved,
        };
        (commit, transition)
    }

    /// Remembers a step that was committed.
    pub(crate) fn apply(&mut self, transition: Transition) {
        if transition.moved {
            self.version = self.version.next();
        }
        self.unit.state = transition.state;
    }

    /// Steps and commits.
    pub(crate) async fn take(
        &mut self,
        store: &Store,
        inputs: &[Input<'_>],
        now: Timestamp,
    ) -> Result<Committed, CommitError> {
        let (commit, transition) = self.step(inputs, now);
        let committed = store.commit(commit).await?;
        self.apply(transition);
        Ok(committed)
    }

    /// Takes readings that arrived at `now`.
    pub(crate) async fn ingest(
        &mut self,
        store: &Store,
        readings: &[Reading],
        now: Timestamp,
    ) -> Result<Committed, CommitError> {
        let arrived: Vec<_> =
            readings.iter().map(|r| Reading { received_at: now, ..r.clone() }).collect();
        let inputs: Vec<_> = arrived.iter().map(Input::Reading).collect();
        self.take(store, &inputs, now).await
    }
}
