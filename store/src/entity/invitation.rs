//! The `invitations` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, Timestamp, UserId};

use crate::{
    StoreError,
    entity::{hash, known},
    records::{Invitation, Role},
};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "invitations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) email: String,
    pub(crate) role: String,
    #[serde(skip)]
    pub(crate) secret_hash: Vec<u8>,
    pub(crate) invited_by: Option<Uuid>,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) accepted_at: Option<i64>,
    pub(crate) accepted_by: Option<Uuid>,
    pub(crate) revoked_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Invitation {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            role: known("role", &row.role, Role::parse)?,
            email: row.email,
            secret_hash: hash(&row.secret_hash)?,
            invited_by: row.invited_by.map(UserId),
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            accepted_at: row.accepted_at.map(Timestamp::from_millis),
            accepted_by: row.accepted_by.map(UserId),
            revoked_at: row.revoked_at.map(Timestamp::from_millis),
        })
    }
}
