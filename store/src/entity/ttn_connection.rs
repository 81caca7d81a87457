//! The `ttn_connections` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, Timestamp};

use crate::{
    StoreError,
    entity::{self, api_key::previous, hash},
    records::TtnConnection,
};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "ttn_connections")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) secret_hash: Vec<u8>,
    pub(crate) created_at: i64,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) version: i64,
    pub(crate) updated_at: Option<i64>,
    #[serde(skip)]
    pub(crate) previous_hash: Option<Vec<u8>>,
    pub(crate) previous_until: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

impl TryFrom<Model> for TtnConnection {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            name: row.name,
            secret_hash: hash(&row.secret_hash)?,
            previous: previous(row.previous_hash.as_deref(), row.previous_until)?,
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
        })
    }
}

impl From<&TtnConnection> for Model {
    fn from(record: &TtnConnection) -> Self {
        let previous = record.previous.as_ref();
        Self {
            id: record.id,
            org_id: record.org.0,
            name: record.name.clone(),
            secret_hash: record.secret_hash.to_vec(),
            created_at: record.created_at.as_millis(),
            deleted_at: record.edition.deleted_at.map(Timestamp::as_millis),
            version: record.edition.version,
            updated_at: record.edition.updated_at.map(Timestamp::as_millis),
            previous_hash: previous.map(|previous| previous.hash.to_vec()),
            previous_until: previous.map(|previous| previous.until.as_millis()),
        }
    }
}
