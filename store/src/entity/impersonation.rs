//! The `impersonations` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, Timestamp, UserId};

use crate::{
    StoreError,
    records::{Impersonation, Role},
};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[sea_orm(table_name = "impersonations")]
#[serde(rename_all = "camelCase")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) operator_id: Uuid,
    pub(crate) role: String,
    pub(crate) reason: String,
    pub(crate) created_at: i64,
    pub(crate) ends_at: i64,
    pub(crate) ended_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Impersonation {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            operator: UserId(row.operator_id),
            role: super::known("role", &row.role, Role::parse)?,
            reason: row.reason,
            created_at: Timestamp::from_millis(row.created_at),
            ends_at: Timestamp::from_millis(row.ends_at),
            ended_at: row.ended_at.map(Timestamp::from_millis),
        })
    }
}

impl From<&Impersonation> for Model {
    fn from(record: &Impersonation) -> Self {
        Self {
            id: record.id,
            org_id: record.org.0,
            operator_id: record.operator.0,
            role: record.role.name().to_owned(),
            reason: record.reason.clone(),
            created_at: record.created_at.as_millis(),
            ends_at: record.ends_at.as_millis(),
            ended_at: record.ended_at.map(Timestamp::as_millis),
        }
    }
}
