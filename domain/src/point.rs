//! Sensing points: what is known of each place of measurement of a unit.

use crate::{
    MilliCelsius, PerMille, Rule, SourceId, Timestamp,
    conditions::{CoolingRun, is_battery_good, is_battery_low},
    reading::{Channel, Reading},
    thermal::{Side, SideState, Thermal},
};

/// A place of measurement: (source, channel). Order, lateness, plausibility and thermal state are kept for each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point {
    /// What measures there.
    pub source: SourceId,
    /// Which of its channels.
    pub channel: Channel,
}

/// What a unit knows of one of its points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointState {
    /// Which point.
    pub point: Point,
    /// The newest reading's instant and sequence; anything before is late.
    pub newest: (Timestamp, i64),
    /// When the newest reading arrived.
    pub newest_received_at: Timestamp,
    /// The newest plausible temperature, if there was one.
    pub temperature: Option<MilliCelsius>,
    /// The newest humidity.
    pub humidity: Option<PerMille>,
    /// The newest reading's battery charge.
    pub battery_percent: Option<u8>,
    /// Too warm or not.
    pub high: SideState,
    /// Too cold or not.
    pub low: SideState,
    /// True while the newest reading was implausible.
    pub is_faulty: bool,
    /// True from a low battery reading until a good one.
    pub is_battery_low: bool,
    /// The run of readings out of range that did not get better.
    pub cooling: Option<CoolingRun>,
}

impl PointState {
    /// A point as of before its first reading, `first`.
    pub(crate) fn before(first: &Reading) -> Self {
        Self {
            point: first.point.clone(),
            newest: (Timestamp::from_millis(i64::MIN), i64::MIN),
            newest_received_at: first.received_at,
            temperature: None,
            humidity: None,
            battery_percent: None,
            high: SideState::Ok,
            low: SideState::Ok,
            is_faulty: false,
            is_battery_low: false,
            cooling: None,
        }
    }

    /// True for points that are stored and shown, not judged.
    #[must_use]
    pub fn is_auxiliary(&self) -> bool {
        self.point.channel.is_auxiliary()
    }

    /// True if a reading of `recorded_at` and `sequence` is older than, or the same as, one already judged.
    #[must_use]
    pub fn is_past(&self, recorded_at: Timestamp, sequence: i64) -> bool {
        (recorded_at, sequence) <= self.newest
    }

    /// The point's thermal state: the more urgent of its two sides.
    #[must_use]
    pub fn thermal(&self) -> Thermal {
        self.high.thermal().max(self.low.thermal())
    }

    /// The state of one side.
    #[must_use]
    pub const fn side(&self, side: Side) -> &SideState {
        match side {
            Side::High => &self.high,
            Side::Low => &self.low,
        }
    }

    pub(crate) const fn side_mut(&mut self, side: Side) -> &mut SideState {
        match side {
            Side::High => &mut self.high,
            Side::Low => &mut self.low,
        }
    }

    /// True while either side is out of range.
    #[must_use]
    pub fn is_out(&self) -> bool {
        self.high.is_out() || self.low.is_out()
    }

    /// Takes over what `reading` says of the battery; true if the verdict on it changed.
    pub(crate) fn note_battery(&mut self, reading: &Reading, rule: &Rule) -> bool {
        let before = self.is_battery_low;
        if is_battery_low(reading, rule) {
            self.is_battery_low = true;
        } else if is_battery_good(reading, rule) {
            self.is_battery_low = false;
        }
        self.battery_percent = reading.battery_percent.or(self.battery_percent);
        before != self.is_battery_low
    }
}
