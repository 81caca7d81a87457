//! What is stored of a reading beside its key, as both databases give it.

use hub_domain::{MilliCelsius, PerMille, Reading, ReadingKey, Timestamp};

pub(super) struct Stored {
    pub(super) received_at: i64,
    pub(super) temperature: i32,
    pub(super) humidity: Option<i16>,
    pub(super) battery_percent: Option<i16>,
    pub(super) battery_mv: Option<i32>,
    pub(super) door_open: Option<bool>,
    pub(super) signal_dbm: Option<i16>,
}

impl Stored {
    /// The reading of `key`.
    pub(super) fn reading(self, key: ReadingKey) -> Result<Reading, sqlx::Error> {
        let out_of_range = |error: std::num::TryFromIntError| sqlx::Error::Decode(Box::new(error));
        Ok(Reading {
            point: key.point,
            recorded_at: key.recorded_at,
            received_at: Timestamp::from_millis(self.received_at),
            sequence: key.sequence,
            temperature: MilliCelsius(self.temperature),
            humidity: self.humidity.map(PerMille),
            battery_percent: self
                .battery_percent
                .map(u8::try_from)
                .transpose()
                .map_err(out_of_range)?,
            battery_mv: self.battery_mv.map(u16::try_from).transpose().map_err(out_of_range)?,
            door_open: self.door_open,
            signal_dbm: self.signal_dbm,
        })
    }
}
