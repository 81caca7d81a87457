//! Presets: what a unit's type says about its rule, one row for each type.
//!
//! A row quotes a legal or guidance limit in its own unit of measure, with its source and how far
//! that was checked. It is an engineering reading, no legal advice. The table is the rows of `ALL`
//! below; [`Preset::layer`] makes rule fields of a row. Every limit is inclusive: a reading equal
//! to it is in range.

use crate::{Layer, MilliCelsius, RuleField};

crate::alert::names! {
    /// How far a figure was checked.
    Mark {
        /// Read in a source.
        Verified = "verified",
        /// Commonly known, not checked against the primary text.
        Known = "known",
        /// Proposed by this product.
        Proposed = "proposed",
    }
}

impl Mark {
    /// True only for figures read in a source. Say "not verified" of others where a person picks a
    /// preset.
    #[must_use]
    pub const fn is_verified(self) -> bool {
        matches!(self, Self::Verified)
    }
}

crate::alert::names! {
    /// Whether the hub can judge by a preset.
    Support {
        /// It can.
        Supported = "supported",
        /// Not yet: a falling curve against the clock.
        Cooling = "cooling",
        /// Not yet: time without temperature control.
        TimeAsControl = "time_as_control",
        /// Not yet: time outside added up over many excursions.
        Cumulative = "cumulative",
        /// Not yet: a mean weighted by reaction speed.
        MeanKinetic = "mean_kinetic",
    }
}

/// A temperature in the measure of the text that says it, in thousandths of a degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Native {
    F(i64),
    C(i64),
}

impl Native {
    fn milli_celsius(self) -> Option<i64> {
        let value = match self {
            Self::F(milli) => MilliCelsius::from_milli_fahrenheit(milli),
            Self::C(milli) => MilliCelsius::from_milli_celsius(milli),
        };
        value.map(|value| i64::from(value.0))
    }
}

const fn f(degrees: i64) -> Option<Native> {
    Some(Native::F(degrees * 1000))
}

const fn c(degrees: i64) -> Option<Native> {
    Some(Native::C(degrees * 1000))
}

/// Minutes out of range before it is an alarm: door shut or unknown, door open.
type Delay = (i64, i64);

/// What a row says of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    high: Option<Native>,
    low: Option<Native>,
    high_delay: Delay,
    low_delay: Delay,
    high_ceiling: Option<Native>,
    ceiling_hours: Option<i64>,
    interval_minutes: i64,
    plausible_min: Option<Native>,
}

/// A unit that is checked every 5 minutes, with no limits yet.
const FOOD: Said = Said {
    high: None,
    low: None,
    high_delay: (0, 0),
    low_delay: (0, 0),
    high_ceiling: None,
    ceiling_hours: None,
    interval_minutes: 5,
    plausible_min: None,
};

/// At most `high`, with the delay of a shut and of an open door in minutes.
const fn at_most(high: Option<Native>, shut: i64, open: i64) -> Said {
    Said { high, high_delay: (shut, open), ..FOOD }
}

/// At least `low`.
const fn at_least(low: Option<Native>, shut: i64, open: i64) -> Said {
    Said { low, low_delay: (shut, open), ..FOOD }
}

/// From `low` to `high`, checked every 15 minutes: the most that the table allows for medicine.
const fn medicine(low: Option<Native>, high: Option<Native>, minutes: i64) -> Said {
    let delay = (minutes, minutes);
    Said { high, low, high_delay: delay, low_delay: delay, interval_minutes: 15, ..FOOD }
}

/// What a type of unit is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The stable name, as in the store.
    pub id: &'static str,
    /// The type of unit or the process.
    pub name: &'static str,
    /// Whose rule it is: `US`, `US-NYC`, `EU`, `FR`, `WHO`, or none.
    pub jurisdiction: &'static str,
    /// The limit as the source has it, in its own measure.
    pub limit: &'static str,
    /// The source.
    pub citation: &'static str,
    /// How far the limit was checked.
    pub limit_mark: Mark,
    /// How far the times before an alarm were checked.
    pub delay_mark: Mark,
    /// Whether the hub can judge by it.
    pub support: Support,
    said: Said,
}

