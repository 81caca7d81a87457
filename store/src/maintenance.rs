//! Maintenance windows as people plan them. Their units are told by a scan of the table.

use hub_domain::{OrgId, SiteId, Timestamp};
use sea_orm::{
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QuerySelect as _, QueryTrait as _, Set, sea_query::ExprTrait as _,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Expected, Store, StoreError,
    entity::{
        maintenance_window::{ActiveModel, Column, Entity, Model},
        site, unit,
    },
    kept::{hold, make_in, mark, write},
    open::ask_database,
    records::{AuditEntry, Life, MaintenanceWindow, Page, PageQuery, WindowFilter},
    scope::within,
    sql::{self, Order, Sql},
};

/// Why a window cannot be planned or changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowRefusal {
    /// Another window holds for a unit of it in that time.
    #[error("another window of the same unit overlaps it")]
    Overlapping,
    /// It has begun: it can be ended, not deleted.
    #[error("the window has begun; end it instead")]
    AlreadyBegun,
    /// It is over.
    #[error("the window is over")]
    AlreadyEnded,
    /// It has not begun: it can be deleted, not ended.
    #[error("the window has not begun; delete it instead")]
    NotBegun,
}

impl WindowRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Overlapping => "overlapping",
            Self::AlreadyBegun => "already_begun",
            Self::AlreadyEnded => "already_ended",
            Self::NotBegun => "not_begun",
        }
    }

    /// The sentence for a person.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Overlapping => "another window of the same unit overlaps this time",
            Self::AlreadyBegun => "the window has begun; it can be ended, not deleted",
            Self::AlreadyEnded => "the window is over",
            Self::NotBegun => "the window has not begun; it can be deleted, not ended",
        }
    }
}

impl Store {
    /// Plans a window.
    ///
    /// # Errors
    /// [`WindowRefusal::Overlapping`]; see [`StoreError`].
    pub async fn plan_window(
        &self,
        window: &MaintenanceWindow,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry_of_window(window.org, by, "maintenance_window.created", window.id);
        ask_database!(self, plan_window(window, entry))
    }

    /// A window that is no snooze.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn window(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<MaintenanceWindow>, StoreError> {
        ask_database!(self, window(org, id))
    }

    /// Windows that are no snoozes, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn windows(
        &self,
        org: OrgId,
        filter: WindowFilter,
        life: Life,
        page: PageQuery,
    ) -> Result<Page<MaintenanceWindow>, StoreError> {
        ask_database!(self, windows(org, &filter, life, &page))
    }

    /// Gives a window another end or reason. Its units are to be told again.
    ///
    /// # Errors
    /// [`WindowRefusal`]; see [`StoreError`].
    pub async fn edit_window(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        ends_at: Option<Timestamp>,
        reason: Option<String>,
        by: impl Into<By>,
    ) -> Result<MaintenanceWindow, StoreError> {
        let entry = self.entry_of_window(org, by, "maintenance_window.updated", id);
        ask_database!(self, edit_window(org, id, expected.into(), ends_at, reason, entry))
    }

    /// Makes a window end now.
    ///
    /// # Errors
    /// [`WindowRefusal`]; see [`StoreError`].
    pub async fn end_window(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<MaintenanceWindow, StoreError> {
        let entry = self.entry_of_window(org, by, "maintenance_window.ended", id);
        ask_database!(self, end_window(org, id, entry))
    }

    /// Takes away a window that has not begun.
    ///
    /// # Errors
    /// [`WindowRefusal::AlreadyBegun`]; see [`StoreError`].
    pub async fn delete_window(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry_of_window(org, by, "maintenance_window.deleted", id);
        ask_database!(self, delete_window(org, id, expected.into(), entry))
    }

    pub(crate) fn entry_of_window(
        &self,
        org: OrgId,
        by: impl Into<By>,
        deed: &'static str,
        id: Uuid,
    ) -> AuditEntry {
        self.entry(org, by, deed, "maintenance_window", id, &json!({}))
    }
}

