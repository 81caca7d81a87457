//! Readings as they are asked for: listed, or in buckets of time.

use hub_domain::{Channel, MilliCelsius, Point, SourceId, Timestamp, UnitId};

/// Which readings of a unit are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingFilter {
    /// Of this unit.
    pub unit: UnitId,
    /// Not recorded before.
    pub from: Timestamp,
    /// Recorded before.
    pub to: Timestamp,
    /// Of this source alone.
    pub source: Option<SourceId>,
    /// Of this channel alone.
    pub channel: Option<Channel>,
    /// The newest first, and not the oldest.
    pub newest_first: bool,
}

impl ReadingFilter {
    /// All readings of a unit, oldest first.
    #[must_use]
    pub const fn of(unit: UnitId) -> Self {
        Self {
            unit,
            from: Timestamp::EARLIEST,
            to: Timestamp::LATEST,
            source: None,
            channel: None,
            newest_first: false,
        }
    }

    /// Whether the readings of this point are wanted.
    pub(crate) fn wants(&self, point: &Point) -> bool {
        self.source.is_none_or(|source| source == point.source)
            && self.channel.as_ref().is_none_or(|channel| *channel == point.channel)
    }
}

/// What a unit's points measured, in buckets of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// How long a bucket is.
    pub width_millis: i64,
    /// The buckets that have readings, by point and time.
    pub buckets: Vec<Bucket>,
}

/// What one point measured in one span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// What measured it.
    pub point: Point,
    /// Where the span begins: a whole number of its widths since 1970.
    pub from: Timestamp,
    /// The lowest temperature, and when it was first measured.
    pub min: (MilliCelsius, Timestamp),
    /// The highest temperature, and when it was first measured.
    pub max: (MilliCelsius, Timestamp),
    /// The mean of the readings, rounded to thousandths, halves away from zero.
    pub mean: MilliCelsius,
    /// How many readings.
    pub count: i64,
}
