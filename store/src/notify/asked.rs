//! Messages that somebody asks for: a test of the whole way, and the number by which a phone is shown to be somebody's.
//!
//! The number is made when the message is sent, so that it is kept nowhere but as a hash.

use hub_domain::{
    OrgId, Timestamp, UserId,
    notify::{Channel, PersonId, Reach, Reason, Stage},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, DatabaseTransaction,
    EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::{
    lines::own,
    look_again_at_all,
    save::{job_of, queue_of},
    situation::sms_reach,
};
use crate::{
    By, Store, StoreError,
    entity::{contact, insertable, membership, notification_intent},
    kept::{hold, write},
    open::ask_database,
    queue::enqueue,
    records::{AuditEntry, Contact, Life},
    scope::within,
    sql::{self, Sql},
};

/// How long a number is good, in minutes: long enough for a slow carrier.
pub const PHONE_CODE_MINUTES: u32 = 15;
const CODE_MILLIS: i64 = PHONE_CODE_MINUTES as i64 * 60_000;
/// So many wrong ones end it.
const MOST_GUESSES: i64 = 5;
/// So many messages of that kind go to a contact within an hour.
const MOST_AN_HOUR: u64 = 5;
const HOUR_MILLIS: i64 = 3_600_000;

/// What became of a number that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It was the one: the phone is theirs.
    Yes(Box<Contact>),
    /// It was not, or is not good any more.
    No,
    /// There were too many wrong ones: a new one has to be sent.
    TooMany,
}

impl Store {
    /// Has a message sent that somebody asked for, a test or a number for a phone; gives its line in the ledger.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a contact, or one that is not reached that way; [`StoreError::TooMany`]
    /// past five in an hour.
    pub async fn ask_for_message(
        &self,
        org: OrgId,
        contact: Uuid,
        channel: Channel,
        stage: Stage,
        by: impl Into<By>,
    ) -> Result<Uuid, StoreError> {
        let (id, _) = self.mint();
        let job = self.mint().0;
        let detail = json!({ "stage": stage.to_string(), "channel": channel.name(), "intent": id });
        let entry = self.entry(org, by, "contact.messaged", "contact", contact, &detail);
        ask_database!(self, ask_for_message(contact, channel, stage, id, job, entry))?;
        Ok(id)
    }

    /// Has a test sent to a member who asked for it: by e-mail to their account's address, by SMS to the phone that was
    /// shown to be theirs as a contact; gives its line in the ledger.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for who is no member; [`StoreError::Incomplete`] without such a phone;
    /// [`StoreError::TooMany`] past five in an hour.
    pub async fn ask_for_own_test(
        &self,
        org: OrgId,
        user: UserId,
        channel: Channel,
        by: impl Into<By>,
    ) -> Result<Uuid, StoreError> {
        let (id, _) = self.mint();
        let job = self.mint().0;
        let detail = json!({ "channel": channel.name(), "intent": id });
        let entry = self.entry(org, by, "member.messaged", "user", user.0, &detail);
        ask_database!(self, ask_for_own_test(user, channel, id, job, entry))?;
        Ok(id)
    }

    /// Takes the number that was sent to a contact's phone as the sign that it is theirs, and their consent to get SMS.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a contact.
    pub async fn verify_phone(
        &self,
        org: OrgId,
        contact: Uuid,
        code: &str,
        by: impl Into<By>,
    ) -> Result<Verified, StoreError> {
        let entry = self.entry(org, by, "contact.phone_verified", "contact", contact, &json!({}));
        ask_database!(self, verify_phone(contact, code, entry))
    }
}

