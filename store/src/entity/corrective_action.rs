//! The `corrective_actions` table.

use sea_orm::entity::prelude::*;

use hub_domain::{AlertId, OrgId, SiteId, Timestamp, UnitId, UserId};

use crate::{StoreError, entity, records::CorrectiveAction};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "corrective_actions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) site_id: Uuid,
    pub(crate) unit_id: Uuid,
    pub(crate) alert_id: Option<Uuid>,
    pub(crate) manual_log_id: Option<Uuid>,
    pub(crate) action: String,
    pub(crate) taken_at: i64,
    pub(crate) created_by: Uuid,
    pub(crate) created_at: i64,
    pub(crate) updated_at: Option<i64>,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) version: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

impl TryFrom<Model> for CorrectiveAction {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            site: SiteId(row.site_id),
            unit: UnitId(row.unit_id),
            alert: row.alert_id.map(AlertId),
            manual_log: row.manual_log_id,
            action: row.action,
            taken_at: Timestamp::from_millis(row.taken_at),
            created_by: UserId(row.created_by),
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
        })
    }
}

impl From<&CorrectiveAction> for Model {
    fn from(record: &CorrectiveAction) -> Self {
        Self {
            id: record.id,
            org_id: record.org.0,
            site_id: record.site.0,
            unit_id: record.unit.0,
            alert_id: record.alert.map(|alert| alert.0),
            manual_log_id: record.manual_log,
            action: record.action.clone(),
            taken_at: record.taken_at.as_millis(),
            created_by: record.created_by.0,
            created_at: record.created_at.as_millis(),
            updated_at: record.edition.updated_at.map(Timestamp::as_millis),
            deleted_at: record.edition.deleted_at.map(Timestamp::as_millis),
            version: record.edition.version,
        }
    }
}
