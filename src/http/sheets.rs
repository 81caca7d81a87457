//! Rows of CSV: RFC 4180, and inert in a spreadsheet.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use csv::{Terminator, Writer, WriterBuilder};
use hub_domain::Timestamp;
use serde::Serialize;

/// Rows that are being written. Nothing fails: they are written to memory.
pub struct Sheet {
    writer: Writer<Vec<u8>>,
}

impl Default for Sheet {
    fn default() -> Self {
        let writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
        Self { writer }
    }
}

impl Sheet {
    /// Writes a row. All rows of a sheet have as many cells.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = Cow<'a, str>>) {
        let cells = cells.into_iter();
        if let Err(error) = self.writer.write_record(cells.map(Cow::into_owned)) {
            tracing::error!(%error, "a row of a sheet has another number of cells");
        }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.writer.into_inner().unwrap_or_default()
    }
}

/// A cell of somebody's words. A spreadsheet that would compute it is shown an apostrophe first, so it shows it.
#[must_use]
pub fn words(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        return format!("'{text}").into();
    }
    text.into()
}

/// A cell of a word of ours.
#[must_use]
pub const fn word(text: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(text)
}

/// A cell of what the interface's JSON has as a number, a flag or a text of ours; empty for nothing.
#[must_use]
pub fn value(value: impl Serialize) -> Cow<'static, str> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::Null) | Err(_) => Cow::Borrowed(""),
        Ok(serde_json::Value::String(text)) => text.into(),
        Ok(other) => other.to_string().into(),
    }
}

/// An instant by the clocks of a zone, with its offset; by UTC's where the zone is not known.
#[must_use]
pub fn local(at: Timestamp, zone: &str) -> Cow<'static, str> {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    let at = DateTime::from_timestamp_millis(at.as_millis()).unwrap_or_default();
    at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Millis, false).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_compute_is_shown_to_it_as_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1"] {
            assert_eq!(words(formula), format!("'{formula}"));
        }
        for plain in ["", "Walk-in 1", "'=1", "<img src=x>", "a=1", "\u{202e}gpj", " =1"] {
            assert_eq!(words(plain), plain);
        }
    }

    #[test]
    fn a_cell_with_quotes_and_breaks_is_quoted() {
        let mut sheet = Sheet::default();
        sheet.row([words("a\"b"), words("c\r\nd"), words("e,f"), value(-18.5), value(None::<i32>)]);
        assert_eq!(sheet.into_bytes(), b"\"a\"\"b\",\"c\r\nd\",\"e,f\",-18.5,\r\n");
    }

    #[test]
    fn local_time_follows_the_zone_over_its_changes() {
        let at = |millis| local(Timestamp::from_millis(millis), "Europe/Berlin");
        assert_eq!(at(1_792_889_999_000), "2026-10-25T02:59:59.000+02:00");
        assert_eq!(at(1_792_890_000_000), "2026-10-25T02:00:00.000+01:00");
        assert_eq!(local(Timestamp::from_millis(0), "Nowhere"), "1970-01-01T00:00:00.000+00:00");
    }
}
