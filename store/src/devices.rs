//! Sensors.

use hub_domain::{DeviceId, OrgId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    Select,
};
use serde_json::json;

use crate::{
    By, Expected, Store, StoreError,
    assignments::{self, Move},
    chores,
    entity::{self, device, device_assignment, unclaimed_device},
    kept,
    open::{ask, ask_database},
    records::{
        AuditEntry, Device, DeviceEdit, DeviceFilter, Edition, Life, NewDevice, Page, PageQuery,
        Sensor,
    },
    scope::within,
    sql::Sql,
};

impl Store {
    /// Registers a sensor. It is no unclaimed one any more. All that it said so far is of its unit, if it has one.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_device(
        &self,
        org: OrgId,
        device: NewDevice,
        by: impl Into<By>,
    ) -> Result<Device, StoreError> {
        let device = self.new_device(org, device);
        let detail = json!({ "name": device.name, "devEui": device.dev_eui });
        let entry = self.entry(org, by, "device.created", "device", device.id.0, &detail);
        ask!(self, insert_device(&device, &entry))?;
        Ok(device)
    }

    pub(crate) fn new_device(&self, org: OrgId, device: NewDevice) -> Device {
        let (id, created_at) = self.mint();
        let NewDevice { name, dev_eui, unit, model } = device;
        let edition = Edition::default();
        Device { id: DeviceId(id), org, unit, name, dev_eui, model, created_at, edition }
    }

    /// The sensor.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn device(&self, org: OrgId, id: DeviceId) -> Result<Option<Device>, StoreError> {
        ask!(self, device(org, id))
    }

    /// The sensors of an organization that the filter leaves.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn devices(
        &self,
        org: OrgId,
        filter: DeviceFilter,
        life: Life,
        page: PageQuery,
    ) -> Result<Page<Device>, StoreError> {
        ask!(self, devices(org, &filter, life, &page))
    }

    /// Edits a sensor. A unit that it names is its own from now on.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn edit_device(
        &self,
        org: OrgId,
        id: DeviceId,
        expected: impl Into<Expected>,
        edit: DeviceEdit,
        by: impl Into<By>,
    ) -> Result<Device, StoreError> {
        let entry = self.entry(org, by, "device.updated", "device", id.0, &json!({}));
        ask_database!(self, edit_device(id, expected.into(), edit, entry))
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

    /// The sensors of these ids and radio identities that are registered, with what each measured when. In any order; one
    /// that is named both ways is there once or twice.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn sensors(
        &self,
        org: OrgId,
        ids: &[DeviceId],
        euis: &[String],
    ) -> Result<Vec<Sensor>, StoreError> {
        ask!(self, sensors(org, ids, euis))
    }
}

