//! The `calibrations` table.

use sea_orm::entity::prelude::*;

use hub_domain::{DeviceId, MilliCelsius, OrgId, Timestamp, UserId};

use crate::{StoreError, entity, records::Calibration};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "calibrations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) device_id: Uuid,
    pub(crate) performed_at: i64,
    pub(crate) performed_by: String,
    pub(crate) deviation: Option<i32>,
    pub(crate) certificate: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) due_at: Option<i64>,
    pub(crate) created_by: Option<Uuid>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: Option<i64>,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) version: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

impl TryFrom<Model> for Calibration {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            device: DeviceId(row.device_id),
            performed_at: Timestamp::from_millis(row.performed_at),
            performed_by: row.performed_by,
            deviation: row.deviation.map(MilliCelsius),
            certificate: row.certificate,
            note: row.note,
            due_at: row.due_at.map(Timestamp::from_millis),
            created_by: row.created_by.map(UserId),
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
        })
    }
}
