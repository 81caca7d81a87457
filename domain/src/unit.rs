//! A unit and the one function that decides about it: [`Unit::step`].
//!
//! The regions (thermal per point, link, door, manual log, mode) move by readings, by people and by deadlines.
//! What alerts are open follows from the regions: a step opens what a region wants and resolves what none wants any
//! more, so that there is never more than one of a kind.

use std::sync::Arc;

use crate::{
    AlertEvent, AlertId, AlertKind, Door, Link, LinkCause, LinkState, ManualLog, ManualLogState,
    Mode, OpenAlert, Point, PointState, Reading, Rule, Severity, Side, SourceId, StatusChange,
    Suspicion, Timestamp, UnitId, UserId, deadline::deadlines, invariants, step::Step,
    thermal::Thermal,
};

/// The live state of a unit: what a checkpoint holds, and what readings since are folded into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitState {
    /// Its sensing points, in the order they were first seen.
    pub points: Vec<PointState>,
    /// Whether its sensors check in.
    pub link: Link,
    /// Its door.
    pub door: Door,
    /// Whether a person's reading is wanted.
    pub manual_log: ManualLog,
    /// What people said it is in.
    pub mode: Mode,
    /// When its calibration runs out.
    pub calibration_due_at: Option<Timestamp>,
    /// True once it has.
    pub is_calibration_due: bool,
    /// Its unresolved alerts, at most one of a kind.
    pub alerts: Vec<OpenAlert>,
    /// How many alerts it has opened in its life.
    pub alerts_opened: u32,
}

impl Default for UnitState {
    /// A unit nobody has heard of yet.
    fn default() -> Self {
        Self {
            points: Vec::new(),
            link: Link::NEVER_SEEN,
            door: Door::UNKNOWN,
            manual_log: ManualLog::NOT_DUE,
            mode: Mode::Normal,
            calibration_due_at: None,
            is_calibration_due: false,
            alerts: Vec::new(),
            alerts_opened: 0,
        }
    }
}

impl UnitState {
    /// The thermal region as shown: the worst of the judged points.
    #[must_use]
    pub fn thermal(&self) -> Thermal {
        self.judged_points().map(PointState::thermal).max().unwrap_or(Thermal::Ok)
    }

    /// The points whose temperatures are judged, and those whose sources were taken away meanwhile.
    pub fn judged_points(&self) -> impl Iterator<Item = &PointState> {
        self.points.iter().filter(|point| !point.is_auxiliary())
    }

    /// What is known of `point`.
    #[must_use]
    pub fn point(&self, point: &Point) -> Option<&PointState> {
        self.points.iter().find(|known| known.point == *point)
    }

    /// The open alert of `kind`.
    #[must_use]
    pub fn alert(&self, kind: AlertKind) -> Option<&OpenAlert> {
        self.alerts.iter().find(|alert| alert.kind == kind)
    }

    /// How bad the regions say the condition of `kind` is; `None` when it does not hold.
    #[must_use]
    pub fn wanted(&self, kind: AlertKind) -> Option<Severity> {
        let if_any = |any: bool, severity| any.then_some(severity);
        match kind {
            AlertKind::TemperatureHigh => self.wanted_by_side(Side::High),
            AlertKind::TemperatureLow => self.wanted_by_side(Side::Low),
            AlertKind::MonitoringInterrupted => match self.link.state {
                LinkState::Late => Some(Severity::Warning),
                LinkState::Offline => Some(Severity::Critical),
                LinkState::NeverSeen | LinkState::Online => None,
            },
            AlertKind::MissedManualEntry => {
                if_any(self.manual_log.state == ManualLogState::Overdue, Severity::Warning)
            }
            AlertKind::DoorOpen => self.door.concern,
            AlertKind::LowBattery => {
                if_any(self.points.iter().any(|p| p.is_battery_low), Severity::Warning)
            }
            AlertKind::SensorFault => {
                if_any(self.judged_points().any(|p| p.is_faulty), Severity::Warning)
            }
            AlertKind::CalibrationDue => if_any(self.is_calibration_due, Severity::Warning),
            AlertKind::SuspectedCoolingFailure => {
                let suspected = |p: &PointState| p.cooling.is_some_and(|run| run.is_suspected);
                if_any(self.judged_points().any(suspected), Severity::Critical)
            }
        }
    }

    fn wanted_by_side(&self, side: Side) -> Option<Severity> {
        let worst = self.judged_points().map(|point| point.side(side).thermal()).max()?;
        match worst {
            Thermal::Ok => None,
            Thermal::Restoring | Thermal::Excursion => Some(Severity::Warning),
            Thermal::AlarmActive => Some(Severity::Critical),
        }
    }

    /// True while the condition behind an alert of `kind` still holds, so that no person can resolve it. What only a
    /// point holds whose source was taken away, nobody measures any more: a person may say that it is over.
    #[must_use]
    pub fn is_condition_active(&self, kind: AlertKind) -> bool {
        let is_out = |side: Side| {
            self.judged_points().any(|point| !point.is_gone() && point.side(side).is_out())
        };
        match kind {
            AlertKind::TemperatureHigh => is_out(Side::High),
            AlertKind::TemperatureLow => is_out(Side::Low),
            AlertKind::MonitoringInterrupted
            | AlertKind::MissedManualEntry
            | AlertKind::DoorOpen
            | AlertKind::LowBattery
            | AlertKind::SensorFault
            | AlertKind::CalibrationDue
            | AlertKind::SuspectedCoolingFailure => self.wanted(kind).is_some(),
        }
    }

