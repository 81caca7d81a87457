//! Calibrations of sensors. What one found alters no reading.

use std::collections::BTreeMap;

use hub_domain::{DeviceId, OrgId, Timestamp, UnitId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Expected, Store, StoreError, chores,
    entity::{calibration, device},
    kept,
    open::ask_database,
    records::{AuditEntry, Calibration, CalibrationEdit, Life, NewCalibration, Page, PageQuery},
    scope::within,
    sql::Sql,
};

impl Store {
    /// Writes down a calibration.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_calibration(
        &self,
        org: OrgId,
        new: NewCalibration,
        by: impl Into<By>,
    ) -> Result<Calibration, StoreError> {
        let (by, (id, created_at)) = (by.into(), self.mint());
        let created_by = by.user().map(|user| user.0);
        let entry = self.entry(org, by, "calibration.created", "calibration", id, &json!({}));
        let row = calibration::Model {
            id,
            org_id: org.0,
            device_id: new.device.0,
            performed_at: new.performed_at.as_millis(),
            performed_by: new.performed_by,
            deviation: new.deviation.map(|deviation| deviation.0),
            certificate: new.certificate,
            note: new.note,
            due_at: new.due_at.map(Timestamp::as_millis),
            created_by,
            created_at: created_at.as_millis(),
            updated_at: None,
            deleted_at: None,
            version: 1,
        };
        ask_database!(self, insert_calibration(row, entry))
    }

    /// The calibration.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn calibration(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<Calibration>, StoreError> {
        ask_database!(self, calibration(org, id))
    }

    /// The calibrations of an organization's sensors or of one of them.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn calibrations(
        &self,
        org: OrgId,
        device: Option<DeviceId>,
        life: Life,
        page: PageQuery,
    ) -> Result<Page<Calibration>, StoreError> {
        ask_database!(self, calibrations(org, device, life, &page))
    }

    /// Edits a calibration.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn edit_calibration(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        edit: CalibrationEdit,
        by: impl Into<By>,
    ) -> Result<Calibration, StoreError> {
        let entry = self.entry(org, by, "calibration.updated", "calibration", id, &json!({}));
        ask_database!(self, edit_calibration(id, expected.into(), edit, entry))
    }

    /// Takes a calibration out of the lists and out of what is judged by, and gives its sensor.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn delete_calibration(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        by: impl Into<By>,
    ) -> Result<DeviceId, StoreError> {
        let entry = self.entry(org, by, "calibration.deleted", "calibration", id, &json!({}));
        ask_database!(self, delete_calibration(id, expected.into(), entry))
    }

    /// Brings a calibration back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn restore_calibration(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<Calibration, StoreError> {
        let entry = self.entry(org, by, "calibration.restored", "calibration", id, &json!({}));
        ask_database!(self, restore_calibration(id, entry))
    }

    /// Deletes a calibration that was taken away for good.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn purge_calibration(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "calibration.purged", "calibration", id, &json!({}));
        ask_database!(self, purge_calibration(id, entry))
    }
}

impl Sql {
    pub(crate) async fn insert_calibration(
        &self,
        row: calibration::Model,
        entry: AuditEntry,
    ) -> Result<Calibration, StoreError> {
        let (org, now) = (entry.org, entry.at);
        let change = self.begin_of(org).await?;
        let of_org = device::Entity::find_by_id(row.device_id)
            .filter(within(device::Column::OrgId, org))
            .filter(device::Column::DeletedAt.is_null());
        of_org.lock_shared().one(&change).await?.ok_or(StoreError::NotFound)?;
        kept::make_in::<calibration::Entity>(&change, row.clone(), "id", entry).await?;
        chores::note(&change, org, DeviceId(row.device_id), now).await?;
        change.commit().await?;
        row.try_into()
    }

