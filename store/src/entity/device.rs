//! The `devices` table.

use sea_orm::entity::prelude::*;

use hub_domain::{DeviceId, OrgId, Timestamp, UnitId};

use crate::{StoreError, records::Device};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
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
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Device {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model { id, org_id, unit_id, name, dev_eui, model, created_at, .. } = row;
        let (id, org, unit) = (DeviceId(id), OrgId(org_id), unit_id.map(UnitId));
        Ok(Self {
            id,
            org,
            unit,
            name,
            dev_eui,
            model,
            created_at: Timestamp::from_millis(created_at),
        })
    }
}

impl From<&Device> for ActiveModel {
    fn from(record: &Device) -> Self {
        let row = Model {
            id: record.id.0,
            org_id: record.org.0,
            unit_id: record.unit.map(|unit| unit.0),
            name: record.name.clone(),
            dev_eui: record.dev_eui.clone(),
            model: record.model.clone(),
            created_at: record.created_at.as_millis(),
            deleted_at: None,
        };
        super::insertable(row)
    }
}
