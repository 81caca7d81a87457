//! Digests that are due: each is begun once, with the job that counts it.

use hub_domain::{
    OrgId, Timestamp,
    digest::{Last, Period},
    notify::IntentId,
};
use sea_orm::{
    ActiveModelTrait as _,
    ActiveValue::Set,
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use serde_json::json;
use uuid::Uuid;

use super::subscriptions::DIGEST_QUEUE;
use crate::{
    Store, StoreError,
    entity::{
        digest,
        digest_subscription::{Column, Entity, rhythm_words},
        insertable,
    },
    open::ask_database,
    queue::{NewJob, enqueue},
    records::DigestSubscription,
    scope::within,
    sql::Sql,
    tenants::of_the_living,
};

/// The most that one look brings.
const MOST_DUE: u64 = 200;

/// So long after it was last touched, in milliseconds, a digest that is still to be counted is given to the queue again:
/// as long as a job may run.
const LEFT_MILLIS: i64 = 600_000;

/// The state of one that is yet to be counted.
pub(super) const DUE: &str = "due";

impl Store {
    /// The subscriptions of which a digest is due by `now`, the longest waiting first. One that cannot be read is an
    /// error of its own, and keeps no other from being told.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn due_digests(
        &self,
        now: Timestamp,
    ) -> Result<Vec<Result<DigestSubscription, StoreError>>, StoreError> {
        ask_database!(self, due_digests(now))
    }

    /// Begins the digest that is due of a subscription at `now`: of all since its last one. False if it was edited, or
    /// begun by another, since it was read, and where none is due.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn begin_digest(
        &self,
        subscription: &DigestSubscription,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let job = self.mint().0;
        ask_database!(self, begin_digest(subscription, job, now))
    }

    /// Gives to the queue what it seems to have lost of digests that are to be counted; gives how many.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn sweep_digests(&self) -> Result<usize, StoreError> {
        let now = self.now();
        let left: Vec<digest::Model> = ask_database!(self, left_digests(now))?;
        for row in &left {
            let job = self.mint().0;
            ask_database!(self, requeue_digest(row, job, now))?;
        }
        Ok(left.len())
    }
}

impl Sql {
    pub(crate) async fn due_digests(
        &self,
        now: Timestamp,
    ) -> Result<Vec<Result<DigestSubscription, StoreError>>, StoreError> {
        let due = Entity::find()
            .filter(Column::DueAt.lte(now.as_millis()))
            .filter(Column::DeletedAt.is_null())
            .filter(of_the_living(Column::OrgId))
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::Id)
            .limit(MOST_DUE);
        Ok(due.all(&self.db).await?.into_iter().map(DigestSubscription::try_from).collect())
    }

    pub(crate) async fn begin_digest(
        &self,
        subscription: &DigestSubscription,
        job: Uuid,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let schedule = &subscription.plan.schedule;
        let period = schedule.due(subscription.last, now);
        let last = period
            .map_or(subscription.last, |period| Last { day: Some(period.day), until: period.to });
        let next = schedule.next_due_at(last, now);
        let change = self.begin().await?;
        if !move_on(&change, subscription, last, next).await? {
            return Ok(false);
        }
        if let Some(period) = period {
            let row = row_of(subscription, period, now);
            let job = job_of(job, &row);
            digest::Entity::insert(insertable(row)).exec_without_returning(&change).await?;
            enqueue(&change, &[job]).await?;
        }
        change.commit().await?;
        Ok(period.is_some())
    }

    pub(crate) async fn left_digests(
        &self,
        now: Timestamp,
    ) -> Result<Vec<digest::Model>, StoreError> {
        use digest::Column::{ChangedAt, OrgId, State};
        let left = digest::Entity::find()
            .filter(State.eq(DUE))
            .filter(ChangedAt.lt(now.as_millis() - LEFT_MILLIS))
            .filter(of_the_living(OrgId))
            .order_by_asc(ChangedAt)
            .limit(MOST_DUE);
        Ok(left.all(&self.db).await?)
    }

    /// Gives a digest to the queue again under a key of its own, unless somebody else was first.
    pub(crate) async fn requeue_digest(
        &self,
        seen: &digest::Model,
        job: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let held = digest::Entity::find_by_id(seen.id).lock_exclusive().one(&change).await?;
        let is_left = |row: &digest::Model| row.state == DUE && row.generation == seen.generation;
        let Some(row) = held.filter(is_left) else { return Ok(()) };
        let again = digest::Model { generation: row.generation + 1, ..row.clone() };
        let mut edit: digest::ActiveModel = row.into();
        edit.generation = Set(again.generation);
        edit.changed_at = Set(now.as_millis());
        edit.update(&change).await?;
        enqueue(&change, &[job_of(job, &again)]).await?;
        Ok(change.commit().await?)
    }
}

/// Says how far a subscription has come, unless it has moved since it was read.
async fn move_on(
    change: &DatabaseTransaction,
    subscription: &DigestSubscription,
    last: Last,
    next: Timestamp,
) -> Result<bool, StoreError> {
    let update = Entity::update_many()
        .col_expr(Column::LastDay, Expr::val(last.day.map(|day| day.to_string())))
        .col_expr(Column::LastUntil, Expr::val(last.until.as_millis()))
        .col_expr(Column::DueAt, Expr::val(next.as_millis()))
        .col_expr(Column::Seq, Expr::col(Column::Seq).add(1))
        .filter(within(Column::OrgId, subscription.org))
        .filter(Column::Id.eq(subscription.id))
        .filter(Column::Seq.eq(subscription.seq))
        .filter(Column::DeletedAt.is_null());
    Ok(update.exec(change).await?.rows_affected == 1)
}

fn row_of(subscription: &DigestSubscription, period: Period, now: Timestamp) -> digest::Model {
    let schedule = &subscription.plan.schedule;
    let OrgId(org_id) = subscription.org;
    digest::Model {
        id: IntentId::of_digest(subscription.id, period.day).0,
        org_id,
        subscription_id: subscription.id,
        day: period.day.to_string(),
        rhythm: rhythm_words(schedule.rhythm).0,
        timezone: schedule.zone.name().to_owned(),
        from_at: period.from.as_millis(),
        to_at: period.to.as_millis(),
        state: DUE.to_owned(),
        skipped_for: None,
        totals: None,
        generation: 1,
        created_at: now.as_millis(),
        changed_at: now.as_millis(),
    }
}

/// The job that counts a digest: one for each subscription and day.
fn job_of(id: Uuid, row: &digest::Model) -> NewJob {
    let first = format!("{}:{}", row.subscription_id, row.day);
    let key = match row.generation {
        1 => first,
        again => format!("{first}:{again}"),
    };
    NewJob::new(id, DIGEST_QUEUE, key, json!({ "digest": row.id }))
}
