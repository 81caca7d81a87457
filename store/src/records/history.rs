//! What a unit was shown as.

use hub_domain::{DoorState, LinkState, ManualLogState, Status, Timestamp, thermal::Thermal};

/// A span of time in which a unit was shown as one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusInterval {
    /// Since when.
    pub from: Timestamp,
    /// Until when, not included; `None` while it lasts.
    pub to: Option<Timestamp>,
    /// When it was written down: later than `from` where readings came late.
    pub written_at: Timestamp,
    /// The displayed status.
    pub status: Status,
    /// The thermal region as the span began.
    pub thermal: Thermal,
    /// The link region as the span began.
    pub link: LinkState,
    /// The door region as the span began.
    pub door: DoorState,
    /// The manual log region as the span began.
    pub manual_log: ManualLogState,
    /// The mode, by name.
    pub mode: String,
}
