//! Time zones: what the clocks on the wall say at an instant, and the instant at which they say it.
//!
//! Clocks are put forward and back. A wall time that is skipped stands for the instant of the skip; one that is there
//! twice stands for the first or for the last of the two, as the caller says.

use chrono::{
    DateTime, Datelike as _, Duration, MappedLocalTime, NaiveDate, NaiveDateTime, TimeZone as _,
};
use chrono_tz::Tz;

use crate::Timestamp;

/// The minutes of a day on the wall.
pub const DAY_MINUTES: u16 = 1_440;

/// An IANA time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zone(Tz);

/// A day of the calendar.
pub type Day = NaiveDate;

/// Which of two instants that the clocks show alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twice {
    /// The one before the clocks were put back.
    First,
    /// The one after.
    Last,
}

/// What the clocks on the wall say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime {
    /// The day.
    pub day: Day,
    /// The minute of the day, 0 to 1,439.
    pub minute: u16,
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone of that IANA name, such as `Europe/Berlin`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// Its IANA name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// What its clocks say at an instant.
    #[must_use]
    pub fn wall(self, at: Timestamp) -> WallTime {
        let local = self.naive(at);
        WallTime { day: local.date(), minute: minute_of(local) }
    }

    /// The instant at which its clocks say so.
    #[must_use]
    pub fn at(self, wall: WallTime, twice: Twice) -> Timestamp {
        let minutes = Duration::minutes(wall.minute.into());
        let local = wall.day.and_time(chrono::NaiveTime::MIN) + minutes;
        match self.0.from_local_datetime(&local) {
            MappedLocalTime::Single(at) => timestamp(&at),
            MappedLocalTime::Ambiguous(first, last) => match twice {
                Twice::First => timestamp(&first),
                Twice::Last => timestamp(&last),
            },
            MappedLocalTime::None => self.skip_over(local),
        }
    }

    /// The instant at which the clocks were put forward past `local`. No zone skips more than a day, and none is put
    /// back within two days of that.
    fn skip_over(self, local: NaiveDateTime) -> Timestamp {
        const AROUND_SECS: i64 = 36 * 3_600;
        let middle = local.and_utc().timestamp();
        let (mut before, mut after) = (middle - AROUND_SECS, middle + AROUND_SECS);
        while after - before > 1 {
            let between = before + (after - before) / 2;
            if self.naive(Timestamp::from_millis(between * 1_000)) < local {
                before = between;
            } else {
                after = between;
            }
        }
        Timestamp::from_millis(after * 1_000)
    }

    fn naive(self, at: Timestamp) -> NaiveDateTime {
        let utc = DateTime::from_timestamp_millis(at.as_millis()).unwrap_or(DateTime::UNIX_EPOCH);
        utc.with_timezone(&self.0).naive_local()
    }
}

fn minute_of(local: NaiveDateTime) -> u16 {
    use chrono::Timelike as _;
    u16::try_from(local.hour() * 60 + local.minute()).unwrap_or(0)
}

fn timestamp(at: &DateTime<Tz>) -> Timestamp {
    Timestamp::from_millis(at.timestamp_millis())
}

/// The day before, or the same at the beginning of the calendar.
#[must_use]
pub fn day_before(day: Day) -> Day {
    day.pred_opt().unwrap_or(day)
}

/// The day after, or the same at the end of the calendar.
#[must_use]
pub fn day_after(day: Day) -> Day {
    day.succ_opt().unwrap_or(day)
}

/// The day of the week: 1 is Monday, 7 is Sunday, as ISO 8601 has it.
#[must_use]
pub fn weekday(day: Day) -> u8 {
    u8::try_from(day.weekday().number_from_monday()).unwrap_or(1)
}
