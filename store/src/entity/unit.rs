//! The `units` table.

use sea_orm::entity::prelude::*;

use hub_domain::{AreaId, OrgId, SiteId, Timestamp, UnitId};

use crate::{StoreError, records::UnitRecord};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "units")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) site_id: Uuid,
    pub(crate) area_id: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) preset: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) deleted_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for UnitRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model { id, org_id, site_id, area_id, name, preset, created_at, .. } = row;
        Ok(Self {
            id: UnitId(id),
            org: OrgId(org_id),
            site: SiteId(site_id),
            area: area_id.map(AreaId),
            name,
            preset,
            created_at: Timestamp::from_millis(created_at),
        })
    }
}

impl From<&UnitRecord> for ActiveModel {
    fn from(record: &UnitRecord) -> Self {
        let row = Model {
            id: record.id.0,
            org_id: record.org.0,
            site_id: record.site.0,
            area_id: record.area.map(|area| area.0),
            name: record.name.clone(),
            preset: record.preset.clone(),
            created_at: record.created_at.as_millis(),
            deleted_at: None,
        };
        super::insertable(row)
    }
}
