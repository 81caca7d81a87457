//! Instants and spans as people and loggers write them.

use anyhow::{Context, bail};
use chrono::{DateTime, FixedOffset, NaiveDateTime, SecondsFormat, Utc};

/// How a column of instants is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum TimeFormat {
    /// Any of the others, told apart by their looks: a bare number from 1e11 up is milliseconds.
    #[default]
    Auto,
    /// `2020-05-05T09:21:56+0200`, with or without the colon or the `T`; without an offset the default one.
    Rfc3339,
    /// Seconds since 1970, with or without a fraction.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
}

/// From here up a bare number is taken for milliseconds: as seconds it would be the year 5138.
const LEAST_UNIX_MS: f64 = 1e11;

const WITH_OFFSET: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"];
const WITHOUT_OFFSET: [&str; 4] =
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];

/// Reads one instant; `zone` is the offset of those written without one.
///
/// # Errors
/// The text is no instant in `format`, or is one outside the years that a clock can show.
pub fn parse(text: &str, format: TimeFormat, zone: FixedOffset) -> anyhow::Result<DateTime<Utc>> {
    let text = text.trim();
    let parsed = match format {
        TimeFormat::Rfc3339 => written(text, zone),
        TimeFormat::Unix => counted(text, 1000.0),
        TimeFormat::UnixMs => counted(text, 1.0),
        TimeFormat::Auto => {
            written(text, zone).or_else(|| counted(text, guess_milliseconds_per_count(text)))
        }
    };
    parsed.with_context(|| format!("{text:?} is not an instant"))
}

fn written(text: &str, zone: FixedOffset) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    let with_offset = WITH_OFFSET.iter().find_map(|f| DateTime::parse_from_str(text, f).ok());
    if let Some(instant) = with_offset {
        return Some(instant.to_utc());
    }
    let local = WITHOUT_OFFSET.iter().find_map(|f| NaiveDateTime::parse_from_str(text, f).ok())?;
    local.and_local_timezone(zone).single().map(|instant| instant.to_utc())
}

fn guess_milliseconds_per_count(text: &str) -> f64 {
    if text.parse::<f64>().is_ok_and(|count| count.abs() >= LEAST_UNIX_MS) { 1.0 } else { 1000.0 }
}

fn counted(text: &str, milliseconds_per_count: f64) -> Option<DateTime<Utc>> {
    let ms = text.parse::<f64>().ok()? * milliseconds_per_count;
    // 2^53 ms is the year 287396: beyond it a float no longer counts milliseconds one by one
    if !ms.is_finite() || ms.abs() > 9_007_199_254_740_992.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "within 2^53, checked above")]
    DateTime::from_timestamp_millis(ms.round() as i64)
}

/// Reads an offset from UTC such as `+02:00`, `-0330` or `Z`.
///
/// # Errors
/// The text is no offset of less than a day.
pub fn parse_offset(text: &str) -> Result<FixedOffset, String> {
    text.parse::<FixedOffset>().or_else(|_| match text {
        "Z" | "z" | "UTC" => Ok(chrono::Offset::fix(&Utc)),
        _ => Err(format!("{text:?} is not an offset like +02:00")),
    })
}

/// Reads a span in milliseconds: `90s`, `30m`, `12h`, `7d`, `500ms`, or bare seconds.
///
/// # Errors
/// The text is no number of a known unit, or is negative.
pub fn parse_span_ms(text: &str) -> anyhow::Result<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let ms_per_unit = match &text[digits.len()..] {
        "ms" => 1.0,
        "" | "s" => 1e3,
        "m" | "min" => 6e4,
        "h" => 3.6e6,
        "d" => 8.64e7,
        unit => bail!("{unit:?} is no unit of time; take ms, s, m, h or d"),
    };
    let count: f64 = digits.parse().with_context(|| format!("{text:?} is not a span of time"))?;
    let ms = count * ms_per_unit;
    if !(0.0..=1e13).contains(&ms) {
        bail!("{text:?} is not a span between nothing and 300 years");
    }
    #[expect(clippy::cast_possible_truncation, reason = "within 1e13, checked above")]
    Ok(ms.round() as i64)
}

/// Writes an instant in unix milliseconds as the hub reads it.
pub fn rfc3339(unix_ms: i64) -> String {
    let instant = DateTime::from_timestamp_millis(unix_ms).unwrap_or_default();
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, format: TimeFormat, offset: &str, expected: &str) {
        let zone = parse_offset(offset).unwrap();
        let parsed = parse(text, format, zone).unwrap();
        assert_eq!(rfc3339(parsed.timestamp_millis()), expected, "{text}");
    }

    #[test]
    fn instants_are_read_as_loggers_write_them() {
        use TimeFormat::{Auto, Rfc3339, Unix, UnixMs};
        check("2020-05-05T09:21:56+0200", Auto, "Z", "2020-05-05T07:21:56.000Z");
        check("2020-05-05T09:21:56.5+02:00", Rfc3339, "Z", "2020-05-05T07:21:56.500Z");
        check("2020-05-05 09:21:56 +0200", Auto, "Z", "2020-05-05T07:21:56.000Z");
        check("2013-12-02 21:15:00", Auto, "Z", "2013-12-02T21:15:00.000Z");
        check("2013-12-02 21:15:00", Auto, "-05:00", "2013-12-03T02:15:00.000Z");
        check("2013-12-02 21:15", Auto, "+02:00", "2013-12-02T19:15:00.000Z");
        check("1672867882173", Auto, "Z", "2023-01-04T21:31:22.173Z");
        check("1672867882173", UnixMs, "Z", "2023-01-04T21:31:22.173Z");
        check("1672867882", Auto, "Z", "2023-01-04T21:31:22.000Z");
        check("1672867882.25", Unix, "Z", "2023-01-04T21:31:22.250Z");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        let zone = parse_offset("Z").unwrap();
        for text in ["", "yesterday", "2020-13-01T00:00:00Z", "NaN", "1e400", "inf", "1e300"] {
            assert!(parse(text, TimeFormat::Auto, zone).is_err(), "{text}");
        }
        assert!(parse("1672867882", TimeFormat::Rfc3339, zone).is_err());
        assert!(parse_offset("two hours").is_err());
    }

    #[test]
    fn spans_have_units() {
        let read: Vec<_> =
            ["90", "90s", "1.5m", "2h", "7d", "250ms"].map(|s| parse_span_ms(s).unwrap()).into();
        assert_eq!(read, [90_000, 90_000, 90_000, 7_200_000, 604_800_000, 250]);
        for text in ["", "h", "-3s", "5 parsecs", "1e30d"] {
            assert!(parse_span_ms(text).is_err(), "{text}");
        }
    }
}
