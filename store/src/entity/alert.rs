//! The `alerts` table. Written by the group-commit writer alone.

use sea_orm::entity::prelude::*;

use hub_domain::{
    AlertId, AlertKind, AlertStatus, MilliCelsius, OrgId, Severity, SiteId, Timestamp, UnitId,
    UserId,
};

use crate::{StoreError, entity::known, records::AlertRecord};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alerts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) site_id: Uuid,
    pub(crate) unit_id: Uuid,
    pub(crate) kind: String,
    pub(crate) severity: String,
    pub(crate) status: String,
    pub(crate) opened_at: i64,
    pub(crate) confirmed_at: Option<i64>,
    pub(crate) acknowledged_at: Option<i64>,
    pub(crate) acknowledged_by: Option<Uuid>,
    pub(crate) resolved_at: Option<i64>,
    pub(crate) resolved_by: Option<Uuid>,
    pub(crate) temperature: Option<i32>,
    pub(crate) temperature_limit: Option<i32>,
    pub(crate) peak: Option<i32>,
    pub(crate) rule_version: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for AlertRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: AlertId(row.id),
            org: OrgId(row.org_id),
            site: SiteId(row.site_id),
            unit: UnitId(row.unit_id),
            kind: known("kind", &row.kind, AlertKind::parse)?,
            severity: known("severity", &row.severity, Severity::parse)?,
            status: known("status", &row.status, AlertStatus::parse)?,
            opened_at: Timestamp::from_millis(row.opened_at),
            confirmed_at: row.confirmed_at.map(Timestamp::from_millis),
            acknowledged_at: row.acknowledged_at.map(Timestamp::from_millis),
            acknowledged_by: row.acknowledged_by.map(UserId),
            resolved_at: row.resolved_at.map(Timestamp::from_millis),
            resolved_by: row.resolved_by.map(UserId),
            temperature: row.temperature.map(MilliCelsius),
            limit: row.temperature_limit.map(MilliCelsius),
            peak: row.peak.map(MilliCelsius),
            rule_version: row.rule_version,
        })
    }
}
