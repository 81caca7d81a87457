//! What is believed of a measured value, channel by channel, before any rule sees it.
//!
//! A broken or absent probe reads the end of its converter's range or a value outside what its kind can measure. Such a
//! value is no reading: it must neither raise an alert nor clear one.

use hub_domain::{MilliCelsius, PerMille};

/// The coldest and hottest that a kind of sensor is believed, in thousandths of a degree, ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    coldest: i64,
    hottest: i64,
    /// What the kind reads when it has not measured.
    never: Option<i64>,
}

/// Air around a sensor, measured by its own chip: no colder than liquid nitrogen, no hotter than electronics endure.
pub const AIR: Span = Span { coldest: -200_000, hottest: 85_000, never: None };
/// A probe of any kind: resistor, thermocouple, thermistor.
pub const PROBE: Span = Span { coldest: -200_000, hottest: 400_000, never: None };
/// A DS18B20 (data sheet: −55 to +125 °C; +85 °C is what its register holds before the first conversion).
pub const DS18B20: Span = Span { coldest: -55_000, hottest: 125_000, never: Some(85_000) };
/// A TMP117 (data sheet: −55 to +150 °C).
pub const TMP117: Span = Span { coldest: -55_000, hottest: 150_000, never: None };

/// What probes read that are broken or not there, in thousandths of a degree: the ends of 16-bit integers.
const SENTINELS: &[i64] =
    &[327_670, -327_680, 327_660, 327_600, 3_276_700, -3_276_800, 655_350, 6_553_500];

/// A temperature in thousandths of a degree, if a sensor of this kind is believed to have measured it.
#[must_use]
pub fn temperature(milli: i64, span: Span) -> Option<MilliCelsius> {
    let believed = (span.coldest..=span.hottest).contains(&milli)
        && span.never != Some(milli)
        && !SENTINELS.contains(&milli);
    believed.then(|| MilliCelsius::from_milli_celsius(milli)).flatten()
}

/// A relative humidity in thousandths of a percent, 0 to 100 %.
#[must_use]
pub fn humidity(milli: i64) -> Option<PerMille> {
    let fits = (0..=100_000).contains(&milli);
    fits.then(|| i16::try_from((milli + 50) / 100).ok()).flatten().map(PerMille)
}

/// A battery's voltage in millivolts, above 0 and up to 60 V.
#[must_use]
pub fn millivolts(millivolts: i64) -> Option<u16> {
    u16::try_from(millivolts).ok().filter(|millivolts| (1..=60_000).contains(millivolts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_absent_probes_read_is_no_temperature() {
        for milli in
            [327_670, -327_680, 3_276_700, 19_671_130, -393_280, -258_970, i64::MAX, i64::MIN]
        {
            for span in [AIR, PROBE, DS18B20, TMP117] {
                assert_eq!(temperature(milli, span), None, "{milli}");
            }
        }
        assert_eq!(temperature(85_000, DS18B20), None);
        assert_eq!(temperature(85_000, AIR), Some(MilliCelsius(85_000)));
        assert_eq!(temperature(85_001, AIR), None);
        assert_eq!(temperature(0, DS18B20), Some(MilliCelsius(0)));
    }

    #[test]
    fn humidity_is_a_share() {
        assert_eq!(humidity(44_921), Some(PerMille(449)));
        assert_eq!(humidity(100_000), Some(PerMille(1_000)));
        assert_eq!(humidity(100_001), None);
        assert_eq!(humidity(-1), None);
    }
}
