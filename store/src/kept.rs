//! The life that all configured objects share: made, edited under a version, taken away, brought back, purged.
//!
//! Each change is one transaction with its audit entry, which holds the row before and after. A row's secrets are
//! skipped when it is written out.

use hub_domain::{OrgId, Timestamp};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, ModelTrait, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Expected, StoreError, entity,
    records::{AuditEntry, Life, Page, PageQuery},
    scope::within,
    sql::{self, Order, Sql},
};

/// A table of objects that are edited under a version, taken away and brought back.
pub(crate) trait Kept: EntityTrait<Model: Serialize + Send + Sync> {
    /// Its columns.
    const ID: Self::Column;
    const ORG: Self::Column;
    const VERSION: Self::Column;
    const UPDATED_AT: Self::Column;
    const DELETED_AT: Self::Column;

    /// The row's id.
    fn id(row: &Self::Model) -> Uuid;
    /// Whose it is.
    fn org(row: &Self::Model) -> Uuid;
    /// How often it was edited, from 1.
    fn version(row: &Self::Model) -> i64;
    /// Since when it is taken away.
    fn deleted_at(row: &Self::Model) -> Option<i64>;
}

/// Says of an entity's file that its table is [`Kept`]: it has the columns `id`, `org_id`, `version`, `updated_at` and
/// `deleted_at`.
macro_rules! kept {
    () => {
        impl $crate::kept::Kept for Entity {
            const ID: Column = Column::Id;
            const ORG: Column = Column::OrgId;
            const VERSION: Column = Column::Version;
            const UPDATED_AT: Column = Column::UpdatedAt;
            const DELETED_AT: Column = Column::DeletedAt;

            fn id(row: &Model) -> Uuid {
                row.id
            }

            fn org(row: &Model) -> Uuid {
                row.org_id
            }

            fn version(row: &Model) -> i64 {
                row.version
            }

            fn deleted_at(row: &Model) -> Option<i64> {
                row.deleted_at
            }
        }
    };
}
pub(crate) use kept;

impl Sql {
    /// Makes an object. A unique column besides its id that another has is `taken`'s field.
    pub(crate) async fn make<E: Kept>(
        &self,
        org: OrgId,
        row: E::Model,
        taken: &'static str,
        entry: AuditEntry,
    ) -> Result<(), StoreError>
    where
        E::Model: ModelTrait<Entity = E> + IntoActiveModel<E::ActiveModel>,
    {
        let change = self.begin_of(org).await?;
        make_in::<E>(&change, row, taken, entry).await?;
        Ok(change.commit().await?)
    }

