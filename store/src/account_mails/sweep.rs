//! Mails that should have moved and have not: given to the queue once more. Those that ended long ago are forgotten.

use hub_domain::Timestamp;
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use uuid::Uuid;

use super::delivery::{held, requeue};
use crate::{
    Store, StoreError,
    entity::account_mail::{Column, Entity, Model},
    open::ask_database,
    sql::Sql,
};

/// So long after it was due and last touched, in milliseconds, a mail is given to the queue again.
const LEFT_MILLIS: i64 = 60_000;

/// The most that one sweep gives to the queue.
const MOST_SWEPT: u64 = 500;

/// How long it is remembered what became of a mail, in milliseconds: 30 days.
const KEPT_MILLIS: i64 = 30 * 86_400_000;

const FORGET_SOME: &str = "DELETE FROM account_mails WHERE id IN (
    SELECT id FROM account_mails WHERE settled_at < $1 ORDER BY settled_at LIMIT $2)";

impl Store {
    /// Gives to the queue what it seems to have lost of the mails of accounts; gives how many.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn sweep_account_mails(&self) -> Result<usize, StoreError> {
        let now = self.now();
        let left: Vec<Uuid> = ask_database!(self, left_account_mails(now))?;
        for mail in &left {
            let job = self.mint().0;
            ask_database!(self, requeue_account_mail(*mail, job, now))?;
        }
        Ok(left.len())
    }
}

fn is_left(now: Timestamp) -> Condition {
    Condition::all()
        .add(Column::SettledAt.is_null())
        .add(Column::DueAt.lt(now.as_millis() - LEFT_MILLIS))
        .add(Column::ChangedAt.lt(now.as_millis() - LEFT_MILLIS))
}

impl Sql {
    pub(crate) async fn left_account_mails(&self, now: Timestamp) -> Result<Vec<Uuid>, StoreError> {
        let left = Entity::find().filter(is_left(now)).order_by_asc(Column::ChangedAt);
        let left: Vec<Model> = left.limit(MOST_SWEPT).all(&self.db).await?;
        Ok(left.into_iter().map(|row| row.id).collect())
    }

    pub(crate) async fn requeue_account_mail(
        &self,
        mail: Uuid,
        job: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let again = Entity::find_by_id(mail).filter(is_left(now)).one(&change).await?;
        if again.is_some()
            && let Some(row) = held(&change, mail).await?
        {
            requeue(&change, row, now, job, now).await?;
        }
        Ok(change.commit().await?)
    }

    /// Forgets mails that ended long ago; gives how many.
    pub(crate) async fn forget_account_mails(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.forget_bit_by_bit(FORGET_SOME, now.as_millis() - KEPT_MILLIS).await
    }
}
