//! What providers report of messages later: sent, delivered, failed. Reports may come twice, and in any order.

use hub_domain::{AlertId, OrgId, Timestamp, notify::IntentState};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, DatabaseTransaction,
    EntityTrait as _, QueryFilter as _,
};
use uuid::Uuid;

use super::{
    delivery::{contact_of, held},
    due::look_again,
};
use crate::{
    Store, StoreError,
    entity::{contact, delivery_attempt, notification_intent, webhook_event},
    open::ask_database,
    sql::Sql,
};

/// What a provider reports of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is on its way.
    Sent,
    /// It arrived.
    Delivered,
    /// It did not arrive.
    Failed {
        /// The provider's code.
        code: String,
        /// As a sentence.
        detail: String,
        /// Whether that is since the person said stop.
        is_opt_out: bool,
    },
}

impl Store {
    /// Writes what a provider reports of a message: of the try that it names, and that the provider calls so. False if
    /// there is no such try.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn note_receipt(
        &self,
        attempt: Option<Uuid>,
        message: &str,
        receipt: &Receipt,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        ask_database!(self, note_receipt(attempt, message, receipt, now))
    }
}

impl Sql {
    pub(crate) async fn note_receipt(
        &self,
        attempt: Option<Uuid>,
        message: &str,
        receipt: &Receipt,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = self.begin().await?;
        let Some(tried) = tried(&change, attempt, message).await? else { return Ok(false) };
        let row = held(&change, tried.intent_id).await?.ok_or(StoreError::NotFound)?;
        if let Receipt::Failed { is_opt_out: true, .. } = receipt {
            opted_out(&change, &row, now).await?;
        }
        if note_attempt(&change, tried, message, receipt, now).await? {
            note_intent(&change, row, receipt, now).await?;
        }
        change.commit().await?;
        Ok(true)
    }
}

/// Whether something was reported of a try that nobody has worked yet.
pub(super) async fn has_unworked_report(
    change: &DatabaseTransaction,
    attempt: Uuid,
) -> Result<bool, StoreError> {
    use webhook_event::{Column, Entity};
    let reports = Entity::find()
        .filter(Column::DueAt.is_not_null())
        .filter(Column::Kind.eq(attempt.to_string()));
    Ok(reports.one(change).await?.is_some())
}

async fn tried(
    change: &DatabaseTransaction,
    attempt: Option<Uuid>,
    message: &str,
) -> Result<Option<delivery_attempt::Model>, StoreError> {
    use delivery_attempt::{Column, Entity};
    if let Some(attempt) = attempt {
        let named = Entity::find_by_id(attempt).one(change).await?;
        // a message of that try which has another name is another's
        return Ok(
            named.filter(|it| it.provider_message_id.as_deref().is_none_or(|id| id == message))
        );
    }
    Ok(Entity::find().filter(Column::ProviderMessageId.eq(message)).one(change).await?)
}

/// How far a try has come; what is less far than what is known says nothing new.
fn rank(state: &str) -> u8 {
    match state {
        "sent" => 1,
        "failed" => 2,
        "delivered" => 3,
        _ => 0,
    }
}

async fn note_attempt(
    change: &DatabaseTransaction,
    tried: delivery_attempt::Model,
    message: &str,
    receipt: &Receipt,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (state, code, detail) = match receipt {
        Receipt::Sent => ("sent", None, None),
        Receipt::Delivered => ("delivered", None, None),
        Receipt::Failed { code, detail, .. } => {
            ("failed", Some(code.clone()), Some(detail.clone()))
        }
    };
    if rank(state) <= rank(&tried.state) {
        return Ok(false);
    }
    let mut edit: delivery_attempt::ActiveModel = tried.into();
    edit.state = Set(state.to_owned());
    edit.provider_message_id = Set(Some(message.to_owned()));
    edit.code = Set(code);
    edit.detail = Set(detail);
    edit.settled_at = Set((rank(state) > 1).then_some(now.as_millis()));
    edit.update(change).await?;
    Ok(true)
}

/// A line is sent once a try of it was, delivered once one was, and failed only if none may yet arrive.
async fn note_intent(
    change: &DatabaseTransaction,
    row: notification_intent::Model,
    receipt: &Receipt,
    now: Timestamp,
) -> Result<(), StoreError> {
    let state = row.intent_state()?;
    let is_open = matches!(state, IntentState::Sending | IntentState::Sent);
    match receipt {
        Receipt::Delivered if state != IntentState::Delivered => {
            let mut edit: notification_intent::ActiveModel = row.into();
            edit.state = Set(IntentState::Delivered.name().to_owned());
            edit.changed_at = Set(now.as_millis());
            edit.settled_at = Set(Some(now.as_millis()));
            edit.update(change).await?;
        }
        Receipt::Sent if state == IntentState::Sending => {
            let mut edit: notification_intent::ActiveModel = row.into();
            edit.state = Set(IntentState::Sent.name().to_owned());
            edit.sent_at = Set(Some(now.as_millis()));
            edit.changed_at = Set(now.as_millis());
            edit.update(change).await?;
        }
        Receipt::Failed { code, detail, .. } if is_open && !others_open(change, row.id).await? => {
            failed(change, row, code, detail, now).await?;
        }
        Receipt::Delivered | Receipt::Sent | Receipt::Failed { .. } => {}
    }
    Ok(())
}

/// Whether another try may still arrive.
async fn others_open(change: &DatabaseTransaction, intent: Uuid) -> Result<bool, StoreError> {
    use delivery_attempt::{Column, Entity};
    let open =
        Entity::find().filter(Column::IntentId.eq(intent)).filter(Column::SettledAt.is_null());
    Ok(open.one(change).await?.is_some())
}

/// Ends a line that did not reach anybody, and has its alerts planned again: there may be another way.
pub(crate) async fn failed(
    change: &DatabaseTransaction,
    row: notification_intent::Model,
    code: &str,
    detail: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (org, alerts) = (OrgId(row.org_id), alerts_of(change, &row).await?);
    let mut edit: notification_intent::ActiveModel = row.into();
    edit.state = Set(IntentState::Failed.name().to_owned());
    edit.reason = Set(format!("it failed ({code}): {detail}"));
    edit.changed_at = Set(now.as_millis());
    edit.settled_at = Set(Some(now.as_millis()));
    edit.update(change).await?;
    look_again(change, org, &alerts, now).await
}

/// The alert that a line is of, or those of the lines that it carries.
async fn alerts_of(
    change: &DatabaseTransaction,
    row: &notification_intent::Model,
) -> Result<Vec<AlertId>, StoreError> {
    use notification_intent::{Column, Entity};
    if let Some(alert) = row.alert_id {
        return Ok(vec![AlertId(alert)]);
    }
    let carried = Entity::find().filter(Column::SupersededBy.eq(row.id)).all(change).await?;
    Ok(carried.into_iter().filter_map(|it| it.alert_id.map(AlertId)).collect())
}

/// Writes down that the person said stop: nothing more goes to that phone until they say start.
pub(crate) async fn opted_out(
    change: &DatabaseTransaction,
    row: &notification_intent::Model,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(contact) = contact_of(change, row).await? else { return Ok(()) };
    let mut edit: contact::ActiveModel = contact.into();
    edit.sms_opted_out_at = Set(Some(now.as_millis()));
    edit.update(change).await?;
    Ok(())
}
