//! What becomes of a digest that was counted: a line in the ledger with its message, or with the reason why there is none.

use hub_domain::{
    OrgId, Timestamp,
    notify::{Channel, IntentState, Reason, Stage},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, DatabaseTransaction, EntityTrait as _,
    QuerySelect as _,
};
use uuid::Uuid;

use super::{due::DUE, told};
use crate::{
    Store, StoreError,
    entity::{digest, digest_subscription, insertable, notification_intent},
    notify::{job_of, own, pointless, priority_of, queue_of},
    open::ask_database,
    queue::enqueue,
    records::CountedDigest,
    sql::Sql,
};

/// What became of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettledDigest {
    /// Its message is with the queue.
    Queued,
    /// It is not sent, and its line says why.
    Skipped,
    /// It was settled before.
    Over,
}

impl Store {
    /// Writes what a digest counted, and its line in the ledger.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn settle_digest(
        &self,
        id: Uuid,
        counted: &CountedDigest,
    ) -> Result<SettledDigest, StoreError> {
        let (job, now) = self.mint();
        let totals = told::encode(&counted.sites)?;
        ask_database!(self, settle_digest(id, counted, totals, job, now))
    }
}

impl Sql {
    pub(crate) async fn settle_digest(
        &self,
        id: Uuid,
        counted: &CountedDigest,
        totals: String,
        job: Uuid,
        now: Timestamp,
    ) -> Result<SettledDigest, StoreError> {
        let change = self.begin().await?;
        let held = digest::Entity::find_by_id(id).lock_exclusive().one(&change).await?;
        let Some(row) = held.filter(|row| row.state == DUE) else { return Ok(SettledDigest::Over) };
        let by = digest_subscription::Entity::find_by_id(row.subscription_id);
        let by = by.one(&change).await?.ok_or(StoreError::NotFound)?;
        let line = line(&row, &by, now)?;
        let untold = untold(&change, &by, &line, counted).await?;
        let mut edit: digest::ActiveModel = row.into();
        edit.totals = Set(Some(totals));
        edit.changed_at = Set(now.as_millis());
        let (line, settled) = match untold {
            Some((reason, sentence)) => {
                edit.state = Set("skipped".to_owned());
                edit.skipped_for = Set(Some(reason.name().to_owned()));
                (suppressed(line, reason, sentence, now), SettledDigest::Skipped)
            }
            None => {
                edit.state = Set("told".to_owned());
                let queue = queue_of(Channel::Email);
                let job = job_of(job, queue, line.id, line.generation, None);
                enqueue(&change, &[job.priority(priority_of(&line.stage))]).await?;
                (line, SettledDigest::Queued)
            }
        };
        edit.update(&change).await?;
        let line = notification_intent::Entity::insert(insertable(line));
        line.exec_without_returning(&change).await?;
        change.commit().await?;
        Ok(settled)
    }
}

/// Why it is not told, if it is not: nobody is there to read it, nobody wants it, or a rule has it so.
async fn untold(
    change: &DatabaseTransaction,
    by: &digest_subscription::Model,
    line: &notification_intent::Model,
    counted: &CountedDigest,
) -> Result<Option<(Reason, &'static str)>, StoreError> {
    if by.deleted_at.is_some() {
        return Ok(Some((Reason::OptedOut, "the digest was ended before it was told")));
    }
    if let Some((_, reason, sentence)) = pointless(change, line).await? {
        return Ok(Some((reason, sentence)));
    }
    Ok(counted.skip.map(|skip| (skip.reason(), skip.sentence())))
}

/// Its line, with the queue at once.
fn line(
    row: &digest::Model,
    by: &digest_subscription::Model,
    now: Timestamp,
) -> Result<notification_intent::Model, StoreError> {
    let sentence = format!("The {} digest of {}.", row.rhythm, row.day);
    let what = (Stage::Digest, Reason::Digest, sentence.as_str());
    Ok(own(OrgId(row.org_id), row.id, (by.reader()?, Channel::Email), what, now))
}

fn suppressed(
    line: notification_intent::Model,
    reason: Reason,
    sentence: &str,
    now: Timestamp,
) -> notification_intent::Model {
    notification_intent::Model {
        state: IntentState::Suppressed.name().to_owned(),
        reason_code: reason.name().to_owned(),
        reason: sentence.to_owned(),
        generation: 0,
        settled_at: Some(now.as_millis()),
        ..line
    }
}
