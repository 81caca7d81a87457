//! The `organizations` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, Timestamp};

use crate::{StoreError, entity, kept::Kept, records::Organization};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "organizations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) rules_version: i64,
    pub(crate) created_at: i64,
    pub(crate) version: i64,
    pub(crate) updated_at: Option<i64>,
    pub(crate) deleted_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

// an organization is its own tenant
impl Kept for Entity {
    const ID: Column = Column::Id;
    const ORG: Column = Column::Id;
    const VERSION: Column = Column::Version;
    const UPDATED_AT: Column = Column::UpdatedAt;
    const DELETED_AT: Column = Column::DeletedAt;

    fn id(row: &Model) -> Uuid {
        row.id
    }

    fn org(row: &Model) -> Uuid {
        row.id
    }

    fn version(row: &Model) -> i64 {
        row.version
    }

    fn deleted_at(row: &Model) -> Option<i64> {
        row.deleted_at
    }
}

impl TryFrom<Model> for Organization {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: OrgId(row.id),
            name: row.name,
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
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
            version: record.edition.version,
            updated_at: record.edition.updated_at.map(Timestamp::as_millis),
            deleted_at: record.edition.deleted_at.map(Timestamp::as_millis),
        };
        super::insertable(row)
    }
}
