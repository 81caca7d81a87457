//! The `alert_events` table. Written by the group-commit writer alone.

use sea_orm::entity::prelude::*;

use hub_domain::{AlertEventKind, Severity, Timestamp, UserId};

use crate::{StoreError, entity::known, records::AlertEventRecord};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alert_events")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) alert_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) ordinal: i64,
    pub(crate) org_id: Uuid,
    pub(crate) event: String,
    pub(crate) at: i64,
    pub(crate) written_at: i64,
    pub(crate) severity: String,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) note: Option<String>,
    pub(crate) muted: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for AlertEventRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            ordinal: row.ordinal,
            event: known("event", &row.event, AlertEventKind::parse)?,
            at: Timestamp::from_millis(row.at),
            written_at: Timestamp::from_millis(row.written_at),
            severity: known("severity", &row.severity, Severity::parse)?,
            by: row.user_id.map(UserId),
            note: row.note,
            muted: row.muted,
        })
    }
}
