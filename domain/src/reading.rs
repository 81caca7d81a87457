//! Readings, their identity, and which of them are too strange to judge.

use std::{borrow::Cow, fmt};

use crate::{MilliCelsius, PerMille, SourceId, Timestamp, point::Point, rule::Rule};

/// The most a sensor's clock may run ahead of the hub's, in seconds: 5 min (design, "Time").
pub const MAX_AHEAD_SECS: u32 = 300;

/// The name of one of a source's measuring channels: `temperature`, `probe1`, `manual`.
///
/// One to 32 characters of `a`–`z`, `0`–`9`, `_` and `-`, so that it sorts alike in every database.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Channel(Cow<'static, str>);

impl Channel {
    /// The channel of a sensor's own, first temperature.
    pub const TEMPERATURE: Self = Self(Cow::Borrowed("temperature"));
    /// The channel of a unit's manual logs.
    pub const MANUAL: Self = Self(Cow::Borrowed("manual"));

    /// Parses a channel's name; `None` if it is empty, too long or holds another character.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let known = ["temperature", "manual", "probe1", "probe2", "board"];
        if let Some(known) = known.into_iter().find(|&k| k == name) {
            return Some(Self(Cow::Borrowed(known)));
        }
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let good = (1..=32).contains(&name.len()) && name.bytes().all(fits);
        good.then(|| Self(Cow::Owned(name.to_owned())))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for channels that are stored and shown but not judged: the temperature of a sensor's own circuit
    /// board says nothing about the room.
    #[must_use]
    pub fn is_auxiliary(&self) -> bool {
        self.0.starts_with("board") || self.0.starts_with("aux")
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One temperature at one instant, with what the sensor said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What measured it.
    pub point: Point,
    /// The sensor's time. It decides order and lateness.
    pub recorded_at: Timestamp,
    /// The hub's time. Rises strictly from one batch of a unit to the next.
    pub received_at: Timestamp,
    /// The sender's counter, or −1. Part of the identity, no order across instants.
    pub sequence: i64,
    /// What was measured.
    pub temperature: MilliCelsius,
    /// Relative humidity.
    pub humidity: Option<PerMille>,
    /// Charge left, 0 to 100.
    pub battery_percent: Option<u8>,
    /// Battery voltage in millivolts.
    pub battery_mv: Option<u16>,
    /// Whether the door stood open, where the sensor knows.
    pub door_open: Option<bool>,
    /// Received signal strength in dBm.
    pub signal_dbm: Option<i16>,
}

impl Reading {
    /// A reading of `point` with nothing beside its temperature.
    #[must_use]
    pub fn new(
        point: Point,
        recorded_at: Timestamp,
        received_at: Timestamp,
        temperature: MilliCelsius,
    ) -> Self {
        Self {
            point,
            recorded_at,
            received_at,
            sequence: -1,
            temperature,
            humidity: None,
            battery_percent: None,
            battery_mv: None,
            door_open: None,
            signal_dbm: None,
        }
    }

    /// What makes two readings one: equal keys are stored once.
    #[must_use]
    pub fn key(&self) -> ReadingKey {
        ReadingKey {
            point: self.point.clone(),
            recorded_at: self.recorded_at,
            sequence: self.sequence,
        }
    }

    /// Whether the sensor's instant can be believed at `received_at`.
    #[must_use]
    pub fn suspicion(&self) -> Option<Suspicion> {
        Suspicion::of(self.recorded_at, self.received_at)
    }

    /// True when the value is one that the unit's sensors can measure at all (the rule's plausible range).
    #[must_use]
    pub fn is_plausible(&self, rule: &Rule) -> bool {
        (rule.plausible_min..=rule.plausible_max).contains(&self.temperature)
    }
}

/// Why a reading's own time cannot be believed. Such a reading is quarantined: told to the sender, counted, and
/// it moves no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// More than [`MAX_AHEAD_SECS`] ahead of the hub.
    InFuture,
    /// Before [`Timestamp::EARLIEST`].
    BeforeEarliest,
}

impl Suspicion {
    /// Whether a sensor's instant `recorded_at` can be believed at `received_at`. The edges can.
    #[must_use]
    pub fn of(recorded_at: Timestamp, received_at: Timestamp) -> Option<Self> {
        if recorded_at < Timestamp::EARLIEST {
            Some(Self::BeforeEarliest)
        } else if recorded_at > received_at.plus_secs(MAX_AHEAD_SECS) {
            Some(Self::InFuture)
        } else {
            None
        }
    }
}

/// The identity of a reading: (source, channel, `recorded_at` in milliseconds, sequence or −1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReadingKey {
    /// What measured it.
    pub point: Point,
    /// When.
    pub recorded_at: Timestamp,
    /// The sender's counter, or −1.
    pub sequence: i64,
}

impl ReadingKey {
    /// What measured it.
    #[must_use]
    pub const fn source(&self) -> SourceId {
        self.point.source
    }
}
