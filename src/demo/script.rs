//! What befalls the demo's units, and when: something to see at once, and something new every minute.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::client::fleet::{Fleet, UnitSpec};
use crate::client::physics::UnitKind;

const SECOND_MS: i64 = 1_000;

/// A kind of incident: when the first one comes and how often, from the start of the live part.
struct Beat {
    first_ms: i64,
    every_ms: i64,
    act: Act,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// A compressor stops until the alarm is confirmed, then is repaired.
    Failure,
    /// Somebody takes something out.
    Opening,
    /// Somebody forgets to shut the door.
    DoorLeftOpen,
    /// A sensor drops out and comes back.
    Silence,
    /// A freezer thaws its coils.
    Defrost,
}

const BEATS: [Beat; 5] = [
    Beat { first_ms: 3 * SECOND_MS, every_ms: 50 * SECOND_MS, act: Act::Failure },
    Beat { first_ms: SECOND_MS, every_ms: 4 * SECOND_MS, act: Act::Opening },
    Beat { first_ms: 35 * SECOND_MS, every_ms: 95 * SECOND_MS, act: Act::DoorLeftOpen },
    Beat { first_ms: 20 * SECOND_MS, every_ms: 150 * SECOND_MS, act: Act::Silence },
    Beat { first_ms: 12 * SECOND_MS, every_ms: 70 * SECOND_MS, act: Act::Defrost },
];

/// A unit that was in trouble is left alone for so long afterwards.
const REST_MS: i64 = 60 * SECOND_MS;

/// The script: decides, by its seed alone, which unit is next.
pub struct Script {
    kinds: Vec<UnitKind>,
    free_from_ms: Vec<i64>,
    next_ms: [i64; BEATS.len()],
    failures: usize,
    live_ms: i64,
    rng: Xoshiro256PlusPlus,
}