    /// The nearest instant at which an unconfirmed excursion becomes an alarm.
    #[must_use]
    pub fn confirm_at(&self, rule: &Rule) -> Option<Timestamp> {
        let sides =
            |p| Side::BOTH.map(|side| PointState::side(p, side).confirm_at(side, rule, &self.door));
        self.judged_points().flat_map(sides).flatten().min()
    }
}

/// What a unit is asked to take in.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A reading, of a sensor or a person.
    Reading(&'a Reading),
    /// A door report without a temperature. One whose time cannot be believed is quarantined like a reading.
    Door {
        /// Whether it stands open.
        open: bool,
        /// The sensor's time.
        recorded_at: Timestamp,
    },
    /// Time has passed.
    Tick,
    /// A person saw an alert.
    Acknowledge {
        /// Which.
        alert: AlertId,
        /// Who; `None` for somebody who is told of alerts without being a member.
        by: Option<UserId>,
    },
    /// A person says an alert is over.
    Resolve {
        /// Which.
        alert: AlertId,
        /// Who.
        by: UserId,
    },
    /// A person says what the unit is in.
    SetMode(Mode),
    /// The sensor's calibration runs out then.
    CalibrationDue(Option<Timestamp>),
    /// What is thought to be silent.
    AttributeSilence(LinkCause),
    /// A source measures here no more: nobody waits for it. What it had open ends by another point's readings, or by
    /// a person's word.
    RetireSource {
        /// Which.
        source: SourceId,
        /// Since when: readings of others from then on tell how it is.
        at: Timestamp,
    },
    /// The unit is watched no more. Its alerts are over, and nothing falls due in the same step.
    Retire {
        /// Who says so.
        by: Option<UserId>,
    },
}

/// What became of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A reading was looked at.
    Reading(Judged),
    /// Anything else was done.
    Done,
    /// A person asked for what cannot be.
    Refused(Refusal),
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is the newest of its point and was judged.
    InOrder,
    /// It is not newer than its point's newest: late or a duplicate, which the store tells apart. It moved nothing.
    Past,
    /// Its own time cannot be believed. It moved nothing.
    Quarantined(Suspicion),
    /// Its point is new, and the unit has as many as one can have. It moved nothing, and is not to be stored.
    TooManyPoints,
}

/// Why a person's request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The alert is not open.
    #[error("the alert is resolved already")]
    AlreadyResolved,
    /// Somebody acknowledged it before, and it has not escalated since.
    #[error("the alert is acknowledged already")]
    AlreadyAcknowledged,
    /// The condition holds: acknowledge instead.
    #[error("the condition still holds")]
    ConditionActive,
}

/// What a step came to.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The state after it.
    pub state: UnitState,
    /// What happened to alerts, in order.
    pub events: Vec<AlertEvent>,
    /// How what the unit is shown as changed, in order; their instants do not go back.
    pub statuses: Vec<StatusChange>,
    /// One verdict for each input.
    pub verdicts: Vec<Verdict>,
    /// True if a region moved, so that a new checkpoint must be committed. Otherwise the readings alone, folded
    /// onto the last checkpoint, give this state again.
    pub moved: bool,
    /// When to look again, if nothing comes. An early, late or second look changes nothing.
    pub wake_at: Option<Timestamp>,
}

/// One watched cooler, freezer or room.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Which.
    pub id: UnitId,
    /// What it is judged by.
    pub rule: Arc<Rule>,
    /// Its live state.
    pub state: UnitState,
}

impl Unit {
    /// Takes in `inputs` in order at the instant `now`, then whatever has fallen due by `now`.
    ///
    /// A reading is judged at its own `recorded_at`: every deadline of its own due at or before that instant runs
    /// first, so that hot at 0 and good at 25 min is an alarm whether the two came in one batch or one by one.
    #[must_use]
    pub fn step(&self, inputs: &[Input<'_>], now: Timestamp) -> Transition {
        let mut step = Step::begin(self.id, &self.rule, &self.state, now);
        let verdicts = inputs
            .iter()
            .map(|input| {
                let verdict = step.take(input);
                step.note_status(now); // what a person says holds from now on
                verdict
            })
            .collect();
        if !inputs.iter().any(|input| matches!(input, Input::Retire { .. })) {
            step.run_timers();
        }
        let Step { state, events, statuses, moved, .. } = step;
        invariants::check(&state);
        let wake_at = next_wake(&state, &self.rule);
        Transition { state, events, statuses, verdicts, moved, wake_at }
    }

    /// When to look at the unit again, if nothing comes.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        next_wake(&self.state, &self.rule)
    }
}

fn next_wake(state: &UnitState, rule: &Rule) -> Option<Timestamp> {
    deadlines(state, rule).map(|deadline| deadline.fires_at).min()
}
