//! Alert rules: what is said at each layer, and what that comes to for one unit.
//!
//! A [`Layer`] is a set of fields with values. A unit's [`Rule`] is resolved field by field: unit, site,
//! organization, the preset of its type, and at last the field's default. [`RuleField`] is the one table of the
//! fields: names, units, ranges, defaults and meanings.

use std::collections::BTreeMap;

use crate::MilliCelsius;

/// Where the value of a rule's field was said. The first in this order that says anything wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleLayer {
    /// The unit's own rule.
    Unit,
    /// The rule of its site.
    Site,
    /// The rule of its organization.
    Organization,
    /// The preset of its type.
    Preset,
    /// The hub's default.
    Default,
}

impl RuleLayer {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Site => "site",
            Self::Organization => "organization",
            Self::Preset => "preset",
            Self::Default => "default",
        }
    }
}

/// What a field's number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A temperature in milli-degrees Celsius.
    Temperature,
    /// A difference of temperatures in milli-degrees Celsius.
    Degrees,
    /// Whole seconds.
    Seconds,
    /// A number of things.
    Count,
    /// Percent.
    Percent,
    /// Millivolts.
    Millivolts,
}

/// One row of the table of fields.
struct FieldSpec {
    name: &'static str,
    measure: Measure,
    min: i64,
    max: i64,
    /// `None` means "none by default", and that `None` may be said.
    default: Option<i64>,
    doc: &'static str,
}

const DAY: i64 = 86_400;
const COLDEST: i64 = -273_150;
const HOTTEST: i64 = 1_000_000;

macro_rules! fields {
    ($($variant:ident $name:literal $measure:ident $min:expr, $max:expr, $default:expr; $doc:literal)*) => {
        /// A field of a rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum RuleField {
            $(#[doc = $doc] $variant,)*
        }

        impl RuleField {
            /// Every field, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            const fn spec(self) -> FieldSpec {
                match self {
                    $(Self::$variant => FieldSpec {
                        name: $name, measure: Measure::$measure, min: $min, max: $max, default: $default, doc: $doc,
                    },)*
                }
            }
        }
    };
}

// The defaults are those of the design ("Thermal transitions", "Kinds of alert", "regions").
fields! {
    HighLimit "highLimit" Temperature COLDEST, HOTTEST, None; "Warmer than this is out of range; equal is inside. None: no upper limit."
    LowLimit "lowLimit" Temperature COLDEST, HOTTEST, None; "Colder than this is out of range; equal is inside. None: no lower limit."
    Hysteresis "hysteresis" Degrees 0, 20_000, Some(500); "How far back inside a limit a reading must come to count as cleared."
    ConfirmHighShutSecs "confirmHighShutSecs" Seconds 0, DAY, Some(600); "How long too warm before it is an alarm, door shut or unknown."
    ConfirmHighOpenSecs "confirmHighOpenSecs" Seconds 0, DAY, Some(1200); "How long too warm before it is an alarm, door open."
    ConfirmLowShutSecs "confirmLowShutSecs" Seconds 0, DAY, Some(600); "How long too cold before it is an alarm, door shut or unknown."
    ConfirmLowOpenSecs "confirmLowOpenSecs" Seconds 0, DAY, Some(1200); "How long too cold before it is an alarm, door open."
    RestoreReadings "restoreReadings" Count 1, 20, Some(2); "Cleared readings in a row that make a unit ok again."
    HighCeiling "highCeiling" Temperature COLDEST, HOTTEST, None; "Warmer than this is an alarm at once, without confirm time."
    LowCeiling "lowCeiling" Temperature COLDEST, HOTTEST, None; "Colder than this is an alarm at once, without confirm time."
    CeilingSecs "ceilingSecs" Seconds 0, 7 * DAY, None; "The longest time out of range before it is an alarm, whatever the confirm times and the door say."
    PlausibleMin "plausibleMin" Temperature COLDEST, HOTTEST, Some(-73_333); "Colder than this is a sensor fault, not a temperature (default -100 °F)."
    PlausibleMax "plausibleMax" Temperature COLDEST, HOTTEST, Some(148_889); "Warmer than this is a sensor fault, not a temperature (default 300 °F)."
    ExpectedIntervalSecs "expectedIntervalSecs" Seconds 1, DAY, Some(300); "How often the unit's sensor checks in."
    LateMisses "lateMisses" Count 1, 100, Some(3); "Missed check-ins after which the link is late."
    OfflineMisses "offlineMisses" Count 1, 1000, Some(6); "Missed check-ins after which the link is offline."
    OfflineMinSecs "offlineMinSecs" Seconds 0, 7 * DAY, Some(1200); "The link is never offline sooner than this after its last reading."
    LinkGraceSecs "linkGraceSecs" Seconds 0, 3600, Some(30); "Time added to both for the way of a reading."
    DoorWarningSecs "doorWarningSecs" Seconds 1, DAY, Some(180); "How long a door may stand open before a warning."
    DoorCriticalSecs "doorCriticalSecs" Seconds 1, DAY, Some(600); "How long a door may stand open before it is critical."
    BatteryLowPercent "batteryLowPercent" Percent 0, 100, Some(10); "A battery at or below this is low."
    BatteryClearPercent "batteryClearPercent" Percent 0, 100, Some(20); "A low battery above this is good again."
    BatteryLowMillivolts "batteryLowMillivolts" Millivolts 0, 60_000, None; "A battery below this voltage is low (the sensor model's figure)."
    ManualOverdueSecs "manualOverdueSecs" Seconds 60, 7 * DAY, Some(14_400); "How long after the last reading a manual log is overdue while the sensors are silent."
    ManualCadenceSecs "manualCadenceSecs" Seconds 60, 31 * DAY, None; "How often a person must log, sensors or not. None: only while sensors are silent."
    AckTimeoutSecs "ackTimeoutSecs" Seconds 60, 7 * DAY, Some(1800); "An acknowledged alert not over after this escalates again."
    BacklogSettleSecs "backlogSettleSecs" Seconds 0, 3600, Some(60); "A confirm or door timer waits this long after the newest arrival, so that a backlog streaming in is judged by its own readings."
    CoolingFailureSecs "coolingFailureSecs" Seconds 60, DAY, Some(2700); "Out of range this long with the door shut and no improvement is a suspected cooling failure."
    CoolingFailureReadings "coolingFailureReadings" Count 2, 1000, Some(5); "Readings that must agree on that."
    CoolingFailureGain "coolingFailureGain" Degrees 1, 20_000, Some(300); "The improvement that speaks against it."
}

