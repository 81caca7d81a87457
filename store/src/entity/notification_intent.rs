//! The `notification_intents` table: the ledger of who is told what.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification_intents")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) alert_id: Option<Uuid>,
    pub(crate) stage: String,
    pub(crate) contact_id: Option<Uuid>,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) channel: String,
    pub(crate) policy_id: Option<Uuid>,
    pub(crate) state: String,
    pub(crate) reason_code: String,
    pub(crate) reason: String,
    pub(crate) held_until: Option<i64>,
    pub(crate) superseded_by: Option<Uuid>,
    pub(crate) possible_duplicate: bool,
    pub(crate) words: Option<String>,
    pub(crate) generation: i64,
    pub(crate) attempts: i64,
    pub(crate) planned_at: i64,
    pub(crate) due_at: i64,
    pub(crate) changed_at: i64,
    pub(crate) sent_at: Option<i64>,
    pub(crate) settled_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
