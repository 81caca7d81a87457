//! A fortnight of a fridge, told by a generator that knows what must come of it.
//!
//! Each incident says itself which alert events it makes; they lie so far apart that none meddles with another.
//! The unit lives through all of them with its timers, and is killed and started again at random instants.

use hub_domain::{
    AlertEvent, AlertEventKind as Happened, AlertKind as Kind, Channel, Input, MilliCelsius, Point,
    Reading, Rule, SourceId, Timestamp,
};
use uuid::Uuid;

use crate::{
    chance::{Chance, number},
    live::Live,
};

/// 2025-01-01T00:00:00Z.
const START: Timestamp = Timestamp::from_millis(1_735_689_600_000);
/// The sensor measures each 5 minutes.
const INTERVAL_SECS: u32 = 300;
/// Readings of 14 days.
const READINGS: usize = 14 * 288;

type Truth = (Kind, Happened, Timestamp);

/// What becomes of one of the sensor's readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    AtOnce,
    /// Never: the sensor is silent.
    Never,
    /// With the next reading that is sent at once: a gateway was away.
    WithTheNext,
}

/// What the sensor measures and sends, what the door does, and what must be told of it.
struct Fortnight {
    chance: Chance,
    celsius: Vec<i32>,
    sent: Vec<Sent>,
    doors: Vec<(Timestamp, bool)>,
    truth: Vec<Truth>,
}

/// When the reading of that index is taken.
fn taken_at(index: usize) -> Timestamp {
    START.plus_secs(INTERVAL_SECS * u32::try_from(index).expect("small"))
}

impl Fortnight {
    fn of(seed: u64) -> Self {
        let mut chance = Chance(seed);
        // a compressor's saw tooth inside the limits and their hysteresis
        let celsius = (0..READINGS).map(|i| 2_000 + 250 * i32::try_from(i % 8).expect("small"));
        let celsius =
            celsius.map(|c| c + i32::try_from(chance.below(200)).expect("small")).collect();
        let sent = vec![Sent::AtOnce; READINGS];
        let mut fortnight = Self { chance, celsius, sent, doors: Vec::new(), truth: Vec::new() };
        let mut index = 10;
        while index + 200 < READINGS {
            index = fortnight.incident(index) + 20 + fortnight.chance.below(60);
        }
        fortnight.truth.sort_by_key(|told| (told.0, told.2));
        fortnight
    }

    /// One incident from `index` on; gives the index after it.
    fn incident(&mut self, index: usize) -> usize {
        let (length, missed) = (3 + self.chance.below(50), 1 + self.chance.below(30));
        match self.chance.below(7) {
            0 => self.spell(index, length, 8_000),
            1 => self.spell(index, length, -3_000),
            2 => self.spell(index, 1, 8_000), // a defrost: too short for an alarm
            3 => self.silence(index, missed, Sent::Never),
            4 => self.silence(index, missed, Sent::WithTheNext),
            5 => self.door(index),
            _ => {
                // a power cut: silent, and warm when it is heard again
                let warm = self.silence(index, 10, Sent::Never);
                self.spell(warm - 1, length, 11_000)
            }
        }
    }

    fn tell(&mut self, kind: Kind, event: Happened, at: Timestamp) {
        self.truth.push((kind, event, at));
    }

    /// So many readings out of range, and good ones after them.
    fn spell(&mut self, index: usize, length: usize, celsius: i32) -> usize {
        self.celsius[index..index + length].fill(celsius);
        let kind = if celsius > 0 { Kind::TemperatureHigh } else { Kind::TemperatureLow };
        self.tell(kind, Happened::Opened, taken_at(index));
        if length >= 2 {
            self.tell(kind, Happened::Confirmed, taken_at(index).plus_secs(600));
        }
        self.tell(kind, Happened::Resolved, taken_at(index + length + 1));
        index + length + 2
    }

    /// So many readings that do not come when they should.
    fn silence(&mut self, index: usize, length: usize, sent: Sent) -> usize {
        self.sent[index..index + length].fill(sent);
        let (heard_at, again_at) = (taken_at(index - 1), taken_at(index + length));
        let (late_at, offline_at) = (heard_at.plus_secs(930), heard_at.plus_secs(1_830));
        if late_at <= again_at {
            self.tell(Kind::MonitoringInterrupted, Happened::Opened, late_at);
            if offline_at <= again_at {
                self.tell(Kind::MonitoringInterrupted, Happened::Escalated, offline_at);
            }
            // of a backlog, the first reading young enough to speak of now ends it
            let young_at = taken_at(index + length.saturating_sub(3)).max(taken_at(index));
            let at = if sent == Sent::WithTheNext { young_at.max(late_at) } else { again_at };
            self.tell(Kind::MonitoringInterrupted, Happened::Resolved, at);
        }
        index + length + 1
    }

