//! People who sign in, and the keys that sign their tokens.

use hub_domain::{OrgId, Timestamp, UserId};
use serde_json::{Value, json};

use crate::{
    Store, StoreError, account_links,
    entity::{membership, signing_key, user},
    error::taken,
    joining,
    open::{ask, ask_database},
    records::{Account, Actor, AuditEntry, LinkPurpose, Membership, SigningKey, Subject, User},
    sessions,
    sql::{self, Sql},
    tenants::of_the_living,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, sea_query::ExprTrait as _,
};
use uuid::Uuid;

impl Store {
    /// Makes a person. The address is lower-cased.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_user(
        &self,
        email: &str,
        name: &str,
        password_hash: Option<&str>,
    ) -> Result<User, StoreError> {
        let (id, created_at) = self.mint();
        let password_hash = password_hash.map(str::to_owned);
        let user = User {
            id: UserId(id),
            email: email.to_lowercase(),
            name: name.to_owned(),
            password_hash,
            created_at,
        };
        ask!(self, insert_user(&user))?;
        Ok(user)
    }

    /// The person of that address, in any case.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        ask!(self, user_by_email(&email.to_lowercase()))
    }

    /// The person.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        ask!(self, user(user))
    }

    /// The account of that address, in any case.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn account_by_email(&self, email: &str) -> Result<Option<Account>, StoreError> {
        ask_database!(self, account_by_email(&email.to_lowercase()))
    }

    /// The person's account.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn account(&self, user: UserId) -> Result<Option<Account>, StoreError> {
        ask_database!(self, account(user))
    }

    /// Gives a person another name.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rename_user(&self, user: UserId, name: &str) -> Result<(), StoreError> {
        let entry = |org, before: &str| AuditEntry {
            before: Some(json!({ "name": before })),
            after: Some(json!({ "name": name })),
            ..self.entry(org, Actor::User(user), "user.updated", "user", user.0, &json!({}))
        };
        ask_database!(self, rename_user(user, name, &entry))
    }

    /// Changes a password that is known by its hash. All of the person's sessions end, and what links there are to set
    /// it without the old one are worthless.
    ///
    /// # Errors
    /// `Stale` if it is another by now, otherwise as [`StoreError`] says.
    pub async fn change_password(
        &self,
        user: UserId,
        from_hash: &str,
        to_hash: &str,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let (before, after) = (json!({}), json!({ "passwordChangedAt": now.as_millis() }));
        let by = Actor::User(user);
        let entries =
            self.entries_everywhere(user, by, "user.password_changed", before, after).await?;
        ask_database!(self, change_password(user, from_hash, to_hash, now, &entries))
    }

    /// The audit rows of what is done to an account: one in each organization that the person is in.
    pub(crate) async fn entries_everywhere(
        &self,
        user: UserId,
        by: Actor,
        action: &'static str,
        before: Value,
        after: Value,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let entry = |place: Membership| AuditEntry {
            before: Some(before.clone()),
            after: Some(after.clone()),
            ..self.entry(place.organization.id, by, action, "user", user.0, &json!({}))
        };
        Ok(self.memberships(user).await?.into_iter().map(entry).collect())
    }

    /// The person whom an issuer knows by that subject.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn user_by_subject(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<User>, StoreError> {
        ask!(self, user_by_subject(issuer, subject))
    }

    /// Ties a person to an issuer's subject. The issuer has seen them prove their address.
    ///
    /// # Errors
    /// `Taken` if either is tied to another, otherwise as [`StoreError`] says.
    pub async fn link_subject(
        &self,
        user: UserId,
        issuer: &str,
        subject: &str,
    ) -> Result<(), StoreError> {
        let subject = Subject { issuer: issuer.to_owned(), subject: subject.to_owned() };
        let (before, after) = (json!({ "issuer": null }), json!({ "issuer": issuer }));
        let by = Actor::User(user);
        let entries = self.entries_everywhere(user, by, "user.issuer_tied", before, after).await?;
        let now = self.now();
        ask!(self, link_subject(user, &subject, now, &entries))
    }

    /// Every key pair, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        ask!(self, signing_keys())
    }

    /// Adds a key pair.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn add_signing_key(&self, key: SigningKey) -> Result<(), StoreError> {
        ask!(self, insert_signing_key(&key))
    }
}

