//! What people logged by hand.

use std::collections::HashSet;

use hub_domain::{OrgId, Timestamp};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Expected, Scope, Store, StoreError, corrective_actions,
    entity::{corrective_action, manual_log},
    kept::make_in,
    moments,
    open::ask_database,
    records::{AuditEntry, CorrectiveAction, Life, ManualLog, Page, PageQuery, RecordFilter},
    scope::within,
    sql::Sql,
};

impl Store {
    /// Writes down a log whose reading is stored, with what was done about it, if anything was.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where a log of that id is there; see [`StoreError`].
    pub async fn create_manual_log(
        &self,
        log: &ManualLog,
        action: Option<&str>,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let by = by.into();
        let told = By { request: None, ..by.clone() };
        let action = action.map(|action| {
            let action = CorrectiveAction {
                id: self.mint().0,
                org: log.org,
                site: log.site,
                unit: log.unit,
                alert: None,
                manual_log: Some(log.id),
                action: action.to_owned(),
                taken_at: log.recorded_at,
                created_by: log.created_by,
                created_at: log.created_at,
                edition: log.edition,
            };
            let entry = self.entry(
                log.org,
                told,
                "corrective_action.created",
                "corrective_action",
                action.id,
                &json!({ "manualLog": log.id }),
            );
            (action, entry)
        });
        let detail = json!({ "unit": log.unit.0 });
        let entry = self.entry(log.org, by, "manual_log.created", "manual_log", log.id, &detail);
        ask_database!(self, insert_manual_log(log, &entry, action.as_ref()))
    }

    /// A log, voided or not.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn manual_log(
        &self,
        scope: impl Into<Scope>,
        id: Uuid,
        life: Option<Life>,
    ) -> Result<Option<ManualLog>, StoreError> {
        let scope = scope.into();
        ask_database!(self, manual_log(&scope, id, life))
    }

    /// Logs, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn manual_logs(
        &self,
        scope: impl Into<Scope>,
        filter: RecordFilter,
        life: Life,
        page: PageQuery,
    ) -> Result<Page<ManualLog>, StoreError> {
        let scope = scope.into();
        ask_database!(self, manual_logs(&scope, &filter, life, &page))
    }

    /// Puts other words to a log, where there are others.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn note_manual_log(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        note: Option<Option<String>>,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "manual_log.updated", "manual_log", id, &json!({}));
        let note = note.map_or(sea_orm::NotSet, sea_orm::Set);
        let edit = manual_log::ActiveModel { note, ..sea_orm::ActiveModelTrait::default() };
        ask_database!(self, note_manual_log(org, id, expected.into(), edit, entry))
    }

    /// Voids a log. Its reading stays: it was judged.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn void_manual_log(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "manual_log.deleted", "manual_log", id, &json!({}));
        ask_database!(self, void_manual_log(org, id, expected.into(), entry))
    }

    /// Makes a voided log count again.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn restore_manual_log(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "manual_log.restored", "manual_log", id, &json!({}));
        ask_database!(self, restore_manual_log(org, id, entry))
    }
}

impl Sql {
    pub(crate) async fn insert_manual_log(
        &self,
        log: &ManualLog,
        entry: &AuditEntry,
        action: Option<&(CorrectiveAction, AuditEntry)>,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(log.org).await?;
        make_in::<manual_log::Entity>(&change, log.into(), "id", entry.clone()).await?;
        if let Some((action, entry)) = action {
            let row = action.into();
            make_in::<corrective_action::Entity>(&change, row, "id", entry.clone()).await?;
        }
        Ok(change.commit().await?)
    }

    pub(crate) async fn manual_log(
        &self,
        scope: &Scope,
        id: Uuid,
        life: Option<Life>,
    ) -> Result<Option<ManualLog>, StoreError> {
        let seen = scope.rows(manual_log::Column::OrgId, manual_log::Column::SiteId);
        let lives = life.map(lives);
        let wanted = manual_log::Entity::find_by_id(id).filter(seen.add_option(lives));
        let Some(row) = wanted.one(&self.of(scope.org).await?).await? else { return Ok(None) };
        let answered = self.answered_logs(scope.org, &[row.id]).await?;
        let has_action = answered.contains(&row.id);
        row.record(has_action).map(Some)
    }

