//! A seeded fleet: the same seed, units and script give the same readings, in the same order.
//!
//! Time goes in steps of a fixed grid, so it does not matter how far one call advances it. Readings
//! are handed over when they would reach the hub: copies and late ones wait in flight.

use std::collections::BTreeMap;

use super::scenario::{Mishap, Scenario, Spell, Step};
use super::simulated::SimulatedUnit;
pub use super::simulated::{Delivery, SimulatedReading, UnitSpec};

/// Longest step of the physics, milliseconds of the units' own life: well below every time constant.
const LONGEST_STEP_MS: f64 = 5_000.0;
const SHORTEST_STEP_MS: i64 = 50;

/// Simulated units, one beside the other.
pub struct Fleet {
    units: Vec<SimulatedUnit>,
    scenario: Scenario,
    now_ms: i64,
    step_ms: i64,
    lapse: f64,
    in_flight: BTreeMap<(i64, u64), SimulatedReading>,
    sent: u64,
}

/// How a fleet is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetOptions {
    /// Two fleets of the same seed and units behave alike.
    pub seed: u64,
    /// Where its time begins, unix milliseconds.
    pub start_ms: i64,
    /// How much faster heat flows and things happen than the clock says; 1 is nature.
    pub lapse: f64,
    /// What happens by itself.
    pub scenario: Scenario,
}

impl Fleet {
    /// Makes a fleet of units that have been running well for long.
    pub fn new(options: &FleetOptions, specs: Vec<UnitSpec>) -> Self {
        let interval_ms = specs.iter().map(|spec| spec.interval_ms).min().unwrap_or(60_000);
        #[expect(clippy::cast_possible_truncation, reason = "at most 5,000")]
        let longest = (LONGEST_STEP_MS / options.lapse.max(1.0)) as i64;
        let step_ms = (interval_ms / 4).min(longest).max(SHORTEST_STEP_MS);
        let units = specs.into_iter().enumerate();
        let units = units
            .map(|(index, spec)| SimulatedUnit::new(options.seed, index, spec, options.start_ms));
        Self {
            units: units.collect(),
            scenario: options.scenario,
            now_ms: options.start_ms,
            step_ms,
            lapse: options.lapse,
            in_flight: BTreeMap::new(),
            sent: 0,
        }
    }

    /// Its units, in the order of their numbers.
    pub fn specs(&self) -> impl ExactSizeIterator<Item = &UnitSpec> {
        self.units.iter().map(|unit| &unit.spec)
    }

    /// Where its time stands, unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// The grid of its time, milliseconds.
    pub fn step_ms(&self) -> i64 {
        self.step_ms
    }

    /// Lets time pass up to `to_ms` and hands over what reached the hub meanwhile, in the order of arrival.
    ///
    /// What falls into the last, unfinished step of the grid comes with the next call.
    pub fn advance(&mut self, to_ms: i64) -> Vec<SimulatedReading> {
        while self.now_ms + self.step_ms <= to_ms {
            self.now_ms += self.step_ms;
            let step = Step { at_ms: self.now_ms, length_ms: self.step_ms, lapse: self.lapse };
            for unit in &mut self.units {
                unit.step(&self.scenario, step, |reading| {
                    self.sent += 1;
                    self.in_flight.insert((reading.delivered_at_ms, self.sent), reading);
                });
            }
        }
        let later = self.in_flight.split_off(&(self.now_ms + 1, 0));
        std::mem::replace(&mut self.in_flight, later).into_values().collect()
    }

    /// Breaks a unit's compressor at an instant, for so many milliseconds.
    pub fn fail_compressor(&mut self, unit: usize, at_ms: i64, for_ms: i64) {
        self.befall(unit, Mishap::CompressorFailure, at_ms, for_ms);
    }

    /// Leaves a unit's door open.
    pub fn open_door(&mut self, unit: usize, at_ms: i64, for_ms: i64) {
        self.befall(unit, Mishap::DoorOpen, at_ms, for_ms);
    }

    /// Runs a defrost cycle.
    pub fn defrost(&mut self, unit: usize, at_ms: i64, for_ms: i64) {
        self.befall(unit, Mishap::Defrost, at_ms, for_ms);
    }

    /// Takes a unit's sensor off the air.
    pub fn silence(&mut self, unit: usize, at_ms: i64, for_ms: i64) {
        self.befall(unit, Mishap::Silence, at_ms, for_ms);
    }

    /// Takes the power from all units of a site; their sensors run on batteries and stay on the air.
    pub fn cut_power(&mut self, site: usize, at_ms: i64, for_ms: i64) {
        let spell = Spell { mishap: Mishap::PowerCut, from_ms: at_ms, until_ms: at_ms + for_ms };
        for unit in self.units.iter_mut().filter(|unit| unit.spec.site == site) {
            unit.befall(spell);
        }
    }

