//! The `notification_policies` table.

use sea_orm::entity::prelude::*;

use hub_domain::{OrgId, RuleLayer, SiteId, Timestamp, UnitId};

use crate::{RuleScope, StoreError, entity, plans, records::NotificationPolicy};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "notification_policies")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) name: String,
    pub(crate) scope: String,
    pub(crate) scope_id: Uuid,
    #[sea_orm(column_name = "steps")]
    #[serde(serialize_with = "entity::as_json")]
    pub(crate) plan: String,
    pub(crate) created_at: i64,
    pub(crate) updated_at: Option<i64>,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) version: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

impl TryFrom<Model> for NotificationPolicy {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let scope = match entity::alert_rule::scope(&row.scope)? {
            RuleLayer::Unit => RuleScope::Unit(UnitId(row.scope_id)),
            RuleLayer::Site => RuleScope::Site(SiteId(row.scope_id)),
            RuleLayer::Organization | RuleLayer::Preset | RuleLayer::Default => {
                RuleScope::Organization(OrgId(row.scope_id))
            }
        };
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            name: row.name,
            scope,
            plan: plans::decode(&row.plan)?,
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
        })
    }
}

impl TryFrom<&NotificationPolicy> for Model {
    type Error = StoreError;

    fn try_from(record: &NotificationPolicy) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.id,
            org_id: record.org.0,
            name: record.name.clone(),
            scope: record.scope.layer().name().to_owned(),
            scope_id: record.scope.id(),
            plan: plans::encode(&record.plan)?,
            created_at: record.created_at.as_millis(),
            updated_at: record.edition.updated_at.map(Timestamp::as_millis),
            deleted_at: record.edition.deleted_at.map(Timestamp::as_millis),
            version: record.edition.version,
        })
    }
}