impl Preset {
    /// Every preset, in the order of the documentation, those not yet supported among them.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        ALL
    }

    /// The preset of that id.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        ALL.iter().find(|preset| preset.id == id)
    }

    /// True if a unit may have it.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        self.support == Support::Supported
    }

    /// What it says of the rule. Nothing where it is not yet supported.
    ///
    /// # Panics
    /// Never: a test holds every row against the ranges of the fields.
    #[must_use]
    pub fn layer(&self) -> Layer {
        let mut layer = Layer::default();
        if self.is_supported() {
            for (field, value) in self.said.fields() {
                layer.set(field, Some(value)).expect("every row is within the fields' ranges");
            }
        }
        layer
    }
}

impl Said {
    /// The fields said. A side without a limit has no delay either.
    fn fields(self) -> impl Iterator<Item = (RuleField, i64)> {
        use RuleField as F;
        let degrees = |native: Option<Native>| native.and_then(Native::milli_celsius);
        let high = |minutes: i64| self.high.map(|_| minutes * 60);
        let low = |minutes: i64| self.low.map(|_| minutes * 60);
        [
            (F::HighLimit, degrees(self.high)),
            (F::LowLimit, degrees(self.low)),
            (F::ConfirmHighShutSecs, high(self.high_delay.0)),
            (F::ConfirmHighOpenSecs, high(self.high_delay.1)),
            (F::ConfirmLowShutSecs, low(self.low_delay.0)),
            (F::ConfirmLowOpenSecs, low(self.low_delay.1)),
            (F::HighCeiling, degrees(self.high_ceiling)),
            (F::CeilingSecs, self.ceiling_hours.map(|hours| hours * 3600)),
            (F::PlausibleMin, degrees(self.plausible_min)),
            (F::ExpectedIntervalSecs, Some(self.interval_minutes * 60)),
        ]
        .into_iter()
        .filter_map(|(field, value)| value.map(|value| (field, value)))
    }
}

/// A row whose limit was checked as `mark` says, with proposed delays.
const fn row(id: &'static str, mark: Mark, texts: [&'static str; 4], said: Said) -> Preset {
    let [name, jurisdiction, limit, citation] = texts;
    let (delay_mark, support) = (Mark::Proposed, Support::Supported);
    Preset { id, name, jurisdiction, limit, citation, limit_mark: mark, delay_mark, support, said }
}

/// A row that the hub cannot judge by yet.
const fn later(id: &'static str, mark: Mark, support: Support, texts: [&'static str; 4]) -> Preset {
    Preset { support, delay_mark: mark, ..row(id, mark, texts, FOOD) }
}

use Mark::{Known as K, Verified as V};

