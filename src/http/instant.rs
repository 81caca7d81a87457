//! Instants as senders write them: RFC 3339, with an offset, strictly.

use chrono::{DateTime, Timelike as _};
use hub_domain::Timestamp;

/// Reads an RFC 3339 instant; `None` for anything else, above all for one without an offset.
///
/// What is finer than a millisecond is cut off. A leap second, which only the last minute of a day in UTC can have,
/// is the second after it.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shaped = (20..=40).contains(&bytes.len()) && matches!(bytes[10], b'T' | b't');
    let instant = shaped.then(|| DateTime::parse_from_rfc3339(text).ok()).flatten()?;
    let utc = instant.to_utc();
    let is_leap = utc.nanosecond() >= 1_000_000_000;
    let is_possible = !is_leap || (utc.hour(), utc.minute()) == (23, 59);
    is_possible.then(|| Timestamp::from_millis(instant.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_with_an_offset_are_read_to_the_millisecond() {
        let cases = [
            ("2026-11-20T08:00:00Z", 1_795_161_600_000),
            ("2026-11-20T08:00:00.123999Z", 1_795_161_600_123),
            ("2026-11-20t09:30:00.5+01:30", 1_795_161_600_500),
            ("1970-01-01T00:00:00-00:00", 0),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("9999-12-31T23:59:59.999Z", Timestamp::LATEST.as_millis()),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("2017-01-01T00:59:60+01:00", 1_483_228_800_000),
        ];
        for (text, millis) in cases {
            assert_eq!(parse(text).map(Timestamp::as_millis), Some(millis), "{text}");
        }
    }

    #[test]
    fn what_is_not_strictly_rfc_3339_is_none() {
        let refused = [
            "",
            "2026-11-20",
            "2026-11-20T08:00:00",
            "2026-11-20T08:00:00+0100",
            "2026-11-20 08:00:00Z",
            "2026-13-20T08:00:00Z",
            "2026-02-30T08:00:00Z",
            "2026-11-20T25:00:00Z",
            "20261120T080000Z",
            "1795161600",
            "2026-11-20T08:00:60Z",
            "2026-11-20T23:59:60+01:00",
            "+10000-01-01T00:00:00Z",
        ];
        for text in refused {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
