//! The `maintenance_windows` table.

use sea_orm::entity::prelude::*;

use hub_domain::{AlertId, OrgId, SiteId, Timestamp, UnitId, UserId};

use crate::{
    StoreError,
    entity::{self, known},
    records::{MaintenanceWindow, WindowKind},
};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "maintenance_windows")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) site_id: Uuid,
    pub(crate) unit_id: Option<Uuid>,
    pub(crate) alert_id: Option<Uuid>,
    pub(crate) kind: String,
    pub(crate) starts_at: i64,
    pub(crate) ends_at: i64,
    pub(crate) reason: String,
    pub(crate) begun_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) told_version: Option<i64>,
    pub(crate) created_by: Option<Uuid>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: Option<i64>,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) version: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

crate::kept::kept!();

impl TryFrom<Model> for MaintenanceWindow {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let at = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        Ok(Self {
            id: row.id,
            org: OrgId(row.org_id),
            site: SiteId(row.site_id),
            unit: row.unit_id.map(UnitId),
            alert: row.alert_id.map(AlertId),
            kind: known("kind", &row.kind, WindowKind::parse)?,
            starts_at: Timestamp::from_millis(row.starts_at),
            ends_at: Timestamp::from_millis(row.ends_at),
            reason: row.reason,
            begun_at: at(row.begun_at),
            ended_at: at(row.ended_at),
            created_by: row.created_by.map(UserId),
            created_at: Timestamp::from_millis(row.created_at),
            edition: entity::edition(row.version, row.updated_at, row.deleted_at),
        })
    }
}

impl From<&MaintenanceWindow> for Model {
    fn from(record: &MaintenanceWindow) -> Self {
        Self {
            id: record.id,
            org_id: record.org.0,
            site_id: record.site.0,
            unit_id: record.unit.map(|unit| unit.0),
            alert_id: record.alert.map(|alert| alert.0),
            kind: record.kind.name().to_owned(),
            starts_at: record.starts_at.as_millis(),
            ends_at: record.ends_at.as_millis(),
            reason: record.reason.clone(),
            begun_at: record.begun_at.map(Timestamp::as_millis),
            ended_at: record.ended_at.map(Timestamp::as_millis),
            told_version: None,
            created_by: record.created_by.map(|user| user.0),
            created_at: record.created_at.as_millis(),
            updated_at: record.edition.updated_at.map(Timestamp::as_millis),
            deleted_at: record.edition.deleted_at.map(Timestamp::as_millis),
            version: record.edition.version,
        }
    }
}
