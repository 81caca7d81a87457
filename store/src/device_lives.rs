//! Sensors taken away, brought back and purged.

use hub_domain::{DeviceId, OrgId, SourceId, UnitId};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::Expr,
};
use serde_json::json;

use crate::{
    By, Expected, Store, StoreError,
    assignments::{self, Move},
    chores,
    devices::claim_eui,
    entity::{device, device_assignment, device_chore, reading},
    kept,
    open::ask_database,
    records::{AuditEntry, Device, Life},
    scope::within,
    sql::Sql,
};

impl Store {
    /// Takes a sensor away from its unit and out of the lists; it can be brought back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn delete_device(
        &self,
        org: OrgId,
        id: DeviceId,
        expected: impl Into<Expected>,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "device.deleted", "device", id.0, &json!({}));
        ask_database!(self, delete_device(id, expected.into(), entry))
    }

    /// Brings a sensor back, of no unit.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn restore_device(
        &self,
        org: OrgId,
        id: DeviceId,
        by: impl Into<By>,
    ) -> Result<Device, StoreError> {
        let entry = self.entry(org, by, "device.restored", "device", id.0, &json!({}));
        ask_database!(self, restore_device(id, entry))
    }

    /// Deletes a sensor that was taken away for good, if no reading and no calibration is of it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn purge_device(
        &self,
        org: OrgId,
        id: DeviceId,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "device.purged", "device", id.0, &json!({}));
        ask_database!(self, purge_device(id, entry))
    }
}

impl Sql {
    pub(crate) async fn delete_device(
        &self,
        id: DeviceId,
        expected: Expected,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let (org, now) = (entry.org, entry.at);
        let change = self.begin_of(org).await?;
        let before =
            kept::hold::<device::Entity>(&change, org, id.0, Life::Present, expected).await?;
        let wanted = Move { device: id, unit: None, from: now, now };
        assignments::move_in(&change, org, wanted, entry.id).await?;
        device::Entity::update_many()
            .col_expr(device::Column::UnitId, Expr::val(None::<uuid::Uuid>))
            .filter(within(device::Column::OrgId, org))
            .filter(device::Column::Id.eq(id.0))
            .exec(&change)
            .await?;
        kept::mark::<device::Entity>(&change, &before, Some(now), entry, "devEui").await?;
        chores::note(&change, org, id, now).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn restore_device(
        &self,
        id: DeviceId,
        entry: AuditEntry,
    ) -> Result<Device, StoreError> {
        let (org, now) = (entry.org, entry.at);
        let change = self.begin_of(org).await?;
        let before = kept::hold::<device::Entity>(&change, org, id.0, Life::Deleted, None).await?;
        self.need_room(&change, org, now).await?;
        claim_eui(&change, org, before.dev_eui.as_deref()).await?;
        let after = kept::mark::<device::Entity>(&change, &before, None, entry, "devEui").await?;
        chores::note(&change, org, id, now).await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn purge_device(
        &self,
        id: DeviceId,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let org = entry.org;
        let change = self.begin_of(org).await?;
        let before = kept::hold::<device::Entity>(&change, org, id.0, Life::Deleted, None).await?;
        let assigned = assignments::of_devices(&change, org, &[id.0]).await?;
        for row in &assigned {
            if has_measured(&change, org, id, UnitId(row.unit_id)).await? {
                return Err(StoreError::InUse("its readings"));
            }
        }
        device_chore::Entity::delete_many()
            .filter(within(device_chore::Column::OrgId, org))
            .filter(device_chore::Column::DeviceId.eq(id.0))
            .exec(&change)
            .await?;
        device_assignment::Entity::delete_many()
            .filter(within(device_assignment::Column::OrgId, org))
            .filter(device_assignment::Column::DeviceId.eq(id.0))
            .exec(&change)
            .await?;
        kept::remove::<device::Entity>(&change, &before, entry).await?;
        Ok(change.commit().await?)
    }
}

async fn has_measured(
    change: &DatabaseTransaction,
    org: OrgId,
    device: DeviceId,
    unit: UnitId,
) -> Result<bool, StoreError> {
    let source = SourceId(device.0);
    let of_it = reading::Entity::find()
        .select_only()
        .column(reading::Column::UnitId)
        .filter(within(reading::Column::OrgId, org))
        .filter(reading::Column::UnitId.eq(unit.0))
        .filter(reading::Column::SourceId.eq(source.0))
        .limit(1);
    Ok(of_it.into_tuple::<uuid::Uuid>().one(change).await?.is_some())
}
