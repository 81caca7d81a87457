//! Alerts whose notifications are to be planned.

use std::collections::BTreeMap;

use hub_domain::{AlertId, OrgId, Timestamp};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entity::{
        alert,
        alert_plan::{Column, Entity, Model},
    },
    open::ask_database,
    sql::Sql,
    tenants::of_the_living,
};

/// The most alerts that one look brings: enough that a site which fails as a whole is planned together, and few enough that
/// what is written of them keeps nobody else waiting for SQLite's one writer.
const MOST_DUE: u64 = 500;

/// Ids in one list of a statement.
const IDS_AT_A_TIME: usize = 5_000;

/// An alert, and how often it had moved when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub alert: AlertId,
    /// Its count then.
    pub seq: i64,
}

impl Store {
    /// The alerts whose notifications are to be planned by `now`, by organization, the longest waiting first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn due_plans(&self, now: Timestamp) -> Result<Vec<(OrgId, Vec<Seen>)>, StoreError> {
        ask_database!(self, due_plans(now))
    }
}

impl Sql {
    pub(crate) async fn due_plans(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(OrgId, Vec<Seen>)>, StoreError> {
        let due = Entity::find()
            .filter(Column::DueAt.lte(now.as_millis()))
            .filter(of_the_living(Column::OrgId))
            .order_by_asc(Column::DueAt)
            .limit(MOST_DUE);
        Ok(by_org(due.all(&self.db).await?))
    }
}

fn by_org(rows: Vec<Model>) -> Vec<(OrgId, Vec<Seen>)> {
    let mut order = Vec::new();
    let mut seen: BTreeMap<OrgId, Vec<Seen>> = BTreeMap::new();
    for Model { alert_id, org_id, seq, .. } in rows {
        let org = OrgId(org_id);
        let its = seen.entry(org).or_insert_with(|| {
            order.push(org);
            Vec::new()
        });
        its.push(Seen { alert: AlertId(alert_id), seq });
    }
    order.into_iter().filter_map(|org| Some((org, seen.remove(&org)?))).collect()
}

/// Has the notifications of alerts planned at once, within a change of what they hang on.
pub(crate) async fn look_again(
    change: &impl ConnectionTrait,
    org: OrgId,
    alerts: &[AlertId],
    now: Timestamp,
) -> Result<(), StoreError> {
    let ids = alerts.iter().map(|alert| alert.0);
    // rows of plans are always taken in this order, so that nobody waits for each other in a ring
    let held = Entity::find()
        .filter(Column::OrgId.eq(org.0))
        .filter(Column::AlertId.is_in(ids.clone()))
        .order_by_asc(Column::AlertId)
        .lock_exclusive();
    held.all(change).await?;
    let update = Entity::update_many()
        .col_expr(Column::DueAt, Expr::val(now.as_millis()))
        .col_expr(Column::Seq, Expr::col(Column::Seq).add(1))
        .filter(Column::OrgId.eq(org.0))
        .filter(Column::AlertId.is_in(ids));
    update.exec(change).await?;
    Ok(())
}

/// The same of every alert of an organization that is open: whom they are told to has changed.
pub(crate) async fn look_again_at_all(
    change: &impl ConnectionTrait,
    org: OrgId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let open = alert::Entity::find()
        .select_only()
        .column(alert::Column::Id)
        .filter(alert::Column::OrgId.eq(org.0))
        .filter(alert::Column::ResolvedAt.is_null())
        .order_by_asc(alert::Column::Id);
    let open: Vec<Uuid> = open.into_tuple().all(change).await?;
    for some in open.chunks(IDS_AT_A_TIME) {
        let alerts: Vec<AlertId> = some.iter().copied().map(AlertId).collect();
        look_again(change, org, &alerts, now).await?;
    }
    Ok(())
}
