//! Readings of units that are set aside: kept, and judged by nobody.

use std::collections::VecDeque;

use hub_domain::{OrgId, Reading, SiteId, Suspicion};
use hub_store::{CommitError, PastFate, UnitCommit};

use super::Units;
use crate::answer::{AskError, ReadingFate, UnitAnswer, UnitBatch};

impl Units {
    /// Keeps a quarantined unit's readings: durable and flagged as having moved nothing.
    pub(super) async fn store_unjudged(
        &self,
        org: OrgId,
        site: SiteId,
        owner_epoch: i64,
        batch: UnitBatch,
    ) -> UnitAnswer {
        let received_at = self.0.tools.clock.now();
        let stamped = |reading: Reading| Reading { received_at, ..reading };
        let readings: Vec<_> = batch.readings.into_iter().map(stamped).collect();
        let suspicions: Vec<_> = readings.iter().map(Reading::suspicion).collect();
        let past = readings.into_iter().filter(|reading| reading.suspicion().is_none()).collect();
        let commit = UnitCommit {
            org,
            site,
            unit: batch.unit,
            owner_epoch,
            fresh: Vec::new(),
            past,
            transition: None,
        };
        let committed = self.0.tools.store.commit(commit).await.map_err(|error| match error {
            CommitError::Conflict(_) => AskError::Busy,
            CommitError::Unavailable(_) | CommitError::Unknown(_) => AskError::Unavailable,
        })?;
        let mut past: VecDeque<_> = committed.past.into();
        Ok(suspicions.into_iter().map(|suspicion| fate_of_unjudged(suspicion, &mut past)).collect())
    }
}

fn fate_of_unjudged(suspicion: Option<Suspicion>, past: &mut VecDeque<PastFate>) -> ReadingFate {
    match suspicion {
        Some(suspicion) => ReadingFate::Quarantined(suspicion),
        None => match past.pop_front() {
            Some(PastFate::Late) => ReadingFate::Accepted,
            Some(PastFate::Conflicting) => ReadingFate::Conflicting,
            Some(PastFate::Duplicate) | None => ReadingFate::Duplicate,
        },
    }
}
