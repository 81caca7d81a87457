//! The `unit_status_changes` table. Written by the group-commit writer alone.

use sea_orm::entity::prelude::*;

use hub_domain::{DoorState, LinkState, ManualLogState, Status, Timestamp, thermal::Thermal};

use crate::{StoreError, entity::known, records::StatusInterval};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "unit_status_changes")]
pub(crate) struct Model {
    pub(crate) org_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) unit_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) at: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) version: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) ordinal: i64,
    pub(crate) written_at: i64,
    pub(crate) status: String,
    pub(crate) thermal: String,
    pub(crate) link: String,
    pub(crate) door: String,
    pub(crate) manual_log: String,
    pub(crate) mode: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for StatusInterval {
    type Error = StoreError;

    /// The span that begins with the change; its end is another row's.
    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            from: Timestamp::from_millis(row.at),
            to: None,
            written_at: Timestamp::from_millis(row.written_at),
            status: known("status", &row.status, Status::parse)?,
            thermal: known("thermal", &row.thermal, Thermal::parse)?,
            link: known("link", &row.link, LinkState::parse)?,
            door: known("door", &row.door, DoorState::parse)?,
            manual_log: known("manual log", &row.manual_log, ManualLogState::parse)?,
            mode: row.mode,
        })
    }
}
