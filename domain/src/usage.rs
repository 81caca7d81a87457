//! What customers use: counted by day, written down line by line, told to Stripe line by line.
//!
//! A line that was told once is never changed: what comes to light later is another line of the same day. So the lines
//! of a day add up to what was counted, whatever was told when.

use std::cmp::Ordering;

use crate::{OrgId, Timestamp, UtcDay};

/// So long after its end a day is told of: sensors that send once an hour have done so.
pub const SETTLES_SECS: u32 = 3_600;

/// Stripe takes usage of the past 35 calendar days (reference of billing meter events, `timestamp`); one day less, so
/// that none is refused for a clock.
pub const REPORTED_WITHIN_DAYS: i32 = 34;

/// How far back usage is counted again. What comes later than that is not charged.
pub const COUNTED_WITHIN_DAYS: i32 = 62;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meter {
    /// How many sensors had a reading on a day.
    ActiveSensors,
    /// How many readings of a day are stored, those of people left out.
    TemperatureReadings,
}

/// What a month makes of its days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// The value of the last day holds.
    Last,
    /// The values of all days add up.
    Sum,
}

/// One line of a day's usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageLine {
    /// Its place among the lines of its day and meter, from 0.
    pub ordinal: u16,
    /// What it says: the whole day of a meter whose last value holds, else so many more than the lines before it.
    pub value: u64,
    /// Whether it was told, or is being told at this moment.
    pub is_told: bool,
}

/// As of when a line is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Not before this.
    NotBefore(Timestamp),
    /// As of its own day.
    AsOf(Timestamp),
    /// Its day is past what Stripe takes: as an adjustment, as of now.
    Adjusted(Timestamp),
    /// Not at all: it changes no bill.
    Never,
}

impl Meter {
    /// Every meter.
    pub const ALL: [Self; 2] = [Self::ActiveSensors, Self::TemperatureReadings];

