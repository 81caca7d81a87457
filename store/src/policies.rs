//! Notification policies: who is told of alerts, when, and how.

use hub_domain::{
    AlertKind, OrgId, UnitId,
    notify::{Policy, effective},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, Condition, ConnectionTrait, DatabaseTransaction,
    EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, RuleFilter, RuleScope, Store, StoreError,
    entity::{contact, notification_policy},
    kept::{hold, make_in, mark, write},
    notify::look_again_at_all,
    open::ask_database,
    plans,
    records::{
        AuditEntry, Channel, Contact, Edition, EffectivePolicy, Life, NotificationPolicy, Page,
        PageQuery, Plan, UnitRecord,
    },
    rule_edits::is_there,
    scope::within,
    sql::Sql,
};

impl Store {
    /// Makes a policy.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such organization, site or unit, or a contact is none of the
    /// organization's or not reached in the way that is said.
    pub async fn create_policy(
        &self,
        org: OrgId,
        name: &str,
        scope: RuleScope,
        plan: Plan,
        by: impl Into<By>,
    ) -> Result<NotificationPolicy, StoreError> {
        let (id, created_at) = self.mint();
        let (name, edition) = (name.to_owned(), Edition::default());
        let policy = NotificationPolicy { id, org, name, scope, plan, created_at, edition };
        let (action, kind) = ("notification_policy.created", "notification_policy");
        let entry = self.entry(org, by, action, kind, id, &json!({}));
        ask_database!(self, insert_policy(&policy, entry))?;
        Ok(policy)
    }

    /// The policy.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn policy(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<NotificationPolicy>, StoreError> {
        ask_database!(self, policy(org, id))
    }

    /// The policies of an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn policies(
        &self,
        org: OrgId,
        filter: RuleFilter,
        page: PageQuery,
    ) -> Result<Page<NotificationPolicy>, StoreError> {
        ask_database!(self, policies(org, &filter, &page))
    }

    /// Edits a policy.
    ///
    /// # Errors
    /// As when one is made.
    pub async fn edit_policy(
        &self,
        org: OrgId,
        id: Uuid,
        expected: i64,
        name: &str,
        plan: Plan,
        by: impl Into<By>,
    ) -> Result<NotificationPolicy, StoreError> {
        let (action, kind) = ("notification_policy.updated", "notification_policy");
        let entry = self.entry(org, by, action, kind, id, &json!({}));
        ask_database!(self, edit_policy(org, id, expected, name, plan, entry))
    }

    /// Takes a policy away.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn delete_policy(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let (action, kind) = ("notification_policy.deleted", "notification_policy");
        let entry = self.entry(org, by, action, kind, id, &json!({}));
        ask_database!(self, delete_policy(org, id, entry))
    }

    /// Brings a policy back.
    ///
    /// # Errors
    /// [`StoreError::ParentDeleted`] if its site or unit is gone; [`StoreError::Incomplete`] if one of its contacts is.
    pub async fn restore_policy(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<NotificationPolicy, StoreError> {
        let (action, kind) = ("notification_policy.restored", "notification_policy");
        let entry = self.entry(org, by, action, kind, id, &json!({}));
        ask_database!(self, restore_policy(org, id, entry))
    }

    /// Deletes a policy for good.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn purge_policy(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let (action, kind) = ("notification_policy.purged", "notification_policy");
        let entry = self.entry(org, by, action, kind, id, &json!({}));
        ask_database!(self, purge::<notification_policy::Entity>(org, id, entry))
    }

    /// The policies that hold for a unit.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn effective_policy(
        &self,
        org: OrgId,
        unit: UnitId,
    ) -> Result<Option<EffectivePolicy>, StoreError> {
        ask_database!(self, effective_policy(org, unit))
    }
}