const ALL: &[Preset] = &[
    row(
        "us.cold.reachin",
        V,
        ["Reach-in fridge", "US", "≤ 41 °F; low guard 32 °F (proposed)", "FDA FC 3-501.16(A)(2)"],
        // two hours out of range ask for attention, whatever the door
        Said { low: f(32), low_delay: (15, 30), ceiling_hours: Some(2), ..at_most(f(41), 15, 30) },
    ),
    row(
        "us.cold.walkin",
        V,
        ["Walk-in cooler", "US", "≤ 41 °F", "FDA FC 3-501.16(A)(2)"],
        Said { ceiling_hours: Some(2), ..at_most(f(41), 20, 30) },
    ),
    row(
        "us.cold.prep",
        V,
        ["Prep table", "US", "≤ 41 °F", "FDA FC 3-501.16(A)(2)"],
        Said { ceiling_hours: Some(2), ..at_most(f(41), 10, 20) },
    ),
    row(
        "us.cold.display",
        V,
        ["Open display", "US", "≤ 41 °F", "FDA FC 3-501.16(A)(2)"],
        Said { ceiling_hours: Some(2), ..at_most(f(41), 30, 30) },
    ),
    row(
        "us.eggs",
        V,
        ["Raw shell-egg cooler (air)", "US", "≤ 45 °F", "FDA FC 3-501.14(D), WAC 246-215-03525"],
        Said { ceiling_hours: Some(4), ..at_most(f(45), 30, 30) },
    ),
    row("us.milk", K, ["Grade A milk storage", "US", "≤ 45 °F", "PMO"], at_most(f(45), 30, 30)),
    row(
        "us.fish.histamine",
        K,
        ["Scombroid storage", "US", "≤ 40 °F", "FDA Fish Hazards Guide"],
        at_most(f(40), 30, 30),
    ),
    row(
        "us.fish.rop",
        K,
        ["Vacuum-packed fish", "US", "≤ 38 °F", "FDA Fish Hazards Guide / FC 3-502.12"],
        at_most(f(38), 30, 30),
    ),
    row(
        "us.frozen",
        K,
        [
            "Freezer, walk-in freezer",
            "US",
            "≤ 0 °F (quality); thawing above 32 °F",
            "FDA FC 3-501.11",
        ],
        // food that thaws is an alarm at once
        Said { high_ceiling: f(32), ..at_most(f(0), 30, 45) },
    ),
    row(
        "us.icecream",
        K,
        [
            "Ice cream dipping, hardening",
            "US",
            "≤ −10 to 0 °F by product; here 0 °F",
            "trade practice",
        ],
        Said { high_ceiling: f(10), ..at_most(f(0), 30, 30) },
    ),
    row(
        "us.hot",
        V,
        ["Hot holding", "US", "≥ 135 °F (roasts 130 °F)", "FDA FC 3-501.16(A)(1)"],
        Said { ceiling_hours: Some(4), ..at_least(f(135), 15, 15) },
    ),
    row(
        "us.nyc.hot",
        V,
        ["Hot holding, New York City", "US-NYC", "≥ 140 °F", "NYC Health Code 81.10 table 1"],
        Said { ceiling_hours: Some(4), ..at_least(f(140), 15, 15) },
    ),
    later(
        "us.cool.cooked",
        V,
        Support::Cooling,
        ["Cooling batch", "US", "135 → 70 °F ≤ 2 h; → 41 °F ≤ 6 h total", "FDA FC 3-501.14(A)"],
    ),
    later(
        "us.cool.ambient",
        V,
        Support::Cooling,
        ["Cooling from ambient", "US", "≤ 41 °F in 4 h", "FDA FC 3-501.14(B)"],
    ),
    later(
        "us.tphc.4h",
        V,
        Support::TimeAsControl,
        ["Time as control, 4 h", "US", "4 h", "FDA FC 3-501.19(B)"],
    ),
    later(
        "us.tphc.6h",
        V,
        Support::TimeAsControl,
        ["Time as control, 6 h", "US", "6 h with food ≤ 70 °F", "FDA FC 3-501.19(C)"],
    ),
    row(
        "eu.qff",
        V,
        // above −15 °C only a lasting rise counts, so it is left to the confirm time
        [
            "Quick-frozen store",
            "EU",
            "≤ −18 °C; brief rise ≤ 3 °C in distribution",
            "Dir 89/108, Reg 37/2005",
        ],
        at_most(c(-18), 30, 45),
    ),
    row(
        "eu.frozen.other",
        V,
        ["Other frozen food", "FR", "≤ −12 °C", "French order, via Legaware"],
        at_most(c(-12), 30, 30),
    ),
    row(
        "eu.icecream",
        V,
        ["Ice cream", "FR", "≤ −18 °C", "French order, via Legaware"],
        at_most(c(-18), 30, 30),
    ),
    row("eu.meat.red", V, ["Meat", "EU", "≤ 7 °C", "Reg 853/2004"], at_most(c(7), 20, 30)),
    row("eu.meat.offal", V, ["Offal", "EU", "≤ 3 °C", "Reg 853/2004"], at_most(c(3), 20, 30)),
    row(
        "eu.meat.poultry",
        V,
        ["Poultry, meat preparations", "EU", "≤ 4 °C", "Reg 853/2004"],
        at_most(c(4), 20, 30),
    ),
    row(
        "eu.meat.minced",
        V,
        ["Minced meat", "EU", "≤ 2 °C", "Reg 853/2004"],
        at_most(c(2), 15, 20),
    ),
    row(
        "eu.fish.fresh",
        K,
        ["Fresh fish", "EU", "melting ice, 0 to 2 °C", "Reg 853/2004 annex III sec VIII"],
        Said { low: c(0), low_delay: (20, 20), ..at_most(c(2), 20, 20) },
    ),
    row(
        "rx.vaccine.fridge",
        V,
        ["Vaccine refrigerator", "US", "2 to 8 °C, aim 5 °C", "CDC toolkit, via EZIZ and Tovatech"],
        // frost spoils a vaccine for good: the longest low delay that the table proposes (0 to 5 min)
        Said { low_delay: (5, 5), ..medicine(c(2), c(8), 15) },
    ),
    row(
        "rx.vaccine.freezer",
        V,
        ["Vaccine freezer", "US", "−50 to −15 °C", "CDC toolkit, via Tovatech"],
        medicine(c(-50), c(-15), 15),
    ),
    row(
        "rx.vaccine.ult",
        K,
        ["Ultra-cold vaccine freezer", "US", "−90 to −60 °C", "CDC toolkit"],
        // the default range of plausible values ends above the lower limit
        Said { plausible_min: c(-120), ..medicine(c(-90), c(-60), 15) },
    ),
    Preset {
        delay_mark: K,
        ..row(
            "who.fridge.30dtr",
            K,
            [
                "EPI fridge logger",
                "WHO",
                "> +8 °C for 10 h; < −0.5 °C for 60 min",
                "WHO PQS E006/TR06",
            ],
            Said {
                high_delay: (600, 600),
                low_delay: (60, 60),
                ..medicine(Some(Native::C(-500)), c(8), 60)
            },
        )
    },
    later(
        "who.ship.type1",
        V,
        Support::Cumulative,
        [
            "Shipment device I",
            "WHO",
            "≥ 45 °C 1 h; ≥ 30 °C 10 h cumulative; ≤ −0.5 °C 1 h",
            "WHO Q-tag guide",
        ],
    ),
    later(
        "who.ship.type2",
        V,
        Support::Cumulative,
        [
            "Shipment device II",
            "WHO",
            "≥ 45 °C 1 h; ≥ 30 °C 10 h cumulative; ≥ 10 °C 20 h cumulative",
            "WHO Q-tag guide",
        ],
    ),
    later(
        "rx.crt",
        K,
        Support::MeanKinetic,
        [
            "Controlled room temperature",
            "US",
            "20 to 25 °C, excursions 15 to 30 °C, mean kinetic ≤ 25 °C",
            "USP <659>, <1079.2>",
        ],
    ),
    row(
        "rx.blood",
        K,
        ["Blood refrigerator", "US", "1 to 6 °C", "21 CFR 640 / AABB"],
        medicine(c(1), c(6), 5),
    ),
    row(
        "env.ambient",
        V,
        [
            "Kitchen, plant room",
            "none",
            "> 90 °F for 30 min (information)",
            "FreshTrack Pro's library",
        ],
        at_most(f(90), 30, 30),
    ),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        Channel, Input, Point, Reading, Rule, RuleLayer, Side, SourceId, Timestamp, Unit, UnitId,
        UnitState, thermal::Thermal,
    };

    fn supported() -> impl Iterator<Item = (&'static Preset, Rule)> {
        Preset::all().iter().filter(|preset| preset.is_supported()).map(|preset| {
            let rule = Rule::resolve(&[(RuleLayer::Preset, &preset.layer())]);
            (preset, rule.unwrap_or_else(|error| panic!("{}: {error}", preset.id)))
        })
    }

    /// The temperatures at and beside each edge of `rule`.
    fn edges(rule: &Rule) -> impl Iterator<Item = MilliCelsius> {
        let limits = [rule.high_limit, rule.low_limit, rule.high_ceiling, rule.low_ceiling];
        let plausible = [Some(rule.plausible_min), Some(rule.plausible_max)];
        let near =
            |edge: MilliCelsius| [-501, -500, -499, -1, 0, 1, 499, 500, 501].map(|d| edge.plus(d));
        limits.into_iter().chain(plausible).flatten().flat_map(near)
    }

    fn reading(celsius: MilliCelsius, at: Timestamp) -> Reading {
        let source = SourceId(uuid::Uuid::from_u128(7));
        Reading::new(Point { source, channel: Channel::TEMPERATURE }, at, at, celsius)
    }

    #[test]
    fn ids_are_unique_and_found_again() {
        for preset in Preset::all() {
            assert_eq!(Preset::find(preset.id), Some(preset));
        }
        assert_eq!(Preset::find("us.none"), None);
    }

    #[test]
    fn every_supported_preset_is_a_whole_rule_and_no_other_says_anything() {
        assert_eq!(supported().count(), 26);
        assert!(Preset::all().iter().all(|p| p.is_supported() != p.layer().is_empty()));
        for (preset, rule) in supported() {
            assert!(rule.high_limit.or(rule.low_limit).is_some(), "{}", preset.id);
        }
    }

    #[test]
    fn legal_limits_become_milli_degrees_and_minutes_seconds() {
        let rule = |id| supported().find(|(preset, _)| preset.id == id).unwrap().1;
        let fridge = rule("us.cold.reachin");
        assert_eq!(
            (fridge.high_limit, fridge.low_limit),
            (Some(MilliCelsius(5_000)), Some(MilliCelsius(0)))
        );
        assert_eq!((fridge.confirm_high_shut_secs, fridge.confirm_high_open_secs), (900, 1800));
        assert_eq!(fridge.ceiling_secs, Some(7_200));
        let freezer = rule("us.frozen");
        assert_eq!((freezer.high_limit, freezer.low_limit), (Some(MilliCelsius(-17_778)), None));
        assert_eq!(freezer.high_ceiling, Some(MilliCelsius(0)));
        let vaccine = rule("rx.vaccine.fridge");
        assert_eq!((vaccine.confirm_high_shut_secs, vaccine.confirm_low_shut_secs), (900, 300));
        assert_eq!(vaccine.expected_interval_secs, 900);
        assert_eq!(rule("who.fridge.30dtr").low_limit, Some(MilliCelsius(-500)));
        assert_eq!(rule("us.hot").low_limit, Some(MilliCelsius(57_222)));
    }

    #[test]
    fn a_temperature_equal_to_the_limit_is_in_range() {
        for (preset, rule) in supported() {
            for side in Side::BOTH {
                let Some(limit) = side.limit(&rule) else { continue };
                let beyond = limit.plus(if side == Side::High { 1 } else { -1 });
                assert!(!side.is_outside(limit, &rule), "{}", preset.id);
                assert!(side.is_outside(beyond, &rule), "{}", preset.id);
                assert!(reading(beyond, Timestamp::EARLIEST).is_plausible(&rule), "{}", preset.id);
            }
        }
    }

    #[test]
    fn every_milli_degree_is_judged_one_way() {
        for (preset, rule) in supported() {
            let axis = (-100_000..=200_000).map(MilliCelsius);
            for celsius in axis.chain(edges(&rule)) {
                let is_fault = !reading(celsius, Timestamp::EARLIEST).is_plausible(&rule);
                let outside = Side::BOTH.map(|side| !is_fault && side.is_outside(celsius, &rule));
                let is_inside = !is_fault && outside == [false, false];
                let ways = [is_fault, outside[0], outside[1], is_inside];
                assert_eq!(
                    ways.iter().filter(|way| **way).count(),
                    1,
                    "{} at {celsius:?}",
                    preset.id
                );
            }
        }
    }

    #[test]
    fn a_steady_temperature_ends_ok_or_alarmed_and_never_between() {
        let start = Timestamp::EARLIEST.plus_secs(86_400);
        let id = UnitId(uuid::Uuid::from_u128(1));
        for (preset, rule) in supported() {
            let rule = Arc::new(rule);
            let axis = (-100_000..=200_000).step_by(250).map(MilliCelsius);
            for celsius in axis.chain(edges(&rule)) {
                let unit = Unit { id, rule: Arc::clone(&rule), state: UnitState::default() };
                let state = unit.step(&[Input::Reading(&reading(celsius, start))], start).state;
                let state = Unit { state, ..unit }.step(&[], start.plus_secs(86_400)).state;
                let is_fault = !reading(celsius, start).is_plausible(&rule);
                let is_out = Side::BOTH.into_iter().any(|side| side.is_outside(celsius, &rule));
                let wanted = if is_out && !is_fault { Thermal::AlarmActive } else { Thermal::Ok };
                assert_eq!(state.thermal(), wanted, "{} at {celsius:?}", preset.id);
                assert_eq!(state.points[0].is_faulty, is_fault, "{} at {celsius:?}", preset.id);
            }
        }
    }
}
