//! A message on its way: looked at again, tried, and what came of the try.
//!
//! A try is written before the provider is asked. Where its end is not known, nobody tries again for a minute, in which
//! the provider may report it; a try after that is marked as a possible duplicate.

use hub_domain::{
    OrgId, Timestamp,
    notify::{Channel, IntentState, PersonId, Reason, Stage},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, DatabaseTransaction,
    EntityTrait as _, QueryFilter as _, QuerySelect as _,
};
use uuid::Uuid;

use super::{
    asked::mint_code,
    attempts::{open_attempt, write_attempt},
    due::look_again,
    mail_links::may_unsubscribe,
    pointless::{pointless, uncertain},
    receipts::{failed, has_unworked_report, opted_out},
    reply_codes::{self, Answerable},
    save::{MOST_ATTEMPTS, job_of, priority_of, queue_of},
    setup_broken::tell_owners,
};
use crate::{
    Store, StoreError,
    entity::{contact, delivery_attempt, insertable, known, notification_intent, user},
    open::ask_database,
    queue::enqueue,
    scope::within,
    sql::Sql,
};

/// How long a try of which nobody knows the end may still be reported, in milliseconds.
pub const UNCLEAR_MILLIS: i64 = 60_000;

/// What was reported and is still to be worked is waited for so much longer each time, and for so long since the try
/// began at most, in milliseconds.
const UNWORKED_MILLIS: i64 = 2_000;
const LONGEST_UNWORKED_MILLIS: i64 = 300_000;

/// The pause before the second try; it doubles with each, up to [`LONGEST_PAUSE_MILLIS`].
const FIRST_PAUSE_MILLIS: i64 = 2_000;
const LONGEST_PAUSE_MILLIS: i64 = 300_000;

/// What a worker is to do about an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Send it: the try is written.
    Send(Box<Delivery>),
    /// Nothing before then; the queue has it for that instant.
    Wait(Timestamp),
    /// Nothing: it is over, or somebody else has it.
    Over,
}

/// A message that is to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The line of the ledger.
    pub intent: Uuid,
    /// Whose.
    pub org: OrgId,
    /// This try.
    pub attempt: Uuid,
    /// What is told.
    pub stage: Stage,
    /// How.
    pub channel: Channel,
    /// Whom.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Where to: a number in the form of E.164, or an address.
    pub address: String,
    /// Whether they may have got it already.
    pub possible_duplicate: bool,
    /// The number by which they answer, of an SMS about alerts that are open.
    pub code: Option<i64>,
    /// The number by which a phone is shown to be theirs.
    pub phone_code: Option<String>,
    /// What it says, where that was known before.
    pub words: Option<String>,
    /// The contact that it goes to, where a link in it may end mails to them.
    pub unsubscribes: Option<Uuid>,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it.
    Accepted {
        /// What the provider calls it.
        message: Option<String>,
        /// Whether a receipt is yet to come.
        has_receipt: bool,
    },
    /// The provider did not take it, or cannot have: it may be tried again.
    NotNow {
        /// Its code.
        code: String,
        /// As a sentence.
        detail: String,
    },
    /// The provider will not take it, however often it is asked.
    Refused {
        /// Its code.
        code: String,
        /// As a sentence.
        detail: String,
        /// Whether that is since the person said stop.
        is_opt_out: bool,
        /// Whether that is the hub's own account or settings, which somebody has to mend.
        is_setup: bool,
    },
    /// Nobody knows.
    Unclear {
        /// As a sentence.
        detail: String,
    },
}

impl Outcome {
    /// The stable name, as numbers have it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::NotNow { .. } => "not_now",
            Self::Refused { .. } => "refused",
            Self::Unclear { .. } => "unclear",
        }
    }
}

impl Store {
    /// Takes up an intent that the queue handed out for the `generation`th time.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn begin_delivery(&self, intent: Uuid, generation: i64) -> Result<Begun, StoreError> {
        let (attempt, now) = self.mint();
        let job = self.mint().0;
        ask_database!(self, begin_delivery(intent, generation, attempt, job, now))
    }

    /// Writes what came of a try.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn end_attempt(&self, attempt: Uuid, outcome: &Outcome) -> Result<(), StoreError> {
        let (job, now) = self.mint();
        ask_database!(self, end_attempt(attempt, outcome, job, now))
    }
}

