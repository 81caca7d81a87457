//! The envelope of readings: one JSON object with a list, or one reading a line.

use std::fmt;

use axum::http::HeaderMap;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    MOST_READINGS,
    item::{Item, Rejection},
};
use crate::http::{body, error::ApiError};

/// How readings are enveloped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{"readings":[…]}`.
    Json,
    /// One reading a line.
    Lines,
}

impl Kind {
    /// The kind that a request's content type names.
    ///
    /// # Errors
    /// 415 for another.
    pub fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        match body::media_type(headers).as_deref() {
            Some("application/json") => Ok(Self::Json),
            Some("application/x-ndjson" | "application/ndjson") => Ok(Self::Lines),
            _ => Err(ApiError::UnsupportedMediaType("application/json or application/x-ndjson")),
        }
    }
}

/// The readings of an envelope, each parsed by itself.
///
/// # Errors
/// 400 for what is not JSON, 422 for JSON of another shape, 413 for too many.
pub fn items(kind: Kind, bytes: &[u8]) -> Result<Vec<Result<Item, Rejection>>, ApiError> {
    match kind {
        Kind::Json => {
            let text = std::str::from_utf8(bytes)
                .map_err(|_| ApiError::MalformedJson(": it is not UTF-8".to_owned()))?;
            let envelope: Envelope<'_> =
                serde_json::from_str(text).map_err(|error| body::refusal(&error, "."))?;
            body::is_object(bytes)?;
            let Readings(readings) = envelope.readings;
            let readings = readings.ok_or(ApiError::TooManyReadings(MOST_READINGS))?;
            Ok(readings.into_iter().map(|raw| Item::parse(raw.get())).collect())
        }
        Kind::Lines => {
            let lines =
                bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
            let lines: Vec<&[u8]> = lines.take(MOST_READINGS + 1).collect();
            if lines.len() > MOST_READINGS {
                return Err(ApiError::TooManyReadings(MOST_READINGS));
            }
            Ok(lines.into_iter().map(line).collect())
        }
    }
}

fn line(line: &[u8]) -> Result<Item, Rejection> {
    let text = std::str::from_utf8(line)
        .map_err(|_| Rejection::new("malformed", "the line is not UTF-8"))?;
    Item::parse(text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    readings: Readings<'a>,
}

/// The readings as they stand, or `None` past the most that are taken: more are counted and not kept.
struct Readings<'a>(Option<Vec<&'a RawValue>>);

impl<'de: 'a, 'a> Deserialize<'de> for Readings<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded;
        impl<'de> Visitor<'de> for Bounded {
            type Value = Readings<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of readings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Readings<'de>, A::Error> {
                let mut readings = Vec::with_capacity(16);
                while let Some(reading) = seq.next_element::<&'de RawValue>()? {
                    if readings.len() == MOST_READINGS {
                        while seq.next_element::<IgnoredAny>()?.is_some() {}
                        return Ok(Readings(None));
                    }
                    readings.push(reading);
                }
                Ok(Readings(Some(readings)))
            }
        }
        deserializer.deserialize_seq(Bounded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"unitId":"019a0000-0000-7000-8000-000000000001","temperature":4,"recordedAt":"2026-11-20T08:00:00Z"}"#;

    fn envelope(count: usize) -> String {
        format!("{{\"readings\":[{}]}}", vec![GOOD; count].join(","))
    }

    #[test]
    fn as_many_as_are_taken_are_taken_and_one_more_is_not() {
        let items = |count| items(Kind::Json, envelope(count).as_bytes());
        assert_eq!(items(0).unwrap().len(), 0);
        assert_eq!(items(MOST_READINGS).unwrap().len(), MOST_READINGS);
        assert_eq!(items(MOST_READINGS + 1).unwrap_err(), ApiError::TooManyReadings(MOST_READINGS));
    }

    #[test]
    fn a_bad_envelope_is_refused_and_a_bad_reading_is_rejected_alone() {
        let code = |text: &str| match items(Kind::Json, text.as_bytes()) {
            Ok(items) => format!("{} items", items.len()),
            Err(error) => error.problem().code().to_owned(),
        };
        assert_eq!(code("{\"readings\":["), "malformed_json");
        assert_eq!(code("[]"), "invalid");
        assert_eq!(code("[[]]"), "invalid");
        assert_eq!(code("{}"), "invalid");
        assert_eq!(code("{\"readings\":{}}"), "invalid");
        assert_eq!(code("{\"readings\":[],\"readings\":[]}"), "invalid");
        assert_eq!(code("{\"readings\":[],\"extra\":1}"), "invalid");
        assert_eq!(code("{\"readings\":[1,null,[[[[]]]],\"x\"]}"), "4 items");
        assert_eq!(code(&format!("{{\"readings\":[{}]}}", "[".repeat(100_000))), "malformed_json");
    }

    #[test]
    fn one_bad_line_is_one_rejected_item() {
        let text = format!("{GOOD}\n\nnot json\n{GOOD}\r\n\u{feff}\n");
        let items = items(Kind::Lines, text.as_bytes()).unwrap();
        let codes: Vec<_> =
            items.iter().map(|item| item.as_ref().err().map(|error| error.code)).collect();
        assert_eq!(codes, [None, Some("malformed"), None, Some("malformed")]);
    }
}
