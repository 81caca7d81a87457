//! The `door_events` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, SourceId, Timestamp, UnitId, UserId};

use crate::records::DoorEvent;

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "door_events")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) unit_id: Uuid,
    pub(crate) source_id: Uuid,
    pub(crate) is_open: bool,
    pub(crate) recorded_at: i64,
    pub(crate) received_at: i64,
    pub(crate) created_by: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for DoorEvent {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            org: OrgId(row.org_id),
            unit: UnitId(row.unit_id),
            source: SourceId(row.source_id),
            is_open: row.is_open,
            recorded_at: Timestamp::from_millis(row.recorded_at),
            received_at: Timestamp::from_millis(row.received_at),
            created_by: row.created_by.map(UserId),
        }
    }
}

impl From<&DoorEvent> for Model {
    fn from(record: &DoorEvent) -> Self {
        Self {
            id: record.id,
            org_id: record.org.0,
            unit_id: record.unit.0,
            source_id: record.source.0,
            is_open: record.is_open,
            recorded_at: record.recorded_at.as_millis(),
            received_at: record.received_at.as_millis(),
            created_by: record.created_by.map(|user| user.0),
        }
    }
}