impl Script {
    /// A script for units of these kinds whose live part begins at `live_ms`.
    pub fn new(seed: u64, specs: &[UnitSpec], live_ms: i64) -> Self {
        Self {
            kinds: specs.iter().map(|spec| spec.kind).collect(),
            free_from_ms: vec![i64::MIN; specs.len()],
            next_ms: BEATS.map(|beat| live_ms + beat.first_ms),
            failures: 0,
            live_ms,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    /// Puts incidents into the past, so that the list of alerts tells something from the start.
    pub fn past(&mut self, fleet: &mut Fleet) {
        for (seconds_ago, act) in
            [(510, Act::Failure), (330, Act::DoorLeftOpen), (240, Act::Failure)]
        {
            self.play(fleet, act, self.live_ms - seconds_ago * SECOND_MS);
        }
        self.failures = 0;
    }

    /// Plays every incident that is due.
    pub fn direct(&mut self, fleet: &mut Fleet, now_ms: i64) {
        for (number, beat) in BEATS.iter().enumerate() {
            while self.next_ms[number] <= now_ms {
                self.play(fleet, beat.act, self.next_ms[number]);
                self.next_ms[number] += beat.every_ms;
            }
        }
    }

    fn play(&mut self, fleet: &mut Fleet, act: Act, at_ms: i64) {
        let Some(unit) = self.choose(act, at_ms) else { return };
        let for_ms = self.length_ms(act, self.kinds[unit]);
        if act != Act::Opening {
            self.free_from_ms[unit] = at_ms + for_ms + REST_MS;
        }
        match act {
            Act::Failure => {
                self.failures += 1;
                fleet.fail_compressor(unit, at_ms, for_ms);
            }
            Act::Opening | Act::DoorLeftOpen => fleet.open_door(unit, at_ms, for_ms),
            Act::Silence => fleet.silence(unit, at_ms, for_ms),
            Act::Defrost => fleet.defrost(unit, at_ms, for_ms),
        }
    }

    /// One of the units that fit and have rested, by chance.
    fn choose(&mut self, act: Act, at_ms: i64) -> Option<usize> {
        let fitting: Vec<usize> = (0..self.kinds.len())
            .filter(|&unit| self.free_from_ms[unit] <= at_ms && self.fits(act, self.kinds[unit]))
            .collect();
        let pick = self.rng.random_range(0..fitting.len().max(1));
        fitting.get(pick).copied()
    }

    fn fits(&self, act: Act, kind: UnitKind) -> bool {
        let freezer = matches!(kind, UnitKind::Freezer | UnitKind::WalkInFreezer);
        let quick = matches!(kind, UnitKind::Fridge | UnitKind::PrepTable);
        match act {
            // every other failure is one that is over soon, the first among them
            Act::Failure => quick == self.failures.is_multiple_of(2),
            Act::Opening | Act::DoorLeftOpen => !freezer && kind != UnitKind::VaccineFridge,
            Act::Silence => true,
            Act::Defrost => freezer,
        }
    }

    /// Long enough to be seen through to the alarm, by how slowly the kind of unit warms.
    fn length_ms(&mut self, act: Act, kind: UnitKind) -> i64 {
        match (act, kind) {
            (Act::Failure, UnitKind::Fridge | UnitKind::PrepTable) => 58 * SECOND_MS,
            (Act::Failure, UnitKind::WalkIn) => 110 * SECOND_MS,
            (Act::Failure, UnitKind::Freezer | UnitKind::WalkInFreezer) => 100 * SECOND_MS,
            (Act::Failure, UnitKind::VaccineFridge) => 140 * SECOND_MS,
            (Act::Opening, _) => self.rng.random_range(800..1_600),
            (Act::DoorLeftOpen, _) => 25 * SECOND_MS,
            (Act::Silence, _) => 75 * SECOND_MS,
            (Act::Defrost, _) => 15 * SECOND_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use super::*;
    use crate::client::fleet::SimulatedReading;
    use crate::demo::places::PLACES;
    use crate::demo::{CONFIRM_SECS, DemoUnit, HISTORY_MS, stage};

    /// 2025-11-20 08:00 UTC.
    const LIVE_MS: i64 = 1_763_625_600_000;

    fn units() -> Vec<DemoUnit> {
        let mut units = Vec::new();
        for (site, place) in PLACES.iter().enumerate() {
            for (_, name, kind) in place.units() {
                let id = format!("{}: {name}", place.name);
                units.push(DemoUnit::new(units.len(), site, id, kind, i64::MIN));
            }
        }
        units
    }

    /// Limits of the presets, °C.
    fn limits(kind: UnitKind) -> (f64, f64) {
        match kind {
            UnitKind::Fridge | UnitKind::PrepTable | UnitKind::WalkIn => (0.0, 5.0),
            UnitKind::Freezer | UnitKind::WalkInFreezer => (f64::NEG_INFINITY, -17.78),
            UnitKind::VaccineFridge => (2.0, 8.0),
        }
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Thermal {
        Ok,
        Excursion { since_ms: i64 },
        Alarm,
        Restoring,
    }

    /// The moments, in seconds of the live part, at which a unit changed to what.
    type Story = BTreeMap<usize, Vec<(f64, &'static str)>>;

    /// A plain reading of the rules: 0.5 °C of hysteresis, two readings to be ok again.
    fn judge(readings: &[SimulatedReading], units: &[DemoUnit]) -> Story {
        let mut states = vec![Thermal::Ok; units.len()];
        let mut story = Story::new();
        for one in readings {
            let state = &mut states[one.unit];
            let next = step(*state, one, limits(units[one.unit].spec.kind));
            if std::mem::discriminant(&next) != std::mem::discriminant(state) {
                let word = match next {
                    Thermal::Ok => "ok",
                    Thermal::Excursion { .. } => "excursion",
                    Thermal::Alarm => "alarm",
                    Thermal::Restoring => "restoring",
                };
                let seconds = (one.recorded_at_ms - LIVE_MS) as f64 / 1000.0;
                story.entry(one.unit).or_default().push((seconds, word));
            }
            *state = next;
        }
        story
    }

    fn step(state: Thermal, one: &SimulatedReading, (low, high): (f64, f64)) -> Thermal {
        let celsius = one.reading.temperature;
        let cleared = (low + 0.5..=high - 0.5).contains(&celsius);
        let outside = !(low..=high).contains(&celsius);
        let at_ms = one.recorded_at_ms;
        match state {
            Thermal::Ok | Thermal::Restoring if outside => Thermal::Excursion { since_ms: at_ms },
            Thermal::Restoring if cleared => Thermal::Ok,
            Thermal::Excursion { .. } | Thermal::Alarm if cleared => Thermal::Restoring,
            Thermal::Excursion { since_ms } if at_ms >= since_ms + CONFIRM_SECS * 1000 => {
                Thermal::Alarm
            }
            unchanged => unchanged,
        }
    }

    /// What the demo sends from ten minutes before to `live_secs` after it went live.
    fn play(seed: u64, live_secs: i64) -> (Vec<DemoUnit>, Vec<SimulatedReading>) {
        let units = units();
        let (mut fleet, mut script) = stage(seed, &units, LIVE_MS);
        let mut readings = fleet.advance(LIVE_MS);
        for tick in 1..=live_secs * 4 {
            let now_ms = LIVE_MS + tick * 250;
            script.direct(&mut fleet, now_ms);
            readings.extend(fleet.advance(now_ms));
        }
        (units, readings)
    }

    /// The instants, in seconds of the live part, at which a whole incident was over, by unit.
    fn incidents(story: &Story) -> Vec<(usize, f64)> {
        let whole = ["excursion", "alarm", "restoring", "ok"];
        let of_unit = |(unit, changes): (&usize, &Vec<(f64, &'static str)>)| {
            let windows = changes.windows(4);
            let over =
                windows.filter(|four| four[0].0 > 0.0 && four.iter().map(|one| one.1).eq(whole));
            over.map(|four| (*unit, four[3].0)).collect::<Vec<_>>()
        };
        story.iter().flat_map(of_unit).collect()
    }

    #[test]
    fn there_are_three_sites_with_units_enough_and_frequent_readings() {
        let units = units();
        assert!(units.len() >= 24, "{} units", units.len());
        let sites: HashSet<_> = units.iter().map(|unit| unit.spec.site).collect();
        assert_eq!(sites.len(), 3);
        assert!(units.iter().all(|unit| (2_000..=5_000).contains(&unit.spec.interval_ms)));
        let names: HashSet<_> =
            units.iter().map(|unit| format!("{:?}", unit.spec.target)).collect();
        assert_eq!(names.len(), units.len(), "two units of one site share a name");
    }

    #[test]
    fn within_two_minutes_a_unit_is_seen_through_a_whole_incident() {
        for seed in 0..12 {
            let (units, readings) = play(seed, 110);
            let story = judge(&readings, &units);
            assert!(!incidents(&story).is_empty(), "seed {seed}: {story:?}");
        }
    }

    #[test]
    fn incidents_go_on_at_many_units_while_most_are_well() {
        for seed in 0..4 {
            let (units, readings) = play(seed, 900);
            let incidents = incidents(&judge(&readings, &units));
            assert!((12..60).contains(&incidents.len()), "seed {seed}: {incidents:?}");
            let troubled: HashSet<_> = incidents.iter().map(|(unit, _)| *unit).collect();
            assert!(troubled.len() >= 8, "seed {seed}: only {troubled:?}");
            for window in (0..780).step_by(60).map(f64::from) {
                let over = incidents.iter().filter(|(_, at)| (window..window + 180.0).contains(at));
                assert!((1..13).contains(&over.count()), "seed {seed}, from {window} s");
            }
        }
    }

    #[test]
    fn sensors_fall_silent_long_enough_to_be_offline() {
        let (units, readings) = play(1, 300);
        let longest_silence_ms = |unit: usize| {
            let own: Vec<_> = readings.iter().filter(|one| one.unit == unit).collect();
            own.windows(2).map(|two| two[1].recorded_at_ms - two[0].recorded_at_ms).max()
        };
        let silences: Vec<_> = (0..units.len()).filter_map(longest_silence_ms).collect();
        assert!(silences.iter().any(|ms| *ms > 60_000), "{silences:?}");
        assert!(silences.iter().filter(|ms| **ms < 10_000).count() > units.len() / 2);
    }

    #[test]
    fn the_past_fills_ten_minutes_and_holds_an_incident() {
        let (units, readings) = play(1, 1);
        let oldest = readings.iter().map(|one| one.recorded_at_ms).min().unwrap();
        assert!((0..5_000).contains(&(oldest - (LIVE_MS - HISTORY_MS))), "{oldest}");
        let story = judge(&readings, &units);
        assert!(story.values().flatten().any(|(at, word)| *at < 0.0 && *word == "alarm"));
    }
}
