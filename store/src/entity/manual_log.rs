//! The `manual_logs` table.

use sea_orm::entity::prelude::*;

use hub_domain::{MilliCelsius, OrgId, PerMille, SiteId, Timestamp, UnitId, UserId};

use crate::{StoreError, entity, records::ManualLog};

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, DeriveEntityModel)]
#[serde(rename_all = "camelCase")]
#[sea_orm(table_name = "manual_logs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) org_id: Uuid,
    pub(crate) site_id: Uuid,
    pub(crate) unit_id: Uuid,
    pub(crate) temperature: i32,
    pub(crate) humidity: Option<i16>,
    pub(crate) note: Option<String>,
    pub(crate) is_out_of_range: bool,
    pub(crate) recorded_at: i64,
    #[serde(skip)]
    pub(crate) fingerprint: Vec<u8>,
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

impl Model {
    /// The record; whether an action names it is asked elsewhere.
    pub(crate) fn record(self, has_action: bool) -> Result<ManualLog, StoreError> {
        Ok(ManualLog {
            id: self.id,
            org: OrgId(self.org_id),
            site: SiteId(self.site_id),
            unit: UnitId(self.unit_id),
            temperature: MilliCelsius(self.temperature),
            humidity: self.humidity.map(PerMille),
            note: self.note,
            is_out_of_range: self.is_out_of_range,
            needs_action: self.is_out_of_range && !has_action,
            recorded_at: Timestamp::from_millis(self.recorded_at),
            fingerprint: entity::hash(&self.fingerprint)?,
            created_by: UserId(self.created_by),
            created_at: Timestamp::from_millis(self.created_at),
            edition: entity::edition(self.version, self.updated_at, self.deleted_at),
        })
    }
}

impl From<&ManualLog> for Model {
    fn from(record: &ManualLog) -> Self {
        Self {
            id: record.id,
            org_id: record.org.0,
            site_id: record.site.0,
            unit_id: record.unit.0,
            temperature: record.temperature.0,
            humidity: record.humidity.map(|humidity| humidity.0),
            note: record.note.clone(),
            is_out_of_range: record.is_out_of_range,
            recorded_at: record.recorded_at.as_millis(),
            fingerprint: record.fingerprint.to_vec(),
            created_by: record.created_by.0,
            created_at: record.created_at.as_millis(),
            updated_at: record.edition.updated_at.map(Timestamp::as_millis),
            deleted_at: record.edition.deleted_at.map(Timestamp::as_millis),
            version: record.edition.version,
        }
    }
}
