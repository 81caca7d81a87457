//! The `alert_rules` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, RuleId, RuleLayer, Timestamp};

use crate::{StoreError, layers, records::AlertRule};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alert_rules")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) scope: String,
    pub(crate) scope_id: Uuid,
    pub(crate) version: i64,
    pub(crate) layer: String,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for AlertRule {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let scopes = [RuleLayer::Unit, RuleLayer::Site, RuleLayer::Organization];
        let scope = scopes.into_iter().find(|scope| scope.name() == row.scope);
        Ok(Self {
            id: RuleId(row.id),
            org: OrgId(row.org_id),
            scope: scope.ok_or_else(|| StoreError::Corrupt(format!("scope {:?}", row.scope)))?,
            scope_id: row.scope_id,
            version: row.version,
            layer: layers::from_json(&row.layer)?,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

impl From<&AlertRule> for ActiveModel {
    fn from(record: &AlertRule) -> Self {
        let row = Model {
            id: record.id.0,
            org_id: record.org.0,
            scope: record.scope.name().to_owned(),
            scope_id: record.scope_id,
            version: record.version,
            layer: layers::to_json(&record.layer).to_string(),
            created_at: record.created_at.as_millis(),
            updated_at: record.updated_at.as_millis(),
        };
        super::insertable(row)
    }
}
