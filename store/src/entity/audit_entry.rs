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
    pub(crate) reason: Option<String>,
    pub(crate) old_value: Option<String>,
    pub(crate) new_value: Option<String>,
    pub(crate) impersonation_id: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            at: Timestamp::from_millis(row.at),
            actor: actor_of(&row.actor_kind, row.actor_id)?,
            action: row.action,
            object_kind: row.object_kind,
            object_id: row.object_id,
            detail: row.detail,
            reason: row.reason,
            before: row.old_value.as_deref().map(value).transpose()?,
            after: row.new_value.as_deref().map(value).transpose()?,
            impersonation: row.impersonation_id,
            request: None,
        })
    }
}

fn value(json: &str) -> Result<serde_json::Value, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// The actor of two columns.
pub(crate) fn actor_of(kind: &str, id: Option<Uuid>) -> Result<Actor, StoreError> {
    match (kind, id) {
        ("user", Some(id)) => Ok(Actor::User(UserId(id))),
        ("key", Some(id)) => Ok(Actor::Key(KeyId(id))),
        ("hub", None) => Ok(Actor::Hub),
        (kind, _) => Err(StoreError::Corrupt(format!("actor {kind:?}"))),
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
            reason: record.reason.clone(),
            old_value: record.before.as_ref().map(ToString::to_string),
            new_value: record.after.as_ref().map(ToString::to_string),
            impersonation_id: record.impersonation,
        };
        super::insertable(row)
    }
}
