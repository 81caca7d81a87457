//! The `device_assignments` table.

use sea_orm::entity::prelude::*;

use hub_domain::{DeviceId, Timestamp, UnitId};

use crate::{
    StoreError,
    records::{Assignment, AssignmentRecord},
};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "device_assignments")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) device_id: Uuid,
    pub(crate) unit_id: Uuid,
    pub(crate) from_at: i64,
    pub(crate) until_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Model> for Assignment {
    fn from(row: &Model) -> Self {
        Self {
            unit: UnitId(row.unit_id),
            from: Timestamp::from_millis(row.from_at),
            until: row.until_at.map(Timestamp::from_millis),
        }
    }
}

impl TryFrom<Model> for AssignmentRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self { device: DeviceId(row.device_id), assignment: Assignment::from(&row) })
    }
}