    fn befall(&mut self, unit: usize, mishap: Mishap, at_ms: i64, for_ms: i64) {
        if let Some(unit) = self.units.get_mut(unit) {
            unit.befall(Spell { mishap, from_ms: at_ms, until_ms: at_ms + for_ms });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::client::ingest::Target;
    use crate::client::physics::UnitKind;
    use crate::client::scenario::MINUTE_MS;

    /// 2025-11-20 08:00 UTC.
    const START_MS: i64 = 1_763_625_600_000;
    const DAY_MS: i64 = 1440 * MINUTE_MS;

    const EVERYTHING: Scenario = Scenario {
        doors: 1.0,
        defrost: true,
        failures_per_day: 0.5,
        silences_per_day: 1.0,
        radio_duplicates: 0.16,
        late: 0.05,
    };

    fn specs(count: usize) -> Vec<UnitSpec> {
        let kinds = UnitKind::ALL.into_iter().cycle();
        let spec = |(number, kind)| UnitSpec {
            target: Target::UnitId(format!("unit-{number}")),
            site: number % 2,
            kind,
            interval_ms: MINUTE_MS,
        };
        (0..count).zip(kinds).map(spec).collect()
    }

    fn fleet(seed: u64, scenario: Scenario) -> Fleet {
        let options = FleetOptions { seed, start_ms: START_MS, lapse: 1.0, scenario };
        Fleet::new(&options, specs(12))
    }

    /// Degrees of one unit's direct readings with the minutes since the start.
    fn series(readings: &[SimulatedReading], unit: usize) -> Vec<(f64, f64)> {
        let own = readings.iter().filter(|r| r.unit == unit && r.delivery == Delivery::Direct);
        own.map(|r| {
            ((r.recorded_at_ms - START_MS) as f64 / MINUTE_MS as f64, r.reading.temperature)
        })
        .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_readings_however_time_is_cut() {
        let whole = fleet(7, EVERYTHING).advance(START_MS + DAY_MS);
        let mut cut = fleet(7, EVERYTHING);
        let mut pieces = Vec::new();
        let mut now_ms = START_MS;
        while now_ms < START_MS + DAY_MS {
            now_ms = (now_ms + 17_123).min(START_MS + DAY_MS);
            pieces.extend(cut.advance(now_ms));
        }
        assert!(whole.len() > 12 * 1000, "{} readings", whole.len());
        assert!(whole == pieces, "the sequences differ");
    }

    #[test]
    fn another_seed_gives_other_readings() {
        let one = fleet(7, EVERYTHING).advance(START_MS + DAY_MS / 24);
        let other = fleet(8, EVERYTHING).advance(START_MS + DAY_MS / 24);
        let temperatures = |readings: &[SimulatedReading]| -> Vec<_> {
            readings.iter().map(|r| r.reading.temperature.to_bits()).collect()
        };
        assert_ne!(temperatures(&one), temperatures(&other));
    }

    #[test]
    fn every_reading_stays_within_what_nature_allows() {
        for seed in 0..6 {
            let readings = fleet(seed, EVERYTHING).advance(START_MS + DAY_MS);
            for SimulatedReading { reading, .. } in &readings {
                let celsius = reading.temperature;
                assert!((-40.0..30.0).contains(&celsius), "{celsius} °C with seed {seed}");
                assert!(reading.humidity.is_some_and(|h| (0.0..=100.0).contains(&h)));
                assert!(reading.battery.is_some_and(|b| (0.0..=100.0).contains(&b)));
                assert!(reading.signal_strength.is_some_and(|s| (-130..-40).contains(&s)));
            }
        }
    }

    #[test]
    fn a_healthy_fridge_stays_between_2_and_5_degrees_nearly_always() {
        for seed in 0..10 {
            let scenario = Scenario { doors: 1.0, defrost: true, ..Scenario::default() };
            let readings = fleet(seed, scenario).advance(START_MS + DAY_MS);
            let fridge = series(&readings, 0);
            let good = fridge.iter().filter(|(_, c)| (2.0..=5.0).contains(c)).count();
            let share = good as f64 / fridge.len() as f64;
            assert!(share > 0.9, "{share} of the day with seed {seed}");
        }
    }

    #[test]
    fn without_doors_no_unit_leaves_its_limits() {
        let readings = fleet(3, Scenario::default()).advance(START_MS + DAY_MS);
        for unit in 0..12 {
            let (low, high) = match specs(12)[unit].kind {
                UnitKind::Fridge | UnitKind::PrepTable | UnitKind::WalkIn => (0.0, 5.0),
                UnitKind::Freezer | UnitKind::WalkInFreezer => (-30.0, -18.0),
                UnitKind::VaccineFridge => (2.0, 8.0),
            };
            for (minute, celsius) in series(&readings, unit) {
                assert!(
                    (low..=high).contains(&celsius),
                    "unit {unit}: {celsius} °C at {minute} min"
                );
            }
        }
    }

    #[test]
    fn a_fridge_without_compressor_passes_8_degrees_within_hours() {
        for seed in 0..20 {
            let mut fleet = fleet(seed, Scenario::default());
            fleet.fail_compressor(0, START_MS, DAY_MS);
            let readings = fleet.advance(START_MS + DAY_MS);
            let fridge = series(&readings, 0);
            let crossed =
                fridge.iter().find(|(_, celsius)| *celsius > 8.0).map(|(minute, _)| *minute);
            assert!(
                crossed.is_some_and(|m| (30.0..360.0).contains(&m)),
                "{crossed:?}, seed {seed}"
            );
            assert!(fridge.last().is_some_and(|(_, celsius)| *celsius > 12.0));
            let others = series(&readings, 6);
            assert!(others.iter().all(|(_, celsius)| *celsius < 5.5), "only one unit fails");
        }
    }

    #[test]
    fn a_power_cut_takes_every_unit_of_its_site_and_no_other() {
        let mut fleet = fleet(5, Scenario::default());
        fleet.cut_power(0, START_MS + 30 * MINUTE_MS, 12 * 60 * MINUTE_MS);
        let readings = fleet.advance(START_MS + DAY_MS / 2);
        for (unit, spec) in specs(12).iter().enumerate() {
            let high = match spec.kind {
                UnitKind::Freezer | UnitKind::WalkInFreezer => -17.78,
                _ => 8.0,
            };
            let left = series(&readings, unit).iter().any(|(_, celsius)| *celsius > high);
            assert_eq!(left, spec.site == 0, "unit {unit}, {:?}", spec.kind);
        }
    }

    #[test]
    fn an_open_door_is_reported_at_once_and_warms_the_unit() {
        let mut fleet = fleet(11, Scenario::default());
        let opened_ms = START_MS + 60 * MINUTE_MS + 12_345;
        fleet.open_door(0, opened_ms, 6 * MINUTE_MS);
        let readings = fleet.advance(START_MS + 3 * 60 * MINUTE_MS);
        let open: Vec<_> = readings.iter().filter(|r| r.reading.door_open == Some(true)).collect();
        assert!(open.iter().all(|r| r.unit == 0));
        let first = open[0].recorded_at_ms;
        assert!((opened_ms..opened_ms + 5_001).contains(&first), "{} ms after", first - opened_ms);
        let warmest = series(&readings, 0).iter().map(|(_, c)| *c).fold(f64::MIN, f64::max);
        assert!((5.0..14.0).contains(&warmest), "{warmest} °C");
    }

    #[test]
    fn a_silent_sensor_sends_nothing_and_its_neighbours_go_on() {
        let mut fleet = fleet(2, Scenario::default());
        let (from_ms, for_ms) = (START_MS + 10 * MINUTE_MS, 30 * MINUTE_MS);
        fleet.silence(4, from_ms, for_ms);
        let readings = fleet.advance(START_MS + 60 * MINUTE_MS);
        let in_silence = |unit: usize| {
            let own = readings.iter().filter(|r| r.unit == unit);
            own.filter(|r| (from_ms + 5_000..from_ms + for_ms).contains(&r.recorded_at_ms)).count()
        };
        assert_eq!(in_silence(4), 0);
        assert!(in_silence(5) >= 28);
    }

    #[test]
    fn the_radio_repeats_and_delays_but_measures_nothing_new() {
        let scenario = Scenario { radio_duplicates: 0.16, late: 0.05, ..Scenario::default() };
        let noisy = fleet(9, scenario).advance(START_MS + DAY_MS);
        let plain = fleet(9, Scenario::default()).advance(START_MS + DAY_MS);
        let measured = |readings: &[SimulatedReading]| -> HashSet<String> {
            readings.iter().map(|r| serde_json::to_string(&r.reading).unwrap()).collect()
        };
        // those still in flight at the end are missing from the noisy one
        assert!(measured(&noisy).is_subset(&measured(&plain)));
        let share = |delivery| {
            let so = noisy.iter().filter(|r| r.delivery == delivery).count();
            so as f64 / plain.len() as f64
        };
        assert!((0.14..0.18).contains(&share(Delivery::Duplicate)));
        assert!((0.04..0.06).contains(&share(Delivery::Late)));
        assert!(noisy.is_sorted_by_key(|r| r.delivered_at_ms));
        assert!(!noisy.is_sorted_by_key(|r| r.recorded_at_ms));
    }
}
