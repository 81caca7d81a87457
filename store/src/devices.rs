//! Sensors.

use hub_domain::{DeviceId, OrgId, UnitId};
use serde_json::json;

use crate::{
    Store, StoreError,
    entity::{device, unclaimed_device},
    error::taken,
    open::ask,
    records::{Actor, AuditEntry, Device, NewDevice, Page, PageQuery},
    sql::{self, Sql},
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, Select};

impl Store {
    /// Registers a sensor. It is no unclaimed one any more.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_device(
        &self,
        org: OrgId,
        device: NewDevice,
        actor: Actor,
    ) -> Result<Device, StoreError> {
        let (id, created_at) = self.mint();
        let NewDevice { name, dev_eui, unit, model } = device;
        let device = Device { id: DeviceId(id), org, unit, name, dev_eui, model, created_at };
        let detail = json!({ "name": device.name, "devEui": device.dev_eui });
        let entry = self.entry(org, actor, "device.created", "device", id, &detail);
        ask!(self, insert_device(&device, &entry))?;
        Ok(device)
    }

    /// The sensor.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn device(&self, org: OrgId, id: DeviceId) -> Result<Option<Device>, StoreError> {
        ask!(self, device(org, id))
    }

    /// The sensors of an organization or of one unit.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn devices(
        &self,
        org: OrgId,
        unit: Option<UnitId>,
        page: PageQuery,
    ) -> Result<Page<Device>, StoreError> {
        ask!(self, devices(org, unit, &page))
    }

    /// The sensor of that radio identity.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn device_by_eui(
        &self,
        org: OrgId,
        dev_eui: &str,
    ) -> Result<Option<Device>, StoreError> {
        ask!(self, device_by_eui(org, dev_eui))
    }

    /// Those of `ids` that exist, in any order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn resolve_devices(
        &self,
        org: OrgId,
        ids: &[DeviceId],
    ) -> Result<Vec<Device>, StoreError> {
        ask!(self, resolve_devices(org, ids))
    }

    /// Those of `euis` that are registered, in any order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn resolve_euis(
        &self,
        org: OrgId,
        euis: &[String],
    ) -> Result<Vec<Device>, StoreError> {
        ask!(self, resolve_euis(org, euis))
    }
}

impl Sql {
    pub(crate) async fn insert_device(
        &self,
        device: &Device,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let row = device::ActiveModel::from(device);
        device::Entity::insert(row)
            .exec_without_returning(&change)
            .await
            .map_err(taken("devEui"))?;
        if let Some(dev_eui) = &device.dev_eui {
            unclaimed_device::Entity::delete_by_id((device.org.0, dev_eui.clone()))
                .exec(&change)
                .await?;
        }
        sql::audit(&change, entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn device(
        &self,
        org: OrgId,
        id: DeviceId,
    ) -> Result<Option<Device>, StoreError> {
        Ok(self.resolve_devices(org, &[id]).await?.pop())
    }

    pub(crate) async fn devices(
        &self,
        org: OrgId,
        unit: Option<UnitId>,
        page: &PageQuery,
    ) -> Result<Page<Device>, StoreError> {
        let query = unit
            .into_iter()
            .fold(live_devices(org), |query, unit| query.filter(device::Column::UnitId.eq(unit.0)));
        self.page(query, device::Column::Id, |row| row.id, page).await
    }

    pub(crate) async fn device_by_eui(
        &self,
        org: OrgId,
        dev_eui: &str,
    ) -> Result<Option<Device>, StoreError> {
        Ok(self.resolve_euis(org, &[dev_eui.to_owned()]).await?.pop())
    }

    pub(crate) async fn resolve_devices(
        &self,
        org: OrgId,
        ids: &[DeviceId],
    ) -> Result<Vec<Device>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(CHUNK) {
            let query =
                live_devices(org).filter(device::Column::Id.is_in(ids.iter().map(|id| id.0)));
            found.extend(query.all(&self.db).await?);
        }
        found.into_iter().map(Device::try_from).collect()
    }

    pub(crate) async fn resolve_euis(
        &self,
        org: OrgId,
        euis: &[String],
    ) -> Result<Vec<Device>, StoreError> {
        let mut found = Vec::with_capacity(euis.len());
        for euis in euis.chunks(CHUNK) {
            let query =
                live_devices(org).filter(device::Column::DevEui.is_in(euis.iter().cloned()));
            found.extend(query.all(&self.db).await?);
        }
        found.into_iter().map(Device::try_from).collect()
    }
}

/// How many values one question may list: each is a parameter, of which the databases take some 30,000.
pub(crate) const CHUNK: usize = 5_000;

fn live_devices(org: OrgId) -> Select<device::Entity> {
    device::Entity::find()
        .filter(device::Column::OrgId.eq(org.0))
        .filter(device::Column::DeletedAt.is_null())
}