impl Sql {
    pub(crate) async fn plan_window(
        &self,
        window: &MaintenanceWindow,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(window.org).await?;
        hold_site(&change, window.org, window.site).await?;
        refuse_overlap(&change, window).await?;
        make_in::<Entity>(&change, window.into(), "id", entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn window(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<MaintenanceWindow>, StoreError> {
        let row = self.one_kept::<Entity>(org, id).await?;
        let row = row.filter(|row| row.alert_id.is_none());
        row.map(MaintenanceWindow::try_from).transpose()
    }

    pub(crate) async fn windows(
        &self,
        org: OrgId,
        filter: &WindowFilter,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<MaintenanceWindow>, StoreError> {
        use Column::{AlertId, EndsAt, Id, Kind, OrgId, SiteId, StartsAt, UnitId};
        let lives = match life {
            Life::Present => Column::DeletedAt.is_null(),
            Life::Deleted => Column::DeletedAt.is_not_null(),
        };
        let wanted = Condition::all()
            .add(within(OrgId, org))
            .add(lives)
            .add(AlertId.is_null())
            .add_option(filter.unit.map(|unit| UnitId.eq(unit.0)))
            .add_option(filter.site.map(|site| SiteId.eq(site.0)))
            .add_option(filter.kind.map(|kind| Kind.eq(kind.name())))
            .add_option(filter.from.map(|from| EndsAt.gt(from.as_millis())))
            .add_option(filter.to.map(|to| StartsAt.lt(to.as_millis())));
        let asked = self.of(org).await?;
        let query = Entity::find().filter(wanted);
        sql::page(&asked, query, Id, Order::Up, |row: &Model| row.id, page).await
    }

    pub(crate) async fn edit_window(
        &self,
        org: OrgId,
        id: Uuid,
        expected: Expected,
        ends_at: Option<Timestamp>,
        reason: Option<String>,
        entry: AuditEntry,
    ) -> Result<MaintenanceWindow, StoreError> {
        let change = self.begin_of(org).await?;
        let (row, window) = hold_window(&change, org, id, expected).await?;
        if window.ended_at.is_some() || window.ends_at <= entry.at {
            return Err(WindowRefusal::AlreadyEnded.into());
        }
        let mut edit = ActiveModel { ..sea_orm::ActiveModelTrait::default() };
        if let Some(ends_at) = ends_at {
            hold_site(&change, org, window.site).await?;
            refuse_overlap(&change, &MaintenanceWindow { ends_at, ..window }).await?;
            edit.ends_at = Set(ends_at.as_millis());
        }
        if let Some(reason) = reason {
            edit.reason = Set(reason);
        }
        let after = write::<Entity>(&change, &row, edit, entry, "id").await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn end_window(
        &self,
        org: OrgId,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<MaintenanceWindow, StoreError> {
        let change = self.begin_of(org).await?;
        let (row, window) = hold_window(&change, org, id, None).await?;
        if window.ended_at.is_some() || window.ends_at <= entry.at {
            return Err(WindowRefusal::AlreadyEnded.into());
        }
        if window.starts_at > entry.at {
            return Err(WindowRefusal::NotBegun.into());
        }
        // a window is never of no length; the scan that follows tells the units and writes down the end
        let ends_at = entry.at.max(window.starts_at.plus_millis(1)).as_millis();
        let edit = ActiveModel { ends_at: Set(ends_at), ..sea_orm::ActiveModelTrait::default() };
        let after = write::<Entity>(&change, &row, edit, entry, "id").await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn delete_window(
        &self,
        org: OrgId,
        id: Uuid,
        expected: Expected,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        let (row, window) = hold_window(&change, org, id, expected).await?;
        if window.begun_at.is_some() || window.starts_at <= entry.at {
            return Err(WindowRefusal::AlreadyBegun.into());
        }
        mark::<Entity>(&change, &row, Some(entry.at), entry, "id").await?;
        Ok(change.commit().await?)
    }
}

/// True of windows that hold or will.
pub(crate) fn counts() -> Condition {
    Condition::all()
        .add(Column::AlertId.is_null())
        .add(Column::DeletedAt.is_null())
        .add(Column::EndedAt.is_null())
}

/// Keeps other windows of the site from being planned until the change ends.
async fn hold_site(
    change: &DatabaseTransaction,
    org: OrgId,
    site: SiteId,
) -> Result<(), StoreError> {
    hold::<site::Entity>(change, org, site.0, Life::Present, None).await.map(drop)
}

async fn hold_window(
    change: &DatabaseTransaction,
    org: OrgId,
    id: Uuid,
    expected: impl Into<Expected>,
) -> Result<(Model, MaintenanceWindow), StoreError> {
    let row = hold::<Entity>(change, org, id, Life::Present, expected).await?;
    if row.alert_id.is_some() {
        return Err(StoreError::NotFound); // a snooze belongs to its alert
    }
    Ok((row.clone(), row.try_into()?))
}

/// A unit is in one mode at a time, so its windows do not overlap: its own, and those of its site.
async fn refuse_overlap(
    change: &DatabaseTransaction,
    window: &MaintenanceWindow,
) -> Result<(), StoreError> {
    let of_site = Column::UnitId.is_null().and(Column::SiteId.eq(window.site.0));
    let of_units = match window.unit {
        Some(unit) => Column::UnitId.eq(unit.0),
        None => {
            let units = unit::Entity::find().select_only().column(unit::Column::Id);
            let units = units
                .filter(within(unit::Column::OrgId, window.org))
                .filter(unit::Column::DeletedAt.is_null())
                .filter(unit::Column::SiteId.eq(window.site.0));
            Column::UnitId.in_subquery(units.into_query())
        }
    };
    let other = Entity::find()
        .filter(within(Column::OrgId, window.org))
        .filter(counts())
        .filter(Column::Id.ne(window.id))
        .filter(Column::StartsAt.lt(window.ends_at.as_millis()))
        .filter(Column::EndsAt.gt(window.starts_at.as_millis()))
        .filter(Condition::any().add(of_site).add(of_units));
    match other.one(change).await? {
        Some(_) => Err(WindowRefusal::Overlapping.into()),
        None => Ok(()),
    }
}
