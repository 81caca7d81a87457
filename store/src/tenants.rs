//! Organizations and their members.

use std::collections::{HashMap, HashSet};

use hub_domain::{OrgId, UserId};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Store, StoreError,
    devices::CHUNK,
    entity::{self, known, membership, organization, user},
    open::ask,
    records::{Actor, AuditEntry, Edition, Life, Membership, Organization, Presence, Role},
    sql::{self, Sql},
};
use sea_orm::{
    ColumnTrait, EntityTrait as _, JoinType, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    RelationDef,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query, SimpleExpr},
};

impl Store {
    /// Makes an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_organization(
        &self,
        name: &str,
        by: impl Into<By>,
    ) -> Result<Organization, StoreError> {
        let (id, created_at) = self.mint();
        let (name, edition) = (name.to_owned(), Edition::default());
        let organization = Organization { id: OrgId(id), name, created_at, edition };
        let entry = self.entry(
            organization.id,
            by,
            "organization.created",
            "organization",
            id,
            &json!({ "name": organization.name }),
        );
        ask!(self, insert_organization(&organization, entry))?;
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
        ask!(self, put_membership(org, user, role, entry))
    }

    /// Takes a person out of an organization; nothing happens if they were not in it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn remove_membership(&self, org: OrgId, user: UserId) -> Result<(), StoreError> {
        let entry = self.entry(org, Actor::Hub, "membership.removed", "user", user.0, &json!({}));
        ask!(self, delete_membership(org, user, entry))
    }

    /// Every organization a person is in.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn memberships(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        ask!(self, memberships(user))
    }

    /// Where a person is, and which of their tokens are good, in one go: every request asks for it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn presence(&self, user: UserId) -> Result<Presence, StoreError> {
        ask!(self, presence(user))
    }

    /// The generation of each of these people's access tokens.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn token_generations(
        &self,
        users: &[UserId],
    ) -> Result<HashMap<UserId, i64>, StoreError> {
        ask!(self, token_generations(users))
    }

    /// Those of `pairs` whose person is in the organization with this role or a higher one, all asked for at once.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn members_among(
        &self,
        pairs: &[(UserId, OrgId)],
        least: Role,
    ) -> Result<HashSet<(UserId, OrgId)>, StoreError> {
        ask!(self, members_among(pairs, least))
    }

    /// What a person may do in an organization; `None` also where it was deleted.
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
        mut entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(organization.id).await?;
        let row = organization::ActiveModel::from(organization);
        organization::Entity::insert(row).exec_without_returning(&change).await?;
        let made = organization::Entity::find_by_id(organization.id.0).one(&change).await?;
        entry.after = made.as_ref().map(crate::kept::written).transpose()?;
        sql::audit(&change, &entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn organization(
        &self,
        org: OrgId,
    ) -> Result<Option<Organization>, StoreError> {
        let row = organization::Entity::find_by_id(org.0).one(&self.of(org).await?).await?;
        row.map(Organization::try_from).transpose()
    }

    pub(crate) async fn put_membership(
        &self,
        org: OrgId,
        user: UserId,
        role: Role,
        mut entry: AuditEntry,
    ) -> Result<(), StoreError> {
        use membership::Column::{UpdatedAt, Version};
        let row = membership::Model {
            org_id: org.0,
            user_id: user.0,
            role: role.name().to_owned(),
            created_at: entry.at.as_millis(),
            version: 1,
            updated_at: None,
        };
        let key = [membership::Column::OrgId, membership::Column::UserId];
        let change = self.begin_of(org).await?;
        let held = membership::Entity::find_by_id((org.0, user.0));
        let before = held.clone().lock_exclusive().one(&change).await?;
        membership::Entity::insert(entity::insertable(row))
            .on_conflict(
                OnConflict::columns(key)
                    .update_column(membership::Column::Role)
                    .value(Version, Expr::col((membership::Entity, Version)).add(1))
                    .value(UpdatedAt, Expr::val(entry.at.as_millis()))
                    .to_owned(),
            )
            .exec_without_returning(&change)
            .await?;
        entry.before = before.as_ref().map(crate::kept::written).transpose()?;
        entry.after = held.one(&change).await?.as_ref().map(crate::kept::written).transpose()?;
        sql::audit(&change, &entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn delete_membership(
        &self,
        org: OrgId,
        user: UserId,
        mut entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        let held = membership::Entity::find_by_id((org.0, user.0)).lock_exclusive();
        let Some(before) = held.one(&change).await? else { return Ok(()) };
        entry.before = Some(crate::kept::written(&before)?);
        membership::Entity::delete_by_id((org.0, user.0)).exec(&change).await?;
        sql::audit(&change, &entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn memberships(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        self.memberships_in(user, Life::Present).await
    }

    pub(crate) async fn memberships_in(
        &self,
        user: UserId,
        life: Life,
    ) -> Result<Vec<Membership>, StoreError> {
        let of_user = membership::Entity::find().filter(membership::Column::UserId.eq(user.0));
        let rows = of_user.order_by_asc(membership::Column::OrgId).all(&self.db).await?;
        let place = |row: &membership::Model| Ok((row.org_id, row.role()?));
        let places = rows.iter().map(place).collect::<Result<Vec<_>, StoreError>>()?;
        self.placed(user, &places, life).await
    }

    pub(crate) async fn presence(&self, user: UserId) -> Result<Presence, StoreError> {
        use membership::Column::{OrgId, Role as AsWhat, UserId as Member};
        let places: RelationDef =
            user::Entity::belongs_to(membership::Entity).from(user::Column::Id).to(Member).into();
        let rows: Vec<(i64, Option<Uuid>, Option<String>)> = user::Entity::find_by_id(user.0)
            .select_only()
            .column(user::Column::TokenGeneration)
            .columns([OrgId, AsWhat])
            .join(JoinType::LeftJoin, places)
            .order_by_asc(OrgId)
            .into_tuple()
            .all(&self.db)
            .await?;
        let generation = rows.first().map(|(generation, ..)| *generation);
        let place = |(_, org, role): (i64, Option<Uuid>, Option<String>)| org.zip(role);
        let known = |(org, role): (Uuid, String)| Ok((org, known("role", &role, Role::parse)?));
        let places = rows.into_iter().filter_map(place).map(known);
        let places = places.collect::<Result<Vec<_>, StoreError>>()?;
        let memberships = self.placed(user, &places, Life::Present).await?;
        Ok(Presence { generation, memberships })
    }

    pub(crate) async fn token_generations(
        &self,
        users: &[UserId],
    ) -> Result<HashMap<UserId, i64>, StoreError> {
        use user::Column::{Id, TokenGeneration};
        let mut found = HashMap::with_capacity(users.len());
        for users in users.chunks(CHUNK) {
            let rows: Vec<(Uuid, i64)> = user::Entity::find()
                .select_only()
                .columns([Id, TokenGeneration])
                .filter(Id.is_in(users.iter().map(|user| user.0)))
                .into_tuple()
                .all(&self.db)
                .await?;
            found.extend(rows.into_iter().map(|(user, generation)| (UserId(user), generation)));
        }
        Ok(found)
    }

    /// Places in order of their organizations, with those of them that are there.
    async fn placed(
        &self,
        user: UserId,
        places: &[(Uuid, Role)],
        life: Life,
    ) -> Result<Vec<Membership>, StoreError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let ids = places.iter().map(|(org, _)| *org);
        let of_ids = organization::Entity::find().filter(organization::Column::Id.is_in(ids));
        let of_ids = match life {
            Life::Present => of_ids.filter(organization::Column::DeletedAt.is_null()),
            Life::Deleted => of_ids.filter(organization::Column::DeletedAt.is_not_null()),
        };
        let organizations = of_ids.order_by_asc(organization::Column::Id).all(&self.db).await?;
        // both in order of the organization; one that came or went in between is left out
        let joined = organizations.into_iter().filter_map(|organization| {
            let (_, role) = places.iter().find(|(org, _)| *org == organization.id)?;
            Some((organization, *role))
        });
        let membership = |(organization, role): (organization::Model, Role)| {
            Ok(Membership { organization: organization.try_into()?, user, role })
        };
        joined.map(membership).collect()
    }

    pub(crate) async fn membership(
        &self,
        org: OrgId,
        user: UserId,
    ) -> Result<Option<Role>, StoreError> {
        let row = membership::Entity::find_by_id((org.0, user.0))
            .filter(of_the_living(membership::Column::OrgId))
            .one(&self.db)
            .await?;
        row.map(|row| row.role()).transpose()
    }

    pub(crate) async fn members_among(
        &self,
        pairs: &[(UserId, OrgId)],
        least: Role,
    ) -> Result<HashSet<(UserId, OrgId)>, StoreError> {
        use membership::Column::{OrgId as Org, UserId as User};
        let wanted: HashSet<(UserId, OrgId)> = pairs.iter().copied().collect();
        let good = Role::ALL.into_iter().filter(|role| *role >= least).map(Role::name);
        let mut found = HashSet::with_capacity(pairs.len());
        for pairs in pairs.chunks(CHUNK) {
            let rows: Vec<(Uuid, Uuid)> = membership::Entity::find()
                .select_only()
                .columns([User, Org])
                .filter(User.is_in(pairs.iter().map(|(user, _)| user.0)))
                .filter(membership::Column::Role.is_in(good.clone()))
                .filter(of_the_living(Org))
                .into_tuple()
                .all(&self.db)
                .await?;
            found.extend(rows.into_iter().map(|(user, org)| (UserId(user), OrgId(org))));
        }
        found.retain(|pair| wanted.contains(pair));
        Ok(found)
    }
}

/// True of rows whose organization was not deleted, by their column of it.
pub(crate) fn of_the_living<C: ColumnTrait>(org: C) -> SimpleExpr {
    let living = Query::select()
        .expr(Expr::val(1))
        .from(organization::Entity)
        .and_where(Expr::col(organization::Column::Id.as_column_ref()).eq(org.into_expr()))
        .and_where(Expr::col(organization::Column::DeletedAt.as_column_ref()).is_null())
        .to_owned();
    Expr::exists(living)
}
