//! Days and months of UTC: what usage is counted by.

use std::fmt;

use chrono::{Datelike as _, NaiveDate};

use crate::Timestamp;

/// The milliseconds of a day; UTC has no other.
const DAY_MILLIS: i64 = 86_400_000;
/// Days from 0001-01-01, chrono's first, to 1970-01-01.
const TO_EPOCH: i32 = 719_163;

/// A day of UTC, as days since 1970-01-01. Shown as `2026-11-29`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UtcDay(pub i32);

/// A month of UTC. Shown as `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UtcMonth {
    first: UtcDay,
    days: u8,
}

impl UtcDay {
    /// The day of an instant. Instants that no sensor has (before 1970 or past the year 9999) are of the nearest day.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let at = at.as_millis().clamp(0, Timestamp::LATEST.as_millis());
        Self(i32::try_from(at / DAY_MILLIS).unwrap_or(i32::MAX))
    }

    /// Its first instant.
    #[must_use]
    pub const fn begins_at(self) -> Timestamp {
        Timestamp::from_millis(self.0 as i64 * DAY_MILLIS)
    }

    /// The first instant of the day after it.
    #[must_use]
    pub const fn ends_at(self) -> Timestamp {
        self.plus(1).begins_at()
    }

    /// The day so many days later.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Its month.
    #[must_use]
    pub fn month(self) -> UtcMonth {
        let date = self.date();
        let of_month = i32::try_from(date.day0()).unwrap_or(0);
        UtcMonth { first: self.plus(-of_month), days: date.num_days_in_month() }
    }

    fn date(self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.0.saturating_add(TO_EPOCH)).unwrap_or_default()
    }
}

impl fmt::Display for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().format("%Y-%m-%d").fmt(f)
    }
}

impl UtcMonth {
    /// The month of that text, `2026-11`, of the years 2000 to 9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_shaped = text.len() == 7 && text.as_bytes().get(4) == Some(&b'-');
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let (year, month) = text.split_once('-').filter(|(y, m)| digits(y) && digits(m))?;
        let date = NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)?;
        let is_believed = is_shaped && date.year() >= 2000;
        is_believed.then(|| UtcDay(date.num_days_from_ce() - TO_EPOCH).month())
    }

    /// Its first day.
    #[must_use]
    pub const fn first(self) -> UtcDay {
        self.first
    }

    /// The first day of the month after it.
    #[must_use]
    pub const fn end(self) -> UtcDay {
        self.first.plus(self.days as i32)
    }

    /// How many days it has.
    #[must_use]
    pub const fn days(self) -> u8 {
        self.days
    }
}

impl fmt::Display for UtcMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.date().format("%Y-%m").fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_with_its_first_millisecond_and_has_no_last_of_another() {
        let day = UtcDay::of(Timestamp::from_millis(1_795_996_799_999)); // 2026-11-29T23:59:59.999Z
        assert_eq!(day.to_string(), "2026-11-29");
        assert_eq!(UtcDay::of(day.begins_at()), day);
        assert_eq!(UtcDay::of(day.begins_at().plus_millis(-1)), day.plus(-1));
        assert_eq!(UtcDay::of(day.ends_at()).to_string(), "2026-11-30");
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        for (text, days) in [("2026-11", 30), ("2028-02", 29), ("2100-02", 28), ("2026-12", 31)] {
            let month = UtcMonth::parse(text).unwrap();
            assert_eq!((month.to_string().as_str(), month.days()), (text, days));
            assert_eq!(month.first().month(), month);
            assert_eq!(month.end().plus(-1).month(), month);
            assert_ne!(month.end().month(), month);
        }
        for text in ["", "2026", "2026-13", "2026-00", "1999-12", "2026-1", "26-0011", "+026-11"] {
            assert_eq!(UtcMonth::parse(text), None, "{text}");
        }
    }
}
