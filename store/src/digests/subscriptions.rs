//! Who wants digests, when and of which sites.

use hub_domain::{OrgId, SiteId, digest::Last, notify::PersonId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _,
    PaginatorTrait as _, QueryFilter as _,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Store, StoreError,
    entity::{
        contact, digest,
        digest_subscription::{ActiveModel, Column, Entity, Model},
        membership, site,
    },
    kept::{hold, make_in, mark, remove, write},
    open::ask_database,
    records::{
        AuditEntry, Channel, Contact, DigestPlan, DigestSubscription, Edition, Life, Page,
        PageQuery,
    },
    scope::within,
    sql::Sql,
};

/// The queue of the jobs that count digests.
pub const DIGEST_QUEUE: &str = "digest";

/// The most digests that one reader has: more would flood a mailbox.
pub const MOST_DIGESTS: u64 = 10;

impl Store {
    /// Has somebody told of each day or week from now on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the reader or a site is not there, [`StoreError::Incomplete`] if the reader has no
    /// e-mail address, [`StoreError::InUse`] if they have [`MOST_DIGESTS`] already.
    pub async fn create_digest_subscription(
        &self,
        org: OrgId,
        reader: PersonId,
        plan: DigestPlan,
        by: impl Into<By>,
    ) -> Result<DigestSubscription, StoreError> {
        let (id, created_at) = self.mint();
        let last = Last { day: None, until: created_at };
        let subscription = DigestSubscription {
            id,
            org,
            reader,
            due_at: plan.schedule.next_due_at(last, created_at),
            plan,
            last,
            seq: 1,
            created_at,
            edition: Edition::default(),
        };
        let entry = self.entry_of_digest(org, by, "digest_subscription.created", id);
        ask_database!(self, insert_digest_subscription(&subscription, entry))?;
        Ok(subscription)
    }

    /// The subscription.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn digest_subscription(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<DigestSubscription>, StoreError> {
        ask_database!(self, digest_subscription(org, id))
    }

    /// The same of one that was taken away.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn deleted_digest_subscription(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<DigestSubscription>, StoreError> {
        ask_database!(self, deleted_digest_subscription(org, id))
    }

    /// The subscriptions of an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn digest_subscriptions(
        &self,
        org: OrgId,
        life: Life,
        page: PageQuery,
    ) -> Result<Page<DigestSubscription>, StoreError> {
        ask_database!(self, digest_subscriptions(org, life, &page))
    }

    /// Edits a subscription. Its days that are used up stay so, and what was not told yet is told by the next one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it, or a site that it did not name before, is not there.
    pub async fn edit_digest_subscription(
        &self,
        org: OrgId,
        id: Uuid,
        expected: i64,
        plan: DigestPlan,
        by: impl Into<By>,
    ) -> Result<DigestSubscription, StoreError> {
        let entry = self.entry_of_digest(org, by, "digest_subscription.updated", id);
        ask_database!(self, edit_digest_subscription(org, id, expected, &plan, entry))
    }

    /// Takes a subscription away.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn delete_digest_subscription(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry_of_digest(org, by, "digest_subscription.deleted", id);
        ask_database!(self, discard::<Entity>(org, id, None, entry))
    }

    /// Brings a subscription back. What was while it was away is not made up for.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn restore_digest_subscription(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<DigestSubscription, StoreError> {
        let entry = self.entry_of_digest(org, by, "digest_subscription.restored", id);
        ask_database!(self, restore_digest_subscription(org, id, entry))
    }

    /// Deletes a subscription for good, with what is noted of each of its digests. The ledger keeps their lines.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn purge_digest_subscription(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry_of_digest(org, by, "digest_subscription.purged", id);
        ask_database!(self, purge_digest_subscription(org, id, entry))
    }

    fn entry_of_digest(
        &self,
        org: OrgId,
        by: impl Into<By>,
        deed: &'static str,
        id: Uuid,
    ) -> AuditEntry {
        self.entry(org, by, deed, "digest_subscription", id, &json!({}))
    }
}

