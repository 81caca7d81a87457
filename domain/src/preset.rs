//! Presets: what a unit's type says about its rule, one row for each type.
//!
//! A row quotes a legal or guidance limit in its own unit of measure, with its source and how far
//! that was checked. It is an engineering reading, no legal advice. The table is in
//! `rows`; [`Preset::layer`] makes rule fields of a row. Every limit is inclusive: a reading equal
//! to it is in range.

mod rows;

use crate::{Layer, MilliCelsius, RuleField};

use rows::ALL;

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