impl RuleField {
    /// The stable name, as on the wire and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// The field of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }

    /// What its number counts.
    #[must_use]
    pub const fn measure(self) -> Measure {
        self.spec().measure
    }

    /// The least and the greatest value, both allowed.
    #[must_use]
    pub const fn range(self) -> (i64, i64) {
        let spec = self.spec();
        (spec.min, spec.max)
    }

    /// The value where no layer says any. `None` where the field may be none.
    #[must_use]
    pub const fn default_value(self) -> Option<i64> {
        self.spec().default
    }

    /// What it means, in a sentence or two.
    #[must_use]
    pub const fn doc(self) -> &'static str {
        self.spec().doc
    }

    /// True where "none" is a value.
    #[must_use]
    pub const fn may_be_none(self) -> bool {
        self.spec().default.is_none()
    }
}

/// Why a layer or a rule is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The value is outside the field's range.
    #[error("{} must be {min} to {max}", field.name())]
    OutOfRange {
        /// The field.
        field: RuleField,
        /// The least value, in the field's own measure.
        min: i64,
        /// The greatest value.
        max: i64,
    },
    /// The field needs a value.
    #[error("{} cannot be none", field.name())]
    NotNone {
        /// The field.
        field: RuleField,
    },
    /// The one must be above the other.
    #[error("{} must be above {}", above.name(), below.name())]
    NotAbove {
        /// The field that must be greater.
        above: RuleField,
        /// The field that must be less.
        below: RuleField,
    },
    /// Between the limits nothing would be cleared.
    #[error("highLimit - lowLimit must be more than twice the hysteresis")]
    HysteresisTooWide,
}

/// What one layer says: some fields, each with a value or "none".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer(BTreeMap<RuleField, Option<i64>>);

impl Layer {
    /// Says `value` for `field`, in the field's own measure (milli-degrees, seconds, …).
    ///
    /// # Errors
    /// When the field cannot be none, or the value is out of its range.
    pub fn set(&mut self, field: RuleField, value: Option<i64>) -> Result<(), RuleError> {
        let (min, max) = field.range();
        match value {
            None if !field.may_be_none() => return Err(RuleError::NotNone { field }),
            Some(value) if !(min..=max).contains(&value) => {
                return Err(RuleError::OutOfRange { field, min, max });
            }
            None | Some(_) => {}
        }
        self.0.insert(field, value);
        Ok(())
    }

    /// What this layer says of `field`: `None` if nothing, `Some(None)` for "none".
    #[must_use]
    pub fn get(&self, field: RuleField) -> Option<Option<i64>> {
        self.0.get(&field).copied()
    }