    /// An object that was not taken away.
    #[track_caller]
    pub(crate) fn one_kept<E: Kept>(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> impl Future<Output = Result<Option<E::Model>, StoreError>> + Send {
        let is_it = Condition::all()
            .add(E::ID.eq(id))
            .add(within(E::ORG, org))
            .add(E::DELETED_AT.is_null());
        async move { Ok(E::find().filter(is_it).one(&self.of(org).await?).await?) }
    }

    /// A page of objects, oldest first, narrowed by `wanted`, which says whose.
    pub(crate) async fn all_kept<E: Kept, R>(
        &self,
        org: OrgId,
        wanted: Condition,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<R>, StoreError>
    where
        R: TryFrom<E::Model, Error = StoreError>,
    {
        let lives = match life {
            Life::Present => E::DELETED_AT.is_null(),
            Life::Deleted => E::DELETED_AT.is_not_null(),
        };
        let query = E::find().filter(wanted).filter(lives);
        sql::page(&self.of(org).await?, query, E::ID, Order::Up, E::id, page).await
    }

    /// Edits an object: `edit`'s set columns are written, its version rises.
    pub(crate) async fn amend<E: Kept>(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        edit: E::ActiveModel,
        entry: AuditEntry,
    ) -> Result<E::Model, StoreError> {
        let change = self.begin_of(org).await?;
        let before = hold::<E>(&change, org, id, Life::Present, expected).await?;
        let after = write::<E>(&change, &before, edit, entry, "").await?;
        change.commit().await?;
        Ok(after)
    }

    /// Takes an object away; it can be brought back.
    pub(crate) async fn discard<E: Kept>(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        let before = hold::<E>(&change, org, id, Life::Present, expected).await?;
        mark::<E>(&change, &before, Some(entry.at), entry, "").await?;
        Ok(change.commit().await?)
    }

    /// Brings an object back. What it needs that somebody else has meanwhile is `taken`'s field.
    pub(crate) async fn restore<E: Kept>(
        &self,
        org: OrgId,
        id: Uuid,
        taken: &'static str,
        entry: AuditEntry,
    ) -> Result<E::Model, StoreError> {
        let change = self.begin_of(org).await?;
        let before = hold::<E>(&change, org, id, Life::Deleted, None).await?;
        let after = mark::<E>(&change, &before, None, entry, taken).await?;
        change.commit().await?;
        Ok(after)
    }

    /// Deletes what was taken away, for good. What other rows speak of stays: [`StoreError::InUse`].
    pub(crate) async fn purge<E: Kept>(
        &self,
        org: OrgId,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        let before = hold::<E>(&change, org, id, Life::Deleted, None).await?;
        remove::<E>(&change, &before, entry).await?;
        Ok(change.commit().await?)
    }
}

/// Makes an object within a change.
pub(crate) async fn make_in<E: Kept>(
    change: &DatabaseTransaction,
    row: E::Model,
    taken: &'static str,
    mut entry: AuditEntry,
) -> Result<(), StoreError>
where
    E::Model: ModelTrait<Entity = E> + IntoActiveModel<E::ActiveModel>,
{
    entry.after = Some(written(&row)?);
    let made = E::insert(entity::insertable(row)).exec_without_returning(change).await;
    made.map_err(crate::error::taken(taken))?;
    sql::audit(change, &entry).await
}

/// The object as it is, which nobody else changes until the change ends.
///
/// # Errors
/// `NotFound` if it is not there in that life (`NotDeleted` where one that lives was to be dead), `Stale` if it is
/// not of the version expected.
#[track_caller]
pub(crate) fn hold<E: Kept>(
    change: &DatabaseTransaction,
    org: OrgId,
    id: Uuid,
    life: Life,
    expected: impl Into<Expected>,
) -> impl Future<Output = Result<E::Model, StoreError>> + Send {
    let is_it = Condition::all().add(E::ID.eq(id)).add(within(E::ORG, org));
    let expected = expected.into();
    async move {
        let row = E::find().filter(is_it).lock_exclusive().one(change).await?;
        let row = row.ok_or(StoreError::NotFound)?;
        match (life, E::deleted_at(&row)) {
            (Life::Present, Some(_)) => return Err(StoreError::NotFound),
            (Life::Deleted, None) => return Err(StoreError::NotDeleted),
            (Life::Present, None) | (Life::Deleted, Some(_)) => {}
        }
        expected.admit(E::version(&row))?;
        Ok(row)
    }
}

/// Writes an edit of a row that is held, with its audit entry.
pub(crate) async fn write<E: Kept>(
    change: &DatabaseTransaction,
    before: &E::Model,
    edit: E::ActiveModel,
    mut entry: AuditEntry,
    taken: &'static str,
) -> Result<E::Model, StoreError> {
    let update = E::update_many()
        .set(edit)
        .col_expr(E::VERSION, Expr::col(E::VERSION).add(1))
        .col_expr(E::UPDATED_AT, Expr::val(entry.at.as_millis()))
        .filter(is_row::<E>(before));
    update.exec(change).await.map_err(crate::error::taken(taken))?;
    let after = row_of::<E>(change, before).await?;
    (entry.before, entry.after) = (Some(written(before)?), Some(written(&after)?));
    sql::audit(change, &entry).await?;
    Ok(after)
}

/// Marks a row that is held as taken away, or not.
pub(crate) async fn mark<E: Kept>(
    change: &DatabaseTransaction,
    before: &E::Model,
    deleted_at: Option<Timestamp>,
    mut entry: AuditEntry,
    taken: &'static str,
) -> Result<E::Model, StoreError> {
    let update = E::update_many()
        .col_expr(E::DELETED_AT, Expr::val(deleted_at.map(Timestamp::as_millis)))
        .col_expr(E::VERSION, Expr::col(E::VERSION).add(1))
        .col_expr(E::UPDATED_AT, Expr::val(entry.at.as_millis()))
        .filter(is_row::<E>(before));
    update.exec(change).await.map_err(crate::error::taken(taken))?;
    let after = row_of::<E>(change, before).await?;
    (entry.before, entry.after) = (Some(written(before)?), Some(written(&after)?));
    sql::audit(change, &entry).await?;
    Ok(after)
}

/// Deletes a row that is held, for good.
pub(crate) async fn remove<E: Kept>(
    change: &DatabaseTransaction,
    before: &E::Model,
    mut entry: AuditEntry,
) -> Result<(), StoreError> {
    let gone = E::delete_many().filter(is_row::<E>(before)).exec(change).await;
    gone.map_err(crate::error::in_use)?;
    entry.before = Some(written(before)?);
    sql::audit(change, &entry).await
}

async fn row_of<E: Kept>(
    db: &impl ConnectionTrait,
    row: &E::Model,
) -> Result<E::Model, StoreError> {
    E::find().filter(is_row::<E>(row)).one(db).await?.ok_or(StoreError::NotFound)
}

/// True of this row: an id that its sender chose is one within its organization alone.
fn is_row<E: Kept>(row: &E::Model) -> Condition {
    Condition::all().add(E::ID.eq(E::id(row))).add(E::ORG.eq(E::org(row)))
}

/// A row as the audit log keeps it.
pub(crate) fn written<M: Serialize>(row: &M) -> Result<Value, StoreError> {
    serde_json::to_value(row).map_err(|error| StoreError::Corrupt(error.to_string()))
}
