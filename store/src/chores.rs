//! What a change of a sensor leaves to be done outside the database: units are told, kept frames are read.
//!
//! The change itself notes it, so that it is done though the process ends in between. All of it may be done twice.

use hub_domain::{DeviceId, OrgId, Timestamp, UnitId};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use crate::{
    Store, StoreError, assignments, calibrations,
    entity::{self, device, device_assignment, device_chore, unclaimed_device},
    open::ask_database,
    records::{DeviceChore, DeviceDuties, UnitDuty},
    scope::within,
    sql::Sql,
    tenants::of_the_living,
};

impl Store {
    /// What has to be told and read for a sensor; `None` if there is no such sensor.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn device_duties(
        &self,
        org: OrgId,
        device: DeviceId,
    ) -> Result<Option<DeviceDuties>, StoreError> {
        ask_database!(self, device_duties(org, device))
    }

    /// Some sensors of any organization whose change of before `until` was not carried through, the oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn device_chores(
        &self,
        until: Timestamp,
        limit: u64,
    ) -> Result<Vec<DeviceChore>, StoreError> {
        ask_database!(self, device_chores(until, limit))
    }

    /// Puts off what could not be carried through, unless there was another change since: it is looked at after all the
    /// others.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn put_off_chore(&self, chore: DeviceChore, to: Timestamp) -> Result<(), StoreError> {
        ask_database!(self, put_off_chore(chore, to))
    }

    /// Notes that a change was carried through, unless there was another since.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn finish_chore(&self, chore: DeviceChore) -> Result<(), StoreError> {
        ask_database!(self, finish_chore(chore))
    }
}

impl Sql {
    pub(crate) async fn device_duties(
        &self,
        org: OrgId,
        id: DeviceId,
    ) -> Result<Option<DeviceDuties>, StoreError> {
        let asked = self.of(org).await?;
        let of_org = device::Entity::find_by_id(id.0).filter(within(device::Column::OrgId, org));
        let Some(row) = of_org.one(&asked).await? else { return Ok(None) };
        let mut its = assignments::of_devices(&asked, org, &[id.0]).await?;
        its.sort_by_key(|row| std::cmp::Reverse(row.from_at));
        let mut seen: Vec<Uuid> = its.iter().map(|row| row.unit_id).collect();
        seen.sort_unstable();
        seen.dedup();
        let mut units = Vec::with_capacity(seen.len());
        for unit in seen {
            units.push(UnitDuty {
                unit: UnitId(unit),
                left_at: (row.unit_id != Some(unit)).then(|| left_at(&its, unit)),
                calibration_due_at: calibrations::due_at(&asked, org, UnitId(unit)).await?,
            });
        }
        let its: &[device_assignment::Model] = if row.deleted_at.is_some() { &[] } else { &its };
        Ok(Some(DeviceDuties { sensor: assignments::sensor(row, its.iter()), units }))
    }

    pub(crate) async fn device_chores(
        &self,
        until: Timestamp,
        limit: u64,
    ) -> Result<Vec<DeviceChore>, StoreError> {
        let oldest = device_chore::Entity::find()
            .filter(device_chore::Column::SinceAt.lte(until.as_millis()))
            .filter(of_the_living(device_chore::Column::OrgId))
            .order_by_asc(device_chore::Column::SinceAt)
            .limit(limit);
        let chore = |row: device_chore::Model| DeviceChore {
            org: OrgId(row.org_id),
            device: DeviceId(row.device_id),
            since: Timestamp::from_millis(row.since_at),
        };
        Ok(oldest.all(&self.db).await?.into_iter().map(chore).collect())
    }

    pub(crate) async fn put_off_chore(
        &self,
        chore: DeviceChore,
        to: Timestamp,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(chore.org).await?;
        device_chore::Entity::update_many()
            .col_expr(device_chore::Column::SinceAt, Expr::val(to.as_millis()))
            .filter(within(device_chore::Column::OrgId, chore.org))
            .filter(device_chore::Column::DeviceId.eq(chore.device.0))
            .filter(device_chore::Column::SinceAt.eq(chore.since.as_millis()))
            .exec(&change)
            .await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn finish_chore(&self, chore: DeviceChore) -> Result<(), StoreError> {
        let change = self.begin_of(chore.org).await?;
        // a frame that came during the claim may have noted it as nobody's once more
        let its = device::Entity::find()
            .select_only()
            .column(device::Column::DevEui)
            .filter(within(device::Column::OrgId, chore.org))
            .filter(device::Column::Id.eq(chore.device.0))
            .filter(device::Column::DeletedAt.is_null())
            .filter(device::Column::DevEui.is_not_null());
        unclaimed_device::Entity::delete_many()
            .filter(within(unclaimed_device::Column::OrgId, chore.org))
            .filter(unclaimed_device::Column::DevEui.in_subquery(its.into_query()))
            .exec(&change)
            .await?;
        device_chore::Entity::delete_many()
            .filter(within(device_chore::Column::OrgId, chore.org))
            .filter(device_chore::Column::DeviceId.eq(chore.device.0))
            .filter(device_chore::Column::SinceAt.eq(chore.since.as_millis()))
            .exec(&change)
            .await?;
        Ok(change.commit().await?)
    }
}

/// When a sensor that measures `unit` no more left it. One that measured it twice left it at the end of the second time.
fn left_at(its: &[device_assignment::Model], unit: Uuid) -> Timestamp {
    let ends = its.iter().filter(|row| row.unit_id == unit).filter_map(|row| row.until_at);
    ends.max().map_or(Timestamp::LATEST, Timestamp::from_millis)
}

/// Notes that a sensor was changed, within the change.
pub(crate) async fn note(
    change: &DatabaseTransaction,
    org: OrgId,
    device: DeviceId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let row = device_chore::Model { device_id: device.0, org_id: org.0, since_at: at.as_millis() };
    let again = OnConflict::column(device_chore::Column::DeviceId)
        .update_column(device_chore::Column::SinceAt)
        .to_owned();
    device_chore::Entity::insert(entity::insertable(row))
        .on_conflict(again)
        .exec_without_returning(change)
        .await?;
    Ok(())
}
