//! Temperatures by script: well, out of range, almost back, and out again, for spans about as long as confirm times.

use hub_domain::{MilliCelsius, Timestamp};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

/// Levels in m°C for limits of 0 and 8 °C with a hysteresis of 0.5: inside (twice as often as the others), too warm,
/// just inside the upper limit, too cold.
const LEVELS: [i32; 5] = [3_000, 4_000, 9_500, 7_750, -2_000];

/// How long a level is kept, in ms: shorter and longer than the shortest confirm time of a rule.
const SPANS_MS: std::ops::Range<i64> = 300..5_000;

/// The temperatures of one unit.
#[derive(Debug, Clone)]
pub struct Script {
    draw: Xoshiro256PlusPlus,
    level: i32,
    until: Timestamp,
}

impl Script {
    /// The script of unit number `unit` in the run of `seed`.
    #[must_use]
    pub fn new(seed: u64, unit: usize) -> Self {
        let mut draw = Xoshiro256PlusPlus::seed_from_u64(seed);
        for _ in 0..=unit {
            draw = Xoshiro256PlusPlus::seed_from_u64(draw.random());
        }
        Self { draw, level: LEVELS[0], until: Timestamp::from_millis(i64::MIN) }
    }

    /// The temperature at `at`, which is asked for in rising order.
    pub fn at(&mut self, at: Timestamp) -> MilliCelsius {
        if at >= self.until {
            self.level = LEVELS[self.draw.random_range(0..LEVELS.len())];
            self.until = at.plus_millis(self.draw.random_range(SPANS_MS));
        }
        MilliCelsius(self.level + self.draw.random_range(-200..=200))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_minute(seed: u64, unit: usize) -> Vec<i32> {
        let mut script = Script::new(seed, unit);
        (0..600).map(|tick| script.at(Timestamp::from_millis(tick * 100)).0).collect()
    }

    #[test]
    fn a_seed_says_it_all_and_units_differ() {
        assert_eq!(first_minute(7, 3), first_minute(7, 3));
        assert_ne!(first_minute(7, 3), first_minute(7, 4));
        assert_ne!(first_minute(7, 3), first_minute(8, 3));
    }

    #[test]
    fn every_level_comes_up() {
        let minute = first_minute(1, 1);
        for range in [8_001..20_000, 7_501..8_001, 0..7_501, -20_000..0] {
            assert!(minute.iter().any(|milli| range.contains(milli)), "{range:?}");
        }
    }
}
