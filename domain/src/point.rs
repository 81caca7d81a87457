//! Sensing points: what is known of each place of measurement of a unit.

use crate::{
    MilliCelsius, PerMille, Rule, SourceId, Timestamp,
    conditions::{CoolingRun, is_battery_good, is_battery_low},
    reading::{Channel, Reading},
    thermal::{Side, SideState, Thermal},
};

/// The most readings of one instant that a point of manual logs takes in; phones send whole minutes.
const MOST_AT_ONE_INSTANT: usize = 16;
/// The most points that a unit has, but for those that are gone: each is kept, loaded and judged with all the others.
pub const MOST_POINTS: usize = 64;
/// The most points without anything open that are kept for their order alone after their sources went.
const MOST_GONE: usize = 32;

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
    /// The sequences of the other manual logs of that instant, whose sequences order nothing.
    pub beside: Box<[i64]>,
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
    /// When its source was taken away, until it measures here again. It then keeps its order, and what it left
    /// open; it is not shown, and nobody waits for it.
    pub gone_at: Option<Timestamp>,
}

impl PointState {
    /// A point that a unit has forgotten, of which `newest` is the newest reading that was judged.
    #[must_use]
    pub fn remembered(newest: &Reading) -> Self {
        Self {
            newest: (newest.recorded_at, newest.sequence),
            gone_at: Some(newest.recorded_at),
            ..Self::before(newest)
        }
    }

    /// A point as of before its first reading, `first`.
    pub(crate) fn before(first: &Reading) -> Self {
        Self {
            point: first.point.clone(),
            newest: (Timestamp::from_millis(i64::MIN), i64::MIN),
            beside: Box::default(),
            newest_received_at: first.received_at,
            temperature: None,
            humidity: None,
            battery_percent: None,
            high: SideState::Ok,
            low: SideState::Ok,
            is_faulty: false,
            is_battery_low: false,
            cooling: None,
            gone_at: None,
        }
    }

    /// True for points that are stored and shown, not judged.
    #[must_use]
    pub fn is_auxiliary(&self) -> bool {
        self.point.channel.is_auxiliary()
    }

    /// True once its source was taken away, until it measures here again.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        self.gone_at.is_some()
    }

    /// True if a reading of `recorded_at` and `sequence` is older than, or the same as, one already judged.
    ///
    /// The sequence of a manual log is made of its id and orders nothing: of two at one instant both are judged.
    #[must_use]
    pub fn is_past(&self, recorded_at: Timestamp, sequence: i64) -> bool {
        if !self.is_beside(recorded_at) {
            return (recorded_at, sequence) <= self.newest;
        }
        sequence == self.newest.1
            || self.beside.contains(&sequence)
            || self.beside.len() + 1 >= MOST_AT_ONE_INSTANT
    }

    fn is_beside(&self, recorded_at: Timestamp) -> bool {
        self.point.channel == Channel::MANUAL && recorded_at == self.newest.0
    }

    /// Takes over when `reading`, which is not past, was measured and arrived. Its source is here again. True if
    /// the readings since a checkpoint could not tell as much.
    pub(crate) fn arrive(&mut self, reading: &Reading) -> bool {
        let is_beside = self.is_beside(reading.recorded_at);
        if is_beside {
            // the highest stays the newest, so that a start reads none of that instant again
            let other = self.newest.1.min(reading.sequence);
            self.newest.1 = self.newest.1.max(reading.sequence);
            self.beside = self.beside.iter().copied().chain([other]).collect();
        } else {
            self.newest = (reading.recorded_at, reading.sequence);
            self.beside = Box::default();
        }
        self.newest_received_at = self.newest_received_at.max(reading.received_at);
        self.gone_at.take().is_some() || is_beside
    }

    /// Its source is taken away: only its order stays, and what it has open, as nobody saw that end.
    pub(crate) fn leave(&mut self, at: Timestamp) {
        let (high, low) = (self.high, self.low);
        self.calm();
        (self.high, self.low) = (high, low);
        (self.temperature, self.humidity, self.battery_percent) = (None, None, None);
        self.gone_at = Some(at);
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

    /// Forgets what its readings came to; their order and the last temperature stay.
    pub(crate) const fn calm(&mut self) {
        (self.high, self.low, self.cooling) = (SideState::Ok, SideState::Ok, None);
        (self.is_faulty, self.is_battery_low) = (false, false);
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

/// Forgets those that went first of the points that are kept for their order alone, if they are too many.
pub(crate) fn forget_oldest(points: &mut Vec<PointState>) {
    let gone_at = |point: &PointState| point.gone_at.filter(|_| point.thermal() == Thermal::Ok);
    let mut gone: Vec<Timestamp> = points.iter().filter_map(gone_at).collect();
    if gone.len() <= MOST_GONE {
        return;
    }
    gone.sort_unstable();
    let mut left = gone.len() - MOST_GONE;
    let last = gone[left - 1];
    points.retain(|point| {
        let is_kept = left == 0 || gone_at(point).is_none_or(|at| at > last);
        left -= usize::from(!is_kept);
        is_kept
    });
}
