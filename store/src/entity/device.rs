//! The `devices` table.

use sea_orm::entity::prelude::*;

use hub_domain::{DeviceId, OrgId, Timestamp, UnitId};

use crate::{StoreError, entity, records::Device};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "devices")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) unit_id: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) dev_eui: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) version: i64,
    pub(crate) updated_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

impl TryFrom<Model> for Device {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: DeviceId(row.id),
            org: OrgId(row.org_id),
            unit: row.unit_id.map(UnitId),
            name: row.name,
            dev_eui: row.dev_eui,
            model: row.model,
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
        })
    }
}

impl From<&Device> for Model {
    fn from(record: &Device) -> Self {
        Self {
            id: record.id.0,
            org_id: record.org.0,
            unit_id: record.unit.map(|unit| unit.0),
            name: record.name.clone(),
            dev_eui: record.dev_eui.clone(),
            model: record.model.clone(),
            created_at: record.created_at.as_millis(),
            deleted_at: record.edition.deleted_at.map(Timestamp::as_millis),
            version: record.edition.version,
            updated_at: record.edition.updated_at.map(Timestamp::as_millis),
        }
    }
}
