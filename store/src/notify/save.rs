//! What planning comes to, written: all of it or nothing.

use hub_domain::{
    OrgId, Timestamp,
    notify::{Channel, Intent, IntentState, Planned, Stage},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, LockBehavior, LockType, OnConflict},
};
use serde_json::json;
use uuid::Uuid;

use super::{Seen, lines};
use crate::{
    Store, StoreError,
    entity::{alert_plan, insertable, notification_intent, organization_plan},
    open::ask_database,
    queue::{NewJob, enqueue},
    scope::within,
    sql::Sql,
};

/// Rows in one statement: SQLite takes 32,766 values.
const ROWS_AT_A_TIME: usize = 1_000;

/// What is urgent goes before what is not: a digest waits for an alarm.
const ALERT_PRIORITY: i32 = 10;
const DIGEST_PRIORITY: i32 = 0;

/// The queue of a channel's messages.
#[must_use]
pub const fn queue_of(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "send_sms",
        Channel::Email => "send_email",
    }
}

/// After so many tries a message is given up.
pub const MOST_ATTEMPTS: u16 = 8;

impl Store {
    /// Writes a plan, unless an alert or the organization's ledger has moved since it was looked at: false then, and
    /// nothing is written.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn save_plan(
        &self,
        org: OrgId,
        seq: i64,
        seen: &[Seen],
        planned: &Planned,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let jobs = self.jobs(planned, now);
        ask_database!(self, save_plan(org, seq, seen, planned, &jobs, now))
    }

    fn jobs(&self, planned: &Planned, now: Timestamp) -> Vec<NewJob> {
        let job = |intent: &Intent| {
            let (id, queue) = (self.mint().0, queue_of(intent.line.channel));
            job_of(id, queue, intent.line.id.0, 1, Some(intent.send_at).filter(|at| *at > now))
        };
        planned.intents.iter().map(job).collect()
    }
}

impl Sql {
    pub(crate) async fn save_plan(
        &self,
        org: OrgId,
        seq: i64,
        seen: &[Seen],
        planned: &Planned,
        jobs: &[NewJob],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = self.begin().await?;
        if !is_next(&change, org, seq).await? || !settle(&change, org, seen, planned).await? {
            change.rollback().await?;
            return Ok(false);
        }
        supersede(&change, org, planned, now).await?;
        write_lines(&change, org, planned, now).await?;
        enqueue(&change, jobs).await?;
        change.commit().await?;
        Ok(true)
    }
}

/// Counts this plan, if no other was made since.
async fn is_next(change: &DatabaseTransaction, org: OrgId, seq: i64) -> Result<bool, StoreError> {
    use organization_plan::{ActiveModel, Column, Entity};
    let next = ActiveModel { org_id: sea_orm::Set(org.0), seq: sea_orm::Set(seq + 1) };
    let is_unmoved = Expr::col((Entity, Column::Seq)).eq(seq);
    let mut rise = OnConflict::column(Column::OrgId);
    rise.update_column(Column::Seq).action_and_where(is_unmoved);
    let written = Entity::insert(next).on_conflict(rise).exec_without_returning(change).await?;
    Ok(written == 1)
}

/// Says when each alert is to be looked at next, if none of them has moved.
async fn settle(
    change: &DatabaseTransaction,
    org: OrgId,
    seen: &[Seen],
    planned: &Planned,
) -> Result<bool, StoreError> {
    use alert_plan::{Column, Entity};
    if !are_unmoved(change, org, seen).await? {
        return Ok(false);
    }
    let next_at = planned.look_again_at.iter();
    let next_at: HashMap<Uuid, Option<i64>> =
        next_at.map(|(alert, at)| (alert.0, at.map(Timestamp::as_millis))).collect();
    let mut by_next: BTreeMap<Option<i64>, Vec<Uuid>> = BTreeMap::new();
    for Seen { alert, .. } in seen {
        by_next.entry(next_at.get(&alert.0).copied().flatten()).or_default().push(alert.0);
    }
    for (next, alerts) in by_next {
        let update = Entity::update_many()
            .col_expr(Column::DueAt, Expr::val(next))
            .col_expr(Column::Seq, Expr::col(Column::Seq).add(1))
            .filter(within(Column::OrgId, org))
            .filter(Column::AlertId.is_in(alerts));
        update.exec(change).await?;
    }
    Ok(true)
}

