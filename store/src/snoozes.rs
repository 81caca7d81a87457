//! Snoozes: what is told of one alert is kept back for a while.

use hub_domain::{AlertId, OrgId, Timestamp};
use sea_orm::{
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use serde_json::json;

use crate::{
    By, Store, StoreError,
    entity::maintenance_window::{Column, Entity, Model},
    kept::{make_in, written},
    notify::look_again,
    open::ask_database,
    records::{AlertRecord, AuditEntry, Edition, MaintenanceWindow, WindowKind},
    scope::within,
    sql::{self, Sql},
};

/// The most that are shown beside an alert.
const MOST_OF_AN_ALERT: u64 = 200;

impl Store {
    /// Keeps back what is told of an alert until the snooze's end. One that holds already is replaced.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn snooze_alert(
        &self,
        alert: &AlertRecord,
        until: Timestamp,
        reason: &str,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let by = By { request: None, ..by.into() };
        let (id, now) = self.mint();
        let snooze = MaintenanceWindow {
            id,
            org: alert.org,
            site: alert.site,
            unit: Some(alert.unit),
            alert: Some(alert.id),
            kind: WindowKind::Snooze,
            starts_at: now,
            ends_at: until,
            reason: reason.to_owned(),
            begun_at: None,
            ended_at: None,
            created_by: by.user(),
            created_at: now,
            edition: Edition::default(),
        };
        let detail = json!({ "until": until.as_millis() });
        let entry = self.entry(alert.org, by, "alert.snoozed", "alert", alert.id.0, &detail);
        // what it replaces ends as it begins
        let entry = AuditEntry { at: now, ..entry };
        ask_database!(self, snooze_alert(&snooze, alert.id, entry))
    }

    /// Lets be told again what is told of an alert.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where it is not snoozed; see [`StoreError`].
    pub async fn unsnooze_alert(
        &self,
        org: OrgId,
        alert: AlertId,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let by = By { request: None, ..by.into() };
        let entry = self.entry(org, by, "alert.unsnoozed", "alert", alert.0, &json!({}));
        ask_database!(self, unsnooze_alert(org, alert, entry))
    }

    /// The snoozes of an alert and the windows that held for its unit while it was open, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn windows_of_alert(
        &self,
        alert: &AlertRecord,
    ) -> Result<Vec<MaintenanceWindow>, StoreError> {
        let until = alert.resolved_at.unwrap_or_else(|| self.now());
        ask_database!(self, windows_of_alert(alert, until))
    }
}

impl Sql {
    pub(crate) async fn snooze_alert(
        &self,
        snooze: &MaintenanceWindow,
        alert: AlertId,
        mut entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(snooze.org).await?;
        let held = end_snoozes(&change, snooze.org, alert, entry.at).await?;
        entry.before = held.last().map(written).transpose()?;
        let now = entry.at;
        make_in::<Entity>(&change, snooze.into(), "id", entry).await?;
        look_again(&change, snooze.org, &[alert], now).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn unsnooze_alert(
        &self,
        org: OrgId,
        alert: AlertId,
        mut entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        let held = end_snoozes(&change, org, alert, entry.at).await?;
        let before = held.last().ok_or(StoreError::NotFound)?;
        let after = ended(before, entry.at);
        (entry.before, entry.after) = (Some(written(before)?), Some(written(&after)?));
        sql::audit(&change, &entry).await?;
        look_again(&change, org, &[alert], entry.at).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn windows_of_alert(
        &self,
        alert: &AlertRecord,
        until: Timestamp,
    ) -> Result<Vec<MaintenanceWindow>, StoreError> {
        let of_unit = Condition::any().add(Column::UnitId.eq(alert.unit.0)).add(
            Condition::all().add(Column::UnitId.is_null()).add(Column::SiteId.eq(alert.site.0)),
        );
        let while_open = Condition::all()
            .add(Column::AlertId.is_null())
            .add(of_unit)
            .add(Column::StartsAt.lte(until.as_millis()))
            .add(Column::EndsAt.gt(alert.opened_at.as_millis()));
        let of_alert = Condition::any().add(Column::AlertId.eq(alert.id.0)).add(while_open);
        let wanted = Entity::find()
            .filter(within(Column::OrgId, alert.org))
            .filter(Column::DeletedAt.is_null())
            .filter(of_alert);
        let in_order = wanted.order_by_asc(Column::StartsAt).limit(MOST_OF_AN_ALERT);
        let rows = in_order.all(&self.of(alert.org).await?).await?;
        rows.into_iter().map(MaintenanceWindow::try_from).collect()
    }
}

/// Ends the snoozes of an alert that hold; gives them as they were, oldest first. There is one at most, but where two
/// people snoozed at one instant.
async fn end_snoozes(
    change: &DatabaseTransaction,
    org: OrgId,
    alert: AlertId,
    now: Timestamp,
) -> Result<Vec<Model>, StoreError> {
    let holding = Condition::all()
        .add(within(Column::OrgId, org))
        .add(Column::AlertId.eq(alert.0))
        .add(Column::EndedAt.is_null())
        .add(Column::EndsAt.gt(now.as_millis()));
    let held = Entity::find().filter(holding.clone()).order_by_asc(Column::Id).lock_exclusive();
    let held = held.all(change).await?;
    Entity::update_many()
        .col_expr(Column::EndedAt, Expr::val(now.as_millis()))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::UpdatedAt, Expr::val(now.as_millis()))
        .filter(holding)
        .exec(change)
        .await?;
    Ok(held)
}

/// A snooze as [`end_snoozes`] leaves it.
fn ended(row: &Model, now: Timestamp) -> Model {
    let at = Some(now.as_millis());
    Model { ended_at: at, updated_at: at, version: row.version + 1, ..row.clone() }
}
