//! The `alert_rule_versions` table.

use sea_orm::entity::prelude::*;

use hub_domain::Timestamp;

use super::audit_entry::{actor_columns, actor_of};
use crate::{StoreError, layers, records::RuleVersion};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alert_rule_versions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) rule_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) version: i64,
    pub(crate) org_id: Uuid,
    pub(crate) layer: String,
    pub(crate) updated_at: i64,
    pub(crate) action: String,
    pub(crate) actor_kind: String,
    pub(crate) actor_id: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for RuleVersion {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            rule: row.rule_id.into(),
            org: row.org_id.into(),
            version: row.version,
            layer: layers::from_json(&row.layer)?,
            at: Timestamp::from_millis(row.updated_at),
            action: row.action,
            actor: actor_of(&row.actor_kind, row.actor_id)?,
        })
    }
}

impl From<&RuleVersion> for Model {
    fn from(record: &RuleVersion) -> Self {
        let (actor_kind, actor_id) = actor_columns(record.actor);
        Self {
            rule_id: record.rule.0,
            version: record.version,
            org_id: record.org.0,
            layer: layers::to_json(&record.layer).to_string(),
            updated_at: record.at.as_millis(),
            action: record.action.clone(),
            actor_kind: actor_kind.to_owned(),
            actor_id,
        }
    }
}