impl Sql {
    pub(crate) async fn insert_digest_subscription(
        &self,
        subscription: &DigestSubscription,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let org = subscription.org;
        let change = self.begin_of(org).await?;
        need_reader(&change, org, subscription.reader).await?;
        need_sites(&change, org, &subscription.plan.sites).await?;
        if count_of(&change, org, subscription.reader).await? >= MOST_DIGESTS {
            return Err(StoreError::InUse("as many digests as one reader may have"));
        }
        make_in::<Entity>(&change, subscription.into(), "id", entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn digest_subscription(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<DigestSubscription>, StoreError> {
        let row = self.one_kept::<Entity>(org, id).await?;
        row.map(DigestSubscription::try_from).transpose()
    }

    pub(crate) async fn deleted_digest_subscription(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<DigestSubscription>, StoreError> {
        let row = Entity::find_by_id(id)
            .filter(within(Column::OrgId, org))
            .filter(Column::DeletedAt.is_not_null());
        let row = row.one(&self.of(org).await?).await?;
        row.map(DigestSubscription::try_from).transpose()
    }

    pub(crate) async fn digest_subscriptions(
        &self,
        org: OrgId,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<DigestSubscription>, StoreError> {
        let of_org = Condition::all().add(within(Column::OrgId, org));
        self.all_kept::<Entity, _>(org, of_org, life, page).await
    }

    pub(crate) async fn edit_digest_subscription(
        &self,
        org: OrgId,
        id: Uuid,
        expected: i64,
        plan: &DigestPlan,
        entry: AuditEntry,
    ) -> Result<DigestSubscription, StoreError> {
        let change = self.begin_of(org).await?;
        let held = hold::<Entity>(&change, org, id, Life::Present, Some(expected)).await?;
        let before = DigestSubscription::try_from(held.clone())?;
        let new: Vec<SiteId> =
            plan.sites.iter().copied().filter(|site| !before.plan.sites.contains(site)).collect();
        need_sites(&change, org, &new).await?;
        let after: Model = (&DigestSubscription {
            // the first that is not told yet, which may be past: then it is made up for at once
            due_at: plan.schedule.next_due_at(before.last, before.last.until),
            plan: plan.clone(),
            ..before
        })
            .into();
        let edit = ActiveModel {
            rhythm: Set(after.rhythm),
            weekday: Set(after.weekday),
            minute: Set(after.minute),
            timezone: Set(after.timezone),
            sites: Set(after.sites),
            is_only_if_needed: Set(after.is_only_if_needed),
            due_at: Set(after.due_at),
            seq: Set(held.seq + 1),
            ..Default::default()
        };
        let after = write::<Entity>(&change, &held, edit, entry, "id").await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn restore_digest_subscription(
        &self,
        org: OrgId,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<DigestSubscription, StoreError> {
        let change = self.begin_of(org).await?;
        let held = hold::<Entity>(&change, org, id, Life::Deleted, None).await?;
        let before = DigestSubscription::try_from(held.clone())?;
        let last = Last { until: before.last.until.max(entry.at), ..before.last };
        let from_now_on = ActiveModel {
            last_until: Set(last.until.as_millis()),
            due_at: Set(before.plan.schedule.next_due_at(last, last.until).as_millis()),
            seq: Set(held.seq + 1),
            ..Default::default()
        };
        let of_it = Entity::update_many().set(from_now_on).filter(Column::Id.eq(id));
        of_it.filter(within(Column::OrgId, org)).exec(&change).await?;
        let after = mark::<Entity>(&change, &held, None, entry, "id").await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn purge_digest_subscription(
        &self,
        org: OrgId,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        let held = hold::<Entity>(&change, org, id, Life::Deleted, None).await?;
        let told = digest::Entity::delete_many()
            .filter(within(digest::Column::OrgId, org))
            .filter(digest::Column::SubscriptionId.eq(id));
        told.exec(&change).await?;
        remove::<Entity>(&change, &held, entry).await?;
        Ok(change.commit().await?)
    }
}

/// Goes on only if the reader is there and has an e-mail address. A contact stays so until the change ends.
async fn need_reader(
    change: &DatabaseTransaction,
    org: OrgId,
    reader: PersonId,
) -> Result<(), StoreError> {
    match reader {
        PersonId::Contact(id) => {
            let row = hold::<contact::Entity>(change, org, id, Life::Present, None).await?;
            let is_reached = Contact::try_from(row)?.is_reached_by(Channel::Email);
            if is_reached { Ok(()) } else { Err(StoreError::Incomplete("an e-mail address")) }
        }
        PersonId::User(user) => {
            let member = membership::Entity::find()
                .filter(within(membership::Column::OrgId, org))
                .filter(membership::Column::UserId.eq(user.0));
            member.one(change).await?.map(drop).ok_or(StoreError::NotFound)
        }
    }
}

/// Goes on only if all of the sites are there.
async fn need_sites(
    change: &DatabaseTransaction,
    org: OrgId,
    sites: &[SiteId],
) -> Result<(), StoreError> {
    let there = site::Entity::find()
        .filter(within(site::Column::OrgId, org))
        .filter(site::Column::DeletedAt.is_null())
        .filter(site::Column::Id.is_in(sites.iter().map(|site| site.0)));
    let is_whole = there.count(change).await? == sites.len() as u64;
    if is_whole { Ok(()) } else { Err(StoreError::NotFound) }
}

async fn count_of(
    change: &DatabaseTransaction,
    org: OrgId,
    reader: PersonId,
) -> Result<u64, StoreError> {
    let of_reader = match reader {
        PersonId::Contact(contact) => Column::ContactId.eq(contact),
        PersonId::User(user) => Column::UserId.eq(user.0),
    };
    let live = Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::DeletedAt.is_null())
        .filter(of_reader);
    Ok(live.count(change).await?)
}
