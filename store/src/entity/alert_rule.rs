//! The `alert_rules` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, RuleId, RuleLayer, Timestamp};

use crate::{StoreError, entity, layers, records::AlertRule};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "alert_rules")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) scope: String,
    pub(crate) scope_id: Uuid,
    pub(crate) version: i64,
    #[serde(serialize_with = "entity::as_json")]
    pub(crate) layer: String,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) deleted_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

/// The scope of that name that people may write for.
pub(crate) fn scope(word: &str) -> Result<RuleLayer, StoreError> {
    let scopes = [RuleLayer::Unit, RuleLayer::Site, RuleLayer::Organization];
    let parse = |word: &str| scopes.into_iter().find(|scope| scope.name() == word);
    entity::known("scope", word, parse)
}

impl TryFrom<Model> for AlertRule {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: RuleId(row.id),
            org: OrgId(row.org_id),
            scope: scope(&row.scope)?,
            scope_id: row.scope_id,
            version: row.version,
            layer: layers::from_json(&row.layer)?,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
            deleted_at: row.deleted_at.map(Timestamp::from_millis),
        })
    }
}

impl From<&AlertRule> for Model {
    fn from(record: &AlertRule) -> Self {
        Self {
            id: record.id.0,
            org_id: record.org.0,
            scope: record.scope.name().to_owned(),
            scope_id: record.scope_id,
            version: record.version,
            layer: layers::to_json(&record.layer).to_string(),
            created_at: record.created_at.as_millis(),
            updated_at: record.updated_at.as_millis(),
            deleted_at: record.deleted_at.map(Timestamp::as_millis),
        }
    }
}
