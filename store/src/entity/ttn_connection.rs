//! The `ttn_connections` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, Timestamp};

use crate::{StoreError, entity::hash, records::TtnConnection};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ttn_connections")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) name: String,
    pub(crate) secret_hash: Vec<u8>,
    pub(crate) created_at: i64,
    pub(crate) deleted_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for TtnConnection {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            name: row.name,
            secret_hash: hash(&row.secret_hash)?,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}

impl From<&TtnConnection> for ActiveModel {
    fn from(record: &TtnConnection) -> Self {
        let row = Model {
            id: record.id,
            org_id: record.org.0,
            name: record.name.clone(),
            secret_hash: record.secret_hash.to_vec(),
            created_at: record.created_at.as_millis(),
            deleted_at: None,
        };
        super::insertable(row)
    }
}