/// Holds the alerts' rows, if none of them has moved. A row that somebody else holds is about to move: nobody is waited
/// for, least of all the writer of transitions, which may be waiting for another of these.
async fn are_unmoved(
    change: &DatabaseTransaction,
    org: OrgId,
    seen: &[Seen],
) -> Result<bool, StoreError> {
    use alert_plan::{Column, Entity};
    let held = Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::AlertId.is_in(seen.iter().map(|it| it.alert.0)))
        .order_by_asc(Column::AlertId)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let held: HashMap<Uuid, i64> =
        held.all(change).await?.into_iter().map(|row| (row.alert_id, row.seq)).collect();
    Ok(seen.iter().all(|it| held.get(&it.alert.0) == Some(&it.seq)))
}

/// Takes back what there is no point in any more, unless a worker has it by now.
async fn supersede(
    change: &DatabaseTransaction,
    org: OrgId,
    planned: &Planned,
    now: Timestamp,
) -> Result<(), StoreError> {
    use notification_intent::{Column, Entity};
    let waiting = [IntentState::Planned, IntentState::Queued].map(IntentState::name);
    let free = Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::Id.is_in(planned.superseded.iter().map(|it| it.id.0)))
        .filter(Column::State.is_in(waiting))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let free: BTreeSet<Uuid> = free.all(change).await?.into_iter().map(|row| row.id).collect();
    for it in planned.superseded.iter().filter(|it| free.contains(&it.id.0)) {
        let update = Entity::update_many()
            .col_expr(Column::State, Expr::val(IntentState::Superseded.name()))
            .col_expr(Column::ReasonCode, Expr::val(it.reason.name()))
            .col_expr(Column::Reason, Expr::val(it.sentence.as_str()))
            .col_expr(Column::ChangedAt, Expr::val(now.as_millis()))
            .col_expr(Column::SettledAt, Expr::val(now.as_millis()))
            .filter(Column::Id.eq(it.id.0));
        update.exec(change).await?;
    }
    Ok(())
}

/// Writes new lines, and those of the ledger that were suppressed and are so no more, or for another reason.
async fn write_lines(
    change: &DatabaseTransaction,
    org: OrgId,
    planned: &Planned,
    now: Timestamp,
) -> Result<(), StoreError> {
    use notification_intent::{Column, Entity};
    let intents = planned.intents.iter().map(|it| lines::intent(org, it, now));
    let carried = planned.carried.iter().map(|it| lines::carried(org, it, now));
    let untold = planned.untold.iter().map(|it| lines::exclusion(org, it, now));
    let rows: Vec<_> = intents.chain(carried).chain(untold).map(insertable).collect();
    for some in rows.chunks(ROWS_AT_A_TIME) {
        let is_suppressed = Expr::col((Entity, Column::State)).eq(IntentState::Suppressed.name());
        let mut taken_up = OnConflict::column(Column::Id);
        taken_up
            .update_columns([
                Column::State,
                Column::ReasonCode,
                Column::Reason,
                Column::HeldUntil,
                Column::SupersededBy,
                Column::Generation,
                Column::DueAt,
                Column::ChangedAt,
                Column::SettledAt,
            ])
            .action_and_where(is_suppressed);
        Entity::insert_many(some.iter().cloned())
            .on_conflict(taken_up)
            .exec_without_returning(change)
            .await?;
    }
    Ok(())
}

/// The priority of what is told in a stage.
pub(crate) fn priority_of(stage: &str) -> i32 {
    if stage == Stage::Digest.to_string() { DIGEST_PRIORITY } else { ALERT_PRIORITY }
}

/// The job that sends an intent, given to the queue for the `generation`th time.
pub(crate) fn job_of(
    id: Uuid,
    queue: &'static str,
    intent: Uuid,
    generation: i64,
    run_at: Option<Timestamp>,
) -> NewJob {
    let payload = json!({ "intent": intent, "generation": generation });
    let job = NewJob::new(id, queue, format!("{intent}:{generation}"), payload)
        .priority(ALERT_PRIORITY)
        .max_attempts(MOST_ATTEMPTS);
    match run_at {
        Some(at) => job.run_at(at),
        None => job,
    }
}
