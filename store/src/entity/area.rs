//! The `areas` table.

use sea_orm::entity::prelude::*;

use hub_domain::{AreaId, OrgId, SiteId, Timestamp};

use crate::{StoreError, entity, records::Area};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "areas")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) site_id: Uuid,
    pub(crate) name: String,
    pub(crate) created_at: i64,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) version: i64,
    pub(crate) updated_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

impl TryFrom<Model> for Area {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: AreaId(row.id),
            org: OrgId(row.org_id),
            site: SiteId(row.site_id),
            name: row.name,
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
        })
    }
}

impl From<&Area> for Model {
    fn from(record: &Area) -> Self {
        Self {
            id: record.id.0,
            org_id: record.org.0,
            site_id: record.site.0,
            name: record.name.clone(),
            created_at: record.created_at.as_millis(),
            deleted_at: record.edition.deleted_at.map(Timestamp::as_millis),
            version: record.edition.version,
            updated_at: record.edition.updated_at.map(Timestamp::as_millis),
        }
    }
}
