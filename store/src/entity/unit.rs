//! The `units` table.

use sea_orm::entity::prelude::*;

use hub_domain::{AreaId, OrgId, SiteId, Timestamp, UnitId};

use crate::{StoreError, entity, records::UnitRecord};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
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
    pub(crate) version: i64,
    pub(crate) updated_at: Option<i64>,
    /// Set as its purge begins: from then on there is no way back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) purge_requested_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

impl Model {
    /// A row that the writer reads, its columns in their order.
    pub(crate) fn of_row<R: sqlx::Row>(row: &R) -> Result<Self, sqlx::Error>
    where
        usize: sqlx::ColumnIndex<R>,
        for<'r> Uuid: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        for<'r> String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        for<'r> i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    {
        Ok(Self {
            id: row.try_get(0)?,
            org_id: row.try_get(1)?,
            site_id: row.try_get(2)?,
            area_id: row.try_get(3)?,
            name: row.try_get(4)?,
            preset: row.try_get(5)?,
            created_at: row.try_get(6)?,
            deleted_at: row.try_get(7)?,
            version: row.try_get(8)?,
            updated_at: row.try_get(9)?,
            purge_requested_at: None, // it is there still
        })
    }
}

impl TryFrom<Model> for UnitRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: UnitId(row.id),
            org: OrgId(row.org_id),
            site: SiteId(row.site_id),
            area: row.area_id.map(AreaId),
            name: row.name,
            preset: row.preset,
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
        })
    }
}

impl From<&UnitRecord> for Model {
    fn from(record: &UnitRecord) -> Self {
        Self {
            id: record.id.0,
            org_id: record.org.0,
            site_id: record.site.0,
            area_id: record.area.map(|area| area.0),
            name: record.name.clone(),
            preset: record.preset.clone(),
            created_at: record.created_at.as_millis(),
            deleted_at: record.edition.deleted_at.map(Timestamp::as_millis),
            version: record.edition.version,
            updated_at: record.edition.updated_at.map(Timestamp::as_millis),
            purge_requested_at: None,
        }
    }
}