impl Sql {
    pub(crate) async fn ask_for_message(
        &self,
        contact: Uuid,
        channel: Channel,
        stage: Stage,
        id: Uuid,
        job: Uuid,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let org = entry.org;
        // by the role that may write to the queue
        let change = self.begin().await?;
        let row = hold::<contact::Entity>(&change, org, contact, Life::Present, None).await?;
        if !Contact::try_from(row)?.is_reached_by(channel) {
            return Err(StoreError::Incomplete("its address"));
        }
        send(&change, PersonId::Contact(contact), (channel, stage), id, job, &entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn ask_for_own_test(
        &self,
        user: UserId,
        channel: Channel,
        id: Uuid,
        job: Uuid,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let member = membership::Entity::find_by_id((entry.org.0, user.0)).lock_exclusive();
        member.one(&change).await?.ok_or(StoreError::NotFound)?;
        let person = match channel {
            Channel::Email => PersonId::User(user),
            Channel::Sms => own_phone(&change, entry.org, user).await?,
        };
        send(&change, person, (channel, Stage::Test), id, job, &entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn verify_phone(
        &self,
        contact: Uuid,
        code: &str,
        entry: AuditEntry,
    ) -> Result<Verified, StoreError> {
        let (org, now) = (entry.org, entry.at);
        let change = self.begin_of(org).await?;
        let row = hold::<contact::Entity>(&change, org, contact, Life::Present, None).await?;
        if row.phone_code_guesses >= MOST_GUESSES {
            return Ok(Verified::TooMany);
        }
        let said = Sha256::digest(code.as_bytes());
        let is_it = row
            .phone_code_hash
            .as_ref()
            .is_some_and(|hash| bool::from(hash.as_slice().ct_eq(&said)));
        if !is_it || row.phone_code_until.is_none_or(|until| until < now.as_millis()) {
            let mut edit: contact::ActiveModel = row.into();
            edit.phone_code_guesses = Set(edit.phone_code_guesses.take().unwrap_or_default() + 1);
            edit.update(&change).await?;
            change.commit().await?;
            return Ok(Verified::No);
        }
        let edit = contact::ActiveModel {
            phone_verified_at: Set(Some(now.as_millis())),
            sms_consent_at: Set(Some(now.as_millis())),
            sms_opted_out_at: Set(None),
            phone_code_hash: Set(None),
            phone_code_until: Set(None),
            phone_code_guesses: Set(0),
            ..Default::default()
        };
        let after = write::<contact::Entity>(&change, &row, edit, entry, "id").await?;
        look_again_at_all(&change, org, now).await?;
        change.commit().await?;
        Ok(Verified::Yes(Box::new(after.try_into()?)))
    }
}

/// The contact as whom a member is reached by phone.
async fn own_phone(
    change: &DatabaseTransaction,
    org: OrgId,
    user: UserId,
) -> Result<PersonId, StoreError> {
    use contact::{Column, Entity};
    let own = Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::UserId.eq(user.0))
        .filter(Column::DeletedAt.is_null())
        .order_by_asc(Column::Id);
    let own = own.all(change).await?;
    let reached = own.iter().find(|row| sms_reach(row) == Reach::Reached);
    let missing = || StoreError::Incomplete("a phone that was shown to be yours, as a contact");
    reached.map(|row| PersonId::Contact(row.id)).ok_or_else(missing)
}

/// Writes the line of a message that was asked for, its job, and who asked; no more than five in an hour to one person.
async fn send(
    change: &DatabaseTransaction,
    person: PersonId,
    (channel, stage): (Channel, Stage),
    id: Uuid,
    job: Uuid,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let (org, now) = (entry.org, entry.at);
    if asked_lately(change, org, person, now).await? >= MOST_AN_HOUR {
        return Err(StoreError::TooMany(3_600));
    }
    let (reason, sentence) = match stage {
        Stage::PhoneCode => (Reason::PhoneCode, "somebody shows that this phone is theirs"),
        _ => (Reason::Test, "somebody asked for a test"),
    };
    let line = own(org, id, (person, channel), (stage, reason, sentence), now);
    notification_intent::Entity::insert(insertable(line)).exec_without_returning(change).await?;
    enqueue(change, &[job_of(job, queue_of(channel), id, 1, None)]).await?;
    sql::audit(change, entry).await
}

async fn asked_lately(
    change: &DatabaseTransaction,
    org: OrgId,
    person: PersonId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    use notification_intent::{Column, Entity};
    let is_to = match person {
        PersonId::Contact(id) => Column::ContactId.eq(id),
        PersonId::User(user) => Column::UserId.eq(user.0),
    };
    let lately = Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(is_to)
        .filter(Column::AlertId.is_null())
        .filter(Column::Stage.is_in([Stage::Test, Stage::PhoneCode].map(|stage| stage.to_string())))
        .filter(Column::PlannedAt.gt(now.as_millis() - HOUR_MILLIS));
    Ok(lately.count(change).await?)
}

/// Makes a new number for a contact's phone: six digits.
pub(crate) async fn mint_code(
    change: &DatabaseTransaction,
    contact: contact::Model,
    now: Timestamp,
) -> Result<String, StoreError> {
    let code = format!("{:06}", rand::random_range(0..1_000_000_u32));
    let mut edit: contact::ActiveModel = contact.into();
    edit.phone_code_hash = Set(Some(Sha256::digest(code.as_bytes()).to_vec()));
    edit.phone_code_until = Set(Some(now.as_millis() + CODE_MILLIS));
    edit.phone_code_guesses = Set(0);
    edit.update(change).await?;
    Ok(code)
}
