//! The `account_mails` table.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_mails")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) purpose: String,
    pub(crate) invitation_id: Option<Uuid>,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) email: Option<String>,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) generation: i64,
    pub(crate) attempts: i64,
    pub(crate) planned_at: i64,
    pub(crate) due_at: i64,
    pub(crate) changed_at: i64,
    pub(crate) settled_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
