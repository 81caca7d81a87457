//! What always holds of a unit's state, by name. Asserted after each step in debug builds, and by the tests.

use crate::{
    AlertKind, LinkState, PointState, Severity, SideState, Status, UnitState, UnitView,
    thermal::Thermal,
};

/// At most one open alert of a kind.
#[must_use]
pub fn one_open_alert_per_kind(state: &UnitState) -> bool {
    AlertKind::ALL
        .iter()
        .all(|kind| state.alerts.iter().filter(|alert| alert.kind == *kind).count() <= 1)
}

/// An alert is open exactly when its region wants it.
#[must_use]
pub fn alerts_follow_regions(state: &UnitState) -> bool {
    AlertKind::ALL.iter().all(|kind| state.alert(*kind).is_some() == state.wanted(*kind).is_some())
}

/// A unit is shown as ok only while its sensors check in.
#[must_use]
pub fn silence_is_never_ok(state: &UnitState) -> bool {
    UnitView::of(state).status != Status::Ok || state.link.state == LinkState::Online
}

/// An alarm has a critical alert.
#[must_use]
pub fn an_alarm_is_critical(state: &UnitState) -> bool {
    let is_critical =
        |kind| state.alert(kind).is_some_and(|alert| alert.severity == Severity::Critical);
    state.thermal() != Thermal::AlarmActive
        || is_critical(AlertKind::TemperatureHigh)
        || is_critical(AlertKind::TemperatureLow)
}

/// No alert is acknowledged by somebody at no time. Who is told of alerts without being a member acknowledges without a
/// user.
#[must_use]
pub fn acknowledgements_are_whole(state: &UnitState) -> bool {
    state
        .alerts
        .iter()
        .all(|alert| alert.acknowledged_at.is_some() || alert.acknowledged_by.is_none())
}

/// A running confirm clock began no later than the point's newest reading.
#[must_use]
pub fn clocks_began_with_a_reading(state: &UnitState) -> bool {
    let began_at = |side: &SideState| match side {
        SideState::Excursion { began_at } | SideState::AlarmActive { began_at, .. } => {
            Some(*began_at)
        }
        SideState::Ok | SideState::Restoring { .. } => None,
    };
    let newest = |point: &PointState| Some(point.newest.0);
    state.points.iter().all(|p| began_at(&p.high).max(began_at(&p.low)) <= newest(p))
}

/// Asserts all of them in debug builds.
pub(crate) fn check(state: &UnitState) {
    debug_assert!(one_open_alert_per_kind(state), "one open alert per kind: {state:?}");
    debug_assert!(alerts_follow_regions(state), "alerts follow regions: {state:?}");
    debug_assert!(silence_is_never_ok(state), "silence is never ok: {state:?}");
    debug_assert!(an_alarm_is_critical(state), "an alarm is critical: {state:?}");
    debug_assert!(clocks_began_with_a_reading(state), "clocks began with a reading: {state:?}");
    debug_assert!(acknowledgements_are_whole(state), "acknowledgements are whole: {state:?}");
}
