//! Maintenance windows whose units are to be told: at their begin, after an edit, at their end.
//!
//! A window is told whenever its version is newer than the one told last, and once more at its end. That is written
//! down after the telling: what a crash leaves untold is told again.

use hub_domain::{OrgId, Timestamp, UnitId};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _,
    sea_query::{Expr, ExprTrait as _},
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entity::{
        maintenance_window::{Column, Entity, Model},
        unit,
    },
    kept::written,
    maintenance::counts,
    open::ask_database,
    records::{Actor, AuditEntry, MaintenanceWindow},
    scope::within,
    sql::{self, Sql},
    tenants::of_the_living,
};

/// The most windows that one scan tells.
const MOST_DUE: u64 = 200;

impl Store {
    /// The windows whose units are to be told something at `now`, of all organizations, those that end first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn due_windows(&self, now: Timestamp) -> Result<Vec<MaintenanceWindow>, StoreError> {
        ask_database!(self, due_windows(now))
    }

    /// The units of a window: its own, or all of its site that were made before it begins.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn units_of_window(
        &self,
        window: &MaintenanceWindow,
    ) -> Result<Vec<UnitId>, StoreError> {
        ask_database!(self, units_of_window(window))
    }

    /// The window that holds for a unit at `now`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn window_of_unit(
        &self,
        org: OrgId,
        unit: UnitId,
        now: Timestamp,
    ) -> Result<Option<MaintenanceWindow>, StoreError> {
        ask_database!(self, window_of_unit(org, unit, now))
    }

    /// Writes down that the units of a window were told of it as it is in that version.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn window_told(
        &self,
        window: &MaintenanceWindow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let is_over = now >= window.ends_at;
        let deed = if is_over { "maintenance_window.finished" } else { "maintenance_window.begun" };
        let entry = self.entry_of_window(window.org, Actor::Hub, deed, window.id);
        ask_database!(self, window_told(window, now, entry))
    }
}

impl Sql {
    pub(crate) async fn due_windows(
        &self,
        now: Timestamp,
    ) -> Result<Vec<MaintenanceWindow>, StoreError> {
        use Column::{AlertId, DeletedAt, EndedAt, EndsAt, StartsAt, ToldVersion, Version};
        let now = now.as_millis();
        let is_untold = Condition::any()
            .add(ToldVersion.is_null())
            .add(Expr::col(ToldVersion).lt(Expr::col(Version)))
            .add(EndsAt.lte(now));
        let due = Entity::find()
            .filter(of_the_living(Column::OrgId))
            .filter(EndedAt.is_null())
            .filter(AlertId.is_null())
            .filter(DeletedAt.is_null())
            .filter(StartsAt.lte(now))
            .filter(is_untold);
        let in_order = due.order_by_asc(EndsAt).limit(MOST_DUE);
        let rows = in_order.all(&self.db).await?;
        rows.into_iter().map(MaintenanceWindow::try_from).collect()
    }

    pub(crate) async fn units_of_window(
        &self,
        window: &MaintenanceWindow,
    ) -> Result<Vec<UnitId>, StoreError> {
        let wanted = match window.unit {
            Some(unit) => unit::Column::Id.eq(unit.0),
            // one that is planned after its begin begins with its planning
            None => {
                let begin = window.starts_at.max(window.created_at).as_millis();
                unit::Column::SiteId.eq(window.site.0).and(unit::Column::CreatedAt.lte(begin))
            }
        };
        let units = unit::Entity::find().select_only().column(unit::Column::Id);
        let there = units
            .filter(within(unit::Column::OrgId, window.org))
            .filter(unit::Column::DeletedAt.is_null())
            .filter(wanted);
        let ids: Vec<Uuid> = there.into_tuple().all(&self.of(window.org).await?).await?;
        Ok(ids.into_iter().map(UnitId).collect())
    }

    pub(crate) async fn window_of_unit(
        &self,
        org: OrgId,
        unit: UnitId,
        now: Timestamp,
    ) -> Result<Option<MaintenanceWindow>, StoreError> {
        // a unit made after the window began is not in it
        let its = unit::Entity::find().select_only().column(unit::Column::SiteId);
        let made_by = |begin| {
            Expr::col((unit::Entity, unit::Column::CreatedAt)).lte(Expr::col((Entity, begin)))
        };
        let is_in = Condition::any().add(made_by(Column::StartsAt)).add(made_by(Column::CreatedAt));
        let its = its
            .filter(within(unit::Column::OrgId, org))
            .filter(unit::Column::Id.eq(unit.0))
            .filter(is_in);
        let of_site = Condition::all()
            .add(Column::UnitId.is_null())
            .add(Column::SiteId.in_subquery(its.into_query()));
        let holds = Entity::find()
            .filter(within(Column::OrgId, org))
            .filter(counts())
            .filter(Column::StartsAt.lte(now.as_millis()))
            .filter(Column::EndsAt.gt(now.as_millis()))
            .filter(Condition::any().add(Column::UnitId.eq(unit.0)).add(of_site));
        let row = holds.order_by_asc(Column::Id).one(&self.of(org).await?).await?;
        row.map(MaintenanceWindow::try_from).transpose()
    }

    pub(crate) async fn window_told(
        &self,
        window: &MaintenanceWindow,
        now: Timestamp,
        mut entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let is_over = now >= window.ends_at;
        let version = window.edition.version;
        let change = self.begin_of(window.org).await?;
        let as_told = Condition::all()
            .add(within(Column::OrgId, window.org))
            .add(Column::Id.eq(window.id))
            .add(Column::Version.eq(version))
            .add(Column::EndedAt.is_null());
        let row = Entity::find().filter(as_told.clone()).lock_exclusive();
        let Some(before) = row.one(&change).await? else { return Ok(()) };
        let mut after = Model { told_version: Some(version), ..before.clone() };
        if is_over {
            after.ended_at = Some(window.ends_at.as_millis());
        } else {
            after.begun_at = before.begun_at.or(Some(now.as_millis()));
        }
        Entity::update_many()
            .col_expr(Column::ToldVersion, Expr::val(after.told_version))
            .col_expr(Column::EndedAt, Expr::val(after.ended_at))
            .col_expr(Column::BegunAt, Expr::val(after.begun_at))
            .filter(as_told)
            .exec(&change)
            .await?;
        if is_over || before.begun_at.is_none() {
            (entry.before, entry.after) = (Some(written(&before)?), Some(written(&after)?));
            sql::audit(&change, &entry).await?;
        }
        Ok(change.commit().await?)
    }
}
