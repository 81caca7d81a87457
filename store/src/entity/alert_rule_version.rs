//! The `alert_rule_versions` table.

use sea_orm::entity::prelude::*;

use crate::{layers, records::AlertRule};

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
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<&AlertRule> for ActiveModel {
    fn from(record: &AlertRule) -> Self {
        let row = Model {
            rule_id: record.id.0,
            version: record.version,
            org_id: record.org.0,
            layer: layers::to_json(&record.layer).to_string(),
            updated_at: record.updated_at.as_millis(),
        };
        super::insertable(row)
    }
}
