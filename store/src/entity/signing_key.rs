//! The `signing_keys` table.

use sea_orm::entity::prelude::*;

use hub_domain::Timestamp;

use crate::{StoreError, records::SigningKey};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) kid: String,
    pub(crate) pkcs8: Vec<u8>,
    pub(crate) created_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for SigningKey {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            kid: row.kid,
            pkcs8: row.pkcs8,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}

impl From<&SigningKey> for ActiveModel {
    fn from(record: &SigningKey) -> Self {
        let row = Model {
            kid: record.kid.clone(),
            pkcs8: record.pkcs8.clone(),
            created_at: record.created_at.as_millis(),
        };
        super::insertable(row)
    }
}
