//! The `delivery_attempts` table: each try at a message, written before the provider is asked.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_attempts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) intent_id: Uuid,
    pub(crate) number: i64,
    pub(crate) state: String,
    pub(crate) provider_message_id: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) begun_at: i64,
    pub(crate) answered_at: Option<i64>,
    pub(crate) settled_at: Option<i64>,
    pub(crate) is_setup: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