    pub(crate) async fn manual_logs(
        &self,
        scope: &Scope,
        filter: &RecordFilter,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<ManualLog>, StoreError> {
        use manual_log::Column::{Id, OrgId, RecordedAt, SiteId, UnitId};
        let at = Timestamp::as_millis;
        let wanted = scope
            .rows(OrgId, SiteId)
            .add(lives(life))
            .add_option(filter.unit.map(|unit| UnitId.eq(unit.0)))
            .add_option(filter.site.map(|site| SiteId.eq(site.0)))
            .add_option(filter.from.map(|from| RecordedAt.gte(at(from))))
            .add_option(filter.to.map(|to| RecordedAt.lt(at(to))))
            .add_option(filter.needs_action.map(needs_action));
        let query = manual_log::Entity::find().filter(wanted);
        let key = |row: &manual_log::Model| (row.recorded_at, row.id);
        let asked = self.of(scope.org).await?;
        let rows = moments::page(&asked, query, (RecordedAt, Id), key, page).await?;
        drop(asked);
        let ids: Vec<Uuid> = rows.items.iter().map(|row| row.id).collect();
        let answered = self.answered_logs(scope.org, &ids).await?;
        let record = |row: manual_log::Model| {
            let has_action = answered.contains(&row.id);
            row.record(has_action)
        };
        let items = rows.items.into_iter().map(record).collect::<Result<_, _>>()?;
        Ok(Page { items, next: rows.next })
    }

    /// Those of the logs that a corrective action names.
    async fn answered_logs(&self, org: OrgId, ids: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        use corrective_action::Column::{DeletedAt, ManualLogId, OrgId};
        let named = corrective_action::Entity::find().select_only().column(ManualLogId);
        let of_these = named.filter(within(OrgId, org)).filter(DeletedAt.is_null());
        let of_these = of_these.filter(ManualLogId.is_in(ids.iter().copied()));
        let found: Vec<Option<Uuid>> = of_these.into_tuple().all(&self.of(org).await?).await?;
        Ok(found.into_iter().flatten().collect())
    }

    pub(crate) async fn note_manual_log(
        &self,
        org: OrgId,
        id: Uuid,
        expected: Expected,
        edit: manual_log::ActiveModel,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        self.amend::<manual_log::Entity>(org, id, expected, edit, entry).await.map(drop)
    }

    pub(crate) async fn void_manual_log(
        &self,
        org: OrgId,
        id: Uuid,
        expected: Expected,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        self.discard::<manual_log::Entity>(org, id, expected, entry).await
    }

    pub(crate) async fn restore_manual_log(
        &self,
        org: OrgId,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        self.restore::<manual_log::Entity>(org, id, "id", entry).await.map(drop)
    }
}

fn lives(life: Life) -> Expr {
    match life {
        Life::Present => manual_log::Column::DeletedAt.is_null(),
        Life::Deleted => manual_log::Column::DeletedAt.is_not_null(),
    }
}

/// True of logs out of range that no corrective action names, or of all others.
fn needs_action(needed: bool) -> Condition {
    let is_out = Expr::col((manual_log::Entity, manual_log::Column::IsOutOfRange));
    let is_log = Expr::col((corrective_action::Entity, corrective_action::Column::ManualLogId))
        .eq(Expr::col((manual_log::Entity, manual_log::Column::Id)));
    let of_org = Expr::col((corrective_action::Entity, corrective_action::Column::OrgId))
        .eq(Expr::col((manual_log::Entity, manual_log::Column::OrgId)));
    let naming = corrective_actions::naming().and_where(is_log).and_where(of_org).take();
    let wanting = Condition::all().add(is_out).add(Expr::exists(naming).not());
    if needed { wanting } else { wanting.not() }
}
