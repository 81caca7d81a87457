//! The generator sends, the ledger remembers, the checker judges.
//!
//! [`Lane`] sends what a [`Script`] makes up and resends it until it is answered, as a real sender does. The
//! [`Ledger`] holds what was sent, in order, and whether it was answered. [`judge`] compares that with what the hub
//! shows afterwards. None of it knows how the hub works inside.

pub mod judge;
mod lane;
mod script;

use chrono::{DateTime, SecondsFormat};
use hub_domain::{MilliCelsius, Timestamp};
use serde_json::{Value, json};

pub use lane::Lane;
pub use script::Script;

/// One reading of a unit, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The unit.
    pub unit: String,
    /// The sensor's instant.
    pub recorded_at: Timestamp,
    /// What was measured.
    pub temperature: MilliCelsius,
}

impl Sent {
    /// As the ingest endpoint takes it.
    #[must_use]
    pub fn body(&self) -> Value {
        let celsius = f64::from(self.temperature.0) / 1000.0;
        json!({ "unitId": self.unit, "temperature": celsius, "recordedAt": text(self.recorded_at) })
    }
}

/// What the sender knows of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was answered 2xx: the hub has promised to keep it.
    Answered,
    /// No answer came, and the sender gave it up: stored or not, but not twice.
    Unknown,
}

/// One batch.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its readings.
    pub readings: Vec<Sent>,
    /// What became of it.
    pub fate: Fate,
    /// How often it was sent.
    pub attempts: u32,
}

/// Everything that was sent. Batches that hold the same unit stand in the order in which they were sent.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
}

impl Ledger {
    /// Notes a batch.
    pub fn note(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Takes in the batches of a sender that shared no unit with the ones before.
    pub fn merge(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// What was sent for one unit, in order. A reading that was sent twice is there twice.
    #[must_use]
    pub fn of_unit(&self, unit: &str) -> Vec<(Sent, Fate)> {
        let all = self
            .entries
            .iter()
            .flat_map(|entry| entry.readings.iter().map(|sent| (sent, entry.fate)));
        all.filter(|(sent, _)| sent.unit == unit).map(|(sent, fate)| (sent.clone(), fate)).collect()
    }

    /// How many batches there are, how many of them were sent again, and how many were given up.
    #[must_use]
    pub fn batches(&self) -> (usize, usize, usize) {
        let again = self.entries.iter().filter(|entry| entry.attempts > 1).count();
        let unknown = self.entries.iter().filter(|entry| entry.fate == Fate::Unknown).count();
        (self.entries.len(), again, unknown)
    }
}

/// An instant as the hub writes it.
///
/// # Panics
/// When it is outside the years 0 to 9999.
#[must_use]
pub fn text(at: Timestamp) -> String {
    let at =
        DateTime::from_timestamp_millis(at.as_millis()).expect("it is a representable instant");
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads an instant that the hub wrote.
///
/// # Panics
/// When it is none.
#[must_use]
#[track_caller]
pub fn instant(value: &Value) -> Timestamp {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no instant"));
    let at = DateTime::parse_from_rfc3339(text).expect("an instant is RFC 3339");
    Timestamp::from_millis(at.timestamp_millis())
}
