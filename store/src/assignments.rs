//! Which sensor measured which unit when. A sensor measures one unit at a time; what is past stays as it was.

use hub_domain::{DeviceId, OrgId, Timestamp, UnitId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Store, StoreError, chores,
    devices::CHUNK,
    entity::{self, device, device_assignment, unit},
    kept,
    open::ask_database,
    records::{Assignment, AssignmentRecord, AuditEntry, Device, Life, Page, PageQuery, Sensor},
    scope::within,
    sql::{self, Order, Sql},
};

impl Store {
    /// States which unit a sensor measures, from now or from an instant that is past.
    ///
    /// # Errors
    /// [`StoreError::Overlaps`] if it begins before the one before it ended, or before another began.
    pub async fn assign_device(
        &self,
        org: OrgId,
        id: DeviceId,
        unit: Option<UnitId>,
        from: Option<Timestamp>,
        by: impl Into<By>,
    ) -> Result<Device, StoreError> {
        let entry = self.entry(org, by, "device.assigned", "device", id.0, &json!({}));
        let wanted = Move { device: id, unit, from: from.unwrap_or(entry.at), now: entry.at };
        ask_database!(self, assign_device(wanted, entry))
    }

    /// What a sensor measured, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn assignments_of_device(
        &self,
        org: OrgId,
        device: DeviceId,
        page: PageQuery,
    ) -> Result<Page<AssignmentRecord>, StoreError> {
        let its = device_assignment::Column::DeviceId.eq(device.0);
        ask_database!(self, assignments(org, its.into(), &page))
    }

    /// What measured a unit, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn assignments_of_unit(
        &self,
        org: OrgId,
        unit: UnitId,
        page: PageQuery,
    ) -> Result<Page<AssignmentRecord>, StoreError> {
        let its = device_assignment::Column::UnitId.eq(unit.0);
        ask_database!(self, assignments(org, its.into(), &page))
    }
}

/// A sensor is to measure this unit, or none, from then on.
#[derive(Clone, Copy)]
pub(crate) struct Move {
    pub(crate) device: DeviceId,
    pub(crate) unit: Option<UnitId>,
    pub(crate) from: Timestamp,
    pub(crate) now: Timestamp,
}

