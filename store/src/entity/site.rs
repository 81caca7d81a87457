//! The `sites` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, SiteId, Timestamp};

use crate::{StoreError, records::Site};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sites")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) name: String,
    pub(crate) timezone: String,
    pub(crate) created_at: i64,
    pub(crate) deleted_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Site {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model { id, org_id, name, timezone, created_at, .. } = row;
        let created_at = Timestamp::from_millis(created_at);
        Ok(Self { id: SiteId(id), org: OrgId(org_id), name, timezone, created_at })
    }
}

impl From<&Site> for ActiveModel {
    fn from(record: &Site) -> Self {
        let row = Model {
            id: record.id.0,
            org_id: record.org.0,
            name: record.name.clone(),
            timezone: record.timezone.clone(),
            created_at: record.created_at.as_millis(),
            deleted_at: None,
        };
        super::insertable(row)
    }
}
