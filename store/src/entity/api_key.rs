//! The `api_keys` table.

use sea_orm::entity::prelude::*;

use hub_domain::{KeyId, OrgId, SiteId, Timestamp};

use crate::{
    StoreError, entity,
    kept::Kept,
    records::{ApiKey, PreviousSecret},
};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "api_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) site_id: Option<Uuid>,
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) secret_hash: Vec<u8>,
    pub(crate) created_at: i64,
    pub(crate) revoked_at: Option<i64>,
    pub(crate) last_used_at: Option<i64>,
    pub(crate) version: i64,
    pub(crate) updated_at: Option<i64>,
    #[serde(skip)]
    pub(crate) previous_hash: Option<Vec<u8>>,
    pub(crate) previous_until: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A key that is taken away is revoked, and stays so.
impl Kept for Entity {
    const ID: Column = Column::Id;
    const ORG: Column = Column::OrgId;
    const VERSION: Column = Column::Version;
    const UPDATED_AT: Column = Column::UpdatedAt;
    const DELETED_AT: Column = Column::RevokedAt;

    fn id(row: &Model) -> Uuid {
        row.id
    }

    fn org(row: &Model) -> Uuid {
        row.org_id
    }

    fn version(row: &Model) -> i64 {
        row.version
    }

    fn deleted_at(row: &Model) -> Option<i64> {
        row.revoked_at
    }
}

/// The secret before the present one, of its two columns.
pub(crate) fn previous(
    hash: Option<&[u8]>,
    until: Option<i64>,
) -> Result<Option<PreviousSecret>, StoreError> {
    match (hash, until) {
        (Some(hash), Some(until)) => {
            let (hash, until) = (entity::hash(hash)?, Timestamp::from_millis(until));
            Ok(Some(PreviousSecret { hash, until }))
        }
        (None, None) => Ok(None),
        _ => Err(StoreError::Corrupt("half of a previous secret".to_owned())),
    }
}

impl TryFrom<Model> for ApiKey {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: KeyId(row.id),
            org: OrgId(row.org_id),
            site: row.site_id.map(SiteId),
            name: row.name,
            secret_hash: entity::hash(&row.secret_hash)?,
            previous: previous(row.previous_hash.as_deref(), row.previous_until)?,
            created_at: Timestamp::from_millis(row.created_at),
            revoked_at: row.revoked_at.map(Timestamp::from_millis),
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
            version: row.version,
            updated_at: row.updated_at.map(Timestamp::from_millis),
        })
    }
}

impl From<&ApiKey> for Model {
    fn from(record: &ApiKey) -> Self {
        let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
        let previous = record.previous.as_ref();
        Self {
            id: record.id.0,
            org_id: record.org.0,
            site_id: record.site.map(|site| site.0),
            name: record.name.clone(),
            secret_hash: record.secret_hash.to_vec(),
            created_at: record.created_at.as_millis(),
            revoked_at: millis(record.revoked_at),
            last_used_at: millis(record.last_used_at),
            version: record.version,
            updated_at: millis(record.updated_at),
            previous_hash: previous.map(|previous| previous.hash.to_vec()),
            previous_until: previous.map(|previous| previous.until.as_millis()),
        }
    }
}
