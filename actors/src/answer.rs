//! What callers ask of units, and what they are told.

use hub_domain::{Reading, Refusal, SiteId, Suspicion, Timestamp, UnitId, UnitState, Version};

/// Readings for one unit.
#[derive(Clone, Debug)]
pub struct UnitBatch {
    /// The unit.
    pub unit: UnitId,
    /// Its readings, in any order. `received_at` is set by the unit.
    pub readings: Vec<Reading>,
}

/// One fate for each reading of a batch, in the caller's order; or why there is none.
pub type UnitAnswer = Result<Vec<ReadingFate>, AskError>;

/// What became of one reading. All but a quarantined one and one of too many points are durable when this is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadingFate {
    /// Stored and judged.
    Accepted,
    /// Stored and flagged: it is older than its point's newest and moved nothing.
    Late,
    /// It was there.
    Duplicate,
    /// One of the same identity with other content was there, and is kept.
    Conflicting,
    /// Its own time cannot be believed; not stored.
    Quarantined(Suspicion),
    /// Its unit has as many points as one can have, and this would be another; not stored.
    TooManyPoints,
}

/// Why a unit gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// There is no such unit.
    #[error("there is no such unit")]
    UnknownUnit,
    /// Too much is in flight. Come again.
    #[error("too much is in flight")]
    Busy,
    /// The store is away, or it is not known whether it wrote. Safe to send again.
    #[error("the store is unavailable")]
    Unavailable,
    /// No answer in time. Safe to send again.
    #[error("the unit did not answer in time")]
    TimedOut,
    /// Another node took the site over meanwhile, again and again. Safe to send again.
    #[error("the site was taken over by another node")]
    TakenOver,
}

/// Why an alert was not acknowledged or resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlertAskError {
    /// It cannot be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The unit gave no answer.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// One unit's actor as tests, `/debug` and metrics see it.
#[derive(Clone, Debug)]
pub struct UnitSnapshot {
    /// The unit.
    pub unit: UnitId,
    /// Its site.
    pub site: SiteId,
    /// Its live state.
    pub state: UnitState,
    /// Transitions committed in its life.
    pub version: Version,
    /// The rules that judge it.
    pub rule_version: i64,
    /// Readings since its checkpoint.
    pub readings_since: u32,
    /// When it wants to be looked at.
    pub wake_at: Option<Timestamp>,
}