    /// The stable name, Stripe's `event_name`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ActiveSensors => "active_sensors",
            Self::TemperatureReadings => "temperature_readings",
        }
    }

    /// The meter of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|meter| meter.name() == name)
    }

    /// What a month makes of its days.
    #[must_use]
    pub const fn aggregation(self) -> Aggregation {
        match self {
            Self::ActiveSensors => Aggregation::Last,
            Self::TemperatureReadings => Aggregation::Sum,
        }
    }

    /// What the lines of a day say together.
    #[must_use]
    pub fn total(self, lines: &[UsageLine]) -> u64 {
        match self.aggregation() {
            Aggregation::Last => {
                lines.iter().max_by_key(|line| line.ordinal).map_or(0, |line| line.value)
            }
            Aggregation::Sum => lines.iter().map(|line| line.value).sum(),
        }
    }

    /// The line that is to be written, in place of one that was not told yet or as a new one, so that a day's lines say
    /// what was `counted`. `None` where they do.
    ///
    /// Usage never falls: what was stored was used, though it be erased later. Lines are in order.
    #[must_use]
    pub fn corrected(self, lines: &[UsageLine], counted: u64) -> Option<UsageLine> {
        let Some(last) = lines.last() else {
            // a day without sensors is one: what held the day before does not
            let is_said = counted > 0 || self.aggregation() == Aggregation::Last;
            return is_said.then_some(UsageLine { ordinal: 0, value: counted, is_told: false });
        };
        if counted.cmp(&self.total(lines)) != Ordering::Greater {
            return None;
        }
        let (ordinal, before) = if last.is_told {
            (last.ordinal.checked_add(1)?, lines)
        } else {
            (last.ordinal, &lines[..lines.len() - 1])
        };
        let value = match self.aggregation() {
            Aggregation::Last => counted,
            Aggregation::Sum => counted - self.total(before),
        };
        Some(UsageLine { ordinal, value, is_told: false })
    }

    /// As of when a line of `day` is told at `now`.
    ///
    /// Lines of a day are a second apart, so that the last one is the last one for Stripe, too.
    #[must_use]
    pub fn telling(self, day: UtcDay, ordinal: u16, now: Timestamp) -> Telling {
        let settled_at = day.ends_at().plus_secs(SETTLES_SECS);
        if now < settled_at {
            return Telling::NotBefore(settled_at);
        }
        if day >= UtcDay::of(now).plus(-REPORTED_WITHIN_DAYS) {
            let last_minute = day.ends_at().plus_millis(-60_000);
            return Telling::AsOf(last_minute.plus_secs(u32::from(ordinal.min(59))));
        }
        match self.aggregation() {
            Aggregation::Sum => Telling::Adjusted(now),
            Aggregation::Last => Telling::Never,
        }
    }

    /// What Stripe knows a line by, so that it counts once however often it is told.
    #[must_use]
    pub fn identifier(self, org: OrgId, day: UtcDay, ordinal: u16) -> String {
        let name = self.name();
        match ordinal {
            0 => format!("{org}:{name}:{day}"),
            more => format!("{org}:{name}:{day}:{more}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ordinal: u16, value: u64, is_told: bool) -> UsageLine {
        UsageLine { ordinal, value, is_told }
    }

    /// Counts in turn; after each the lines are shown as `value`, with `!` where it was told.
    #[track_caller]
    fn check(meter: Meter, table: &str) {
        let mut lines: Vec<UsageLine> = Vec::new();
        for row in table.lines().map(str::trim).filter(|row| !row.is_empty()).skip(1) {
            let (did, expected) = row.split_once('|').unwrap();
            match did.trim() {
                "told" => lines.iter_mut().for_each(|line| line.is_told = true),
                counted => {
                    let counted: u64 = counted.parse().unwrap();
                    let before = meter.total(&lines);
                    if let Some(written) = meter.corrected(&lines, counted) {
                        lines.retain(|line| line.ordinal != written.ordinal);
                        lines.push(written);
                    }
                    assert_eq!(meter.total(&lines), counted.max(before), "{row}");
                    assert_eq!(meter.corrected(&lines, counted), None, "again: {row}");
                }
            }
            let mark = |line: &UsageLine| if line.is_told { "!" } else { "" };
            let shown: Vec<String> =
                lines.iter().map(|line| format!("{}{}", line.value, mark(line))).collect();
            assert_eq!(shown.join(" "), expected.trim(), "{row}");
        }
    }

    #[test]
    fn readings_add_up_line_by_line() {
        check(
            Meter::TemperatureReadings,
            "
            counted | lines
            0       |
            10      | 10
            12      | 12
            told    | 12!
            12      | 12!
            15      | 12! 3
            20      | 12! 8
            18      | 12! 8
            told    | 12! 8!
            21      | 12! 8! 1
            ",
        );
    }

    #[test]
    fn of_sensors_the_last_line_holds() {
        check(
            Meter::ActiveSensors,
            "
            counted | lines
            0       | 0
            2       | 2
            told    | 2!
            5       | 2! 5
            4       | 2! 5
            told    | 2! 5!
            6       | 2! 5! 6
            ",
        );
    }

    #[test]
    fn a_day_is_told_an_hour_after_its_end_and_as_of_itself_while_stripe_takes_it() {
        let day = UtcDay(20_000);
        let settled = day.ends_at().plus_secs(3_600);
        let meter = Meter::TemperatureReadings;
        assert_eq!(meter.telling(day, 0, day.begins_at()), Telling::NotBefore(settled));
        assert_eq!(meter.telling(day, 0, settled.plus_millis(-1)), Telling::NotBefore(settled));
        let last_minute = day.ends_at().plus_millis(-60_000);
        assert_eq!(meter.telling(day, 0, settled), Telling::AsOf(last_minute));
        assert_eq!(meter.telling(day, 3, settled), Telling::AsOf(last_minute.plus_secs(3)));
        let last = meter.telling(day, 999, settled);
        assert_eq!(last, Telling::AsOf(day.ends_at().plus_millis(-1_000)), "it stays in its day");
        let taken = day.plus(34).begins_at();
        assert_eq!(meter.telling(day, 0, taken), Telling::AsOf(last_minute));
        let late = day.plus(35).begins_at();
        assert_eq!(meter.telling(day, 0, late), Telling::Adjusted(late));
        assert_eq!(Meter::ActiveSensors.telling(day, 0, late), Telling::Never);
    }

    #[test]
    fn a_line_is_known_by_organization_meter_and_day() {
        let org = OrgId(uuid::Uuid::nil());
        let named = |ordinal| Meter::ActiveSensors.identifier(org, UtcDay(20_786), ordinal);
        assert_eq!(named(0), "00000000-0000-0000-0000-000000000000:active_sensors:2026-11-29");
        assert_eq!(named(2), "00000000-0000-0000-0000-000000000000:active_sensors:2026-11-29:2");
        assert!(named(u16::MAX).len() <= 100, "Stripe takes 100 characters");
    }

    #[test]
    fn lines_without_end_are_refused_and_do_not_begin_anew() {
        assert_eq!(Meter::ActiveSensors.corrected(&[line(u16::MAX, 1, true)], 2), None);
    }
}
