//! Random histories of a unit.

use hub_domain::{Channel, MilliCelsius, Point, Reading, Rule, SourceId, Timestamp};
use uuid::Uuid;

use crate::chance::Chance;

/// 2025-01-01T00:00:00Z, where each history begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_735_689_600_000);
/// All of a history's instants are whole steps of so much, or a millisecond more.
pub(crate) const GRID_MILLIS: i64 = 30_000;

/// One thing that happens to a unit.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Batch(Vec<Reading>),
    Door { open: bool, recorded_at: Timestamp },
    Tick,
    Rule(Box<Rule>),
    Deed(Deed),
    Restart,
}

/// What people do: the model knows none of it, and none of it may change what it knows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Acknowledge,
    Maintain,
    ExpectCalibration,
    BlameGateway,
}

#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) rule: Rule,
    /// True where every timer fires in time; else only the ticks of the history run timers.
    pub(crate) is_watched: bool,
    /// True where readings lie a millisecond off the grid too.
    pub(crate) is_jittered: bool,
    pub(crate) events: Vec<(Timestamp, Event)>,
}

fn points() -> [Point; 4] {
    let point = |source: u128, channel: &str| Point {
        source: SourceId(Uuid::from_u128(source)),
        channel: Channel::parse(channel).expect("a good name"),
    };
    [point(1, "temperature"), point(2, "probe1"), point(9, "manual"), point(1, "board")]
}

pub(crate) fn rule(chance: &mut Chance) -> Rule {
    let celsius = |milli: Option<i32>| milli.map(MilliCelsius);
    Rule {
        high_limit: celsius(chance.pick(&[None, Some(5_000), Some(5_000), Some(8_000)])),
        low_limit: celsius(chance.pick(&[None, Some(0), Some(2_000)])),
        hysteresis: chance.pick(&[0, 500, 500, 1_000]),
        confirm_high_shut_secs: chance.pick(&[0, 300, 600, 600, 1_500]),
        confirm_high_open_secs: chance.pick(&[0, 600, 1_200, 1_200]),
        confirm_low_shut_secs: chance.pick(&[0, 300, 600]),
        confirm_low_open_secs: chance.pick(&[300, 1_200]),
        restore_readings: chance.pick(&[1, 2, 2, 3]),
        high_ceiling: celsius(chance.pick(&[None, None, Some(12_000), Some(4_000)])),
        low_ceiling: celsius(chance.pick(&[None, None, Some(-5_000)])),
        ceiling_secs: chance.pick(&[None, None, Some(900), Some(3_600)]),
        plausible_min: MilliCelsius(-20_000),
        plausible_max: MilliCelsius(40_000),
        expected_interval_secs: chance.pick(&[60, 300, 300, 600]),
        offline_min_secs: chance.pick(&[0, 1_200]),
        link_grace_secs: chance.pick(&[0, 30]),
        backlog_settle_secs: chance.pick(&[0, 60, 60, 120]),
        manual_cadence_secs: chance.pick(&[None, None, None, Some(1_800)]),
        // off the grid, so that no other escalation falls on the same instant
        ack_timeout_secs: 1_801,
        ..Rule::default()
    }
}

/// Temperatures of one kind of weather: cold, good, about the limits, warm, hot, or anything.
const WEATHER: [&[i32]; 6] = [
    &[-6_000, -5_001, -5_000, -500, -1, 1_999],
    &[3_000, 3_500, 3_999, 2_500, 3_001],
    &[0, 499, 500, 501, 2_000, 2_500, 4_000, 4_001, 4_499, 4_500, 4_501, 5_000, 7_500, 8_000],
    &[5_001, 5_100, 7_000, 7_501, 8_001, 9_000],
    &[9_000, 12_000, 12_001, 20_000, 40_000],
    &[-25_000, 41_000, -20_000, 3_000, 5_000, 6_000, 1_000, -1, 8_001],
];

/// Tells histories.
pub(crate) struct Teller {
    pub(crate) chance: Chance,
    pub(crate) now: Timestamp,
    weather: usize,
    is_jittered: bool,
    told: Vec<Reading>,
}

impl Teller {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let is_jittered = chance.percent(25);
        let weather = chance.below(WEATHER.len());
        Self { chance, now: START, weather, is_jittered, told: Vec::new() }
    }

    pub(crate) fn tell(seed: u64) -> History {
        let mut teller = Self::new(seed);
        let is_watched = teller.chance.percent(50);
        let rule = rule(&mut teller.chance);
        let length = 5 + teller.chance.below(40);
        let events = (0..length).map(|_| teller.event()).collect();
        History { rule, is_watched, is_jittered: teller.is_jittered, events }
    }

    fn steps(&mut self, most: usize) -> i64 {
        i64::try_from(self.chance.below(most + 1)).expect("small") * GRID_MILLIS
    }

    fn event(&mut self) -> (Timestamp, Event) {
        let pause = if self.chance.percent(6) { self.steps(140) } else { self.steps(14) };
        self.now = self.now.plus_millis(pause.max(GRID_MILLIS));
        if self.chance.percent(20) {
            self.weather = self.chance.below(WEATHER.len());
        }
        let event = match self.chance.below(100) {
            0..70 => Event::Batch(self.batch()),
            70..82 => {
                let recorded_at = self.now.plus_millis(-self.steps(3));
                Event::Door { open: self.chance.percent(60), recorded_at }
            }
            82..90 => Event::Tick,
            90..93 => Event::Rule(Box::new(rule(&mut self.chance))),
            93..96 => Event::Deed(self.chance.pick(&[
                Deed::Acknowledge,
                Deed::Acknowledge,
                Deed::Maintain,
                Deed::ExpectCalibration,
                Deed::BlameGateway,
            ])),
            _ => Event::Restart,
        };
        (self.now, event)
    }

    fn batch(&mut self) -> Vec<Reading> {
        let mut batch = match self.chance.below(100) {
            0..60 => vec![self.reading(0)],
            60..80 => (0..2 + self.chance.below(6)).map(|_| self.reading(40)).collect(),
            80..86 => (0..1 + self.chance.below(8)).map(|_| self.reading(900)).collect(),
            86..90 => vec![self.ahead()],
            _ => Vec::new(),
        };
        if !self.told.is_empty() && (batch.is_empty() || self.chance.percent(20)) {
            batch.push(self.chance.pick(&self.told)); // sent again
        }
        if batch.is_empty() {
            batch.push(self.reading(0));
        }
        self.told.extend(batch.iter().cloned());
        batch
    }

    /// A reading recorded up to so many steps ago.
    pub(crate) fn reading(&mut self, ago: usize) -> Reading {
        let back = self.steps(ago);
        self.reading_at(self.now.plus_millis(-back))
    }

    /// A reading of a sensor whose clock runs ahead, at times too far.
    fn ahead(&mut self) -> Reading {
        let ahead = self.steps(12);
        self.reading_at(self.now.plus_millis(ahead))
    }

    fn reading_at(&mut self, at: Timestamp) -> Reading {
        let jitter = i64::from(self.is_jittered && self.chance.percent(50));
        let celsius = MilliCelsius(self.chance.pick(WEATHER[self.weather]));
        let point = self.chance.pick(&points()[..]);
        let point = if self.chance.percent(50) { points()[0].clone() } else { point };
        let mut reading = Reading::new(point, at.plus_millis(jitter), at, celsius);
        reading.sequence = if self.chance.percent(10) { 1 } else { -1 };
        reading.door_open = self.chance.pick(&[None, None, None, Some(true), Some(false)]);
        reading
    }
}
