//! Contacts: people who can be told of alerts.

use hub_domain::{OrgId, UserId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Store, StoreError,
    entity::{contact, membership},
    gone::{Gone, sweep},
    kept::{hold, make_in, mark, remove, write},
    notify::look_again_at_all,
    open::ask_database,
    policies,
    records::{AuditEntry, Channel, Contact, Edition, Life, Page, PageQuery},
    scope::within,
    sql::Sql,
};

/// What is a contact's own and goes with it for good.
const OF_A_CONTACT: &[&str] = &[
    "DELETE FROM digests WHERE org_id = $1 AND subscription_id IN
        (SELECT id FROM digest_subscriptions WHERE org_id = $1 AND contact_id = $2)",
    "DELETE FROM digest_subscriptions WHERE org_id = $1 AND contact_id = $2",
];

/// What a contact is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactIn {
    /// The member that this is, if they are one.
    pub user: Option<UserId>,
    /// What they are called.
    pub name: String,
    /// Where to write to.
    pub email: Option<String>,
    /// Where to send messages to, in the form of E.164.
    pub phone: Option<String>,
    /// In which language, as BCP 47 has it.
    pub language: String,
    /// Their IANA time zone.
    pub timezone: String,
}

impl From<&Contact> for ContactIn {
    fn from(contact: &Contact) -> Self {
        Self {
            user: contact.user,
            name: contact.name.clone(),
            email: contact.email.clone(),
            phone: contact.phone.clone(),
            language: contact.language.clone(),
            timezone: contact.timezone.clone(),
        }
    }
}

impl Store {
    /// Makes a contact.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if its user is no member.
    pub async fn create_contact(
        &self,
        org: OrgId,
        it: ContactIn,
        by: impl Into<By>,
    ) -> Result<Contact, StoreError> {
        let (id, created_at) = self.mint();
        let ContactIn { user, name, email, phone, language, timezone } = it;
        let edition = Edition::default();
        let contact = Contact {
            id,
            org,
            user,
            name,
            email,
            phone,
            language,
            timezone,
            phone_verified_at: None,
            sms_consent_at: None,
            sms_opted_out_at: None,
            email_opted_out_at: None,
            created_at,
            edition,
        };
        let entry = self.entry(org, by, "contact.created", "contact", id, &json!({}));
        ask_database!(self, insert_contact(&contact, entry))?;
        Ok(contact)
    }

    /// The contact.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn contact(&self, org: OrgId, id: Uuid) -> Result<Option<Contact>, StoreError> {
        ask_database!(self, contact(org, id))
    }

    /// The contacts of an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn contacts(
        &self,
        org: OrgId,
        life: Life,
        page: PageQuery,
    ) -> Result<Page<Contact>, StoreError> {
        ask_database!(self, contacts(org, life, &page))
    }

    /// Those of `ids` that are contacts of the organization, in any order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn contacts_of(&self, org: OrgId, ids: &[Uuid]) -> Result<Vec<Contact>, StoreError> {
        ask_database!(self, contacts_of(org, ids))
    }

    /// Edits a contact: it becomes what `it` says.
    ///
    /// # Errors
    /// [`StoreError::HeldBy`] if a policy tells them in a way that they could no more be told in.
    pub async fn edit_contact(
        &self,
        org: OrgId,
        id: Uuid,
        expected: i64,
        it: ContactIn,
        by: impl Into<By>,
    ) -> Result<Contact, StoreError> {
        let entry = self.entry(org, by, "contact.updated", "contact", id, &json!({}));
        ask_database!(self, edit_contact(org, id, expected, it, entry))
    }

    /// Takes a contact away.
    ///
    /// # Errors
    /// [`StoreError::HeldBy`] while a policy names them.
    pub async fn delete_contact(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "contact.deleted", "contact", id, &json!({}));
        ask_database!(self, delete_contact(org, id, entry))
    }

    /// Brings a contact back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn restore_contact(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<Contact, StoreError> {
        let entry = self.entry(org, by, "contact.restored", "contact", id, &json!({}));
        let restored = ask_database!(self, restore::<contact::Entity>(org, id, "id", entry));
        restored.and_then(Contact::try_from)
    }

    /// Deletes a contact for good, with the digests that nobody would be there to read.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn purge_contact(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "contact.purged", "contact", id, &json!({}));
        ask_database!(self, purge_contact(org, id, entry))
    }
}

