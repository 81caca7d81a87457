//! Units that are to be brought into the mode that the table of windows has for them: those that came back, for no window
//! tells a deleted unit of its begin or end, and those that could not be told when their neighbours were.

use hub_domain::{OrgId, Timestamp, UnitId};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, sea_query::OnConflict,
};

use crate::{
    Store, StoreError,
    entity::{self, unit_chore},
    open::ask_database,
    records::UnitChore,
    scope::within,
    sql::Sql,
    tenants::of_the_living,
};

/// How many are noted in one statement.
const CHUNK: usize = 2_000;

impl Store {
    /// Some units of any organization that are to be told by `now`, the longest due first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn unit_chores(
        &self,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<UnitChore>, StoreError> {
        ask_database!(self, unit_chores(now, limit))
    }

    /// Notes units that are to be told then, and not before.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn note_units(
        &self,
        org: OrgId,
        units: &[UnitId],
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        ask_database!(self, note_units(org, units, due_at))
    }

    /// Takes a note away, unless there was another since.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn finish_unit_chore(&self, chore: UnitChore) -> Result<(), StoreError> {
        ask_database!(self, finish_unit_chore(chore))
    }
}

impl Sql {
    pub(crate) async fn unit_chores(
        &self,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<UnitChore>, StoreError> {
        let due = unit_chore::Entity::find()
            .filter(unit_chore::Column::DueAt.lte(now.as_millis()))
            .filter(of_the_living(unit_chore::Column::OrgId))
            .order_by_asc(unit_chore::Column::DueAt)
            .limit(limit);
        let chore = |row: unit_chore::Model| UnitChore {
            org: OrgId(row.org_id),
            unit: UnitId(row.unit_id),
            due_at: Timestamp::from_millis(row.due_at),
        };
        Ok(due.all(&self.db).await?.into_iter().map(chore).collect())
    }

    pub(crate) async fn note_units(
        &self,
        org: OrgId,
        units: &[UnitId],
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        for some in units.chunks(CHUNK) {
            note(&change, org, some, due_at).await?;
        }
        Ok(change.commit().await?)
    }

    pub(crate) async fn finish_unit_chore(&self, chore: UnitChore) -> Result<(), StoreError> {
        let change = self.begin_of(chore.org).await?;
        unit_chore::Entity::delete_many()
            .filter(within(unit_chore::Column::OrgId, chore.org))
            .filter(unit_chore::Column::UnitId.eq(chore.unit.0))
            .filter(unit_chore::Column::DueAt.eq(chore.due_at.as_millis()))
            .exec(&change)
            .await?;
        Ok(change.commit().await?)
    }
}

/// Notes units that are to be told then.
pub(crate) async fn note(
    change: &DatabaseTransaction,
    org: OrgId,
    units: &[UnitId],
    due_at: Timestamp,
) -> Result<(), StoreError> {
    let row = |unit: &UnitId| unit_chore::Model {
        unit_id: unit.0,
        org_id: org.0,
        due_at: due_at.as_millis(),
    };
    let again = OnConflict::column(unit_chore::Column::UnitId)
        .update_column(unit_chore::Column::DueAt)
        .to_owned();
    unit_chore::Entity::insert_many(units.iter().map(|unit| entity::insertable(row(unit))))
        .on_conflict(again)
        .exec_without_returning(change)
        .await?;
    Ok(())
}
