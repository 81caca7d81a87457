//! How the numbers of a rule are shown: each in the unit of its field.

use hub_domain::{MilliCelsius, RuleField, rule::Measure};
use serde_json::Value;

use crate::wire::CelsiusOut;

/// A field's value as a number of the unit that it is shown in.
pub fn shown(field: RuleField, value: Option<i64>) -> Value {
    let Some(value) = value else { return Value::Null };
    match field.measure() {
        Measure::Temperature | Measure::Degrees => thousandths(value),
        Measure::Seconds | Measure::Count | Measure::Percent | Measure::Millivolts => value.into(),
    }
}

fn thousandths(milli: i64) -> Value {
    let milli = MilliCelsius(i32::try_from(milli).unwrap_or(i32::MAX));
    serde_json::to_value(CelsiusOut(milli)).unwrap_or_default()
}

/// The unit that a field is shown in.
#[must_use]
pub const fn unit_name(field: RuleField) -> &'static str {
    match field.measure() {
        Measure::Temperature => "celsius",
        Measure::Degrees => "celsius_degrees",
        Measure::Seconds => "seconds",
        Measure::Count => "count",
        Measure::Percent => "percent",
        Measure::Millivolts => "millivolts",
    }
}
