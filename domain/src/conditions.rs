//! Conditions that readings speak of besides temperature limits: batteries and suspected cooling failures.

use crate::{MilliCelsius, Reading, Rule, Timestamp, door::DoorState, thermal::Side};

/// True if `reading` says that a battery is low.
pub(crate) fn is_battery_low(reading: &Reading, rule: &Rule) -> bool {
    let by_charge =
        reading.battery_percent.is_some_and(|percent| percent <= rule.battery_low_percent);
    let by_voltage =
        reading.battery_mv.zip(rule.battery_low_millivolts).is_some_and(|(mv, low)| mv < low);
    by_charge || by_voltage
}

/// True if `reading` says that a battery is good again: above the clearing charge, or, where only the voltage is
/// known, at or above the model's figure.
pub(crate) fn is_battery_good(reading: &Reading, rule: &Rule) -> bool {
    match reading.battery_percent {
        Some(percent) => percent > rule.battery_clear_percent,
        None => {
            reading.battery_mv.zip(rule.battery_low_millivolts).is_some_and(|(mv, low)| mv >= low)
        }
    }
}

/// A run of readings out of range, door shut, of which none was better than an earlier one by the gain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoolingRun {
    /// Its side.
    pub side: Side,
    /// When it began.
    pub began_at: Timestamp,
    /// The temperature farthest out in it.
    pub worst: MilliCelsius,
    /// How many readings it has.
    pub readings: u32,
    /// True once it lasted long enough to be suspected.
    pub is_suspected: bool,
}

impl CoolingRun {
    /// The run after one more reading out of range on `side`; `None` while the door stands open.
    pub(crate) fn next(
        run: Option<Self>,
        side: Side,
        reading: &Reading,
        rule: &Rule,
        door: DoorState,
    ) -> Option<Self> {
        if door == DoorState::Open {
            return None;
        }
        let begin = Self {
            side,
            began_at: reading.recorded_at,
            worst: reading.temperature,
            readings: 1,
            is_suspected: false,
        };
        let Some(run) = run.filter(|run| run.side == side) else { return Some(begin) };
        if run.is_bettered_by(reading.temperature, rule) {
            return Some(begin);
        }
        let readings = run.readings.saturating_add(1);
        let lasted = reading.recorded_at >= run.began_at.plus_secs(rule.cooling_failure_secs);
        let is_suspected =
            run.is_suspected || (lasted && readings >= rule.cooling_failure_readings);
        Some(Self {
            worst: side.farther(run.worst, reading.temperature),
            readings,
            is_suspected,
            ..run
        })
    }

    fn is_bettered_by(&self, temperature: MilliCelsius, rule: &Rule) -> bool {
        let gain = match self.side {
            Side::High => self.worst.0 - temperature.0,
            Side::Low => temperature.0 - self.worst.0,
        };
        gain >= rule.cooling_failure_gain
    }
}
