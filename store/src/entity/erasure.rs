//! The `erasures` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, Timestamp, UserId};

use crate::records::Erasure;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "erasures")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) org_id: Uuid,
    pub(crate) requested_by: Option<Uuid>,
    pub(crate) requested_at: i64,
    pub(crate) done_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for Erasure {
    fn from(row: Model) -> Self {
        Self {
            org: OrgId(row.org_id),
            requested_by: row.requested_by.map(UserId),
            requested_at: Timestamp::from_millis(row.requested_at),
            done_at: row.done_at.map(Timestamp::from_millis),
        }
    }
}