impl Sql {
    pub(crate) async fn begin_delivery(
        &self,
        intent: Uuid,
        generation: i64,
        attempt: Uuid,
        job: Uuid,
        now: Timestamp,
    ) -> Result<Begun, StoreError> {
        let change = self.begin().await?;
        let Some(row) = held(&change, intent).await? else { return Ok(Begun::Over) };
        let state = row.intent_state()?;
        let is_ours = row.generation == generation
            && matches!(state, IntentState::Queued | IntentState::Sending);
        if !is_ours {
            return Ok(Begun::Over);
        }
        if let Some(until) = not_before(&change, &row, state, now).await? {
            requeue(&change, row, until, job, now).await?;
            change.commit().await?;
            return Ok(Begun::Wait(until));
        }
        let begun = match pointless(&change, &row).await? {
            Some((state, reason, sentence)) => {
                let alert = row.alert_id.map(hub_domain::AlertId);
                let org = OrgId(row.org_id);
                let may_be_told = open_attempt(&change, &row).await?.is_some();
                let sentence = if may_be_told { uncertain(sentence) } else { sentence.to_owned() };
                end(&change, row, state, reason, &sentence, now).await?;
                if state == IntentState::Suppressed {
                    look_again(&change, org, alert.as_slice(), now).await?;
                }
                Begun::Over
            }
            None => Begun::Send(Box::new(try_it(&change, row, attempt, now).await?)),
        };
        change.commit().await?;
        Ok(begun)
    }

    pub(crate) async fn end_attempt(
        &self,
        attempt: Uuid,
        outcome: &Outcome,
        job: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let found = delivery_attempt::Entity::find_by_id(attempt).one(&change).await?;
        let tried = found.ok_or(StoreError::NotFound)?;
        let row = held(&change, tried.intent_id).await?.ok_or(StoreError::NotFound)?;
        write_attempt(&change, &tried, outcome, now).await?;
        // a receipt may have been quicker than the answer: what it said stays
        if row.intent_state()? == IntentState::Sending {
            match outcome {
                Outcome::Accepted { has_receipt, .. } => {
                    sent(&change, row, !has_receipt, now).await?
                }
                Outcome::Refused { code, detail, is_opt_out, is_setup } => {
                    if *is_opt_out {
                        opted_out(&change, &row, now).await?;
                    }
                    if *is_setup {
                        tell_owners(&change, &row, now).await?;
                    }
                    failed(&change, row, code, detail, now).await?;
                }
                Outcome::NotNow { code, detail } => {
                    again_later(&change, row, code, detail, job, now).await?;
                }
                Outcome::Unclear { .. } => {
                    let until = now.plus_millis(UNCLEAR_MILLIS);
                    requeue(&change, row, until, job, now).await?;
                }
            }
        }
        Ok(change.commit().await?)
    }
}

/// The line, which nobody else changes until the change ends.
pub(crate) async fn held(
    change: &DatabaseTransaction,
    intent: Uuid,
) -> Result<Option<notification_intent::Model>, StoreError> {
    Ok(notification_intent::Entity::find_by_id(intent).lock_exclusive().one(change).await?)
}

/// Until when it must wait: for its time, or for what may yet be reported of the last try.
async fn not_before(
    change: &DatabaseTransaction,
    row: &notification_intent::Model,
    state: IntentState,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let mut until = row.due_at;
    if state == IntentState::Sending
        && let Some(last) = open_attempt(change, row).await?
    {
        until = last.begun_at + UNCLEAR_MILLIS;
        let may_wait = (until..last.begun_at + LONGEST_UNWORKED_MILLIS).contains(&now.as_millis());
        if may_wait && has_unworked_report(change, last.id).await? {
            until = now.as_millis() + UNWORKED_MILLIS;
        }
    }
    Ok((until > now.as_millis()).then(|| Timestamp::from_millis(until)))
}

pub(crate) async fn contact_of(
    change: &DatabaseTransaction,
    row: &notification_intent::Model,
) -> Result<Option<contact::Model>, StoreError> {
    let Some(id) = row.contact_id else { return Ok(None) };
    let its = contact::Entity::find()
        .filter(within(contact::Column::OrgId, OrgId(row.org_id)))
        .filter(contact::Column::Id.eq(id));
    Ok(its.one(change).await?)
}

/// Writes the try, and gives what it needs.
async fn try_it(
    change: &DatabaseTransaction,
    row: notification_intent::Model,
    attempt: Uuid,
    now: Timestamp,
) -> Result<Delivery, StoreError> {
    // the minute in which the last try could have been reported is over
    let is_doubtful = row.intent_state()? == IntentState::Sending;
    let possible_duplicate = row.possible_duplicate || is_doubtful;
    let number = row.attempts + 1;
    let tried = delivery_attempt::Model {
        id: attempt,
        org_id: row.org_id,
        intent_id: row.id,
        number,
        state: "begun".to_owned(),
        provider_message_id: None,
        code: None,
        detail: None,
        begun_at: now.as_millis(),
        answered_at: None,
        settled_at: None,
        is_setup: false,
    };
    delivery_attempt::Entity::insert(insertable(tried)).exec_without_returning(change).await?;
    let delivery = delivery(change, &row, attempt, possible_duplicate, now).await?;
    let mut edit: notification_intent::ActiveModel = row.into();
    edit.state = Set(IntentState::Sending.name().to_owned());
    edit.possible_duplicate = Set(possible_duplicate);
    edit.attempts = Set(number);
    edit.changed_at = Set(now.as_millis());
    edit.update(change).await?;
    Ok(delivery)
}

