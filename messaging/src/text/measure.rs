//! Temperatures, instants and durations as people read them.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use hub_domain::{MilliCelsius, Timestamp};

/// The scale that a reader asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// °C
    #[default]
    Celsius,
    /// °F
    Fahrenheit,
}

/// How a reader sees temperatures and time.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Their scale.
    pub scale: Scale,
    /// The zone whose clock they look at: a site's for its alerts, their own for the rest.
    pub zone: Tz,
}

impl View {
    /// `9.1 C`: short messages have no `°`, since GSM-7 has none.
    pub(super) fn temperature_plain(self, temperature: MilliCelsius) -> String {
        format!("{} {}", self.tenths(temperature), self.letter())
    }

    /// `9.1 °C`
    pub(super) fn temperature(self, temperature: MilliCelsius) -> String {
        format!("{} °{}", self.tenths(temperature), self.letter())
    }

    /// With one decimal, rounded half away from zero.
    fn tenths(self, temperature: MilliCelsius) -> String {
        let milli_c = i64::from(temperature.0);
        // of a thousandth of °F nine fifths; in fifths, so that it is rounded once
        let fifths = match self.scale {
            Scale::Celsius => milli_c * 5,
            Scale::Fahrenheit => milli_c * 9 + 32_000 * 5,
        };
        let half = if fifths < 0 { -250 } else { 250 };
        let tenths = (fifths + half) / 500;
        let sign = if tenths < 0 { "-" } else { "" };
        format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
    }

    const fn letter(self) -> char {
        match self.scale {
            Scale::Celsius => 'C',
            Scale::Fahrenheit => 'F',
        }
    }

    /// `14:03`, or `28 Nov 14:03` where that is another day than `beside`.
    pub(super) fn time(self, at: Timestamp, beside: Timestamp) -> String {
        let (at, beside) = (self.local(at), self.local(beside));
        let form = if at.date_naive() == beside.date_naive() { "%H:%M" } else { "%-d %b %H:%M" };
        at.format(form).to_string()
    }

    /// `Fri 28 Nov 2025, 14:03 (Europe/Berlin)`
    pub(super) fn time_long(self, at: Timestamp) -> String {
        format!("{} ({})", self.local(at).format("%a %-d %b %Y, %H:%M"), self.zone.name())
    }

    fn local(self, at: Timestamp) -> DateTime<Tz> {
        let at = DateTime::<Utc>::from_timestamp_millis(at.as_millis()).unwrap_or_default();
        at.with_timezone(&self.zone)
    }
}

/// `3 h 12 min`, `2 d 4 h`, `under 1 min`; two units at most, what is less is left out.
pub(super) fn duration(secs: u64) -> String {
    let minutes = secs / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => "under 1 min".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// `98.4 %`, rounded down: what was out of range for a minute is never 100 %. `-` of nothing.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let per_mille = u128::from(part.min(whole)) * 1000 / u128::from(whole);
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_have_one_decimal_in_the_scale_asked_for() {
        for (milli_c, celsius, fahrenheit) in [
            (9_100, "9.1 °C", "48.4 °F"),
            (5_000, "5.0 °C", "41.0 °F"),
            (-18_000, "-18.0 °C", "-0.4 °F"),
            (-17_778, "-17.8 °C", "0.0 °F"),
            (-40, "0.0 °C", "31.9 °F"),
            (-50, "-0.1 °C", "31.9 °F"),
            (50, "0.1 °C", "32.1 °F"),
            (1_000_000, "1000.0 °C", "1832.0 °F"),
            (-273_150, "-273.2 °C", "-459.7 °F"),
        ] {
            let view = |scale| View { scale, zone: Tz::UTC };
            let temperature = MilliCelsius(milli_c);
            assert_eq!(view(Scale::Celsius).temperature(temperature), celsius);
            assert_eq!(view(Scale::Fahrenheit).temperature(temperature), fahrenheit);
        }
    }

    #[test]
    fn times_are_those_of_the_site() {
        let at = Timestamp::from_millis(1_764_445_500_000); // 2025-11-29T19:45:00Z
        let later = at.plus_secs(7200);
        for (zone, short, long) in [
            (Tz::UTC, "19:45", "Sat 29 Nov 2025, 19:45 (UTC)"),
            (Tz::America__New_York, "14:45", "Sat 29 Nov 2025, 14:45 (America/New_York)"),
            (Tz::Asia__Kathmandu, "01:30", "Sun 30 Nov 2025, 01:30 (Asia/Kathmandu)"),
            (Tz::Australia__Sydney, "06:45", "Sun 30 Nov 2025, 06:45 (Australia/Sydney)"),
        ] {
            let view = View { scale: Scale::Celsius, zone };
            assert_eq!((view.time(at, later).as_str(), view.time_long(at).as_str()), (short, long));
        }
        let berlin = View { scale: Scale::Celsius, zone: Tz::Europe__Berlin };
        assert_eq!(berlin.time(at, at.plus_secs(5 * 3600)), "29 Nov 20:45", "another day there");
    }

    #[test]
    fn durations_and_shares_are_never_better_than_the_truth() {
        for (secs, words) in [
            (0, "under 1 min"),
            (59, "under 1 min"),
            (60, "1 min"),
            (3600, "1 h"),
            (11_520, "3 h 12 min"),
            (86_400, "1 d"),
            (187_260, "2 d 4 h"),
        ] {
            assert_eq!(duration(secs), words);
        }
        assert_eq!(share(86_340, 86_400), "99.9 %");
        assert_eq!(share(1, 1), "100.0 %");
        assert_eq!(share(0, 0), "-");
    }
}
