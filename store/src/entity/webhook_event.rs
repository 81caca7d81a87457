//! The `webhook_events` table.

use sea_orm::entity::prelude::*;

use hub_domain::Timestamp;

use crate::records::WebhookEvent;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_events")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) provider: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) event_id: String,
    pub(crate) org_id: Option<Uuid>,
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) occurred_at: i64,
    pub(crate) received_at: i64,
    pub(crate) attempts: i64,
    pub(crate) due_at: Option<i64>,
    pub(crate) worked_at: Option<i64>,
    pub(crate) outcome: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for WebhookEvent {
    fn from(row: Model) -> Self {
        Self {
            id: row.event_id,
            kind: row.kind,
            body: row.body,
            received_at: Timestamp::from_millis(row.received_at),
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        }
    }
}
