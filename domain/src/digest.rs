//! Digests: what somebody is told each day or week at their hour, of the sites they chose.
//!
//! A digest is of a day of the calendar of its reader, and that day has one at most, whatever the clocks do and however
//! the reader moves its hour. Periods touch: each begins where the one before ended, so that nothing is told twice and
//! nothing falls between two. What was missed while the hub was away is made up by one digest of all of it.

mod totals;

pub use totals::{
    AlertCounts, Attention, AttentionReason, Skip, Span, SpanKind, Totals, UnitFacts, skip, totals,
};

use crate::{
    Timestamp,
    zone::{DAY_MINUTES, Day, Twice, WallTime, Zone, day_after, day_before, weekday},
};

/// How often somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// Each day.
    Daily,
    /// On this day of the week: 1 is Monday, 7 is Sunday.
    Weekly(u8),
}

/// When somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How often.
    pub rhythm: Rhythm,
    /// At this minute of the day, 0 to 1,439.
    pub minute: u16,
    /// By the clocks of this zone.
    pub zone: Zone,
}

/// How far somebody's digests of one rhythm have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// The day of the last one; `None` before the first.
    pub day: Option<Day>,
    /// Until when it told, or since when digests are wanted.
    pub until: Timestamp,
}

/// One digest. Of one reader and rhythm its day is its key: there is one of each day at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its day, by the calendar of its reader.
    pub day: Day,
    /// It tells from then on.
    pub from: Timestamp,
    /// To then, not included: the instant at which it is due.
    pub to: Timestamp,
}

impl Schedule {
    /// The digest that is due at `now`, if one is: the newest, and of all since the last one.
    #[must_use]
    pub fn due(&self, last: Last, now: Timestamp) -> Option<Period> {
        let today = self.zone.wall(now).day;
        let mut day = day_after(today);
        for _ in 0..=self.longest() {
            if last.day.is_some_and(|last| day <= last) {
                return None;
            }
            match self.due_at(day) {
                Some(to) if to <= last.until => return None,
                Some(to) if to <= now => return Some(Period { day, from: last.until, to }),
                _ => day = day_before(day),
            }
        }
        None
    }

    /// When the next digest after `now` is due.
    #[must_use]
    pub fn next_due_at(&self, last: Last, now: Timestamp) -> Timestamp {
        let is_next = |day: Day, at: Timestamp| {
            at > now && at > last.until && last.day.is_none_or(|last| day > last)
        };
        let after_last = last.day.map_or(Day::MIN, day_after);
        let mut day = day_before(self.zone.wall(now.max(last.until)).day).max(after_last);
        for _ in 0..=2 * self.longest() {
            if let Some(at) = self.due_at(day).filter(|at| is_next(day, *at)) {
                return at;
            }
            day = day_after(day);
        }
        Timestamp::LATEST
    }

    /// When the digest of a day is due; `None` for a day that has none, or that a zone's calendar leaves out.
    fn due_at(&self, day: Day) -> Option<Timestamp> {
        let has_one = match self.rhythm {
            Rhythm::Daily => true,
            Rhythm::Weekly(on) => weekday(day) == on,
        };
        let minute = self.minute.min(DAY_MINUTES - 1);
        let at = self.zone.at(WallTime { day, minute }, Twice::First);
        (has_one && self.zone.wall(at).day == day).then_some(at)
    }

    /// The most days between two digests, and a day that a calendar leaves out.
    const fn longest(&self) -> u8 {
        match self.rhythm {
            Rhythm::Daily => 2,
            Rhythm::Weekly(_) => 15,
        }
    }
}
