//! The `organizations` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, Timestamp};

use crate::{StoreError, records::Organization};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "organizations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) rules_version: i64,
    pub(crate) created_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Organization {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: OrgId(row.id),
            name: row.name,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}

impl From<&Organization> for ActiveModel {
    fn from(record: &Organization) -> Self {
        let row = Model {
            id: record.id.0,
            name: record.name.clone(),
            rules_version: 0,
            created_at: record.created_at.as_millis(),
        };
        super::insertable(row)
    }
}
