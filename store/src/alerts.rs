//! Alerts as people read them.

use std::collections::{HashMap, HashSet};

use hub_domain::{AlertId, AlertStatus, OrgId, Timestamp};
use uuid::Uuid;

use crate::{
    Store, StoreError, corrective_actions,
    entity::{alert, alert_event, corrective_action, maintenance_window, site},
    open::{ask, ask_database},
    records::{AlertAside, AlertEventRecord, AlertFilter, AlertRecord, Page, PageQuery},
    scope::{Scope, within},
    sql::{self, Order, Sql},
};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, Query},
};

impl Store {
    /// The alerts of an organization, newest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn alerts(
        &self,
        scope: impl Into<Scope>,
        filter: AlertFilter,
        page: PageQuery,
    ) -> Result<Page<AlertRecord>, StoreError> {
        let scope = scope.into();
        ask!(self, alerts(&scope, &filter, &page))
    }

    /// The alert.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn alert(
        &self,
        scope: impl Into<Scope>,
        id: AlertId,
    ) -> Result<Option<AlertRecord>, StoreError> {
        let scope = scope.into();
        ask!(self, alert(&scope, id))
    }

    /// What happened to an alert, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn alert_events(
        &self,
        org: OrgId,
        id: AlertId,
    ) -> Result<Vec<AlertEventRecord>, StoreError> {
        ask!(self, alert_events(org, id))
    }

    /// What stands beside alerts of one organization, in their order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn beside_alerts(
        &self,
        org: OrgId,
        alerts: &[AlertRecord],
    ) -> Result<Vec<AlertAside>, StoreError> {
        let now = self.now();
        ask_database!(self, beside_alerts(org, alerts, now))
    }
}

impl Sql {
    pub(crate) async fn alerts(
        &self,
        scope: &Scope,
        filter: &AlertFilter,
        page: &PageQuery,
    ) -> Result<Page<AlertRecord>, StoreError> {
        use alert::Column::{Kind, OpenedAt, OrgId, ResolvedAt, Severity, SiteId, Status, UnitId};
        let mut query = alert::Entity::find().filter(scope.rows(OrgId, SiteId));
        if let Some(unit) = filter.unit {
            query = query.filter(UnitId.eq(unit.0));
        }
        if let Some(site) = filter.site {
            query = query.filter(SiteId.eq(site.0));
        }
        if let Some(kind) = filter.kind {
            query = query.filter(Kind.eq(kind.name()));
        }
        if let Some(severity) = filter.severity {
            query = query.filter(Severity.eq(severity.name()));
        }
        if let Some(from) = filter.from {
            query = query.filter(OpenedAt.gte(from.as_millis()));
        }
        if let Some(to) = filter.to {
            query = query.filter(OpenedAt.lt(to.as_millis()));
        }
        if let Some(needed) = filter.needs_action {
            query = query.filter(needs_action(needed));
        }
        if !filter.statuses.is_empty() {
            query = query.filter(Status.is_in(filter.statuses.iter().map(|status| status.name())));
            if !filter.statuses.contains(&AlertStatus::Resolved) {
                // says no more than that, and names the index of those few
                query = query.filter(ResolvedAt.is_null());
            }
        }
        let asked = self.of(scope.org).await?;
        sql::page(&asked, query, alert::Column::Id, Order::Down, |row| row.id, page).await
    }

    pub(crate) async fn alert(
        &self,
        scope: &Scope,
        id: AlertId,
    ) -> Result<Option<AlertRecord>, StoreError> {
        let seen = scope.rows(alert::Column::OrgId, alert::Column::SiteId);
        let wanted = alert::Entity::find_by_id(id.0).filter(seen);
        let row = wanted.one(&self.of(scope.org).await?).await?;
        row.map(AlertRecord::try_from).transpose()
    }

    pub(crate) async fn alert_events(
        &self,
        org: OrgId,
        id: AlertId,
    ) -> Result<Vec<AlertEventRecord>, StoreError> {
        let of_alert = alert_event::Entity::find().filter(alert_event::Column::AlertId.eq(id.0));
        let of_org = of_alert.filter(within(alert_event::Column::OrgId, org));
        let in_order = of_org.order_by_asc(alert_event::Column::Ordinal);
        let rows = in_order.all(&self.of(org).await?).await?;
        rows.into_iter().map(AlertEventRecord::try_from).collect()
    }

