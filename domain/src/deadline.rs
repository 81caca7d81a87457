//! Deadlines: what becomes true by itself, and when.

use crate::{LinkState, ManualLogState, Rule, Severity, Side, Timestamp, UnitState};

/// What happens when a deadline is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    Confirm(usize, Side),
    Link(LinkState),
    Door(Severity),
    ManualLog(ManualLogState),
    ModeEnds,
    CalibrationEnds,
    AckTimeout(usize),
}

impl Expiry {
    /// True for what no reading, however late, can refute.
    pub(crate) const fn is_by_wall_clock(self) -> bool {
        matches!(self, Self::ModeEnds | Self::CalibrationEnds)
    }
}

/// An instant at which something becomes true by itself, and the instant its timer fires: the later of it and,
/// for what later data can refute, the settling of a backlog.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// When the condition becomes true.
    pub(crate) due_at: Timestamp,
    /// When its timer fires.
    pub(crate) fires_at: Timestamp,
    /// What then happens.
    pub(crate) expiry: Expiry,
}

/// Every deadline that `state` has by `rule`.
pub(crate) fn deadlines<'a>(
    state: &'a UnitState,
    rule: &'a Rule,
) -> impl Iterator<Item = Deadline> + 'a {
    let at = |due_at, expiry| Deadline { due_at, fires_at: due_at, expiry };
    let settled = move |received_at: Timestamp, deadline: Deadline| Deadline {
        fires_at: deadline.due_at.max(received_at.plus_secs(rule.backlog_settle_secs)),
        ..deadline
    };
    let judged = state.points.iter().enumerate().filter(|(_, point)| !point.is_auxiliary());
    let confirms = judged.flat_map(move |(index, point)| {
        Side::BOTH.into_iter().filter_map(move |side| {
            let due_at = point.side(side).confirm_at(side, rule, &state.door)?;
            Some(settled(point.newest_received_at, at(due_at, Expiry::Confirm(index, side))))
        })
    });
    let link = state.link.next_decline(rule).map(|(due_at, next)| at(due_at, Expiry::Link(next)));
    let door = state.door.next_concern(rule).zip(state.door.newest_received_at);
    let door = door
        .map(|((due_at, next), received_at)| settled(received_at, at(due_at, Expiry::Door(next))));
    let demand = state.manual_log.next_demand(state.link.state, state.link.newest_at, rule);
    let manual_log = demand.map(|(due_at, next)| at(due_at, Expiry::ManualLog(next)));
    let mode = state.mode.until().map(|until| at(until, Expiry::ModeEnds));
    let calibration = state.calibration_due_at.filter(|_| !state.is_calibration_due);
    let calibration = calibration.map(|due_at| at(due_at, Expiry::CalibrationEnds));
    let acks = state.alerts.iter().enumerate().filter_map(move |(index, alert)| {
        let acknowledged_at = alert.acknowledged_at.filter(|_| alert.escalated_at.is_none())?;
        Some(at(acknowledged_at.plus_secs(rule.ack_timeout_secs), Expiry::AckTimeout(index)))
    });
    confirms.chain(link).chain(door).chain(manual_log).chain(mode).chain(calibration).chain(acks)
}
