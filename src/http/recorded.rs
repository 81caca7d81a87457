//! What the bodies of people's records have in common: instants that were, words that must be there, numbers to the
//! thousandth.

use hub_domain::{MilliCelsius, PerMille, Suspicion, Timestamp};
use serde_json::value::RawValue;

use super::{asked, error::ApiError, instant};
use crate::decimal;

/// An instant that was: not more than 5 minutes ahead, not before the year 2000.
///
/// # Errors
/// 422 with the pointer.
pub fn past(pointer: &str, text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let at = at(pointer, text)?;
    let wrong = |detail| Err(ApiError::field(pointer, "bad_instant", detail));
    match Suspicion::of(at, now) {
        None => Ok(at),
        Some(Suspicion::InFuture) => wrong("the instant is more than 5 minutes ahead"),
        Some(Suspicion::BeforeEarliest) => wrong("the instant is before the year 2000"),
    }
}

/// An instant, whenever it is.
///
/// # Errors
/// 422 with the pointer.
pub fn at(pointer: &str, text: &str) -> Result<Timestamp, ApiError> {
    let hint = "must be an RFC 3339 instant with an offset, such as 2026-11-20T08:00:00Z";
    instant::parse(text).ok_or_else(|| ApiError::field(pointer, "bad_instant", hint))
}

/// Words that must be there: up to 2,000 characters, no control characters but line breaks and tabs.
///
/// # Errors
/// 422 with the pointer.
pub fn words(pointer: &str, text: String) -> Result<String, ApiError> {
    let text = asked::note(pointer, Some(text))?.filter(|text| !text.trim().is_empty());
    text.ok_or_else(|| ApiError::field(pointer, "empty", "there must be words here"))
}

/// The same for words that may be left out.
///
/// # Errors
/// 422 with the pointer.
pub fn words_or_none(pointer: &str, text: Option<String>) -> Result<Option<String>, ApiError> {
    text.map(|text| words(pointer, text)).transpose()
}

/// A temperature in °C, or °F where `unit` says so.
///
/// # Errors
/// 422 with the pointer.
pub fn temperature(raw: &RawValue, unit: Option<&str>) -> Result<MilliCelsius, ApiError> {
    let impossible = || {
        let detail = "is no possible temperature: it must be a number from -273.15 to 1000 °C";
        ApiError::field("/temperature", "bad_temperature", detail)
    };
    let milli = number(raw).ok_or_else(impossible)?;
    let read = match unit {
        None | Some("C") => MilliCelsius::from_milli_celsius(milli),
        Some("F") => MilliCelsius::from_milli_fahrenheit(milli),
        Some(_) => {
            let pointer = "/temperatureUnit";
            return Err(ApiError::field(pointer, "bad_temperature_unit", "must be C or F"));
        }
    };
    read.ok_or_else(impossible)
}

/// A relative humidity in percent.
///
/// # Errors
/// 422 with the pointer.
pub fn humidity(raw: &RawValue) -> Result<PerMille, ApiError> {
    let milli = number(raw).filter(|milli| (0..=100_000).contains(milli));
    let per_mille = milli.and_then(|milli| i16::try_from((milli + 50) / 100).ok());
    let detail = "must be a number from 0 to 100";
    per_mille.map(PerMille).ok_or_else(|| ApiError::field("/humidity", "bad_humidity", detail))
}

/// The thousandths of a JSON number.
fn number(raw: &RawValue) -> Option<i64> {
    let text = raw.get();
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    is_number.then(|| decimal::milli(text)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn temperatures_are_read_to_the_thousandth() {
        let of = |text, unit| temperature(&raw(text), unit).ok();
        assert_eq!(of("4.25", None), Some(MilliCelsius(4_250)));
        assert_eq!(of("41", Some("F")), Some(MilliCelsius(5_000)));
        for (text, unit) in [("\"4\"", None), ("true", None), ("4", Some("K")), ("1e9", None)] {
            assert_eq!(of(text, unit), None, "{text} {unit:?}");
        }
        assert_eq!(humidity(&raw("44.25")).unwrap(), PerMille(443));
        assert!(humidity(&raw("100.1")).is_err() && humidity(&raw("-1")).is_err());
    }

    #[test]
    fn what_is_to_come_was_not_recorded() {
        let now = instant::parse("2026-11-20T08:00:00Z").unwrap();
        let is_taken = |text| past("/recordedAt", text, now).is_ok();
        assert!(is_taken("2026-11-20T08:05:00Z") && is_taken("2000-01-01T00:00:00Z"));
        assert!(!is_taken("2026-11-20T08:05:01Z") && !is_taken("1999-12-31T23:59:59Z"));
        assert!(!is_taken("yesterday"));
    }

    #[test]
    fn words_must_be_there() {
        assert_eq!(words("/reason", "Défrost\n".to_owned()).unwrap(), "Défrost\n");
        assert!(words("/reason", " \n".to_owned()).is_err());
        assert!(words("/reason", "a\0b".to_owned()).is_err());
    }
}
