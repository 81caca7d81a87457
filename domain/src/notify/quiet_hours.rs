//! Quiet hours: a span of each day by the clocks of a zone.
//!
//! A span begins the first time the clocks show its begin, and ends the last time they show its end, so that an hour
//! that is there twice neither breaks it nor is told in. A begin or an end that is skipped is where the clocks skip.

use crate::{
    Severity, Timestamp,
    zone::{Day, Twice, WallTime, Zone, day_after, day_before},
};

/// The time of day in which nobody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// From this minute of the day, 0 to 1,439.
    pub from_minute: u16,
    /// To this one, not included; on the next day if it is not after the first.
    pub to_minute: u16,
    /// By the clocks of this zone; `None` for the site's.
    pub zone: Option<Zone>,
    /// Whether critical alerts are told all the same.
    pub except_critical: bool,
}

impl QuietHours {
    /// Until when nothing of an alert so bad is told; `None` if it may be told at `now`.
    #[must_use]
    pub fn holds_until(&self, severity: Severity, site: Zone, now: Timestamp) -> Option<Timestamp> {
        if self.except_critical && severity == Severity::Critical {
            return None;
        }
        let zone = self.zone.unwrap_or(site);
        let today = zone.wall(now).day;
        // a span over midnight may have begun the day before, and one may begin where the clocks skip a day
        let spans = [day_before(today), today].map(|day| self.span(zone, day));
        spans.into_iter().find(|(from, to)| (*from..*to).contains(&now)).map(|(_, to)| to)
    }

    /// The span that begins on a day.
    fn span(&self, zone: Zone, day: Day) -> (Timestamp, Timestamp) {
        let is_over_midnight = self.to_minute <= self.from_minute;
        let end_day = if is_over_midnight { day_after(day) } else { day };
        let from = WallTime { day, minute: self.from_minute };
        let to = WallTime { day: end_day, minute: self.to_minute };
        (zone.at(from, Twice::First), zone.at(to, Twice::Last))
    }
}
