//! Units that are set aside: their readings are kept, and judged by nobody, and they can be deleted.

use std::collections::VecDeque;

use hub_domain::{
    AlertEvent, AlertEventKind, AlertStatus, OpenAlert, OrgId, Reading, SiteId, StatusChange,
    Suspicion, Timestamp, UnitId, UnitState, UserId,
};
use hub_store::{
    By, CommitError, PastFate, StoreError, TransitionCommit, UnitCommit,
    records::{AlertFilter, AlertRecord, PageQuery},
};

use super::Units;
use crate::{
    answer::{AskError, ReadingFate, UnitAnswer, UnitBatch},
    unit::said_of,
};

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
        let committed = self.0.tools.store.commit(commit).await.map_err(not_committed)?;
        let mut past: VecDeque<_> = committed.past.into();
        Ok(suspicions.into_iter().map(|suspicion| fate_of_unjudged(suspicion, &mut past)).collect())
    }

    /// Deletes a quarantined unit, whose actor cannot be asked: its open alerts are over, as of now, and it is marked as
    /// deleted in the same commit. What was known of it is given up with that; if it comes back, it begins anew.
    pub(super) async fn delete_set_aside(
        &self,
        (org, site, owner_epoch): (OrgId, SiteId, i64),
        unit: UnitId,
        by: By,
    ) -> Result<(), AskError> {
        let tools = &self.0.tools;
        let stored = tools.store.checkpoint_version(unit).await.map_err(not_read)?;
        let (expected, rule_version) = stored.ok_or(AskError::UnknownUnit)?;
        let now = tools.clock.now();
        let events = self.open_alerts(org, unit).await?;
        let events = events.into_iter().map(|alert| resolved(alert, now, by.user())).collect();
        let transition = TransitionCommit {
            expected,
            state: UnitState::default(),
            rule_version,
            wake_at: None,
            events,
            statuses: vec![StatusChange::of(&UnitState::default(), now)],
            said: said_of(&by),
            deletes: Some(by),
        };
        let commit = UnitCommit {
            org,
            site,
            unit,
            owner_epoch,
            fresh: Vec::new(),
            past: Vec::new(),
            transition: Some(transition),
        };
        tools.store.commit(commit).await.map_err(not_committed)?;
        self.0.directory.remove_unit(unit);
        tools.channels.remove_unit(site, unit);
        Ok(())
    }

    /// At most one of a kind.
    async fn open_alerts(&self, org: OrgId, unit: UnitId) -> Result<Vec<AlertRecord>, AskError> {
        let open = vec![AlertStatus::Active, AlertStatus::Acknowledged];
        let filter = AlertFilter { unit: Some(unit), statuses: open, ..AlertFilter::default() };
        let page = PageQuery { limit: 200, cursor: None };
        Ok(self.0.tools.store.alerts(org, filter, page).await.map_err(not_read)?.items)
    }
}

/// The end of an alert of which the record alone is known.
fn resolved(alert: AlertRecord, now: Timestamp, by: Option<UserId>) -> AlertEvent {
    let told_until = [alert.confirmed_at, alert.acknowledged_at].into_iter().flatten();
    let at = told_until.fold(now.max(alert.opened_at), Timestamp::max);
    let alert = OpenAlert {
        id: alert.id,
        kind: alert.kind,
        severity: alert.severity,
        opened_at: alert.opened_at,
        confirmed_at: alert.confirmed_at,
        acknowledged_at: alert.acknowledged_at,
        acknowledged_by: alert.acknowledged_by,
        escalated_at: None,
        point: None,
        temperature: alert.temperature,
        limit: alert.limit,
        peak: alert.peak,
    };
    AlertEvent { event: AlertEventKind::Resolved, at, by, alert, muted: false }
}

fn not_read(error: StoreError) -> AskError {
    tracing::warn!(%error, "what is stored of a unit that is set aside could not be read");
    AskError::Unavailable
}

fn not_committed(error: CommitError) -> AskError {
    match error {
        CommitError::Conflict(_) => AskError::Busy,
        CommitError::Unavailable(_) | CommitError::Unknown(_) => AskError::Unavailable,
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
