//! Lines that should have moved and have not: given to the queue once more. The queue only hurries what the ledger knows.

use hub_domain::{Timestamp, notify::IntentState};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, Condition, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::delivery::{held, requeue};
use crate::{
    Store, StoreError,
    entity::notification_intent::{ActiveModel, Column, Entity, Model},
    open::ask_database,
    sql::Sql,
};

/// So long after it was due and last touched, in milliseconds, a line that waits is given to the queue again.
const LEFT_MILLIS: i64 = 60_000;

/// The same for one whose try is open: a worker that was killed is replaced before.
const OPEN_MILLIS: i64 = 120_000;

/// An SMS of which no receipt came for so long counts as sent, and no more is to be heard of it, in milliseconds.
const NO_RECEIPT_MILLIS: i64 = 24 * 3_600_000;

/// The most that one sweep gives to the queue.
const MOST_SWEPT: u64 = 500;

impl Store {
    /// Gives to the queue what it seems to have lost; gives how many lines.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn sweep_intents(&self) -> Result<usize, StoreError> {
        let now = self.now();
        let left: Vec<Model> = ask_database!(self, left_intents(now))?;
        for row in &left {
            let job = self.mint().0;
            ask_database!(self, requeue_left(row.id, job, now))?;
        }
        ask_database!(self, close_unreceipted(now))?;
        Ok(left.len())
    }
}

fn is_left(now: Timestamp) -> Condition {
    let waiting = [IntentState::Planned, IntentState::Queued].map(IntentState::name);
    let now = now.as_millis();
    let is_waiting = Condition::all()
        .add(Column::State.is_in(waiting))
        .add(Column::DueAt.lt(now - LEFT_MILLIS))
        .add(Column::ChangedAt.lt(now - LEFT_MILLIS));
    let is_open = Condition::all()
        .add(Column::State.eq(IntentState::Sending.name()))
        .add(Column::DueAt.lt(now - LEFT_MILLIS))
        .add(Column::ChangedAt.lt(now - OPEN_MILLIS));
    Condition::any().add(is_waiting).add(is_open)
}

impl Sql {
    pub(crate) async fn left_intents(&self, now: Timestamp) -> Result<Vec<Model>, StoreError> {
        let left = Entity::find()
            .filter(Column::SettledAt.is_null())
            .filter(is_left(now))
            .order_by_asc(Column::ChangedAt)
            .limit(MOST_SWEPT);
        Ok(left.all(&self.db).await?)
    }

    pub(crate) async fn requeue_left(
        &self,
        intent: uuid::Uuid,
        job: uuid::Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let again = Entity::find_by_id(intent).filter(is_left(now));
        if again.one(&change).await?.is_some()
            && let Some(row) = held(&change, intent).await?
        {
            requeue(&change, row, now, job, now).await?;
        }
        Ok(change.commit().await?)
    }

    pub(crate) async fn close_unreceipted(&self, now: Timestamp) -> Result<(), StoreError> {
        let waiting = Entity::find()
            .filter(Column::State.eq(IntentState::Sent.name()))
            .filter(Column::SettledAt.is_null())
            .filter(Column::SentAt.lt(now.as_millis() - NO_RECEIPT_MILLIS))
            .limit(MOST_SWEPT);
        for row in waiting.all(&self.db).await? {
            let mut edit: ActiveModel = row.into();
            edit.reason =
                Set("the provider took it, and nobody reported whether it arrived".to_owned());
            edit.settled_at = Set(Some(now.as_millis()));
            edit.update(self.changes()).await?;
        }
        Ok(())
    }
}