    pub(crate) async fn calibration(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<Calibration>, StoreError> {
        let row = self.one_kept::<calibration::Entity>(org, id).await?;
        row.map(Calibration::try_from).transpose()
    }

    pub(crate) async fn calibrations(
        &self,
        org: OrgId,
        device: Option<DeviceId>,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<Calibration>, StoreError> {
        let wanted = Condition::all()
            .add(within(calibration::Column::OrgId, org))
            .add_option(device.map(|device| calibration::Column::DeviceId.eq(device.0)));
        self.all_kept::<calibration::Entity, _>(org, wanted, life, page).await
    }

    pub(crate) async fn edit_calibration(
        &self,
        id: Uuid,
        expected: Expected,
        edit: CalibrationEdit,
        entry: AuditEntry,
    ) -> Result<Calibration, StoreError> {
        let (org, now) = (entry.org, entry.at);
        let change = self.begin_of(org).await?;
        let before =
            kept::hold::<calibration::Entity>(&change, org, id, Life::Present, expected).await?;
        let row = edited(edit);
        let after = kept::write::<calibration::Entity>(&change, &before, row, entry, "id").await?;
        chores::note(&change, org, DeviceId(after.device_id), now).await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn delete_calibration(
        &self,
        id: Uuid,
        expected: Expected,
        entry: AuditEntry,
    ) -> Result<DeviceId, StoreError> {
        let (org, now) = (entry.org, entry.at);
        let change = self.begin_of(org).await?;
        let before =
            kept::hold::<calibration::Entity>(&change, org, id, Life::Present, expected).await?;
        kept::mark::<calibration::Entity>(&change, &before, Some(now), entry, "id").await?;
        let device = DeviceId(before.device_id);
        chores::note(&change, org, device, now).await?;
        change.commit().await?;
        Ok(device)
    }

    pub(crate) async fn restore_calibration(
        &self,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<Calibration, StoreError> {
        let (org, now) = (entry.org, entry.at);
        let change = self.begin_of(org).await?;
        let before =
            kept::hold::<calibration::Entity>(&change, org, id, Life::Deleted, None).await?;
        let after = kept::mark::<calibration::Entity>(&change, &before, None, entry, "id").await?;
        chores::note(&change, org, DeviceId(after.device_id), now).await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn purge_calibration(
        &self,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        self.purge::<calibration::Entity>(entry.org, id, entry).await
    }
}

fn edited(edit: CalibrationEdit) -> calibration::ActiveModel {
    let mut row = calibration::ActiveModel::default();
    if let Some(performed_at) = edit.performed_at {
        row.performed_at = Set(performed_at.as_millis());
    }
    if let Some(performed_by) = edit.performed_by {
        row.performed_by = Set(performed_by);
    }
    if let Some(deviation) = edit.deviation {
        row.deviation = Set(deviation.map(|deviation| deviation.0));
    }
    if let Some(certificate) = edit.certificate {
        row.certificate = Set(certificate);
    }
    if let Some(note) = edit.note {
        row.note = Set(note);
    }
    if let Some(due_at) = edit.due_at {
        row.due_at = Set(due_at.map(Timestamp::as_millis));
    }
    row
}

/// When the first of the calibrations of a unit's sensors runs out; of each sensor its newest one counts.
pub(crate) async fn due_at(
    asked: &DatabaseTransaction,
    org: OrgId,
    unit: UnitId,
) -> Result<Option<Timestamp>, StoreError> {
    let its_devices = device::Entity::find()
        .select_only()
        .column(device::Column::Id)
        .filter(within(device::Column::OrgId, org))
        .filter(device::Column::UnitId.eq(unit.0))
        .filter(device::Column::DeletedAt.is_null());
    let devices: Vec<Uuid> = its_devices.into_tuple().all(asked).await?;
    if devices.is_empty() {
        return Ok(None);
    }
    let theirs = calibration::Entity::find()
        .filter(within(calibration::Column::OrgId, org))
        .filter(calibration::Column::DeviceId.is_in(devices))
        .filter(calibration::Column::DeletedAt.is_null())
        .order_by_asc(calibration::Column::PerformedAt)
        .order_by_asc(calibration::Column::Id);
    let rows = theirs.all(asked).await?;
    let newest: BTreeMap<Uuid, Option<i64>> =
        rows.into_iter().map(|row| (row.device_id, row.due_at)).collect();
    Ok(newest.into_values().flatten().min().map(Timestamp::from_millis))
}
