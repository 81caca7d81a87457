//! Rows of `readings` as the hot paths read them: by position, from either database.

use hub_domain::{
    Channel, MilliCelsius, PerMille, Point, Reading, ReadingKey, SourceId, Timestamp, UnitId,
};
use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

/// What makes two rows one.
pub(crate) type RowKey = (UnitId, ReadingKey);

/// The columns that the macro `decoders` reads, in their order; the first five are the key.
macro_rules! reading_columns {
    () => {
        "unit_id, source_id, channel, recorded_at, sequence, received_at, temperature, humidity, battery_percent,
        battery_mv, door_open, signal_dbm"
    };
}
pub(crate) use reading_columns;

macro_rules! decoders {
    ($row:ty, $key:ident, $reading:ident) => {
        /// The key of a row.
        pub(crate) fn $key(row: &$row) -> Result<RowKey, sqlx::Error> {
            let (unit, source): (Uuid, Uuid) = (row.try_get(0)?, row.try_get(1)?);
            Ok((UnitId(unit), key(source, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?)?))
        }

        /// The unit and reading of a row.
        pub(crate) fn $reading(row: &$row) -> Result<(UnitId, Reading), sqlx::Error> {
            let (unit, key) = $key(row)?;
            let reading = Reading {
                point: key.point,
                recorded_at: key.recorded_at,
                received_at: Timestamp::from_millis(row.try_get(5)?),
                sequence: key.sequence,
                temperature: MilliCelsius(row.try_get(6)?),
                humidity: row.try_get::<Option<i16>, _>(7)?.map(PerMille),
                battery_percent: in_range(row.try_get::<Option<i16>, _>(8)?)?,
                battery_mv: in_range(row.try_get::<Option<i32>, _>(9)?)?,
                door_open: row.try_get(10)?,
                signal_dbm: row.try_get(11)?,
            };
            Ok((unit, reading))
        }
    };
}

decoders!(PgRow, postgres_key, postgres_reading);
decoders!(SqliteRow, sqlite_key, sqlite_reading);

fn key(
    source: Uuid,
    channel: &str,
    recorded_at: i64,
    sequence: i64,
) -> Result<ReadingKey, sqlx::Error> {
    let channel = Channel::parse(channel)
        .ok_or_else(|| sqlx::Error::Decode("no name of a channel".into()))?;
    let point = Point { source: SourceId(source), channel };
    Ok(ReadingKey { point, recorded_at: Timestamp::from_millis(recorded_at), sequence })
}

fn in_range<T, U: TryFrom<T>>(value: Option<T>) -> Result<Option<U>, sqlx::Error>
where
    U::Error: std::error::Error + Send + Sync + 'static,
{
    value.map(U::try_from).transpose().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
