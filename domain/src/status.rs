//! What a unit is shown as.

use crate::{
    DoorState, LinkState, ManualLogState, MilliCelsius, PerMille, Timestamp, UnitState,
    alert::names, thermal::Thermal,
};

names! {
    /// The one word for a unit, the most urgent last.
    Status {
        /// All is well.
        Ok = "ok",
        /// Some check-ins were missed.
        Late = "late",
        /// On the way back to ok.
        Restoring = "restoring",
        /// A person must log by hand.
        ManualRequired = "manual_required",
        /// The sensors are silent.
        MonitoringInterrupted = "monitoring_interrupted",
        /// Out of range, not yet confirmed.
        Excursion = "excursion",
        /// Out of range for the confirm time.
        AlarmActive = "alarm_active",
    }
}

impl Status {
    /// The displayed status: the most urgent word that any region calls for.
    #[must_use]
    pub fn of(thermal: Thermal, link: LinkState, manual_log: ManualLogState) -> Self {
        let by_heat = match thermal {
            Thermal::AlarmActive => Self::AlarmActive,
            Thermal::Excursion => Self::Excursion,
            Thermal::Restoring => Self::Restoring,
            Thermal::Ok => Self::Ok,
        };
        let by_link = match link {
            LinkState::NeverSeen | LinkState::Offline => Self::MonitoringInterrupted,
            LinkState::Late => Self::Late,
            LinkState::Online => Self::Ok,
        };
        let by_log = match manual_log {
            ManualLogState::Due | ManualLogState::Overdue => Self::ManualRequired,
            ManualLogState::NotDue => Self::Ok,
        };
        by_heat.max(by_link).max(by_log)
    }
}

/// A change of what a unit is shown as, at the instant at which it became so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// When.
    pub at: Timestamp,
    /// The displayed status from then on.
    pub status: Status,
    /// The thermal region at that instant.
    pub thermal: Thermal,
    /// The link region.
    pub link: LinkState,
    /// The door region.
    pub door: DoorState,
    /// The manual log region.
    pub manual_log: ManualLogState,
    /// The mode region, by name.
    pub mode: &'static str,
}

impl StatusChange {
    /// What `state` is shown as at `at`.
    #[must_use]
    pub fn of(state: &UnitState, at: Timestamp) -> Self {
        let (thermal, link) = (state.thermal(), state.link.state);
        let (door, manual_log) = (state.door.state, state.manual_log.state);
        let status = Status::of(thermal, link, manual_log);
        Self { at, status, thermal, link, door, manual_log, mode: state.mode.name() }
    }

    /// Whether a person would be shown another word.
    #[must_use]
    pub fn differs_from(&self, before: &Self) -> bool {
        (self.status, self.mode) != (before.status, before.mode)
    }
}

/// What is shown of a unit: a value, made from its state alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitView {
    /// The displayed status.
    pub status: Status,
    /// The thermal region, the worst of the points.
    pub thermal: Thermal,
    /// The link region.
    pub link: LinkState,
    /// The door region.
    pub door: DoorState,
    /// The manual log region.
    pub manual_log: ManualLogState,
    /// The mode region, by name.
    pub mode: &'static str,
    /// The temperature of the point that the thermal state comes from; among equals, the newest.
    pub temperature: Option<MilliCelsius>,
    /// The humidity there.
    pub humidity: Option<PerMille>,
    /// When that was measured.
    pub recorded_at: Option<Timestamp>,
    /// When the newest reading arrived.
    pub received_at: Option<Timestamp>,
    /// How many alerts are open.
    pub open_alerts: usize,
}

impl UnitView {
    /// The view of `state`.
    #[must_use]
    pub fn of(state: &UnitState) -> Self {
        let here = || state.points.iter().filter(|point| !point.is_gone());
        let thermal = state.thermal();
        let shown = here().filter(|p| !p.is_auxiliary() && p.temperature.is_some());
        let shown = shown.max_by_key(|p| (p.thermal(), p.newest));
        Self {
            status: Status::of(thermal, state.link.state, state.manual_log.state),
            thermal,
            link: state.link.state,
            door: state.door.state,
            manual_log: state.manual_log.state,
            mode: state.mode.name(),
            temperature: shown.and_then(|point| point.temperature),
            humidity: shown.and_then(|point| point.humidity),
            recorded_at: shown.map(|point| point.newest.0),
            received_at: here().map(|point| point.newest_received_at).max(),
            open_alerts: state.alerts.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_never_ok() {
        for link in [LinkState::NeverSeen, LinkState::Late, LinkState::Offline] {
            for thermal in Thermal::ALL {
                assert_ne!(Status::of(*thermal, link, ManualLogState::NotDue), Status::Ok);
            }
        }
    }

    #[test]
    fn what_was_alarmed_stays_alarmed_when_the_sensor_falls_silent() {
        let status = Status::of(Thermal::AlarmActive, LinkState::Offline, ManualLogState::Overdue);
        assert_eq!(status, Status::AlarmActive);
    }
}