    /// A door left open for up to 20 minutes.
    fn door(&mut self, index: usize) -> usize {
        let opened_at = taken_at(index).plus_secs(7);
        let secs = u32::try_from(20 + self.chance.below(1_200)).expect("small");
        let shut_at = opened_at.plus_secs(secs);
        self.doors.extend([(opened_at, true), (shut_at, false)]);
        for (event, after) in [(Happened::Opened, 180), (Happened::Escalated, 600)] {
            if after <= secs {
                self.tell(Kind::DoorOpen, event, opened_at.plus_secs(after));
            }
        }
        if secs >= 180 {
            self.tell(Kind::DoorOpen, Happened::Resolved, shut_at);
        }
        index + 6
    }

    fn reading(&self, index: usize) -> Reading {
        let source = SourceId(Uuid::from_u128(1));
        let point = Point { source, channel: Channel::TEMPERATURE };
        let celsius = MilliCelsius(self.celsius[index]);
        Reading::new(point, taken_at(index), taken_at(index), celsius)
    }

    /// Lets a unit live through it. Each reading arrives two seconds after it was taken.
    fn live_through(&mut self, rule: &Rule) -> Result<Vec<AlertEvent>, String> {
        let (mut live, mut told, mut waiting) = (Live::new(rule), Vec::new(), Vec::new());
        let mut doors = self.doors.clone().into_iter().peekable();
        for index in 0..READINGS {
            let now = taken_at(index).plus_secs(2);
            while let Some((at, open)) = doors.next_if(|(at, _)| *at <= now) {
                told.extend(live.wait(START, at)?);
                told.extend(live.step(&[Input::Door { open, recorded_at: at }], at)?);
            }
            told.extend(live.wait(START, now)?);
            match self.sent[index] {
                Sent::Never => continue,
                Sent::WithTheNext => waiting.push(self.reading(index)),
                Sent::AtOnce => {
                    waiting.push(self.reading(index));
                    if self.chance.percent(10) {
                        let before = index.saturating_sub(self.chance.below(30));
                        waiting.push(self.reading(before));
                        // a radio sends twice; what never came before is not to come now
                        waiting.retain(|r| waited_for(&self.sent, r));
                    }
                    told.extend(live.ingest(&waiting, now)?);
                    waiting.clear();
                }
            }
            if self.chance.percent(2) {
                live.restart()?;
            }
        }
        Ok(told)
    }
}

/// False for a reading that the sensor never sent.
fn waited_for(sent: &[Sent], reading: &Reading) -> bool {
    let index = reading.recorded_at.millis_since(START) / 1000 / i64::from(INTERVAL_SECS);
    sent[usize::try_from(index).expect("after the start")] != Sent::Never
}

#[test]
fn a_fortnight_of_twenty_fridges_is_told_as_it_was() {
    let rule = Rule {
        high_limit: Some(MilliCelsius(5_000)),
        low_limit: Some(MilliCelsius(0)),
        ..Rule::default()
    };
    let kinds =
        [Kind::TemperatureHigh, Kind::TemperatureLow, Kind::MonitoringInterrupted, Kind::DoorOpen];
    let first = Chance::fresh().next();
    for seed in (0..20).map(|index| number("HUB_SEED").unwrap_or(first.wrapping_add(index))) {
        let mut fortnight = Fortnight::of(seed);
        let told =
            fortnight.live_through(&rule).unwrap_or_else(|why| panic!("HUB_SEED={seed}: {why}"));
        let told = told.iter().filter(|event| kinds.contains(&event.alert.kind));
        let mut told: Vec<Truth> = told.map(|e| (e.alert.kind, e.event, e.at)).collect();
        told.sort_by_key(|told| (told.0, told.2));
        assert!(fortnight.truth.len() > 50, "HUB_SEED={seed}: too quiet a fortnight");
        assert_eq!(told, fortnight.truth, "HUB_SEED={seed}");
    }
}
