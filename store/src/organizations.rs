//! The life of an organization: renamed, deleted, brought back. How it is erased is in [`erasure`](crate::erasure).

use hub_domain::{OrgId, UserId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use serde_json::json;

use crate::{
    By, Expected, Store, StoreError,
    entity::{erasure, membership, organization, site_owner},
    kept,
    open::ask_database,
    records::{AuditEntry, Life, Membership, Organization, Role},
    scope::within,
    sql::Sql,
};

impl Store {
    /// Gives an organization another name, if one is said.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rename_organization(
        &self,
        org: OrgId,
        expected: impl Into<Expected>,
        name: Option<&str>,
        by: impl Into<By>,
    ) -> Result<Organization, StoreError> {
        let entry = self.organization_entry(org, by, "organization.updated");
        ask_database!(self, rename_organization(org, expected.into(), name, entry))
    }

    /// Takes an organization away: its members, keys and connections are refused, its units are judged no more. It can
    /// be brought back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn delete_organization(
        &self,
        org: OrgId,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.organization_entry(org, by, "organization.deleted");
        ask_database!(self, delete_organization(org, entry))
    }

    /// Brings a deleted organization back, if `owner` is one of its owners and its erasure was not asked for.
    ///
    /// # Errors
    /// `NotFound` for anybody else; see [`StoreError`].
    pub async fn restore_organization(
        &self,
        org: OrgId,
        owner: UserId,
        by: impl Into<By>,
    ) -> Result<Organization, StoreError> {
        let entry = self.organization_entry(org, by, "organization.restored");
        ask_database!(self, restore_organization(org, owner, entry))
    }

    /// The deleted organizations that a person owns and may bring back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn deleted_organizations(
        &self,
        owner: UserId,
    ) -> Result<Vec<Organization>, StoreError> {
        ask_database!(self, deleted_organizations(owner))
    }

    pub(crate) fn organization_entry(
        &self,
        org: OrgId,
        by: impl Into<By>,
        action: &'static str,
    ) -> AuditEntry {
        self.entry(org, by, action, "organization", org.0, &json!({}))
    }
}

impl Sql {
    pub(crate) async fn rename_organization(
        &self,
        org: OrgId,
        expected: Expected,
        name: Option<&str>,
        entry: AuditEntry,
    ) -> Result<Organization, StoreError> {
        let name = name.map(|name| Set(name.to_owned())).unwrap_or_default();
        let edit = organization::ActiveModel { name, ..Default::default() };
        self.amend::<organization::Entity>(org, org.0, expected, edit, entry).await?.try_into()
    }

    pub(crate) async fn delete_organization(
        &self,
        org: OrgId,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        let before = held(&change, org, Life::Present).await?;
        self.refuse_subscribed(&change, org).await?;
        kept::mark::<organization::Entity>(&change, &before, Some(entry.at), entry, "").await?;
        take_sites_over(&change, org).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn restore_organization(
        &self,
        org: OrgId,
        owner: UserId,
        entry: AuditEntry,
    ) -> Result<Organization, StoreError> {
        let change = self.begin_of(org).await?;
        need_owner(&change, org, owner).await?;
        let before = held(&change, org, Life::Deleted).await?;
        let erased = erasure::Entity::find().filter(within(erasure::Column::OrgId, org));
        if erased.one(&change).await?.is_some() {
            return Err(StoreError::NotFound);
        }
        let after = kept::mark::<organization::Entity>(&change, &before, None, entry, "").await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn deleted_organizations(
        &self,
        owner: UserId,
    ) -> Result<Vec<Organization>, StoreError> {
        let places = self.memberships_in(owner, Life::Deleted).await?;
        let owned = places.into_iter().filter(|place| place.role >= Role::OWNS);
        let owned: Vec<Organization> =
            owned.map(|Membership { organization, .. }| organization).collect();
        let ids = owned.iter().map(|organization| organization.id.0);
        let erased = erasure::Entity::find().filter(erasure::Column::OrgId.is_in(ids));
        let erased = erased.all(&self.db).await?;
        let is_kept = |organization: &Organization| {
            erased.iter().all(|erasure| erasure.org_id != organization.id.0)
        };
        Ok(owned.into_iter().filter(is_kept).collect())
    }
}

/// The organization's row, which nobody else changes until the change ends: who is in it stays so, too, for all who
/// hold it before they edit that.
pub(crate) async fn held(
    change: &DatabaseTransaction,
    org: OrgId,
    life: Life,
) -> Result<organization::Model, StoreError> {
    kept::hold::<organization::Entity>(change, org, org.0, life, None).await
}

/// Goes on only for one of the organization's owners. Who is none learns nothing.
pub(crate) async fn need_owner(
    change: &DatabaseTransaction,
    org: OrgId,
    user: UserId,
) -> Result<(), StoreError> {
    let row = membership::Entity::find()
        .filter(within(membership::Column::OrgId, org))
        .filter(membership::Column::UserId.eq(user.0))
        .one(change)
        .await?;
    let role = row.map(|row| row.role()).transpose()?;
    if role.is_some_and(|role| role >= Role::OWNS) { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Raises the epoch of every site, so that no process commits for its units any more.
async fn take_sites_over(change: &DatabaseTransaction, org: OrgId) -> Result<(), StoreError> {
    use site_owner::Column::{OrgId as Org, OwnerEpoch, SiteId};
    // in the one order in which all who want several of them take them
    let held = site_owner::Entity::find().filter(within(Org, org)).order_by_asc(SiteId);
    let held = held.lock_exclusive().all(change).await?;
    site_owner::Entity::update_many()
        .col_expr(OwnerEpoch, Expr::col(OwnerEpoch).add(1))
        .filter(within(Org, org))
        .filter(SiteId.is_in(held.iter().map(|row| row.site_id)))
        .exec(change)
        .await?;
    Ok(())
}
