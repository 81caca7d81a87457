//! What may happen to a fleet by itself, and how often.

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

use super::physics::Profile;

/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// Minutes of a day.
pub const MINUTES_A_DAY: f64 = 1440.0;

/// How often what happens by itself; nothing does by default.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Scenario {
    /// Door openings, as a multiple of what is usual for the kind of unit.
    pub doors: f64,
    /// Whether units defrost.
    pub defrost: bool,
    /// Compressor failures a unit and day.
    pub failures_per_day: f64,
    /// Silences of a sensor a unit and day.
    pub silences_per_day: f64,
    /// Share of readings that the radio delivers twice.
    pub radio_duplicates: f64,
    /// Share of readings that arrive after later ones.
    pub late: f64,
}

/// What can befall a unit for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// The compressor does not run.
    CompressorFailure,
    /// There is no power, at this unit and all others of its site.
    PowerCut,
    /// The door stands open.
    DoorOpen,
    /// A defrost cycle runs.
    Defrost,
    /// The sensor measures nothing and sends nothing.
    Silence,
}

/// Something that befalls a unit from one instant up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell {
    /// What it is.
    pub mishap: Mishap,
    /// First instant of it, unix milliseconds.
    pub from_ms: i64,
    /// First instant after it, unix milliseconds.
    pub until_ms: i64,
}

impl Spell {
    /// Whether it lasts at that instant.
    pub fn covers(&self, at_ms: i64) -> bool {
        (self.from_ms..self.until_ms).contains(&at_ms)
    }
}

/// Door openings by hour of the day, as multiples of the day's mean: prep, lunch, dinner, and nobody at night.
const DOORS_BY_HOUR: [f64; 24] = [
    0.1, 0.05, 0.0, 0.0, 0.05, 0.3, 1.0, 1.5, 1.4, 1.2, 1.3, 2.0, 2.4, 1.8, 1.0, 0.8, 1.0, 1.8,
    2.3, 2.0, 1.2, 0.5, 0.2, 0.1,
];

/// One step of simulated time.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The instant at its end, unix milliseconds.
    pub at_ms: i64,
    /// Its length, milliseconds.
    pub length_ms: i64,
    /// How much faster heat flows and things happen than the clock says.
    pub lapse: f64,
}

impl Step {
    /// What passes in it, in minutes of the unit's own life.
    pub fn minutes(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "steps are seconds")]
        let clock_minutes = self.length_ms as f64 / MINUTE_MS as f64;
        clock_minutes * self.lapse
    }

    /// A spell from now on, so many minutes of the unit's own life.
    pub fn spell(self, mishap: Mishap, minutes: f64) -> Spell {
        let length_ms = minutes_ms(minutes / self.lapse).max(self.length_ms);
        Spell { mishap, from_ms: self.at_ms, until_ms: self.at_ms + length_ms }
    }
}

impl Scenario {
    /// What begins by chance within a step.
    ///
    /// Every chance is drawn in every step, so that what is switched on changes its own events and no others.
    pub fn chance(
        &self,
        profile: &Profile,
        rng: &mut Xoshiro256PlusPlus,
        step: Step,
    ) -> [Option<Spell>; 3] {
        let doors = self.doors * profile.doors_per_day * DOORS_BY_HOUR[hour_of_day(step.at_ms)];
        [
            (Mishap::DoorOpen, doors, (0.1, 1.2)),
            (Mishap::CompressorFailure, self.failures_per_day, (60.0, 480.0)),
            (Mishap::Silence, self.silences_per_day, (15.0, 180.0)),
        ]
        .map(|(mishap, per_day, (shortest, longest))| {
            let begins = rng.random::<f64>() < per_day * step.minutes() / MINUTES_A_DAY;
            // most are short: the square of an even draw
            let minutes = shortest + (longest - shortest) * rng.random::<f64>().powi(2);
            begins.then(|| step.spell(mishap, minutes))
        })
    }

    /// The defrost that the unit's own timer starts in a step; `run_min` is how long the timer has run at its end.
    pub fn defrost_due(
        &self,
        profile: &Profile,
        rng: &mut Xoshiro256PlusPlus,
        step: Step,
        run_min: f64,
    ) -> Option<Spell> {
        let (shortest, longest) = profile.defrost_min;
        let minutes = rng.random_range(shortest..longest);
        let period = MINUTES_A_DAY / profile.defrosts_per_day;
        let rounds_before = ((run_min - step.minutes()) / period).floor();
        let due = self.defrost && period.is_finite() && (run_min / period).floor() > rounds_before;
        due.then(|| step.spell(Mishap::Defrost, minutes))
    }
}

/// Whole milliseconds of so many minutes.
pub fn minutes_ms(minutes: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "spells last hours, not millions of years")]
    #[expect(clippy::cast_precision_loss, reason = "a constant far below 2^53")]
    let ms = (minutes * MINUTE_MS as f64) as i64;
    ms
}

fn hour_of_day(at_ms: i64) -> usize {
    usize::try_from(at_ms.div_euclid(60 * MINUTE_MS).rem_euclid(24)).unwrap_or_default()
}