    /// Every field said, with its value.
    pub fn iter(&self) -> impl Iterator<Item = (RuleField, Option<i64>)> + '_ {
        self.0.iter().map(|(field, value)| (*field, *value))
    }

    /// True if nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The rule a unit is judged by: every field with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is documented once, at its RuleField")]
pub struct Rule {
    pub high_limit: Option<MilliCelsius>,
    pub low_limit: Option<MilliCelsius>,
    pub hysteresis: i32,
    pub confirm_high_shut_secs: u32,
    pub confirm_high_open_secs: u32,
    pub confirm_low_shut_secs: u32,
    pub confirm_low_open_secs: u32,
    pub restore_readings: u8,
    pub high_ceiling: Option<MilliCelsius>,
    pub low_ceiling: Option<MilliCelsius>,
    pub ceiling_secs: Option<u32>,
    pub plausible_min: MilliCelsius,
    pub plausible_max: MilliCelsius,
    pub expected_interval_secs: u32,
    pub late_misses: u32,
    pub offline_misses: u32,
    pub offline_min_secs: u32,
    pub link_grace_secs: u32,
    pub door_warning_secs: u32,
    pub door_critical_secs: u32,
    pub battery_low_percent: u8,
    pub battery_clear_percent: u8,
    pub battery_low_millivolts: Option<u16>,
    pub manual_overdue_secs: u32,
    pub manual_cadence_secs: Option<u32>,
    pub ack_timeout_secs: u32,
    pub backlog_settle_secs: u32,
    pub cooling_failure_secs: u32,
    pub cooling_failure_readings: u32,
    pub cooling_failure_gain: i32,
}

/// A field's value and the layer that said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The field.
    pub field: RuleField,
    /// Its value, in the field's own measure.
    pub value: Option<i64>,
    /// Who said so.
    pub from: RuleLayer,
}

/// Resolves one field over `layers`, which come most specific first.
fn resolve_field(field: RuleField, layers: &[(RuleLayer, &Layer)]) -> Resolved {
    let said = layers.iter().find_map(|(from, layer)| layer.get(field).map(|value| (value, *from)));
    let (value, from) = said.unwrap_or((field.default_value(), RuleLayer::Default));
    Resolved { field, value, from }
}

/// Resolves every field over `layers`, most specific first: the effective rule with its provenance.
#[must_use]
pub fn explain(layers: &[(RuleLayer, &Layer)]) -> Vec<Resolved> {
    RuleField::ALL.iter().map(|field| resolve_field(*field, layers)).collect()
}

impl Rule {
    /// Resolves the rule over `layers`, which come most specific first.
    ///
    /// # Errors
    /// When the fields, each good by itself, contradict each other.
    pub fn resolve(layers: &[(RuleLayer, &Layer)]) -> Result<Self, RuleError> {
        let rule = Self::of(|field| resolve_field(field, layers).value);
        rule.check().map(|()| rule)
    }

    fn of(value: impl Fn(RuleField) -> Option<i64>) -> Self {
        use RuleField as F;
        let temperature = |f| value(f).map(|v| MilliCelsius(i32::try_from(v).unwrap_or(0)));
        let secs = |f| value(f).map(|v| u32::try_from(v).unwrap_or(0));
        let whole = |f| secs(f).unwrap_or(0);
        let small = |f| u8::try_from(value(f).unwrap_or(0)).unwrap_or(u8::MAX);
        let degrees = |f| i32::try_from(value(f).unwrap_or(0)).unwrap_or(0);
        Self {
            high_limit: temperature(F::HighLimit),
            low_limit: temperature(F::LowLimit),
            hysteresis: degrees(F::Hysteresis),
            confirm_high_shut_secs: whole(F::ConfirmHighShutSecs),
            confirm_high_open_secs: whole(F::ConfirmHighOpenSecs),
            confirm_low_shut_secs: whole(F::ConfirmLowShutSecs),
            confirm_low_open_secs: whole(F::ConfirmLowOpenSecs),
            restore_readings: small(F::RestoreReadings),
            high_ceiling: temperature(F::HighCeiling),
            low_ceiling: temperature(F::LowCeiling),
            ceiling_secs: secs(F::CeilingSecs),
            plausible_min: temperature(F::PlausibleMin).unwrap_or_default(),
            plausible_max: temperature(F::PlausibleMax).unwrap_or_default(),
            expected_interval_secs: whole(F::ExpectedIntervalSecs),
            late_misses: whole(F::LateMisses),
            offline_misses: whole(F::OfflineMisses),
            offline_min_secs: whole(F::OfflineMinSecs),
            link_grace_secs: whole(F::LinkGraceSecs),
            door_warning_secs: whole(F::DoorWarningSecs),
            door_critical_secs: whole(F::DoorCriticalSecs),
            battery_low_percent: small(F::BatteryLowPercent),
            battery_clear_percent: small(F::BatteryClearPercent),
            battery_low_millivolts: value(F::BatteryLowMillivolts)
                .map(|v| u16::try_from(v).unwrap_or(0)),
            manual_overdue_secs: whole(F::ManualOverdueSecs),
            manual_cadence_secs: secs(F::ManualCadenceSecs),
            ack_timeout_secs: whole(F::AckTimeoutSecs),
            backlog_settle_secs: whole(F::BacklogSettleSecs),
            cooling_failure_secs: whole(F::CoolingFailureSecs),
            cooling_failure_readings: whole(F::CoolingFailureReadings),
            cooling_failure_gain: degrees(F::CoolingFailureGain),
        }
    }

