//! What was done about alerts and about logs out of range.

use hub_domain::{AlertId, OrgId, Timestamp};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Set,
    sea_query::{Expr, ExprTrait as _, Query, SelectStatement},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Expected, Scope, Store, StoreError,
    entity::corrective_action::{ActiveModel, Column, Entity, Model},
    moments,
    open::ask_database,
    records::{AuditEntry, CorrectiveAction, Life, Page, PageQuery, RecordFilter},
    sql::{self, Sql},
};

/// The most that are shown beside an alert.
const MOST_OF_AN_ALERT: u64 = 200;

impl Store {
    /// Writes down an action. One of that id may be there already, by a request that was sent again.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where one of that id is there; see [`StoreError`].
    pub async fn create_corrective_action(
        &self,
        action: &CorrectiveAction,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let detail = json!({ "unit": action.unit.0 });
        let (kind, made) = ("corrective_action", "corrective_action.created");
        let entry = self.entry(action.org, by, made, kind, action.id, &detail);
        ask_database!(self, insert_corrective_action(action, entry))
    }

    /// A new id for an action, and this instant.
    #[must_use]
    pub fn mint_record(&self) -> (Uuid, Timestamp) {
        self.mint()
    }

    /// An action.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn corrective_action(
        &self,
        scope: impl Into<Scope>,
        id: Uuid,
    ) -> Result<Option<CorrectiveAction>, StoreError> {
        let scope = scope.into();
        ask_database!(self, corrective_action(&scope, id))
    }

    /// Actions, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn corrective_actions(
        &self,
        scope: impl Into<Scope>,
        filter: RecordFilter,
        life: Life,
        page: PageQuery,
    ) -> Result<Page<CorrectiveAction>, StoreError> {
        let scope = scope.into();
        ask_database!(self, corrective_actions(&scope, &filter, life, &page))
    }

    /// The actions that answer an alert, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn actions_of_alert(
        &self,
        scope: impl Into<Scope>,
        alert: AlertId,
    ) -> Result<Vec<CorrectiveAction>, StoreError> {
        let scope = scope.into();
        ask_database!(self, actions_of_alert(&scope, alert))
    }

    /// Edits what was done, or when.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn edit_corrective_action(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        action: Option<String>,
        taken_at: Option<Timestamp>,
        by: impl Into<By>,
    ) -> Result<CorrectiveAction, StoreError> {
        let entry = self.entry_of_action(org, by, "corrective_action.updated", id);
        let mut edit = ActiveModel { ..sea_orm::ActiveModelTrait::default() };
        if let Some(action) = action {
            edit.action = Set(action);
        }
        if let Some(taken_at) = taken_at {
            edit.taken_at = Set(taken_at.as_millis());
        }
        ask_database!(self, edit_corrective_action(org, id, expected.into(), edit, entry))
    }

    /// Takes an action away.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn delete_corrective_action(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry_of_action(org, by, "corrective_action.deleted", id);
        ask_database!(self, delete_corrective_action(org, id, expected.into(), entry))
    }

    /// Brings an action back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn restore_corrective_action(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<CorrectiveAction, StoreError> {
        let entry = self.entry_of_action(org, by, "corrective_action.restored", id);
        ask_database!(self, restore_corrective_action(org, id, entry))
    }

    /// Deletes for good an action that was taken away.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn purge_corrective_action(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry_of_action(org, by, "corrective_action.purged", id);
        ask_database!(self, purge_corrective_action(org, id, entry))
    }

    fn entry_of_action(
        &self,
        org: OrgId,
        by: impl Into<By>,
        deed: &'static str,
        id: Uuid,
    ) -> AuditEntry {
        self.entry(org, by, deed, "corrective_action", id, &json!({}))
    }
}

impl Sql {
    pub(crate) async fn insert_corrective_action(
        &self,
        action: &CorrectiveAction,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        self.make::<Entity>(action.org, action.into(), "id", entry).await
    }

    pub(crate) async fn corrective_action(
        &self,
        scope: &Scope,
        id: Uuid,
    ) -> Result<Option<CorrectiveAction>, StoreError> {
        let seen = scope.rows(Column::OrgId, Column::SiteId).add(Column::DeletedAt.is_null());
        let row = Entity::find_by_id(id).filter(seen).one(&self.of(scope.org).await?).await?;
        row.map(CorrectiveAction::try_from).transpose()
    }

    pub(crate) async fn corrective_actions(
        &self,
        scope: &Scope,
        filter: &RecordFilter,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<CorrectiveAction>, StoreError> {
        use Column::{AlertId, DeletedAt, Id, ManualLogId, OrgId, SiteId, TakenAt, UnitId};
        let lives = match life {
            Life::Present => DeletedAt.is_null(),
            Life::Deleted => DeletedAt.is_not_null(),
        };
        let at = Timestamp::as_millis;
        let wanted = scope
            .rows(OrgId, SiteId)
            .add(lives)
            .add_option(filter.unit.map(|unit| UnitId.eq(unit.0)))
            .add_option(filter.site.map(|site| SiteId.eq(site.0)))
            .add_option(filter.alert.map(|alert| AlertId.eq(alert.0)))
            .add_option(filter.manual_log.map(|log| ManualLogId.eq(log)))
            .add_option(filter.from.map(|from| TakenAt.gte(at(from))))
            .add_option(filter.to.map(|to| TakenAt.lt(at(to))));
        let key = |row: &Model| (row.taken_at, row.id);
        let asked = self.of(scope.org).await?;
        let query = Entity::find().filter(wanted);
        sql::records(moments::page(&asked, query, (TakenAt, Id), key, page).await?)
    }

    pub(crate) async fn actions_of_alert(
        &self,
        scope: &Scope,
        alert: AlertId,
    ) -> Result<Vec<CorrectiveAction>, StoreError> {
        let seen = scope.rows(Column::OrgId, Column::SiteId).add(Column::DeletedAt.is_null());
        let query = Entity::find().filter(seen).filter(Column::AlertId.eq(alert.0));
        let in_order = query.order_by_asc(Column::TakenAt).order_by_asc(Column::Id);
        let rows = in_order.limit(MOST_OF_AN_ALERT).all(&self.of(scope.org).await?).await?;
        rows.into_iter().map(CorrectiveAction::try_from).collect()
    }

    pub(crate) async fn edit_corrective_action(
        &self,
        org: OrgId,
        id: Uuid,
        expected: Expected,
        edit: ActiveModel,
        entry: AuditEntry,
    ) -> Result<CorrectiveAction, StoreError> {
        self.amend::<Entity>(org, id, expected, edit, entry).await?.try_into()
    }

    pub(crate) async fn delete_corrective_action(
        &self,
        org: OrgId,
        id: Uuid,
        expected: Expected,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        self.discard::<Entity>(org, id, expected, entry).await
    }

    pub(crate) async fn restore_corrective_action(
        &self,
        org: OrgId,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<CorrectiveAction, StoreError> {
        self.restore::<Entity>(org, id, "id", entry).await?.try_into()
    }

    pub(crate) async fn purge_corrective_action(
        &self,
        org: OrgId,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        self.purge::<Entity>(org, id, entry).await
    }
}

/// The actions that were not taken away, to be narrowed to what they name.
pub(crate) fn naming() -> SelectStatement {
    let is_there = Expr::col((Entity, Column::DeletedAt)).is_null();
    Query::select().expr(Expr::val(1)).from(Entity).and_where(is_there).take()
}