impl Sql {
    pub(crate) async fn insert_policy(
        &self,
        policy: &NotificationPolicy,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(policy.org).await?;
        let is_whole = is_there(&change, policy.org, policy.scope).await?
            && reaches(&change, policy.org, &policy.plan).await?;
        if !is_whole {
            return Err(StoreError::NotFound);
        }
        let row = notification_policy::Model::try_from(policy)?;
        let at = entry.at;
        make_in::<notification_policy::Entity>(&change, row, "id", entry).await?;
        look_again_at_all(&change, policy.org, at).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn policy(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<NotificationPolicy>, StoreError> {
        let row = self.one_kept::<notification_policy::Entity>(org, id).await?;
        row.map(NotificationPolicy::try_from).transpose()
    }

    pub(crate) async fn policies(
        &self,
        org: OrgId,
        filter: &RuleFilter,
        page: &PageQuery,
    ) -> Result<Page<NotificationPolicy>, StoreError> {
        use notification_policy::Column;
        let wanted = Condition::all()
            .add(within(Column::OrgId, org))
            .add_option(filter.scope.map(|scope| Column::Scope.eq(scope.name())))
            .add_option(filter.scope_id.map(|id| Column::ScopeId.eq(id)));
        self.all_kept::<notification_policy::Entity, _>(org, wanted, filter.life, page).await
    }

    pub(crate) async fn edit_policy(
        &self,
        org: OrgId,
        id: Uuid,
        expected: i64,
        name: &str,
        plan: Plan,
        entry: AuditEntry,
    ) -> Result<NotificationPolicy, StoreError> {
        let change = self.begin_of(org).await?;
        let held =
            hold::<notification_policy::Entity>(&change, org, id, Life::Present, Some(expected))
                .await?;
        // contacts that it names already cannot have gone, so that those that are missing are newly named
        if !reaches(&change, org, &plan).await? {
            return Err(StoreError::Incomplete("its contacts"));
        }
        let at = entry.at;
        let edit = notification_policy::ActiveModel {
            name: Set(name.to_owned()),
            plan: Set(plans::encode(&plan)?),
            ..Default::default()
        };
        let after = write::<notification_policy::Entity>(&change, &held, edit, entry, "id").await?;
        look_again_at_all(&change, org, at).await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn delete_policy(
        &self,
        org: OrgId,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let (change, at) = (self.begin_of(org).await?, entry.at);
        let held =
            hold::<notification_policy::Entity>(&change, org, id, Life::Present, None).await?;
        mark::<notification_policy::Entity>(&change, &held, Some(at), entry, "id").await?;
        look_again_at_all(&change, org, at).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn restore_policy(
        &self,
        org: OrgId,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<NotificationPolicy, StoreError> {
        let change = self.begin_of(org).await?;
        let held =
            hold::<notification_policy::Entity>(&change, org, id, Life::Deleted, None).await?;
        let policy = NotificationPolicy::try_from(held.clone())?;
        if !is_there(&change, org, policy.scope).await? {
            return Err(StoreError::ParentDeleted);
        }
        if !reaches(&change, org, &policy.plan).await? {
            return Err(StoreError::Incomplete("its contacts"));
        }
        let at = entry.at;
        let after = mark::<notification_policy::Entity>(&change, &held, None, entry, "id").await?;
        look_again_at_all(&change, org, at).await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn effective_policy(
        &self,
        org: OrgId,
        unit: UnitId,
    ) -> Result<Option<EffectivePolicy>, StoreError> {
        use notification_policy::Column;
        let Some(unit) = self.unit(&org.into(), unit).await? else { return Ok(None) };
        let scopes = [unit.id.0, unit.site.0, unit.org.0];
        let live = notification_policy::Entity::find()
            .filter(within(Column::OrgId, org))
            .filter(Column::DeletedAt.is_null())
            .filter(Column::ScopeId.is_in(scopes))
            .order_by_asc(Column::Id);
        let rows = live.all(&self.of(org).await?).await?.into_iter();
        let policies = rows.map(NotificationPolicy::try_from).collect::<Result<_, _>>()?;
        Ok(Some(nearest(policies, &unit)))
    }
}

/// What those policies come to for a unit.
fn nearest(mut policies: Vec<NotificationPolicy>, unit: &UnitRecord) -> EffectivePolicy {
    policies.sort_by_key(|policy| (policy.scope.layer(), policy.id));
    let planned: Vec<Policy> = policies.iter().map(NotificationPolicy::planned).collect();
    let terms = |kind: &AlertKind| (*kind, effective(&planned, unit.site, unit.id, *kind));
    EffectivePolicy { by_kind: AlertKind::ALL.iter().map(terms).collect(), policies }
}

/// Whether each contact of a plan is one of the organization's and is reached in each way that is said. They stay so
/// until the change ends.
async fn reaches(
    change: &DatabaseTransaction,
    org: OrgId,
    plan: &Plan,
) -> Result<bool, StoreError> {
    let mut ids: Vec<Uuid> = plan.steps.iter().flat_map(|step| step.contacts.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let held = contact::Entity::find()
        .filter(within(contact::Column::OrgId, org))
        .filter(contact::Column::DeletedAt.is_null())
        .filter(contact::Column::Id.is_in(ids))
        .order_by_asc(contact::Column::Id)
        .lock_shared();
    let rows = held.all(change).await?.into_iter().map(Contact::try_from);
    let contacts: Vec<Contact> = rows.collect::<Result<_, _>>()?;
    Ok(plan.steps.iter().all(|step| {
        step.contacts.iter().all(|id| {
            let contact = contacts.iter().find(|contact| contact.id == *id);
            contact.is_some_and(|it| step.channels.iter().all(|channel| it.is_reached_by(*channel)))
        })
    }))
}

/// Goes on only if no policy tells this contact, in this way where one is said.
pub(crate) async fn need_unnamed(
    change: &impl ConnectionTrait,
    org: OrgId,
    contact: Uuid,
    channel: Option<Channel>,
) -> Result<(), StoreError> {
    use notification_policy::Column;
    let naming = notification_policy::Entity::find()
        .filter(within(Column::OrgId, org))
        .filter(Column::DeletedAt.is_null())
        .filter(Column::Plan.contains(contact.to_string()))
        .order_by_asc(Column::Id);
    for row in naming.all(change).await? {
        let policy = NotificationPolicy::try_from(row)?;
        let tells = policy.plan.steps.iter().any(|step| {
            step.contacts.contains(&contact)
                && channel.is_none_or(|channel| step.channels.contains(&channel))
        });
        if tells {
            return Err(StoreError::HeldBy(format!(
                "the notification policy {} ({})",
                policy.id, policy.name
            )));
        }
    }
    Ok(())
}