    fn check(&self) -> Result<(), RuleError> {
        use RuleField as F;
        let above = |good: bool, above, below| {
            if good { Ok(()) } else { Err(RuleError::NotAbove { above, below }) }
        };
        above(self.plausible_max > self.plausible_min, F::PlausibleMax, F::PlausibleMin)?;
        above(
            self.door_critical_secs >= self.door_warning_secs,
            F::DoorCriticalSecs,
            F::DoorWarningSecs,
        )?;
        above(
            self.battery_clear_percent >= self.battery_low_percent,
            F::BatteryClearPercent,
            F::BatteryLowPercent,
        )?;
        above(self.offline_misses >= self.late_misses, F::OfflineMisses, F::LateMisses)?;
        if let (Some(high), Some(low)) = (self.high_limit, self.low_limit) {
            above(high > low, F::HighLimit, F::LowLimit)?;
            if high.0 - low.0 <= 2 * self.hysteresis {
                return Err(RuleError::HysteresisTooWide);
            }
        }
        Ok(())
    }
}

impl Default for Rule {
    /// The rule where no layer says anything: no limits, default timings.
    fn default() -> Self {
        Self::of(RuleField::default_value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(said: &[(RuleField, Option<i64>)]) -> Layer {
        let mut layer = Layer::default();
        for (field, value) in said {
            layer.set(*field, *value).unwrap();
        }
        layer
    }

    #[test]
    fn each_field_comes_from_the_most_specific_layer_that_says_it() {
        let unit = layer(&[(RuleField::HighLimit, Some(8_000))]);
        let organization =
            layer(&[(RuleField::HighLimit, Some(5_000)), (RuleField::LowLimit, Some(2_000))]);
        let layers = [(RuleLayer::Unit, &unit), (RuleLayer::Organization, &organization)];
        let explained = explain(&layers);
        let from =
            |field| explained.iter().find(|r| r.field == field).map(|r| (r.value, r.from)).unwrap();
        assert_eq!(from(RuleField::HighLimit), (Some(8_000), RuleLayer::Unit));
        assert_eq!(from(RuleField::LowLimit), (Some(2_000), RuleLayer::Organization));
        assert_eq!(from(RuleField::ConfirmHighShutSecs), (Some(600), RuleLayer::Default));
        assert_eq!(Rule::resolve(&layers).unwrap().high_limit, Some(MilliCelsius(8_000)));
    }

    #[test]
    fn none_said_nearer_hides_a_limit_said_farther() {
        let unit = layer(&[(RuleField::LowLimit, None)]);
        let preset = layer(&[(RuleField::LowLimit, Some(0))]);
        let layers = [(RuleLayer::Unit, &unit), (RuleLayer::Preset, &preset)];
        assert_eq!(Rule::resolve(&layers).unwrap().low_limit, None);
    }

    #[test]
    fn contradictions_are_refused() {
        let rule =
            |said: &[(RuleField, Option<i64>)]| Rule::resolve(&[(RuleLayer::Unit, &layer(said))]);
        let (high, low) = (RuleField::HighLimit, RuleField::LowLimit);
        assert!(matches!(
            rule(&[(high, Some(2_000)), (low, Some(2_000))]),
            Err(RuleError::NotAbove { .. })
        ));
        assert_eq!(
            rule(&[(high, Some(3_000)), (low, Some(2_000))]),
            Err(RuleError::HysteresisTooWide)
        );
        assert!(rule(&[(high, Some(3_001)), (low, Some(2_000))]).is_ok());
        assert!(Layer::default().set(RuleField::Hysteresis, None).is_err());
        assert!(Layer::default().set(RuleField::RestoreReadings, Some(0)).is_err());
    }
}
