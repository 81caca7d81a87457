//! The reference model: what a unit's alerts must be, said once more in the plainest way.
//!
//! It shares plain types with the engine and nothing else: it keeps every reading and every door
//! report, and answers each question by looking through them again. That a log is due is beyond it.

use hub_domain::{
    AlertEventKind as Event, AlertKind as Kind, Point, Reading, Rule, Status, Timestamp,
};

/// An alert's kind, what happened to it, and when that became true.
pub type ModelEvent = (Kind, Event, Timestamp);

/// The kinds by number. The first two are sides of a point; the others get worse with time alone.
const KINDS: [Kind; 4] =
    [Kind::TemperatureHigh, Kind::TemperatureLow, Kind::MonitoringInterrupted, Kind::DoorOpen];
const LINK: usize = 2;
const DOOR: usize = 3;

/// One side of a point: its readings, and those of them with which an excursion began that was
/// confirmed. Of a reading: when, how it stood to the limit by the rule of its day (1 outside, 0
/// between, −1 cleared), and how many cleared in a row made ok then.
#[derive(Default)]
struct Track {
    point: Option<Point>,
    side: usize,
    taken: Vec<(Timestamp, i64)>,
    arrived_at: Timestamp,
    readings: Vec<(Timestamp, i32, u8)>,
    confirmed: Vec<usize>,
}

impl Track {
    /// Outside since the first reading outside that no cleared one follows.
    fn began(&self) -> Option<usize> {
        let cleared = self.readings.iter().rposition(|reading| reading.1 < 0);
        let since = cleared.map_or(0, |index| index + 1);
        Some(since + self.readings[since..].iter().position(|r| r.1 > 0)?)
    }

    /// Once outside, ok only after enough cleared readings in a row.
    fn status(&self) -> Status {
        if let Some(began) = self.began() {
            let is_alarm = self.confirmed.contains(&began);
            return if is_alarm { Status::AlarmActive } else { Status::Excursion };
        }
        let last_out = self.readings.iter().rposition(|reading| reading.1 > 0);
        let mut in_a_row = 0;
        for (_, stand, enough) in &self.readings[last_out.unwrap_or(self.readings.len())..] {
            in_a_row = if *stand < 0 { in_a_row + 1 } else { 0 };
            if in_a_row >= *enough {
                return Status::Ok;
            }
        }
        if last_out.is_some() { Status::Restoring } else { Status::Ok }
    }
}

/// The model of one unit.
#[derive(Default)]
pub struct Model {
    /// What judges from now on.
    pub rule: Rule,
    /// Every event so far, in the order of becoming known.
    pub events: Vec<ModelEvent>,
    tracks: Vec<Track>,
    heard: Option<Timestamp>,
    doors: Vec<(Timestamp, bool)>,
    door_arrived_at: Timestamp,
    /// How far the link and the door have gone: 0 well, 1 warned of, 2 critical.
    steps: [usize; 4],
}

impl Model {
    /// A unit nobody has heard of yet, judged by `rule`.
    #[must_use]
    pub fn new(rule: Rule) -> Self {
        Self { rule, ..Self::default() }
    }

    /// Takes one reading. Call [`Self::tick`] after the batch.
    pub fn reading(&mut self, reading: &Reading, arrived_at: Timestamp) {
        let (at, this) = (reading.recorded_at, (reading.recorded_at, reading.sequence));
        let is_by_hand = reading.point.channel.as_str() == "manual";
        // what a person's log has for a sequence orders nothing
        let is_past = |one: &_| this == *one || at < one.0 || this < *one && !is_by_hand;
        let point = Some(reading.point.clone());
        let known = self.tracks.iter().position(|track| track.point == point);
        let is_known = known.is_some_and(|index| self.tracks[index].taken.iter().any(is_past));
        if at > arrived_at.plus_secs(300) || is_known {
            return;
        }
        let high = known.unwrap_or(self.tracks.len());
        for side in 0..2 {
            if known.is_none() {
                self.tracks.push(Track { point: point.clone(), side, ..Track::default() });
            }
            self.confirm(high + side, at, None);
            self.tracks[high + side].taken.push(this);
            self.tracks[high + side].arrived_at = arrived_at;
        }
        let plausible = self.rule.plausible_min..=self.rule.plausible_max;
        let is_auxiliary = reading.point.channel.is_auxiliary();
        let is_plausible = plausible.contains(&reading.temperature);
        reading.door_open.into_iter().for_each(|open| self.door(open, at, arrived_at));
        if !is_auxiliary && !is_by_hand {
            self.worsen(LINK, at);
            self.heard = if is_plausible { self.heard.max(Some(at)) } else { self.heard };
            if is_plausible && self.times(LINK).is_some_and(|[late, _]| arrived_at < late) {
                self.mend(LINK, at);
            }
        }
        if is_plausible && !is_auxiliary {
            (0..2).for_each(|side| self.judge(high + side, reading));
        }
    }

    /// Takes a door report.
    pub fn door(&mut self, open: bool, at: Timestamp, arrived_at: Timestamp) {
        if at > arrived_at.plus_secs(300) || self.doors.last().is_some_and(|door| at <= door.0) {
            return;
        }
        self.worsen(DOOR, at);
        self.doors.push((at, open));
        self.door_arrived_at = arrived_at;
        if !open {
            self.mend(DOOR, at);
        }
    }

