//! People who sign in, and the keys that sign their tokens.

use hub_domain::UserId;

use crate::{
    Store, StoreError,
    entity::{signing_key, user},
    error::taken,
    open::ask,
    records::{SigningKey, User},
    sql::Sql,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
};

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

    /// Ties a person to an issuer's subject.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn link_subject(
        &self,
        user: UserId,
        issuer: &str,
        subject: &str,
    ) -> Result<(), StoreError> {
        ask!(self, link_subject(user, issuer, subject))
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
        issuer: &str,
        subject: &str,
    ) -> Result<(), StoreError> {
        let tie = user::ActiveModel {
            issuer: Set(Some(issuer.to_owned())),
            subject: Set(Some(subject.to_owned())),
            ..Default::default()
        };
        let update = user::Entity::update_many().set(tie).filter(user::Column::Id.eq(user.0));
        let done = update.exec(self.changes()).await.map_err(taken("subject"))?;
        if done.rows_affected == 0 { Err(StoreError::NotFound) } else { Ok(()) }
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
