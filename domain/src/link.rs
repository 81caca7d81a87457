//! The link region: whether the unit's sensors check in. Silence is never "ok".

use crate::{Rule, Timestamp, alert::names};

names! {
    /// Whether the sensors check in.
    LinkState {
        /// No reading has ever come.
        NeverSeen = "never_seen",
        /// They check in.
        Online = "online",
        /// Some check-ins were missed.
        Late = "late",
        /// So many were missed that monitoring is interrupted.
        Offline = "offline",
    }
}

names! {
    /// What is thought to be silent.
    LinkCause {
        /// The unit's own sensor.
        Sensor = "sensor",
        /// The gateway that hears it.
        Gateway = "gateway",
        /// The whole site.
        Site = "site",
    }
}

/// The link of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it stands.
    pub state: LinkState,
    /// The newest plausible sensor reading's own time (`recorded_at`, not the time of writing).
    pub newest_at: Option<Timestamp>,
    /// The cause of a silence.
    pub cause: LinkCause,
}

impl Link {
    /// A link that was never seen.
    pub const NEVER_SEEN: Self =
        Self { state: LinkState::NeverSeen, newest_at: None, cause: LinkCause::Sensor };

    /// When the link is late if nothing comes: after the missed check-ins and the grace.
    #[must_use]
    pub fn late_at(newest_at: Timestamp, rule: &Rule) -> Timestamp {
        newest_at
            .plus_secs(misses(rule.expected_interval_secs, rule.late_misses))
            .plus_secs(rule.link_grace_secs)
    }

    /// When the link is offline if nothing comes; never before it is late.
    #[must_use]
    pub fn offline_at(newest_at: Timestamp, rule: &Rule) -> Timestamp {
        let secs =
            misses(rule.expected_interval_secs, rule.offline_misses).max(rule.offline_min_secs);
        newest_at
            .plus_secs(secs)
            .plus_secs(rule.link_grace_secs)
            .max(Self::late_at(newest_at, rule))
    }

    /// The next instant at which the link gets worse, and what it becomes.
    #[must_use]
    pub fn next_decline(&self, rule: &Rule) -> Option<(Timestamp, LinkState)> {
        let newest_at = self.newest_at?;
        match self.state {
            LinkState::Online => Some((Self::late_at(newest_at, rule), LinkState::Late)),
            LinkState::Late => Some((Self::offline_at(newest_at, rule), LinkState::Offline)),
            LinkState::NeverSeen | LinkState::Offline => None,
        }
    }

    /// Takes over a plausible reading that arrived at `now`; true if the link moved.
    ///
    /// A late or offline link is online again only by a reading that is fresh: a backlog of yesterday says
    /// nothing of the sensor today.
    pub(crate) fn heard(&mut self, recorded_at: Timestamp, now: Timestamp, rule: &Rule) -> bool {
        let before = self.state;
        let newest_at = self.newest_at.map_or(recorded_at, |newest| newest.max(recorded_at));
        self.newest_at = Some(newest_at);
        if before == LinkState::NeverSeen || now < Self::late_at(newest_at, rule) {
            (self.state, self.cause) = (LinkState::Online, LinkCause::Sensor);
        }
        before != self.state
    }

    /// Goes by the sensors that are left, of which the newest was heard then. Without any the link is as before the
    /// first: nothing watches the unit, and nothing is waited for.
    pub(crate) fn left_with(&mut self, newest_at: Option<Timestamp>) {
        match newest_at {
            None => *self = Self::NEVER_SEEN,
            Some(newest) => self.newest_at = self.newest_at.map(|known| known.min(newest)),
        }
    }
}

const fn misses(interval_secs: u32, misses: u32) -> u32 {
    interval_secs.saturating_mul(misses)
}
