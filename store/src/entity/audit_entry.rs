//! The `audit_log` table.

use sea_orm::entity::prelude::*;

use hub_domain::{KeyId, OrgId, Timestamp, UserId};

use crate::{
    StoreError,
    records::{Actor, AuditEntry},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) at: i64,
    pub(crate) actor_kind: String,
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) action: String,
    pub(crate) object_kind: String,
    pub(crate) object_id: Uuid,
    pub(crate) detail: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let actor = match (row.actor_kind.as_str(), row.actor_id) {
            ("user", Some(id)) => Actor::User(UserId(id)),
            ("key", Some(id)) => Actor::Key(KeyId(id)),
            ("hub", None) => Actor::Hub,
            (kind, _) => return Err(StoreError::Corrupt(format!("actor {kind:?}"))),
        };
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            at: Timestamp::from_millis(row.at),
            actor,
            action: row.action,
            object_kind: row.object_kind,
            object_id: row.object_id,
            detail: row.detail,
        })
    }
}

/// An actor's two columns.
pub(crate) const fn actor_columns(actor: Actor) -> (&'static str, Option<Uuid>) {
    match actor {
        Actor::User(id) => ("user", Some(id.0)),
        Actor::Key(id) => ("key", Some(id.0)),
        Actor::Hub => ("hub", None),
    }
}

impl From<&AuditEntry> for ActiveModel {
    fn from(record: &AuditEntry) -> Self {
        let row = Model {
            id: record.id,
            org_id: record.org.0,
            at: record.at.as_millis(),
            actor_kind: actor_columns(record.actor).0.to_owned(),
            actor_id: actor_columns(record.actor).1,
            action: record.action.clone(),
            object_kind: record.object_kind.clone(),
            object_id: record.object_id,
            detail: record.detail.clone(),
        };
        super::insertable(row)
    }
}