    pub(crate) async fn beside_alerts(
        &self,
        org: OrgId,
        alerts: &[AlertRecord],
        now: Timestamp,
    ) -> Result<Vec<AlertAside>, StoreError> {
        if alerts.is_empty() {
            return Ok(Vec::new());
        }
        let snoozed = self.snoozes(org, alerts, now).await?;
        let answered = self.answered_alerts(org, alerts).await?;
        let strict = self.strict_sites(org, alerts).await?;
        let aside = |alert: &AlertRecord| AlertAside {
            snoozed_until: snoozed
                .get(&alert.id.0)
                .copied()
                .filter(|_| alert.resolved_at.is_none()),
            needs_action: strict.contains(&alert.site.0) && !answered.contains(&alert.id.0),
        };
        Ok(alerts.iter().map(aside).collect())
    }

    async fn snoozes(
        &self,
        org: OrgId,
        alerts: &[AlertRecord],
        now: Timestamp,
    ) -> Result<HashMap<Uuid, Timestamp>, StoreError> {
        use maintenance_window::Column::{AlertId, EndedAt, EndsAt, OrgId};
        let windows = maintenance_window::Entity::find().select_only().columns([AlertId, EndsAt]);
        let of_these = windows
            .filter(within(OrgId, org))
            .filter(AlertId.is_in(alerts.iter().map(|alert| alert.id.0)))
            .filter(EndedAt.is_null())
            .filter(EndsAt.gt(now.as_millis()))
            .order_by_asc(EndsAt);
        let found: Vec<(Uuid, i64)> = of_these.into_tuple().all(&self.of(org).await?).await?;
        Ok(found.into_iter().map(|(id, until)| (id, Timestamp::from_millis(until))).collect())
    }

    async fn answered_alerts(
        &self,
        org: OrgId,
        alerts: &[AlertRecord],
    ) -> Result<HashSet<Uuid>, StoreError> {
        use corrective_action::Column::{AlertId, DeletedAt, OrgId};
        let actions = corrective_action::Entity::find().select_only().column(AlertId);
        let of_these = actions
            .filter(within(OrgId, org))
            .filter(DeletedAt.is_null())
            .filter(AlertId.is_in(alerts.iter().map(|alert| alert.id.0)));
        let found: Vec<Uuid> = of_these.into_tuple().all(&self.of(org).await?).await?;
        Ok(found.into_iter().collect())
    }

    async fn strict_sites(
        &self,
        org: OrgId,
        alerts: &[AlertRecord],
    ) -> Result<HashSet<Uuid>, StoreError> {
        use site::Column::{Id, OrgId, RequiresCorrectiveAction};
        let sites = site::Entity::find().select_only().column(Id);
        let of_these = sites
            .filter(within(OrgId, org))
            .filter(Id.is_in(alerts.iter().map(|alert| alert.site.0)))
            .filter(RequiresCorrectiveAction.eq(true));
        let found: Vec<Uuid> = of_these.into_tuple().all(&self.of(org).await?).await?;
        Ok(found.into_iter().collect())
    }
}

/// True of alerts whose site requires a corrective action where none names them, or of all others.
fn needs_action(needed: bool) -> Condition {
    let its = |column| Expr::col((alert::Entity, column));
    let strict = Query::select()
        .expr(Expr::val(1))
        .from(site::Entity)
        .and_where(Expr::col((site::Entity, site::Column::Id)).eq(its(alert::Column::SiteId)))
        .and_where(Expr::col((site::Entity, site::Column::OrgId)).eq(its(alert::Column::OrgId)))
        .and_where(site::Column::RequiresCorrectiveAction.eq(true))
        .take();
    let action = |column| Expr::col((corrective_action::Entity, column));
    let naming = corrective_actions::naming()
        .and_where(action(corrective_action::Column::AlertId).eq(its(alert::Column::Id)))
        .and_where(action(corrective_action::Column::OrgId).eq(its(alert::Column::OrgId)))
        .take();
    let wanting = Condition::all().add(Expr::exists(strict)).add(Expr::exists(naming).not());
    if needed { wanting } else { wanting.not() }
}
