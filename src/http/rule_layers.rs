//! What a body says of a rule's fields: each number in the measure of its field, or nothing is taken.

use hub_domain::{Layer, MilliCelsius, RuleError, RuleField, rule::Measure};
use serde_json::value::RawValue;

use super::{
    error::{ApiError, FieldError},
    fields::Fields,
    measures::{shown, unit_name},
};
use crate::decimal;

/// The fields of the body as a layer, in the measure of each.
///
/// # Errors
/// 422 with all that are wrong.
pub fn layer(temperature_unit: Option<&str>, rule: &Fields) -> Result<Layer, ApiError> {
    let fahrenheit = match temperature_unit {
        None | Some("C") => false,
        Some("F") => true,
        Some(_) => {
            return Err(ApiError::field(
                "/temperatureUnit",
                "bad_unit",
                "temperatureUnit must be C or F",
            ));
        }
    };
    let (mut layer, mut errors) = (Layer::default(), Vec::new());
    for (name, value) in &rule.0 {
        if let Err((code, detail)) = say(&mut layer, name, value, fahrenheit) {
            let name: String = name.chars().take(64).collect();
            errors.push(FieldError::new(format!("/rule/{name}"), code, detail));
        }
    }
    if errors.is_empty() { Ok(layer) } else { Err(ApiError::Invalid(errors)) }
}

/// The fields that are to be inherited again.
///
/// # Errors
/// 422 for what is no field, or one that is said in the same edit.
pub fn unset(names: &[String], said: &Layer) -> Result<Vec<RuleField>, ApiError> {
    let field = |(index, name): (usize, &String)| {
        let wrong = |code, detail| FieldError::new(format!("/unset/{index}"), code, detail);
        let field = RuleField::parse(name)
            .ok_or_else(|| wrong("unknown_field", "there is no such field in a rule"))?;
        match said.get(field) {
            None => Ok(field),
            Some(_) => Err(wrong("contradiction", "the field is said in the same edit")),
        }
    };
    let (fields, wrong): (Vec<_>, Vec<_>) =
        names.iter().enumerate().map(field).partition(Result::is_ok);
    if wrong.is_empty() {
        Ok(fields.into_iter().filter_map(Result::ok).collect())
    } else {
        Err(ApiError::Invalid(wrong.into_iter().filter_map(Result::err).collect()))
    }
}

type Wrong = (&'static str, String);

fn say(layer: &mut Layer, name: &str, value: &RawValue, fahrenheit: bool) -> Result<(), Wrong> {
    let field = RuleField::parse(name)
        .ok_or(("unknown_field", "there is no such field in a rule".to_owned()))?;
    let value = match value.get() {
        "null" => None,
        text => Some(measured(field, text, fahrenheit)?),
    };
    layer.set(field, value).map_err(|error| ("out_of_range", in_words(error)))
}

/// The number in `text` in the field's own measure.
fn measured(field: RuleField, text: &str, fahrenheit: bool) -> Result<i64, Wrong> {
    let milli =
        decimal::milli(text).ok_or(("wrong_type", format!("{} must be a number", field.name())))?;
    match field.measure() {
        Measure::Temperature if fahrenheit => match MilliCelsius::from_milli_fahrenheit(milli) {
            Some(temperature) => Ok(temperature.0.into()),
            None => Err(("out_of_range", format!("{} is no possible temperature", field.name()))),
        },
        Measure::Degrees if fahrenheit => Ok(five_ninths(milli)),
        Measure::Temperature | Measure::Degrees => Ok(milli),
        Measure::Seconds | Measure::Count | Measure::Percent | Measure::Millivolts
            if milli % 1000 == 0 =>
        {
            Ok(milli / 1000)
        }
        Measure::Seconds | Measure::Count | Measure::Percent | Measure::Millivolts => {
            Err(("wrong_type", format!("{} must be a whole number", field.name())))
        }
    }
}

/// A difference in thousandths of a degree Fahrenheit as one in Celsius, rounded half away from zero.
fn five_ninths(milli: i64) -> i64 {
    let scaled = milli.saturating_mul(5);
    (if scaled < 0 { scaled.saturating_sub(4) } else { scaled.saturating_add(4) }) / 9
}

fn in_words(error: RuleError) -> String {
    match error {
        RuleError::OutOfRange { field, min, max } => {
            let (min, max) = (shown(field, Some(min)), shown(field, Some(max)));
            format!("{} must be from {min} to {max} {}", field.name(), unit_name(field))
        }
        RuleError::NotNone { .. } | RuleError::NotAbove { .. } | RuleError::HysteresisTooWide => {
            error.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::http::body;

    fn layer_of(body: Value) -> Result<Layer, ApiError> {
        layer(body["temperatureUnit"].as_str(), &body::parse(body["rule"].to_string().as_bytes())?)
    }

    #[test]
    fn limits_and_differences_convert_each_in_its_own_way() {
        let rule = json!({ "highLimit": 41, "hysteresis": 0.9, "confirmHighShutSecs": 900, "lowLimit": null });
        let layer =
            layer_of(json!({ "scope": "organization", "temperatureUnit": "F", "rule": rule }))
                .unwrap();
        assert_eq!(layer.get(RuleField::HighLimit), Some(Some(5_000)));
        assert_eq!(layer.get(RuleField::Hysteresis), Some(Some(500)));
        assert_eq!(layer.get(RuleField::ConfirmHighShutSecs), Some(Some(900)));
        assert_eq!(layer.get(RuleField::LowLimit), Some(None));
        assert_eq!(layer.get(RuleField::RestoreReadings), None);
    }

    #[test]
    fn each_wrong_field_is_told() {
        let rule = json!({ "highLimit": "8", "hihgLimit": 8, "restoreReadings": 2.5, "confirmLowShutSecs": -1, "hysteresis": null });
        let Err(ApiError::Invalid(errors)) = layer_of(json!({ "scope": "unit", "rule": rule }))
        else {
            panic!("the rule is refused");
        };
        let mut told: Vec<_> =
            errors.iter().map(|error| (error.pointer.as_str(), error.code)).collect();
        told.sort_unstable();
        assert_eq!(
            told,
            [
                ("/rule/confirmLowShutSecs", "out_of_range"),
                ("/rule/highLimit", "wrong_type"),
                ("/rule/hihgLimit", "unknown_field"),
                ("/rule/hysteresis", "out_of_range"),
                ("/rule/restoreReadings", "wrong_type"),
            ]
        );
    }

    #[test]
    fn a_field_said_twice_is_refused() {
        let text = br#"{"highLimit":8,"highLimit":9}"#;
        assert!(matches!(body::parse::<Fields>(text), Err(ApiError::Invalid(_))));
    }
}