impl Sql {
    pub(crate) async fn insert_device(
        &self,
        device: &Device,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(device.org).await?;
        self.need_room(&change, device.org, entry.at).await?;
        add(&change, device, Timestamp::EARLIEST, entry.clone()).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn edit_device(
        &self,
        id: DeviceId,
        expected: Expected,
        edit: DeviceEdit,
        entry: AuditEntry,
    ) -> Result<Device, StoreError> {
        let (org, now) = (entry.org, entry.at);
        let change = self.begin_of(org).await?;
        let before =
            kept::hold::<device::Entity>(&change, org, id.0, Life::Present, expected).await?;
        let mut row = device::ActiveModel::default();
        if let Some(name) = edit.name {
            row.name = Set(name);
        }
        if let Some(model) = edit.model {
            row.model = Set(model);
        }
        if let Some(dev_eui) = edit.dev_eui {
            claim_eui(&change, org, dev_eui.as_deref()).await?;
            row.dev_eui = Set(dev_eui);
        }
        if let Some(unit) = edit.unit {
            let wanted = Move { device: id, unit, from: now, now };
            assignments::move_in(&change, org, wanted, entry.id).await?;
            row.unit_id = Set(unit.map(|unit| unit.0));
        }
        let after = kept::write::<device::Entity>(&change, &before, row, entry, "devEui").await?;
        chores::note(&change, org, id, now).await?;
        change.commit().await?;
        after.try_into()
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
        filter: &DeviceFilter,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<Device>, StoreError> {
        use device::Column::{DevEui, OrgId, UnitId};
        let wanted = sea_orm::Condition::all()
            .add(within(OrgId, org))
            .add_option(filter.unit.map(|unit| UnitId.eq(unit.0)))
            .add_option(filter.dev_eui.as_ref().map(|dev_eui| DevEui.eq(dev_eui.as_str())))
            .add_option(filter.is_unassigned.then(|| UnitId.is_null()));
        self.all_kept::<device::Entity, _>(org, wanted, life, page).await
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
        let found = rows_of(&self.of(org).await?, org, ids, &[]).await?;
        found.into_iter().map(Device::try_from).collect()
    }

    pub(crate) async fn resolve_euis(
        &self,
        org: OrgId,
        euis: &[String],
    ) -> Result<Vec<Device>, StoreError> {
        let found = rows_of(&self.of(org).await?, org, &[], euis).await?;
        found.into_iter().map(Device::try_from).collect()
    }

    pub(crate) async fn sensors(
        &self,
        org: OrgId,
        ids: &[DeviceId],
        euis: &[String],
    ) -> Result<Vec<Sensor>, StoreError> {
        let asked = self.of(org).await?;
        let found = rows_of(&asked, org, ids, euis).await?;
        let ids: Vec<_> = found.iter().map(|row| row.id).collect();
        let mut assigned = assignments::of_devices(&asked, org, &ids).await?;
        assigned.sort_by_key(|row| (row.device_id, std::cmp::Reverse(row.from_at)));
        let sensor = |row: device::Model| {
            let id = row.id;
            let begin = assigned.partition_point(|one| one.device_id < id);
            let its = assigned[begin..].iter().take_while(|one| one.device_id == id);
            assignments::sensor(row, its)
        };
        Ok(found.into_iter().map(sensor).collect())
    }
}

/// How many values one question may list: each is a parameter, of which the databases take some 30,000.
pub(crate) const CHUNK: usize = 5_000;

/// Adds a sensor, which has measured its unit since then.
pub(crate) async fn add(
    change: &DatabaseTransaction,
    device: &Device,
    from: Timestamp,
    entry: AuditEntry,
) -> Result<(), StoreError> {
    let (org, assignment, now) = (device.org, entry.id, entry.at);
    if let Some(unit) = device.unit {
        assignments::need_unit(change, org, unit).await?;
    }
    kept::make_in::<device::Entity>(change, device.into(), "devEui", entry).await?;
    if let Some(unit) = device.unit {
        let row = device_assignment::Model {
            id: assignment,
            org_id: org.0,
            device_id: device.id.0,
            unit_id: unit.0,
            from_at: from.as_millis(),
            until_at: None,
        };
        device_assignment::Entity::insert(entity::insertable(row))
            .exec_without_returning(change)
            .await?;
    }
    claim_eui(change, org, device.dev_eui.as_deref()).await?;
    chores::note(change, org, device.id, now).await
}

/// A radio identity that a sensor has is no unclaimed one's.
pub(crate) async fn claim_eui(
    change: &DatabaseTransaction,
    org: OrgId,
    dev_eui: Option<&str>,
) -> Result<(), StoreError> {
    let Some(dev_eui) = dev_eui else { return Ok(()) };
    unclaimed_device::Entity::delete_many()
        .filter(within(unclaimed_device::Column::OrgId, org))
        .filter(unclaimed_device::Column::DevEui.eq(dev_eui))
        .exec(change)
        .await?;
    Ok(())
}

async fn rows_of(
    asked: &DatabaseTransaction,
    org: OrgId,
    ids: &[DeviceId],
    euis: &[String],
) -> Result<Vec<device::Model>, StoreError> {
    let mut found = Vec::with_capacity(ids.len() + euis.len());
    for ids in ids.chunks(CHUNK) {
        let of_ids = device::Column::Id.is_in(ids.iter().map(|id| id.0));
        found.extend(live_devices(org).filter(of_ids).all(asked).await?);
    }
    for euis in euis.chunks(CHUNK) {
        let of_euis = device::Column::DevEui.is_in(euis.iter().cloned());
        found.extend(live_devices(org).filter(of_euis).all(asked).await?);
    }
    Ok(found)
}

fn live_devices(org: OrgId) -> Select<device::Entity> {
    device::Entity::find()
        .filter(within(device::Column::OrgId, org))
        .filter(device::Column::DeletedAt.is_null())
}
