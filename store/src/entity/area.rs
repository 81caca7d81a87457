//! The `areas` table.

use sea_orm::entity::prelude::*;

use hub_domain::{AreaId, OrgId, SiteId, Timestamp};

use crate::{StoreError, records::Area};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "areas")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) site_id: Uuid,
    pub(crate) name: String,
    pub(crate) created_at: i64,
    pub(crate) deleted_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Area {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model { id, org_id, site_id, name, created_at, .. } = row;
        let created_at = Timestamp::from_millis(created_at);
        Ok(Self { id: AreaId(id), org: OrgId(org_id), site: SiteId(site_id), name, created_at })
    }
}

impl From<&Area> for ActiveModel {
    fn from(record: &Area) -> Self {
        let row = Model {
            id: record.id.0,
            org_id: record.org.0,
            site_id: record.site.0,
            name: record.name.clone(),
            created_at: record.created_at.as_millis(),
            deleted_at: None,
        };
        super::insertable(row)
    }
}
