//! One side of one point: too warm, or too cold, and how that begins, is confirmed and ends.
//!
//! **The rule that raises an alarm is `SideState::step` and `SideState::expire`.** Both sides are the same
//! machine, each against its own limit, so a swing from too warm to too cold ends the one by its own condition
//! and begins the other.

use crate::{
    MilliCelsius, Rule, Timestamp,
    door::{Door, DoorState},
};

/// Which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The upper one.
    High,
    /// The lower one.
    Low,
}

impl Side {
    /// Both sides.
    pub const BOTH: [Self; 2] = [Self::High, Self::Low];

    /// The limit of this side, if the rule has one.
    #[must_use]
    pub const fn limit(self, rule: &Rule) -> Option<MilliCelsius> {
        match self {
            Self::High => rule.high_limit,
            Self::Low => rule.low_limit,
        }
    }

    /// The hard ceiling of this side, if the rule has one.
    #[must_use]
    pub const fn ceiling(self, rule: &Rule) -> Option<MilliCelsius> {
        match self {
            Self::High => rule.high_ceiling,
            Self::Low => rule.low_ceiling,
        }
    }

    /// Where the safe range ends: the limit, or the ceiling where that is nearer or there is no limit, so that
    /// what is past the ceiling is an alarm whatever else the rule says.
    #[must_use]
    pub fn nearest_limit(self, rule: &Rule) -> Option<MilliCelsius> {
        let limits = [self.limit(rule), self.ceiling(rule)].into_iter().flatten();
        limits.reduce(|a, b| if self.is_beyond(a, b) { b } else { a })
    }

    /// True if `temperature` is strictly outside the limit. Equal is inside.
    #[must_use]
    pub fn is_outside(self, temperature: MilliCelsius, rule: &Rule) -> bool {
        self.nearest_limit(rule).is_some_and(|limit| self.is_beyond(temperature, limit))
    }

    /// True if `temperature` is inside the limit by the hysteresis, or there is no limit.
    #[must_use]
    pub fn is_cleared(self, temperature: MilliCelsius, rule: &Rule) -> bool {
        let inner = |limit: MilliCelsius| match self {
            Self::High => limit.plus(-rule.hysteresis),
            Self::Low => limit.plus(rule.hysteresis),
        };
        self.nearest_limit(rule).is_none_or(|limit| !self.is_beyond(temperature, inner(limit)))
    }

    /// True if `temperature` is past the hard ceiling of this side: an alarm without confirm time.
    #[must_use]
    pub fn is_past_ceiling(self, temperature: MilliCelsius, rule: &Rule) -> bool {
        self.ceiling(rule).is_some_and(|ceiling| self.is_beyond(temperature, ceiling))
    }

    /// True if `a` is farther out on this side than `b`.
    #[must_use]
    pub fn is_beyond(self, a: MilliCelsius, b: MilliCelsius) -> bool {
        match self {
            Self::High => a > b,
            Self::Low => a < b,
        }
    }

    /// The farther out of two temperatures.
    #[must_use]
    pub fn farther(self, a: MilliCelsius, b: MilliCelsius) -> MilliCelsius {
        if self.is_beyond(a, b) { a } else { b }
    }

    /// When an excursion that began at `began_at` is an alarm, the door being as it is.
    ///
    /// An open door lengthens the confirm time (never shortens it, whatever the fields say), and the
    /// ceiling bounds it. A door shut again after the shorter time had passed confirms at the instant
    /// it was shut: only then did the condition become true. A door opened at or after the end of the
    /// shorter time changes nothing: the condition was true by then, also where the timer still waits
    /// for a backlog to settle. Of the door's history its last change counts.
    #[must_use]
    pub fn confirm_at(self, began_at: Timestamp, rule: &Rule, door: &Door) -> Timestamp {
        let (shut_secs, open_secs) = match self {
            Self::High => (rule.confirm_high_shut_secs, rule.confirm_high_open_secs),
            Self::Low => (rule.confirm_low_shut_secs, rule.confirm_low_open_secs),
        };
        let ceiling_at =
            rule.ceiling_secs.map_or(Timestamp::LATEST, |secs| began_at.plus_secs(secs));
        let open_at = began_at.plus_secs(open_secs.max(shut_secs)).min(ceiling_at);
        let shut_at = began_at.plus_secs(shut_secs).min(ceiling_at);
        match (door.state, door.since) {
            (DoorState::Open, Some(since)) if began_at < since && shut_at <= since => shut_at,
            (DoorState::Open, _) => open_at,
            (DoorState::Closed, Some(since)) => shut_at.max(since.min(open_at)),
            (DoorState::Closed | DoorState::Unknown, _) => shut_at,
        }
    }
}

crate::alert::names! {
    /// The thermal region as shown, most urgent last.
    Thermal {
        /// In range.
        Ok = "ok",
        /// On the way back.
        Restoring = "restoring",
        /// Out of range, not yet confirmed.
        Excursion = "excursion",
        /// Out of range for the confirm time.
        AlarmActive = "alarm_active",
    }
}