    /// Runs what is due by `now`; a confirm or door timer only once its backlog has settled.
    pub fn tick(&mut self, now: Timestamp) {
        let settle_secs = self.rule.backlog_settle_secs;
        let is_settled =
            |index: &usize| self.tracks[*index].arrived_at.plus_secs(settle_secs) <= now;
        let mut settled: Vec<_> = (0..self.tracks.len()).filter(is_settled).collect();
        settled.sort_by_key(|index| self.due(*index));
        settled.into_iter().for_each(|index| self.confirm(index, now, None));
        self.worsen(LINK, now);
        if self.door_arrived_at.plus_secs(settle_secs) <= now {
            self.worsen(DOOR, now);
        }
    }

    /// The displayed status.
    #[must_use]
    pub fn status(&self) -> Status {
        let silence = if self.heard.is_none() { 2 } else { self.steps[LINK] };
        let by_link = [Status::Ok, Status::Late, Status::MonitoringInterrupted][silence];
        self.tracks.iter().map(Track::status).fold(by_link, Status::max)
    }

    fn worst(&self, side: usize) -> Option<Status> {
        self.tracks.iter().filter(|track| track.side == side).map(Track::status).max()
    }

    fn judge(&mut self, index: usize, reading: &Reading) {
        let (side, at, rule) = (self.tracks[index].side, reading.recorded_at, &self.rule);
        let sign = [1, -1][side]; // the low side is the high side with every sign turned
        let height = reading.temperature.0 * sign;
        let limit = [rule.high_limit, rule.low_limit][side].map(|limit| limit.0 * sign);
        let ceiling = [rule.high_ceiling, rule.low_ceiling][side].map(|limit| limit.0 * sign);
        let limit = limit.into_iter().chain(ceiling).min().unwrap_or(i32::MAX);
        let stand = i32::from(height > limit) - i32::from(height <= limit - rule.hysteresis);
        let was_open = self.worst(side) != Some(Status::Ok);
        self.tracks[index].readings.push((at, stand, rule.restore_readings));
        let is_open = self.worst(side) != Some(Status::Ok);
        if is_open != was_open {
            self.tell(side, if is_open { Event::Opened } else { Event::Resolved }, at);
        }
        self.confirm(index, at, ceiling.filter(|ceiling| height > *ceiling).map(|_| at));
    }

    /// Confirms what is old enough at `until`, or past the ceiling. Told once for all points.
    fn confirm(&mut self, index: usize, until: Timestamp, past_ceiling_at: Option<Timestamp>) {
        let track = &self.tracks[index];
        let due = past_ceiling_at.or(self.due(index));
        let Some((began, due)) = track.began().zip(due) else { return };
        if due <= until && !track.confirmed.contains(&began) {
            let (side, worst) = (track.side, self.worst(track.side));
            self.tracks[index].confirmed.push(began);
            if worst != Some(Status::AlarmActive) {
                self.tell(side, Event::Confirmed, due);
            }
        }
    }

    /// Nothing is told of an alert as of an instant before what was told of it already.
    fn tell(&mut self, which: usize, event: Event, at: Timestamp) {
        let of_kind = self.events.iter().rev().filter(|told| told.0 == KINDS[which]);
        let of_alert = of_kind.take_while(|told| told.1 != Event::Resolved);
        let told = of_alert.filter(|told| told.1 != Event::Escalated).map(|told| told.2).max();
        self.events.push((KINDS[which], event, Some(at).max(told).unwrap_or(at)));
    }

    /// The first instant at which an excursion is as old as the door of that instant allows. Only
    /// the door's last change counts: before it, it was the other way.
    fn due(&self, index: usize) -> Option<Timestamp> {
        let (rule, track) = (&self.rule, &self.tracks[index]);
        let (began, side) = (track.readings[track.began()?].0, track.side);
        let shut = [rule.confirm_high_shut_secs, rule.confirm_low_shut_secs][side];
        let open = [rule.confirm_high_open_secs, rule.confirm_low_open_secs][side];
        let bound = |secs: u32| began.plus_secs(secs.min(rule.ceiling_secs.unwrap_or(secs)));
        let (shut, open) = (bound(shut), bound(open.max(shut)));
        Some(match self.door_changed() {
            Some((changed_at, true)) if changed_at < shut || changed_at <= began => open,
            Some((changed_at, false)) => shut.max(changed_at.min(open)),
            Some((_, true)) | None => shut,
        })
    }

    fn door_changed(&self) -> Option<(Timestamp, bool)> {
        let (_, is_open) = *self.doors.last()?;
        let other = self.doors.iter().rposition(|door| door.1 != is_open);
        Some((self.doors[other.map_or(0, |index| index + 1)].0, is_open))
    }

    /// When the link or the door is warned of and critical, if nothing comes.
    fn times(&self, which: usize) -> Option<[Timestamp; 2]> {
        let rule = &self.rule;
        if which == DOOR {
            let opened_at = self.door_changed().filter(|(_, is_open)| *is_open)?.0;
            let secs = [rule.door_warning_secs, rule.door_critical_secs];
            return Some(secs.map(|secs| opened_at.plus_secs(secs)));
        }
        let late = rule.expected_interval_secs * rule.late_misses;
        let offline = rule.expected_interval_secs * rule.offline_misses;
        let heard = self.heard?.plus_secs(rule.link_grace_secs);
        Some([late, offline.max(rule.offline_min_secs).max(late)].map(|s| heard.plus_secs(s)))
    }

    fn worsen(&mut self, which: usize, until: Timestamp) {
        let Some(times) = self.times(which) else { return };
        while self.steps[which] < 2 && times[self.steps[which]] <= until {
            let event = [Event::Opened, Event::Escalated][self.steps[which]];
            self.tell(which, event, times[self.steps[which]]);
            self.steps[which] += 1;
        }
    }

    fn mend(&mut self, which: usize, at: Timestamp) {
        if std::mem::take(&mut self.steps[which]) > 0 {
            self.tell(which, Event::Resolved, at);
        }
    }
}
