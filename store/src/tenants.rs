//! Organizations and their members.

use hub_domain::{OrgId, UserId};
use serde_json::json;

use crate::{
    Store, StoreError,
    entity::{self, membership, organization},
    open::ask,
    records::{Actor, AuditEntry, Membership, Organization, Role},
    sql::{self, Sql},
};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, sea_query::OnConflict,
};

impl Store {
    /// Makes an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_organization(
        &self,
        name: &str,
        actor: Actor,
    ) -> Result<Organization, StoreError> {
        let (id, created_at) = self.mint();
        let organization = Organization { id: OrgId(id), name: name.to_owned(), created_at };
        let entry = self.entry(
            organization.id,
            actor,
            "organization.created",
            "organization",
            id,
            &json!({ "name": name }),
        );
        ask!(self, insert_organization(&organization, &entry))?;
        Ok(organization)
    }

    /// The organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn organization(&self, org: OrgId) -> Result<Option<Organization>, StoreError> {
        ask!(self, organization(org))
    }

    /// Gives a person a role in an organization, whatever they had before.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn set_membership(
        &self,
        org: OrgId,
        user: UserId,
        role: Role,
    ) -> Result<(), StoreError> {
        let detail = json!({ "role": role.name() });
        let entry = self.entry(org, Actor::Hub, "membership.set", "user", user.0, &detail);
        ask!(self, put_membership(org, user, role, &entry))
    }

    /// Takes a person out of an organization; nothing happens if they were not in it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn remove_membership(&self, org: OrgId, user: UserId) -> Result<(), StoreError> {
        let entry = self.entry(org, Actor::Hub, "membership.removed", "user", user.0, &json!({}));
        ask!(self, delete_membership(org, user, &entry))
    }

    /// Every organization a person is in.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn memberships(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        ask!(self, memberships(user))
    }

    /// What a person may do in an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn membership(&self, org: OrgId, user: UserId) -> Result<Option<Role>, StoreError> {
        ask!(self, membership(org, user))
    }
}

impl Sql {
    pub(crate) async fn insert_organization(
        &self,
        organization: &Organization,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let row = organization::ActiveModel::from(organization);
        organization::Entity::insert(row).exec_without_returning(&change).await?;
        sql::audit(&change, entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn organization(
        &self,
        org: OrgId,
    ) -> Result<Option<Organization>, StoreError> {
        let row = organization::Entity::find_by_id(org.0).one(&self.db).await?;
        row.map(Organization::try_from).transpose()
    }

    pub(crate) async fn put_membership(
        &self,
        org: OrgId,
        user: UserId,
        role: Role,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let row = membership::Model {
            org_id: org.0,
            user_id: user.0,
            role: role.name().to_owned(),
            created_at: entry.at.as_millis(),
        };
        let key = [membership::Column::OrgId, membership::Column::UserId];
        let change = self.begin().await?;
        membership::Entity::insert(entity::insertable(row))
            .on_conflict(
                OnConflict::columns(key).update_column(membership::Column::Role).to_owned(),
            )
            .exec_without_returning(&change)
            .await?;
        sql::audit(&change, entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn delete_membership(
        &self,
        org: OrgId,
        user: UserId,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let gone = membership::Entity::delete_by_id((org.0, user.0)).exec(&change).await?;
        if gone.rows_affected > 0 {
            sql::audit(&change, entry).await?;
        }
        Ok(change.commit().await?)
    }

    pub(crate) async fn memberships(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        let of_user = membership::Entity::find().filter(membership::Column::UserId.eq(user.0));
        let rows = of_user.order_by_asc(membership::Column::OrgId).all(&self.db).await?;
        let ids = rows.iter().map(|row| row.org_id);
        let of_ids = organization::Entity::find().filter(organization::Column::Id.is_in(ids));
        let organizations = of_ids.order_by_asc(organization::Column::Id).all(&self.db).await?;
        // both in order of the organization; one that came or went in between is left out
        let joined = organizations.into_iter().filter_map(|organization| {
            let row = rows.iter().find(|row| row.org_id == organization.id)?;
            Some((organization, row))
        });
        let membership = |(organization, row): (organization::Model, &membership::Model)| {
            Ok(Membership { organization: organization.try_into()?, user, role: row.role()? })
        };
        joined.map(membership).collect()
    }

    pub(crate) async fn membership(
        &self,
        org: OrgId,
        user: UserId,
    ) -> Result<Option<Role>, StoreError> {
        let row = membership::Entity::find_by_id((org.0, user.0)).one(&self.db).await?;
        row.map(|row| row.role()).transpose()
    }
}
