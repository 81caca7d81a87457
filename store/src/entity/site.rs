//! The `sites` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, SiteId, Timestamp};

use crate::{StoreError, entity, records::Site};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "sites")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) name: String,
    pub(crate) timezone: String,
    pub(crate) requires_corrective_action: bool,
    pub(crate) created_at: i64,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) version: i64,
    pub(crate) updated_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

impl TryFrom<Model> for Site {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: SiteId(row.id),
            org: OrgId(row.org_id),
            name: row.name,
            timezone: row.timezone,
            requires_corrective_action: row.requires_corrective_action,
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
        })
    }
}

impl From<&Site> for Model {
    fn from(record: &Site) -> Self {
        Self {
            id: record.id.0,
            org_id: record.org.0,
            name: record.name.clone(),
            timezone: record.timezone.clone(),
            requires_corrective_action: record.requires_corrective_action,
            created_at: record.created_at.as_millis(),
            deleted_at: record.edition.deleted_at.map(Timestamp::as_millis),
            version: record.edition.version,
            updated_at: record.edition.updated_at.map(Timestamp::as_millis),
        }
    }
}
