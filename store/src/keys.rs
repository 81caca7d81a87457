//! API keys, and secrets that take the place of others.

use hub_domain::{KeyId, OrgId, SiteId, Timestamp};
use serde_json::json;

use crate::{
    By, Expected, Store, StoreError,
    entity::{self, api_key},
    kept::{hold, write},
    open::{ask, ask_database},
    records::{ApiKey, AuditEntry, Life, Page, PageQuery, PreviousSecret},
    scope::within,
    sql::Sql,
    tenants::of_the_living,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, ExprTrait as _},
};

/// A secret that takes the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewSecret {
    /// SHA-256 of the new one.
    pub hash: [u8; 32],
    /// Until when the old one is taken too; `None` for no longer.
    pub old_until: Option<Timestamp>,
}

impl NewSecret {
    /// What is kept of the old one.
    pub(crate) fn previous(self, hash: [u8; 32]) -> Option<PreviousSecret> {
        self.old_until.map(|until| PreviousSecret { hash, until })
    }
}

impl Store {
    /// Keeps a key's public half and the hash of its secret one.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_api_key(
        &self,
        org: OrgId,
        id: KeyId,
        site: Option<SiteId>,
        name: &str,
        secret_hash: [u8; 32],
        by: impl Into<By>,
    ) -> Result<ApiKey, StoreError> {
        let (name, created_at) = (name.to_owned(), self.now());
        let key = ApiKey {
            id,
            org,
            site,
            name,
            secret_hash,
            previous: None,
            created_at,
            revoked_at: None,
            last_used_at: None,
            version: 1,
            updated_at: None,
        };
        let detail = json!({ "name": key.name });
        let entry = self.entry(org, by, "api_key.created", "api_key", id.0, &detail);
        ask!(self, insert_api_key(&key, &entry))?;
        Ok(key)
    }

    /// The key, revoked or not.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn api_key(&self, org: OrgId, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        ask!(self, api_key(org, id))
    }

    /// The keys of an organization: those that are taken, or those that were revoked.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn api_keys(
        &self,
        org: OrgId,
        life: Life,
        page: PageQuery,
    ) -> Result<Page<ApiKey>, StoreError> {
        ask!(self, api_keys(org, life, &page))
    }

    /// The key, whosever it is: it is what tells the organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn find_api_key(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        ask!(self, find_api_key(id))
    }

    /// Notes that a key was used, in whole minutes, so that most uses write nothing.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn touch_api_key(&self, id: KeyId, at: Timestamp) -> Result<(), StoreError> {
        let minute = Timestamp::from_millis(at.as_millis() - at.as_millis().rem_euclid(60_000));
        ask!(self, note_key_use(id, minute))
    }

    /// Gives a key another name.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rename_api_key(
        &self,
        org: OrgId,
        id: KeyId,
        expected: impl Into<Expected>,
        name: &str,
        by: impl Into<By>,
    ) -> Result<ApiKey, StoreError> {
        let entry = self.entry(org, by, "api_key.updated", "api_key", id.0, &json!({}));
        ask_database!(self, rename_api_key(org, id, expected.into(), name, entry))
    }

    /// Gives a key another secret.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rotate_api_key(
        &self,
        org: OrgId,
        id: KeyId,
        secret: NewSecret,
        by: impl Into<By>,
    ) -> Result<ApiKey, StoreError> {
        let entry = self.entry(org, by, "api_key.rotated", "api_key", id.0, &json!({}));
        ask_database!(self, rotate_api_key(org, id, secret, entry))
    }

    /// Refuses a key from now on. One that is revoked already stays as it is.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn revoke_api_key(
        &self,
        org: OrgId,
        id: KeyId,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "api_key.revoked", "api_key", id.0, &json!({}));
        ask!(self, revoke_api_key(org, id, &entry))
    }
}

impl Sql {
    pub(crate) async fn insert_api_key(
        &self,
        key: &ApiKey,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        self.make::<api_key::Entity>(key.org, key.into(), "id", entry.clone()).await
    }

    pub(crate) async fn api_key(
        &self,
        org: OrgId,
        id: KeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        let of_org = within(api_key::Column::OrgId, org);
        let row =
            api_key::Entity::find_by_id(id.0).filter(of_org).one(&self.of(org).await?).await?;
        row.map(ApiKey::try_from).transpose()
    }

    pub(crate) async fn find_api_key(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        let living = of_the_living(api_key::Column::OrgId);
        let row = api_key::Entity::find_by_id(id.0).filter(living).one(&self.db).await?;
        row.map(ApiKey::try_from).transpose()
    }

    pub(crate) async fn api_keys(
        &self,
        org: OrgId,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<ApiKey>, StoreError> {
        let of_org = Condition::all().add(within(api_key::Column::OrgId, org));
        self.all_kept::<api_key::Entity, _>(org, of_org, life, page).await
    }

    pub(crate) async fn note_key_use(
        &self,
        id: KeyId,
        minute: Timestamp,
    ) -> Result<(), StoreError> {
        use api_key::Column::LastUsedAt;
        let earlier = LastUsedAt.is_null().or(LastUsedAt.lt(minute.as_millis()));
        api_key::Entity::update_many()
            .col_expr(LastUsedAt, Expr::value(minute.as_millis()))
            .filter(api_key::Column::Id.eq(id.0))
            .filter(earlier)
            .exec(self.changes())
            .await?;
        Ok(())
    }

    pub(crate) async fn rename_api_key(
        &self,
        org: OrgId,
        id: KeyId,
        expected: Expected,
        name: &str,
        entry: AuditEntry,
    ) -> Result<ApiKey, StoreError> {
        let edit = api_key::ActiveModel { name: Set(name.to_owned()), ..Default::default() };
        self.amend::<api_key::Entity>(org, id.0, expected, edit, entry).await?.try_into()
    }

    pub(crate) async fn rotate_api_key(
        &self,
        org: OrgId,
        id: KeyId,
        secret: NewSecret,
        entry: AuditEntry,
    ) -> Result<ApiKey, StoreError> {
        let change = self.begin_of(org).await?;
        let held = hold::<api_key::Entity>(&change, org, id.0, Life::Present, None).await?;
        let previous = secret.previous(entity::hash(&held.secret_hash)?);
        let edit = api_key::ActiveModel {
            secret_hash: Set(secret.hash.to_vec()),
            previous_hash: Set(previous.map(|previous| previous.hash.to_vec())),
            previous_until: Set(previous.map(|previous| previous.until.as_millis())),
            ..Default::default()
        };
        let after = write::<api_key::Entity>(&change, &held, edit, entry, "").await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn revoke_api_key(
        &self,
        org: OrgId,
        id: KeyId,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        match self.discard::<api_key::Entity>(org, id.0, None, entry.clone()).await {
            Err(StoreError::NotFound) if self.api_key(org, id).await?.is_some() => Ok(()),
            revoked => revoked,
        }
    }
}
