//! Whole numbers in bodies, as JSON Schema means them: `5.0` is one too.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// What a float can hold of whole numbers without a gap.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A whole number.
struct Whole(i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(AnyWhole)
    }
}

struct AnyWhole;

impl Visitor<'_> for AnyWhole {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Whole, E> {
        Ok(Whole(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Whole, E> {
        Ok(Whole(i64::try_from(value).unwrap_or(i64::MAX))) // beyond every bound
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Whole, E> {
        if value.fract() != 0.0 {
            return Err(E::invalid_type(Unexpected::Float(value), &self));
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is within what a float holds exactly"
        )]
        Ok(Whole(value.clamp(-EXACT, EXACT) as i64))
    }
}

/// A field that is a whole number.
///
/// # Errors
/// When it is something else.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Whole::deserialize(deserializer).map(|whole| whole.0)
}

/// A field that may be left out, and else is a whole number.
///
/// # Errors
/// When it is something else.
pub fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    number(deserializer).map(Some)
}

/// A field that is a whole number, or `null`.
///
/// # Errors
/// When it is something else.
pub fn number_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<Whole>::deserialize(deserializer)?.map(|whole| whole.0))
}

/// A field of an edit that is a whole number or `null`: left out, it stays.
///
/// # Errors
/// When it is something else.
pub fn patched<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<i64>>, D::Error> {
    number_or_none(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<i64> {
        number(&mut serde_json::Deserializer::from_str(text)).ok()
    }

    #[test]
    fn numbers_without_a_fraction_are_whole() {
        assert_eq!([read("5"), read("5.0"), read("-5e2")], [Some(5), Some(5), Some(-500)]);
        assert_eq!([read("5.5"), read("\"5\""), read("true"), read("null")], [None; 4]);
        assert_eq!(read("18446744073709551615"), Some(i64::MAX));
        let none = number_or_none(&mut serde_json::Deserializer::from_str("null"));
        assert_eq!(none.unwrap(), None);
    }
}
