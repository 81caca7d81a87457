//! The `api_keys` table.

use sea_orm::entity::prelude::*;

use hub_domain::{KeyId, OrgId, SiteId, Timestamp};

use crate::{StoreError, entity::hash, records::ApiKey};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) site_id: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) secret_hash: Vec<u8>,
    pub(crate) created_at: i64,
    pub(crate) revoked_at: Option<i64>,
    pub(crate) last_used_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for ApiKey {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: KeyId(row.id),
            org: OrgId(row.org_id),
            site: row.site_id.map(SiteId),
            name: row.name,
            secret_hash: hash(&row.secret_hash)?,
            created_at: Timestamp::from_millis(row.created_at),
            revoked_at: row.revoked_at.map(Timestamp::from_millis),
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
        })
    }
}

impl From<&ApiKey> for ActiveModel {
    fn from(record: &ApiKey) -> Self {
        let row = Model {
            id: record.id.0,
            org_id: record.org.0,
            site_id: record.site.map(|site| site.0),
            name: record.name.clone(),
            secret_hash: record.secret_hash.to_vec(),
            created_at: record.created_at.as_millis(),
            revoked_at: record.revoked_at.map(Timestamp::as_millis),
            last_used_at: record.last_used_at.map(Timestamp::as_millis),
        };
        super::insertable(row)
    }
}