impl Sql {
    pub(crate) async fn insert_contact(
        &self,
        contact: &Contact,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(contact.org).await?;
        need_member(&change, contact.org, contact.user).await?;
        make_in::<contact::Entity>(&change, contact.into(), "id", entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn contact(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<Contact>, StoreError> {
        let row = self.one_kept::<contact::Entity>(org, id).await?;
        row.map(Contact::try_from).transpose()
    }

    pub(crate) async fn contacts(
        &self,
        org: OrgId,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<Contact>, StoreError> {
        let of_org = Condition::all().add(within(contact::Column::OrgId, org));
        self.all_kept::<contact::Entity, _>(org, of_org, life, page).await
    }

    pub(crate) async fn contacts_of(
        &self,
        org: OrgId,
        ids: &[Uuid],
    ) -> Result<Vec<Contact>, StoreError> {
        let live = contact::Entity::find()
            .filter(within(contact::Column::OrgId, org))
            .filter(contact::Column::DeletedAt.is_null())
            .filter(contact::Column::Id.is_in(ids.iter().copied()));
        live.all(&self.of(org).await?).await?.into_iter().map(Contact::try_from).collect()
    }

    pub(crate) async fn edit_contact(
        &self,
        org: OrgId,
        id: Uuid,
        expected: i64,
        it: ContactIn,
        entry: AuditEntry,
    ) -> Result<Contact, StoreError> {
        let change = self.begin_of(org).await?;
        let held = hold::<contact::Entity>(&change, org, id, Life::Present, Some(expected)).await?;
        if it.user.map(|user| user.0) != held.user_id {
            need_member(&change, org, it.user).await?;
        }
        let lost = [(Channel::Sms, it.phone.is_none()), (Channel::Email, it.email.is_none())];
        for (channel, _) in lost.into_iter().filter(|(_, is_lost)| *is_lost) {
            policies::need_unnamed(&change, org, id, Some(channel)).await?;
        }
        let mut edit = contact::ActiveModel {
            user_id: Set(it.user.map(|user| user.0)),
            name: Set(it.name),
            email: Set(it.email),
            phone: Set(it.phone),
            language: Set(it.language),
            timezone: Set(it.timezone),
            ..Default::default()
        };
        // what was shown and agreed to was of another number or address
        if edit.phone.as_ref() != &held.phone {
            edit.phone_verified_at = Set(None);
            edit.sms_consent_at = Set(None);
            edit.sms_opted_out_at = Set(None);
            edit.phone_code_hash = Set(None);
        }
        if edit.email.as_ref() != &held.email {
            edit.email_opted_out_at = Set(None);
        }
        let at = entry.at;
        let after = write::<contact::Entity>(&change, &held, edit, entry, "id").await?;
        look_again_at_all(&change, org, at).await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn delete_contact(
        &self,
        org: OrgId,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        let held = hold::<contact::Entity>(&change, org, id, Life::Present, None).await?;
        policies::need_unnamed(&change, org, id, None).await?;
        mark::<contact::Entity>(&change, &held, Some(entry.at), entry, "id").await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn purge_contact(
        &self,
        org: OrgId,
        id: Uuid,
        mut entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        let held = hold::<contact::Entity>(&change, org, id, Life::Deleted, None).await?;
        let mut gone = Gone::default();
        for sql in OF_A_CONTACT {
            gone.count(sql, sweep(&change, sql, org, id).await?);
        }
        entry.detail = gone.told().to_string();
        remove::<contact::Entity>(&change, &held, entry).await?;
        Ok(change.commit().await?)
    }
}

/// Goes on only if the user, where one is named, is a member of the organization.
async fn need_member(
    change: &DatabaseTransaction,
    org: OrgId,
    user: Option<UserId>,
) -> Result<(), StoreError> {
    let Some(user) = user else { return Ok(()) };
    let member = membership::Entity::find()
        .filter(within(membership::Column::OrgId, org))
        .filter(membership::Column::UserId.eq(user.0));
    member.one(change).await?.map(drop).ok_or(StoreError::NotFound)
}
