//! The `digests` table: one row for each subscription and day.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "digests")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) subscription_id: Uuid,
    pub(crate) day: String,
    pub(crate) rhythm: String,
    pub(crate) timezone: String,
    pub(crate) from_at: i64,
    pub(crate) to_at: i64,
    pub(crate) state: String,
    pub(crate) skipped_for: Option<String>,
    pub(crate) totals: Option<String>,
    pub(crate) generation: i64,
    pub(crate) created_at: i64,
    pub(crate) changed_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