impl Sql {
    pub(crate) async fn assign_device(
        &self,
        wanted: Move,
        mut entry: AuditEntry,
    ) -> Result<Device, StoreError> {
        let (org, id) = (entry.org, wanted.device);
        let change = self.begin_of(org).await?;
        let before = kept::hold::<device::Entity>(&change, org, id.0, Life::Present, None).await?;
        let (held, holds) = move_in(&change, org, wanted, entry.id).await?;
        // the sensor's row does not say since when it measures its unit
        let detail = json!({ "from": wanted.from.as_millis(), "before": held, "after": holds });
        entry.detail = detail.to_string();
        let row = device::ActiveModel {
            unit_id: Set(wanted.unit.map(|unit| unit.0)),
            ..device::ActiveModel::default()
        };
        let after = kept::write::<device::Entity>(&change, &before, row, entry, "devEui").await?;
        chores::note(&change, org, id, wanted.now).await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn assignments(
        &self,
        org: OrgId,
        its: Condition,
        page: &PageQuery,
    ) -> Result<Page<AssignmentRecord>, StoreError> {
        use device_assignment::Column::{Id, OrgId};
        let query = device_assignment::Entity::find().filter(within(OrgId, org)).filter(its);
        let query = query.filter(held());
        sql::page(&self.of(org).await?, query, Id, Order::Down, |row| row.id, page).await
    }
}

/// Moves a sensor, whose row is held: its present assignment ends, and the next one, of the id `next`, begins. Gives the
/// one that held and the one that holds now.
pub(crate) async fn move_in(
    change: &DatabaseTransaction,
    org: OrgId,
    wanted: Move,
    next: Uuid,
) -> Result<(Option<device_assignment::Model>, Option<device_assignment::Model>), StoreError> {
    if let Some(unit) = wanted.unit {
        need_unit(change, org, unit).await?;
    }
    // the present one and the one before it: those before that ended sooner
    let last_two = device_assignment::Entity::find()
        .filter(within(device_assignment::Column::OrgId, org))
        .filter(device_assignment::Column::DeviceId.eq(wanted.device.0))
        .filter(held())
        .order_by_desc(device_assignment::Column::FromAt)
        .order_by_desc(device_assignment::Column::Id)
        .limit(2);
    let rows = last_two.all(change).await?;
    let (present, past) = match rows.as_slice() {
        [last, rest @ ..] if last.until_at.is_none() => (Some(last), rest.first()),
        rows => (None, rows.first()),
    };
    let free_from = past.and_then(|row| row.until_at).unwrap_or(i64::MIN);
    if wanted.from.as_millis() < free_from {
        return Err(StoreError::Overlaps);
    }
    let holds = match (present, wanted.unit) {
        (Some(present), Some(unit)) if present.unit_id == unit.0 => {
            Some(extend(change, org, present, wanted.from).await?)
        }
        (Some(present), unit) => {
            end(change, org, present, wanted.from).await?;
            begin(change, org, wanted, unit, next).await?
        }
        (None, unit) => begin(change, org, wanted, unit, next).await?,
    };
    Ok((present.cloned(), holds))
}

async fn begin(
    change: &DatabaseTransaction,
    org: OrgId,
    wanted: Move,
    unit: Option<UnitId>,
    id: Uuid,
) -> Result<Option<device_assignment::Model>, StoreError> {
    let Some(unit) = unit else { return Ok(None) };
    let row = device_assignment::Model {
        id,
        org_id: org.0,
        device_id: wanted.device.0,
        unit_id: unit.0,
        from_at: wanted.from.as_millis(),
        until_at: None,
    };
    let insert = device_assignment::Entity::insert(entity::insertable(row.clone()));
    insert.exec_without_returning(change).await?;
    Ok(Some(row))
}

/// The present assignment is of the unit that is wanted: at most it reaches farther back.
async fn extend(
    change: &DatabaseTransaction,
    org: OrgId,
    present: &device_assignment::Model,
    from: Timestamp,
) -> Result<device_assignment::Model, StoreError> {
    if from.as_millis() < present.from_at {
        set(change, org, present, device_assignment::Column::FromAt, from).await?;
    }
    let from_at = std::cmp::min(present.from_at, from.as_millis());
    Ok(device_assignment::Model { from_at, ..present.clone() })
}

/// Ends the present assignment. One that ends where it began was a mistake: it holds at no instant, is shown to nobody,
/// and stays so that its unit is told that the sensor has left it.
async fn end(
    change: &DatabaseTransaction,
    org: OrgId,
    present: &device_assignment::Model,
    until: Timestamp,
) -> Result<(), StoreError> {
    if until.as_millis() < present.from_at {
        return Err(StoreError::Overlaps);
    }
    set(change, org, present, device_assignment::Column::UntilAt, until).await
}

/// True of assignments that hold at any instant.
fn held() -> Condition {
    use device_assignment::Column::{FromAt, UntilAt};
    Condition::any().add(UntilAt.is_null()).add(Expr::col(UntilAt).gt(Expr::col(FromAt)))
}

async fn set(
    change: &DatabaseTransaction,
    org: OrgId,
    row: &device_assignment::Model,
    column: device_assignment::Column,
    at: Timestamp,
) -> Result<(), StoreError> {
    device_assignment::Entity::update_many()
        .col_expr(column, Expr::val(at.as_millis()))
        .filter(within(device_assignment::Column::OrgId, org))
        .filter(device_assignment::Column::Id.eq(row.id))
        .exec(change)
        .await?;
    Ok(())
}

/// Goes on only if the unit is there, and keeps it there until the change ends.
pub(crate) async fn need_unit(
    change: &DatabaseTransaction,
    org: OrgId,
    id: UnitId,
) -> Result<(), StoreError> {
    let live = unit::Entity::find_by_id(id.0)
        .filter(within(unit::Column::OrgId, org))
        .filter(unit::Column::DeletedAt.is_null());
    live.lock_shared().one(change).await?.map(drop).ok_or(StoreError::NotFound)
}

/// All assignments of these sensors, in any order.
pub(crate) async fn of_devices(
    asked: &DatabaseTransaction,
    org: OrgId,
    ids: &[Uuid],
) -> Result<Vec<device_assignment::Model>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(CHUNK) {
        let of_ids = device_assignment::Entity::find()
            .filter(within(device_assignment::Column::OrgId, org))
            .filter(device_assignment::Column::DeviceId.is_in(ids.iter().copied()));
        found.extend(of_ids.all(asked).await?);
    }
    Ok(found)
}

/// A sensor with its assignments, which are given newest first.
pub(crate) fn sensor<'a>(
    row: device::Model,
    its: impl Iterator<Item = &'a device_assignment::Model>,
) -> Sensor {
    Sensor {
        id: DeviceId(row.id),
        org: OrgId(row.org_id),
        dev_eui: row.dev_eui,
        model: row.model,
        assignments: its
            .filter(|row| row.until_at.is_none_or(|until| until > row.from_at))
            .map(Assignment::from)
            .collect(),
    }
}
