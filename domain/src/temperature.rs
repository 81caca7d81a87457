//! Temperatures and humidities as integers.

/// A temperature in thousandths of a degree Celsius.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MilliCelsius(pub i32);

impl MilliCelsius {
    /// Absolute zero, −273.15 °C. Nothing colder is a temperature.
    pub const ABSOLUTE_ZERO: Self = Self(-273_150);
    /// The hottest value taken as a temperature, +1,000 °C: beyond any sensor of this field.
    pub const HOTTEST: Self = Self(1_000_000);

    /// Converts thousandths of a degree Fahrenheit, rounded half away from zero; `None` outside
    /// [`Self::ABSOLUTE_ZERO`] to [`Self::HOTTEST`].
    #[must_use]
    pub fn from_milli_fahrenheit(milli_f: i64) -> Option<Self> {
        let scaled = milli_f.checked_sub(32_000)?.checked_mul(5)?;
        let half = if scaled < 0 { -4 } else { 4 };
        Self::from_milli_celsius((scaled + half) / 9)
    }

    /// Takes thousandths of a degree Celsius; `None` outside [`Self::ABSOLUTE_ZERO`] to [`Self::HOTTEST`].
    #[must_use]
    pub fn from_milli_celsius(milli_c: i64) -> Option<Self> {
        let value = Self(i32::try_from(milli_c).ok()?);
        (Self::ABSOLUTE_ZERO..=Self::HOTTEST).contains(&value).then_some(value)
    }

    /// This temperature moved by `milli` thousandths of a degree.
    #[must_use]
    pub const fn plus(self, milli: i32) -> Self {
        Self(self.0.saturating_add(milli))
    }
}

/// A share in thousandths: humidity of 44.2 % is 442.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PerMille(pub i16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fahrenheit_converts_to_the_nearest_milli_degree() {
        for (milli_f, milli_c) in [
            (32_000, 0),
            (41_000, 5_000),
            (0, -17_778),
            (38_000, 3_333),
            (135_000, 57_222),
            (-40_000, -40_000),
        ] {
            assert_eq!(MilliCelsius::from_milli_fahrenheit(milli_f), Some(MilliCelsius(milli_c)));
        }
    }

    #[test]
    fn what_is_colder_than_absolute_zero_is_no_temperature() {
        assert_eq!(MilliCelsius::from_milli_celsius(-273_151), None);
        assert_eq!(MilliCelsius::from_milli_fahrenheit(i64::MAX), None);
        assert_eq!(MilliCelsius::from_milli_fahrenheit(i64::MIN), None);
    }
}
