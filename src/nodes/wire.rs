//! What nodes say to each other: readings, and what became of them. Hubs of two versions talk while one takes the other's
//! stead, so that what is said here changes only together with [`super::READINGS`].

use hub_actors::{AskError, ReadingFate, UnitAnswer, UnitBatch};
use hub_domain::{
    Channel, MilliCelsius, PerMille, Point, Reading, SourceId, Suspicion, Timestamp, UnitId,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why what another node said cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Shape(#[from] postcard::Error),
    #[error("{0} is no channel")]
    Channel(String),
}

#[derive(Serialize, Deserialize)]
struct BatchRow {
    unit: Uuid,
    readings: Vec<ReadingRow>,
}

#[derive(Serialize, Deserialize)]
struct ReadingRow {
    source: Uuid,
    channel: String,
    recorded_at: i64,
    sequence: i64,
    temperature: i32,
    humidity: Option<i16>,
    battery_percent: Option<u8>,
    battery_mv: Option<u16>,
    door_open: Option<bool>,
    signal_dbm: Option<i16>,
}

#[derive(Serialize, Deserialize)]
enum FateRow {
    Accepted,
    Late,
    Duplicate,
    Conflicting,
    InFuture,
    BeforeEarliest,
    TooManyPoints,
}

#[derive(Serialize, Deserialize)]
enum SilenceRow {
    UnknownUnit,
    Busy,
    Unavailable,
    TimedOut,
    TakenOver,
}

/// Readings as they are sent.
pub(super) fn write_batches(batches: &[UnitBatch]) -> Result<Vec<u8>, Unreadable> {
    let rows: Vec<BatchRow> = batches.iter().map(BatchRow::from).collect();
    Ok(postcard::to_stdvec(&rows)?)
}

/// Readings as they came.
pub(super) fn read_batches(bytes: &[u8]) -> Result<Vec<UnitBatch>, Unreadable> {
    let rows: Vec<BatchRow> = postcard::from_bytes(bytes)?;
    rows.into_iter().map(UnitBatch::try_from).collect()
}

/// Answers as they are sent.
pub(super) fn write_answers(answers: &[UnitAnswer]) -> Result<Vec<u8>, Unreadable> {
    let row = |answer: &UnitAnswer| match answer {
        Ok(fates) => Ok(fates.iter().map(|fate| FateRow::from(*fate)).collect::<Vec<_>>()),
        Err(error) => Err(SilenceRow::from(*error)),
    };
    Ok(postcard::to_stdvec(&answers.iter().map(row).collect::<Vec<_>>())?)
}

/// Answers as they came.
pub(super) fn read_answers(bytes: &[u8]) -> Result<Vec<UnitAnswer>, Unreadable> {
    let rows: Vec<Result<Vec<FateRow>, SilenceRow>> = postcard::from_bytes(bytes)?;
    let answer = |row: Result<Vec<FateRow>, SilenceRow>| match row {
        Ok(fates) => Ok(fates.into_iter().map(ReadingFate::from).collect()),
        Err(silence) => Err(AskError::from(silence)),
    };
    Ok(rows.into_iter().map(answer).collect())
}

impl From<&UnitBatch> for BatchRow {
    fn from(batch: &UnitBatch) -> Self {
        Self { unit: batch.unit.0, readings: batch.readings.iter().map(ReadingRow::from).collect() }
    }
}

impl TryFrom<BatchRow> for UnitBatch {
    type Error = Unreadable;

    fn try_from(row: BatchRow) -> Result<Self, Unreadable> {
        let readings = row.readings.into_iter().map(Reading::try_from).collect::<Result<_, _>>()?;
        Ok(Self { unit: UnitId(row.unit), readings })
    }
}

impl From<&Reading> for ReadingRow {
    fn from(reading: &Reading) -> Self {
        Self {
            source: reading.point.source.0,
            channel: reading.point.channel.as_str().to_owned(),
            recorded_at: reading.recorded_at.as_millis(),
            sequence: reading.sequence,
            temperature: reading.temperature.0,
            humidity: reading.humidity.map(|humidity| humidity.0),
            battery_percent: reading.battery_percent,
            battery_mv: reading.battery_mv,
            door_open: reading.door_open,
            signal_dbm: reading.signal_dbm,
        }
    }
}

impl TryFrom<ReadingRow> for Reading {
    type Error = Unreadable;

    /// Its arrival is told by the unit that judges it.
    fn try_from(row: ReadingRow) -> Result<Self, Unreadable> {
        let Some(channel) = Channel::parse(&row.channel) else {
            return Err(Unreadable::Channel(row.channel));
        };
        let point = Point { source: SourceId(row.source), channel };
        let recorded_at = Timestamp::from_millis(row.recorded_at);
        let temperature = MilliCelsius(row.temperature);
        Ok(Self {
            sequence: row.sequence,
            humidity: row.humidity.map(PerMille),
            battery_percent: row.battery_percent,
            battery_mv: row.battery_mv,
            door_open: row.door_open,
            signal_dbm: row.signal_dbm,
            ..Self::new(point, recorded_at, Timestamp::default(), temperature)
        })
    }
}

impl From<ReadingFate> for FateRow {
    fn from(fate: ReadingFate) -> Self {
        match fate {
            ReadingFate::Accepted => Self::Accepted,
            ReadingFate::Late => Self::Late,
            ReadingFate::Duplicate => Self::Duplicate,
            ReadingFate::Conflicting => Self::Conflicting,
            ReadingFate::Quarantined(Suspicion::InFuture) => Self::InFuture,
            ReadingFate::Quarantined(Suspicion::BeforeEarliest) => Self::BeforeEarliest,
            ReadingFate::TooManyPoints => Self::TooManyPoints,
        }
    }
}

impl From<FateRow> for ReadingFate {
    fn from(row: FateRow) -> Self {
        match row {
            FateRow::Accepted => Self::Accepted,
            FateRow::Late => Self::Late,
            FateRow::Duplicate => Self::Duplicate,
            FateRow::Conflicting => Self::Conflicting,
            FateRow::InFuture => Self::Quarantined(Suspicion::InFuture),
            FateRow::BeforeEarliest => Self::Quarantined(Suspicion::BeforeEarliest),
            FateRow::TooManyPoints => Self::TooManyPoints,
        }
    }
}

impl From<AskError> for SilenceRow {
    fn from(error: AskError) -> Self {
        match error {
            AskError::UnknownUnit => Self::UnknownUnit,
            AskError::Busy => Self::Busy,
            AskError::Unavailable => Self::Unavailable,
            AskError::TimedOut => Self::TimedOut,
            AskError::TakenOver => Self::TakenOver,
        }
    }
}

impl From<SilenceRow> for AskError {
    fn from(row: SilenceRow) -> Self {
        match row {
            SilenceRow::UnknownUnit => Self::UnknownUnit,
            SilenceRow::Busy => Self::Busy,
            SilenceRow::Unavailable => Self::Unavailable,
            SilenceRow::TimedOut => Self::TimedOut,
            SilenceRow::TakenOver => Self::TakenOver,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        let point = Point { source: SourceId(Uuid::from_u128(7)), channel: Channel::TEMPERATURE };
        let recorded_at = Timestamp::from_millis(1_700_000_000_123);
        let bare = Reading::new(point, recorded_at, Timestamp::default(), MilliCelsius(-18_250));
        Reading {
            sequence: 41,
            humidity: Some(PerMille(455)),
            battery_percent: Some(88),
            battery_mv: Some(3_010),
            door_open: Some(true),
            signal_dbm: Some(-91),
            ..bare
        }
    }

    #[test]
    fn what_is_sent_comes_whole() {
        let bare = Reading { sequence: -1, humidity: None, battery_mv: None, ..reading() };
        let sent = [
            UnitBatch { unit: UnitId(Uuid::from_u128(1)), readings: vec![reading(), bare] },
            UnitBatch { unit: UnitId(Uuid::from_u128(2)), readings: Vec::new() },
        ];
        let came = read_batches(&write_batches(&sent).unwrap()).unwrap();
        assert_eq!(came.len(), 2);
        for (sent, came) in sent.iter().zip(&came) {
            assert_eq!((sent.unit, &sent.readings), (came.unit, &came.readings));
        }
    }

    #[test]
    fn every_answer_comes_whole() {
        let fates = vec![
            ReadingFate::Accepted,
            ReadingFate::Late,
            ReadingFate::Duplicate,
            ReadingFate::Conflicting,
            ReadingFate::Quarantined(Suspicion::InFuture),
            ReadingFate::Quarantined(Suspicion::BeforeEarliest),
            ReadingFate::TooManyPoints,
        ];
        let answers = [
            Ok(fates),
            Err(AskError::UnknownUnit),
            Err(AskError::Busy),
            Err(AskError::Unavailable),
            Err(AskError::TimedOut),
            Err(AskError::TakenOver),
            Ok(Vec::new()),
        ];
        assert_eq!(read_answers(&write_answers(&answers).unwrap()).unwrap(), answers);
    }

    #[test]
    fn what_no_hub_says_is_refused() {
        let mut row = ReadingRow::from(&reading());
        row.channel = "../etc".to_owned();
        let rows = [BatchRow { unit: Uuid::nil(), readings: vec![row] }];
        let said = postcard::to_stdvec(&rows.iter().collect::<Vec<_>>()).unwrap();
        assert!(matches!(read_batches(&said), Err(Unreadable::Channel(_))));
        let said =
            write_batches(&[UnitBatch { unit: UnitId(Uuid::nil()), readings: vec![reading()] }]);
        let said = said.unwrap();
        for cut in 0..said.len() {
            assert!(read_batches(&said[..cut]).is_err(), "{cut}");
        }
        assert!(read_answers(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").is_err());
    }
}
