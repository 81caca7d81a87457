//! The door region: shut, open or unknown, since when.

use crate::{Rule, Timestamp, alert::Severity, alert::names};

names! {
    /// Whether the door stands open.
    DoorState {
        /// No sensor has said.
        Unknown = "unknown",
        /// Shut.
        Closed = "closed",
        /// Open.
        Open = "open",
    }
}

/// The door of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    /// Shut, open or unknown.
    pub state: DoorState,
    /// Since when, by the sensor's time.
    pub since: Option<Timestamp>,
    /// The newest report's own time; one not newer is late and moves nothing.
    pub newest_at: Option<Timestamp>,
    /// When the newest report arrived.
    pub newest_received_at: Option<Timestamp>,
    /// How bad the door alert is by the deadlines that have run.
    pub concern: Option<Severity>,
}

impl Door {
    /// A door of which nothing is known.
    pub const UNKNOWN: Self = Self {
        state: DoorState::Unknown,
        since: None,
        newest_at: None,
        newest_received_at: None,
        concern: None,
    };

    /// Takes over a report; true if the door moved. A report not newer than the newest changes nothing, so that one
    /// sent again after its opposite of the same instant does not turn the door.
    pub(crate) fn report(
        &mut self,
        open: bool,
        recorded_at: Timestamp,
        received_at: Timestamp,
    ) -> bool {
        if self.newest_at.is_some_and(|newest| recorded_at <= newest) {
            return false;
        }
        self.newest_at = Some(recorded_at);
        self.newest_received_at = self.newest_received_at.max(Some(received_at));
        let state = if open { DoorState::Open } else { DoorState::Closed };
        if state == self.state {
            return false;
        }
        (self.state, self.since, self.concern) = (state, Some(recorded_at), None);
        true
    }

    /// The next instant at which an open door becomes a concern, or a greater one.
    #[must_use]
    pub fn next_concern(&self, rule: &Rule) -> Option<(Timestamp, Severity)> {
        let since = self.since.filter(|_| self.state == DoorState::Open)?;
        match self.concern {
            None => Some((since.plus_secs(rule.door_warning_secs), Severity::Warning)),
            Some(Severity::Warning) => {
                Some((since.plus_secs(rule.door_critical_secs), Severity::Critical))
            }
            Some(Severity::Critical) => None,
        }
    }
}