async fn delivery(
    change: &DatabaseTransaction,
    row: &notification_intent::Model,
    attempt: Uuid,
    possible_duplicate: bool,
    now: Timestamp,
) -> Result<Delivery, StoreError> {
    let channel = known("channel", &row.channel, Channel::parse)?;
    let stage = known("stage", &row.stage, Stage::parse)?;
    let (name, address) = whereto(change, row, channel).await?;
    let answerable = match (channel, stage, row.alert_id) {
        (Channel::Sms, Stage::Due { .. }, Some(alert)) => Some(Answerable::Alert(alert)),
        (Channel::Sms, Stage::Group | Stage::Outage, None) => Some(Answerable::Carrier(row.id)),
        _ => None,
    };
    let code = match (answerable, row.contact_id) {
        (Some(what), Some(contact)) => {
            reply_codes::take(change, row.org_id, &address, what, contact, now).await?
        }
        _ => None,
    };
    let contact = contact_of(change, row).await?;
    let unsubscribes = match &contact {
        Some(contact) if may_unsubscribe(change, contact).await? => Some(contact.id),
        _ => None,
    };
    let phone_code = match (stage, contact) {
        (Stage::PhoneCode, Some(contact)) => Some(mint_code(change, contact, now).await?),
        _ => None,
    };
    let (intent, org, person) = (row.id, OrgId(row.org_id), row.person()?);
    Ok(Delivery {
        intent,
        org,
        attempt,
        stage,
        channel,
        person,
        name,
        address,
        possible_duplicate,
        code,
        phone_code,
        words: row.words.clone(),
        unsubscribes,
    })
}

/// Their name, and where to.
async fn whereto(
    change: &DatabaseTransaction,
    row: &notification_intent::Model,
    channel: Channel,
) -> Result<(String, String), StoreError> {
    if let Some(id) = row.user_id {
        let user = user::Entity::find_by_id(id).one(change).await?.ok_or(StoreError::NotFound)?;
        return Ok((user.name, user.email));
    }
    let contact = contact_of(change, row).await?.ok_or(StoreError::NotFound)?;
    let address = match channel {
        Channel::Sms => contact.phone,
        Channel::Email => contact.email,
    };
    Ok((contact.name, address.ok_or(StoreError::NotFound)?))
}

async fn sent(
    change: &DatabaseTransaction,
    row: notification_intent::Model,
    is_over: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut edit: notification_intent::ActiveModel = row.into();
    edit.state = Set(IntentState::Sent.name().to_owned());
    edit.sent_at = Set(Some(now.as_millis()));
    edit.changed_at = Set(now.as_millis());
    edit.settled_at = Set(is_over.then_some(now.as_millis()));
    edit.update(change).await?;
    Ok(())
}

/// Ends a line that is not sent.
async fn end(
    change: &DatabaseTransaction,
    row: notification_intent::Model,
    state: IntentState,
    reason: Reason,
    sentence: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut edit: notification_intent::ActiveModel = row.into();
    edit.state = Set(state.name().to_owned());
    edit.reason_code = Set(reason.name().to_owned());
    edit.reason = Set(sentence.to_owned());
    edit.changed_at = Set(now.as_millis());
    edit.settled_at = Set(Some(now.as_millis()));
    edit.update(change).await?;
    Ok(())
}

/// Tries again after a pause that grows, unless it was tried often enough.
async fn again_later(
    change: &DatabaseTransaction,
    row: notification_intent::Model,
    code: &str,
    detail: &str,
    job: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    if row.attempts >= i64::from(MOST_ATTEMPTS) {
        return failed(change, row, code, detail, now).await;
    }
    let until = now.plus_millis(pause_millis(row.id, row.attempts));
    let row = notification_intent::Model { state: IntentState::Queued.name().to_owned(), ..row };
    requeue(change, row, until, job, now).await
}

/// The pause after the `attempts`th try: doubled each time, and up to a quarter longer, as the id says, so that messages
/// that failed together do not come back together.
pub(crate) fn pause_millis(intent: Uuid, attempts: i64) -> i64 {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
    let pause = (FIRST_PAUSE_MILLIS << doublings).min(LONGEST_PAUSE_MILLIS);
    pause + pause / 4 * i64::from(intent.as_bytes()[0]) / 255
}

/// Gives a line to the queue once more, for a later instant. While it stays `sending`, the end of its last try is open.
pub(crate) async fn requeue(
    change: &DatabaseTransaction,
    row: notification_intent::Model,
    until: Timestamp,
    job: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    let channel = known("channel", &row.channel, Channel::parse)?;
    let generation = row.generation + 1;
    let again = job_of(job, queue_of(channel), row.id, generation, Some(until))
        .priority(priority_of(&row.stage));
    let state = row.state.clone();
    let mut edit: notification_intent::ActiveModel = row.into();
    edit.state = Set(state);
    edit.generation = Set(generation);
    edit.due_at = Set(until.as_millis());
    edit.changed_at = Set(now.as_millis());
    edit.update(change).await?;
    enqueue(change, &[again]).await.map(drop)
}
