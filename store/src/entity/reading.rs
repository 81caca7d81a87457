//! The `readings` table. Written by the group-commit writer alone.

use sea_orm::entity::prelude::*;

use hub_domain::{Channel, MilliCelsius, PerMille, Point, Reading, SourceId, Timestamp};

use crate::{StoreError, entity::known, records::StoredReading};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "readings")]
pub(crate) struct Model {
    pub(crate) org_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) unit_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) source_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) channel: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) recorded_at: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) sequence: i64,
    pub(crate) received_at: i64,
    pub(crate) temperature: i32,
    pub(crate) humidity: Option<i16>,
    pub(crate) battery_percent: Option<i16>,
    pub(crate) battery_mv: Option<i32>,
    pub(crate) door_open: Option<bool>,
    pub(crate) signal_dbm: Option<i16>,
    pub(crate) is_late: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for StoredReading {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let corrupt = |what: &str| StoreError::Corrupt(format!("{what} of a reading"));
        let percent = row
            .battery_percent
            .map(u8::try_from)
            .transpose()
            .map_err(|_| corrupt("battery percent"))?;
        let millivolts = row
            .battery_mv
            .map(u16::try_from)
            .transpose()
            .map_err(|_| corrupt("battery voltage"))?;
        let reading = Reading {
            point: Point {
                source: SourceId(row.source_id),
                channel: known("channel", &row.channel, Channel::parse)?,
            },
            recorded_at: Timestamp::from_millis(row.recorded_at),
            received_at: Timestamp::from_millis(row.received_at),
            sequence: row.sequence,
            temperature: MilliCelsius(row.temperature),
            humidity: row.humidity.map(PerMille),
            battery_percent: percent,
            battery_mv: millivolts,
            door_open: row.door_open,
            signal_dbm: row.signal_dbm,
        };
        Ok(Self { reading, is_late: row.is_late })
    }
}
