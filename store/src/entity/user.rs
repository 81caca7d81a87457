//! The `users` table.

use sea_orm::entity::prelude::*;

use hub_domain::{Timestamp, UserId};

use crate::{
    StoreError,
    records::{Account, Totp, User},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) password_hash: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) email_verified_at: Option<i64>,
    pub(crate) email_verified_in: Option<Uuid>,
    pub(crate) password_changed_at: Option<i64>,
    pub(crate) token_generation: i64,
    pub(crate) totp_secret: Option<Vec<u8>>,
    pub(crate) totp_confirmed_at: Option<i64>,
    pub(crate) totp_last_step: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for User {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model { id, email, name, password_hash, created_at, .. } = row;
        Ok(Self {
            id: UserId(id),
            email,
            name,
            password_hash,
            created_at: Timestamp::from_millis(created_at),
        })
    }
}

impl TryFrom<Model> for Account {
    type Error = StoreError;

    fn try_from(mut row: Model) -> Result<Self, StoreError> {
        let at = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        let confirmed_at = at(row.totp_confirmed_at);
        let totp = row.totp_secret.take().map(|secret| Totp { secret, confirmed_at });
        let email_verified_at = at(row.email_verified_at);
        let issuer = row.issuer.take();
        Ok(Self { user: row.try_into()?, email_verified_at, totp, issuer })
    }
}

impl From<&User> for ActiveModel {
    fn from(record: &User) -> Self {
        let row = Model {
            id: record.id.0,
            email: record.email.clone(),
            name: record.name.clone(),
            password_hash: record.password_hash.clone(),
            issuer: None,
            subject: None,
            created_at: record.created_at.as_millis(),
            email_verified_at: None,
            email_verified_in: None,
            password_changed_at: None,
            token_generation: 0,
            totp_secret: None,
            totp_confirmed_at: None,
            totp_last_step: None,
        };
        super::insertable(row)
    }
}