impl Sql {
    pub(crate) async fn insert_user(&self, user: &User) -> Result<(), StoreError> {
        let row = user::ActiveModel::from(user);
        user::Entity::insert(row)
            .exec_without_returning(self.changes())
            .await
            .map_err(taken("email"))?;
        Ok(())
    }

    pub(crate) async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let row = user::Entity::find().filter(user::Column::Email.eq(email)).one(&self.db).await?;
        row.map(User::try_from).transpose()
    }

    pub(crate) async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        user::Entity::find_by_id(id.0).one(&self.db).await?.map(User::try_from).transpose()
    }

    pub(crate) async fn account_by_email(
        &self,
        email: &str,
    ) -> Result<Option<Account>, StoreError> {
        let row = user::Entity::find().filter(user::Column::Email.eq(email)).one(&self.db).await?;
        row.map(Account::try_from).transpose()
    }

    pub(crate) async fn account(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        user::Entity::find_by_id(id.0).one(&self.db).await?.map(Account::try_from).transpose()
    }

    /// Renames a person. What they were called and where they are is read while they are held: of two who rename at once,
    /// the second tells what the first made of it.
    pub(crate) async fn rename_user(
        &self,
        user: UserId,
        name: &str,
        entry: &(dyn Fn(OrgId, &str) -> AuditEntry + Sync),
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let row = user::Entity::find_by_id(user.0).lock_exclusive().one(&change).await?;
        let before = row.ok_or(StoreError::NotFound)?.name;
        user::Entity::update_many()
            .set(user::ActiveModel { name: Set(name.to_owned()), ..Default::default() })
            .filter(user::Column::Id.eq(user.0))
            .exec(&change)
            .await?;
        let places: Vec<Uuid> = membership::Entity::find()
            .select_only()
            .column(membership::Column::OrgId)
            .filter(membership::Column::UserId.eq(user.0))
            .filter(of_the_living(membership::Column::OrgId))
            .order_by_asc(membership::Column::OrgId)
            .into_tuple()
            .all(&change)
            .await?;
        let entries: Vec<_> = places.into_iter().map(|org| entry(OrgId(org), &before)).collect();
        sql::audit_all(&change, &entries).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn change_password(
        &self,
        user: UserId,
        from_hash: &str,
        to_hash: &str,
        now: Timestamp,
        entries: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let edit = user::ActiveModel {
            password_hash: Set(Some(to_hash.to_owned())),
            password_changed_at: Set(Some(now.as_millis())),
            ..Default::default()
        };
        let change = self.begin().await?;
        let is_it = user::Column::Id.eq(user.0).and(user::Column::PasswordHash.eq(from_hash));
        let update = user::Entity::update_many().set(edit).filter(is_it);
        if update.exec(&change).await?.rows_affected == 0 {
            return Err(StoreError::Stale);
        }
        sessions::end_all(&change, user, now).await?;
        account_links::forget(&change, user, LinkPurpose::PasswordReset).await?;
        sql::audit_all(&change, entries).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn user_by_subject(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<User>, StoreError> {
        let of_issuer = user::Entity::find().filter(user::Column::Issuer.eq(issuer));
        let row = of_issuer.filter(user::Column::Subject.eq(subject)).one(&self.db).await?;
        row.map(User::try_from).transpose()
    }

    pub(crate) async fn link_subject(
        &self,
        user: UserId,
        subject: &Subject,
        now: Timestamp,
        entries: &[AuditEntry],
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        sessions::hold_user(&change, user).await?.ok_or(StoreError::NotFound)?;
        joining::tie(&change, user, subject, now).await?;
        sql::audit_all(&change, entries).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        let keys = signing_key::Entity::find().order_by_asc(signing_key::Column::CreatedAt);
        let rows = keys.order_by_asc(signing_key::Column::Kid).all(&self.db).await?;
        rows.into_iter().map(SigningKey::try_from).collect()
    }

    pub(crate) async fn insert_signing_key(&self, key: &SigningKey) -> Result<(), StoreError> {
        let row = signing_key::ActiveModel::from(key);
        signing_key::Entity::insert(row)
            .exec_without_returning(self.changes())
            .await
            .map_err(taken("kid"))?;
        Ok(())
    }
}