/// The state of one side of one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideState {
    /// In range.
    Ok,
    /// Out of range since `began_at`, not yet confirmed.
    Excursion {
        /// `recorded_at` of the first reading out of range: where the confirm clock starts.
        began_at: Timestamp,
    },
    /// Out of range, confirmed.
    AlarmActive {
        /// Where the excursion began.
        began_at: Timestamp,
        /// The instant it became an alarm.
        confirmed_at: Timestamp,
    },
    /// Back in range, waiting for enough cleared readings in a row.
    Restoring {
        /// Cleared readings in a row so far.
        good_readings: u8,
    },
}

/// What a step did to a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SideChange {
    /// Nothing that anybody is told of.
    None,
    /// It became, or became again, an excursion.
    Excursion,
    /// It became an alarm at that instant.
    Alarm(Timestamp),
    /// It is on its way back.
    Restoring,
    /// It is in range again.
    Ok,
}

impl SideState {
    /// Steps on one reading of `temperature` at `at`, the reading's own time. Deadlines due by then have run.
    pub(crate) fn step(
        &mut self,
        side: Side,
        temperature: MilliCelsius,
        at: Timestamp,
        rule: &Rule,
        door: &Door,
    ) -> SideChange {
        let change = match *self {
            Self::Ok | Self::Restoring { .. } if side.is_outside(temperature, rule) => {
                *self = Self::Excursion { began_at: at };
                SideChange::Excursion
            }
            Self::Ok => SideChange::None,
            Self::Restoring { good_readings } => self.count(side, good_readings, temperature, rule),
            Self::Excursion { .. } | Self::AlarmActive { .. }
                if side.is_cleared(temperature, rule) =>
            {
                self.restore(1, rule)
            }
            Self::Excursion { .. } | Self::AlarmActive { .. } => SideChange::None,
        };
        match *self {
            Self::Excursion { began_at } if side.is_past_ceiling(temperature, rule) => {
                self.confirm(began_at, at)
            }
            Self::Excursion { .. } => match self.expire(side, at, rule, door) {
                SideChange::Alarm(confirmed_at) => SideChange::Alarm(confirmed_at),
                SideChange::None
                | SideChange::Excursion
                | SideChange::Restoring
                | SideChange::Ok => change,
            },
            Self::Ok | Self::AlarmActive { .. } | Self::Restoring { .. } => change,
        }
    }

    /// Steps on a reading of another point, after its own source was taken away: it can end by it, as by one of its
    /// own, and never begins.
    pub(crate) fn step_by_another(
        &mut self,
        side: Side,
        temperature: MilliCelsius,
        rule: &Rule,
    ) -> SideChange {
        match *self {
            Self::Restoring { good_readings } => self.count(side, good_readings, temperature, rule),
            Self::Excursion { .. } | Self::AlarmActive { .. }
                if side.is_cleared(temperature, rule) =>
            {
                self.restore(1, rule)
            }
            Self::Ok | Self::Excursion { .. } | Self::AlarmActive { .. } => SideChange::None,
        }
    }

    /// Runs the confirm clock up to `until`: an excursion exactly its confirm time old is an alarm, and became
    /// one at that instant. No reading is needed.
    pub(crate) fn expire(
        &mut self,
        side: Side,
        until: Timestamp,
        rule: &Rule,
        door: &Door,
    ) -> SideChange {
        match (*self, self.confirm_at(side, rule, door)) {
            (Self::Excursion { began_at }, Some(due)) if due <= until => {
                self.confirm(began_at, due)
            }
            _ => SideChange::None,
        }
    }

    /// When the excursion becomes an alarm if nothing changes.
    #[must_use]
    pub fn confirm_at(&self, side: Side, rule: &Rule, door: &Door) -> Option<Timestamp> {
        match self {
            Self::Excursion { began_at } => Some(side.confirm_at(*began_at, rule, door)),
            Self::Ok | Self::AlarmActive { .. } | Self::Restoring { .. } => None,
        }
    }

    fn confirm(&mut self, began_at: Timestamp, confirmed_at: Timestamp) -> SideChange {
        *self = Self::AlarmActive { began_at, confirmed_at };
        SideChange::Alarm(confirmed_at)
    }

    fn count(
        &mut self,
        side: Side,
        good_readings: u8,
        temperature: MilliCelsius,
        rule: &Rule,
    ) -> SideChange {
        if side.is_cleared(temperature, rule) {
            self.restore(good_readings.saturating_add(1), rule)
        } else {
            *self = Self::Restoring { good_readings: 0 };
            SideChange::None
        }
    }

    fn restore(&mut self, good_readings: u8, rule: &Rule) -> SideChange {
        if good_readings >= rule.restore_readings {
            *self = Self::Ok;
            SideChange::Ok
        } else {
            *self = Self::Restoring { good_readings };
            SideChange::Restoring
        }
    }

    /// How it is shown.
    #[must_use]
    pub const fn thermal(&self) -> Thermal {
        match self {
            Self::Ok => Thermal::Ok,
            Self::Restoring { .. } => Thermal::Restoring,
            Self::Excursion { .. } => Thermal::Excursion,
            Self::AlarmActive { .. } => Thermal::AlarmActive,
        }
    }

    /// True while out of range, confirmed or not.
    #[must_use]
    pub const fn is_out(&self) -> bool {
        matches!(self, Self::Excursion { .. } | Self::AlarmActive { .. })
    }
}
