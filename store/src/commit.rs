//! What a unit's actor asks the writer to make durable, and what it is told.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::sync::oneshot;
use uuid::Uuid;

use hub_domain::{
    AlertEvent, OrgId, Reading, SiteId, StatusChange, Timestamp, UnitId, UnitState, Version,
};

use crate::By;

/// One unit's share of a group commit: it is written whole or not at all, whatever becomes of its neighbours.
#[derive(Clone, Debug)]
pub struct UnitCommit {
    /// The tenant.
    pub org: OrgId,
    /// The site, whose `owner_epoch` must be unchanged.
    pub site: SiteId,
    /// The unit.
    pub unit: UnitId,
    /// The epoch under which the unit was loaded.
    pub owner_epoch: i64,
    /// Readings newer than any of their points': certainly not stored yet. If one is, memory was untrue:
    /// [`CommitError::Conflict`].
    pub fresh: Vec<Reading>,
    /// Readings not newer than their points' newest: late or duplicates. Each gets its [`PastFate`].
    pub past: Vec<Reading>,
    /// The transition, if a region moved.
    pub transition: Option<TransitionCommit>,
}

/// A moved unit: its new checkpoint, and what happened to its alerts.
#[derive(Clone, Debug)]
pub struct TransitionCommit {
    /// The version the unit must still have. It becomes [`Version::next`].
    pub expected: Version,
    /// The new checkpoint.
    pub state: UnitState,
    /// The version of the rules that judged it.
    pub rule_version: i64,
    /// When the unit must be looked at again: stored so that a start finds who is due. May be early, never late.
    pub wake_at: Option<Timestamp>,
    /// What happened to alerts, in order. Each becomes an `alert_events` row, an insert or update of `alerts`, and
    /// an audit row where a person did it.
    pub events: Vec<AlertEvent>,
    /// How what the unit is shown as changed, in order. Each becomes a `unit_status_changes` row.
    pub statuses: Vec<StatusChange>,
    /// A person's words on the events.
    pub said: Said,
    /// Who deletes the unit with it: it is marked and moved, or neither.
    pub deletes: Option<By>,
}

/// What a person says of what they do to alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// For whoever reads the alert; the audit log has it too.
    pub note: Option<String>,
    /// Why, for the audit log alone.
    pub reason: Option<String>,
    /// Who says so, where they are told of alerts without being a member.
    pub contact: Option<Uuid>,
}

/// What a commit came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// One fate for each of [`UnitCommit::past`], in order.
    pub past: Vec<PastFate>,
}

/// What became of a reading that was not newer than its point's newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastFate {
    /// It was not there yet: stored, flagged as late.
    Late,
    /// The same reading was there.
    Duplicate,
    /// One of the same identity with other content was there. The first is kept.
    Conflicting,
}

/// Why a commit gave no new version.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// Another process moved the unit or took over the site first; nothing was written. Reload and step again.
    #[error("unit {0} was moved by another")]
    Conflict(UnitId),
    /// Nothing was written. Safe to try again.
    #[error("store is unavailable: {0}")]
    Unavailable(String),
    /// The write may or may not have happened. Reload before deciding anything.
    #[error("outcome of the commit is unknown: {0}")]
    Unknown(String),
}

/// A commit under way: a future of its outcome. Dropping it does not stop the commit.
#[derive(Debug)]
pub struct PendingCommit(pub(crate) oneshot::Receiver<Result<Committed, CommitError>>);

impl Future for PendingCommit {
    type Output = Result<Committed, CommitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(
            outcome
                .unwrap_or_else(|_| Err(CommitError::Unknown("the writer has ended".to_owned()))),
        )
    }
}
