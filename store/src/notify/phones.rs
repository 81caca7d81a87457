//! Phones as their owners see them: one number may be a contact of several organizations.

use hub_domain::{
    OrgId, Timestamp,
    notify::{Channel, PersonId, Reason, Stage},
};
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, EntityTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    lines::own,
    look_again_at_all,
    save::{job_of, queue_of},
};
use crate::{
    Store, StoreError,
    entity::{contact, insertable, notification_intent},
    open::ask_database,
    queue::enqueue,
    records::{Actor, AuditEntry},
    scope::within,
    sql::{self, Sql},
};

/// So many answers go to a contact in an hour: two machines must not talk to each other for ever.
const MOST_ANSWERS: u64 = 20;
const HOUR_MILLIS: i64 = 3_600_000;

/// A phone, and whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phone {
    /// The contacts that have it, the latest first.
    pub contacts: Vec<PhoneContact>,
    /// Whether its owner said stop.
    pub is_opted_out: bool,
}

/// A contact that has a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoneContact {
    /// Whose.
    pub org: OrgId,
    /// Which.
    pub contact: Uuid,
}

impl Store {
    /// Whose phone it is. Only those count that were shown to be the contact's.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn phone(&self, phone: &str) -> Result<Phone, StoreError> {
        ask_database!(self, phone(phone))
    }

    /// Writes down that the owner of a phone said stop, or start, in every organization that has it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn set_opted_out(&self, phone: &str, is_opted_out: bool) -> Result<(), StoreError> {
        let phone_now = self.phone(phone).await?;
        let action = if is_opted_out { "contact.opted_out" } else { "contact.opted_in" };
        for PhoneContact { org, contact } in phone_now.contacts {
            let entry = self.entry(org, Actor::Hub, action, "contact", contact, &json!({}));
            ask_database!(self, set_opted_out(contact, is_opted_out, entry))?;
        }
        Ok(())
    }

    /// Answers a contact by SMS, through the ledger like any message. Past 20 answers in an hour there is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn answer_phone(
        &self,
        org: OrgId,
        contact: Uuid,
        words: &str,
    ) -> Result<(), StoreError> {
        let (id, now) = self.mint();
        let job = self.mint().0;
        ask_database!(self, answer_phone(org, contact, words, id, job, now))
    }
}

impl Sql {
    pub(crate) async fn phone(&self, phone: &str) -> Result<Phone, StoreError> {
        use contact::Column;
        let its = contact::Entity::find()
            .filter(Column::Phone.eq(phone))
            .filter(Column::PhoneVerifiedAt.is_not_null())
            .filter(Column::DeletedAt.is_null())
            .order_by_desc(Column::PhoneVerifiedAt);
        let rows = its.all(&self.db).await?;
        let is_opted_out = rows.iter().any(|row| row.sms_opted_out_at.is_some());
        let contact =
            |row: &contact::Model| PhoneContact { org: OrgId(row.org_id), contact: row.id };
        Ok(Phone { contacts: rows.iter().map(contact).collect(), is_opted_out })
    }

    pub(crate) async fn set_opted_out(
        &self,
        contact: Uuid,
        is_opted_out: bool,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(entry.org).await?;
        let its =
            contact::Entity::find_by_id(contact).filter(within(contact::Column::OrgId, entry.org));
        let Some(row) = its.one(&change).await? else { return Ok(()) };
        let mut edit: contact::ActiveModel = row.into();
        edit.sms_opted_out_at = Set(is_opted_out.then_some(entry.at.as_millis()));
        if !is_opted_out {
            edit.sms_consent_at = Set(Some(entry.at.as_millis()));
        }
        edit.update(&change).await?;
        sql::audit(&change, &entry).await?;
        look_again_at_all(&change, entry.org, entry.at).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn answer_phone(
        &self,
        org: OrgId,
        contact: Uuid,
        words: &str,
        id: Uuid,
        job: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        use notification_intent::{Column, Entity};
        let change = self.begin().await?;
        let lately = Entity::find()
            .filter(within(Column::OrgId, org))
            .filter(Column::ContactId.eq(contact))
            .filter(Column::Stage.eq(Stage::Reply.to_string()))
            .filter(Column::PlannedAt.gt(now.as_millis() - HOUR_MILLIS));
        if lately.count(&change).await? >= MOST_ANSWERS {
            return Ok(());
        }
        let to = (PersonId::Contact(contact), Channel::Sms);
        let what = (Stage::Reply, Reason::Reply, "they wrote first");
        let line = notification_intent::Model {
            words: Some(words.to_owned()),
            ..own(org, id, to, what, now)
        };
        Entity::insert(insertable(line)).exec_without_returning(&change).await?;
        enqueue(&change, &[job_of(job, queue_of(Channel::Sms), id, 1, None)]).await?;
        Ok(change.commit().await?)
    }
}
