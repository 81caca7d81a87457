//! API keys and webhook connections.

use hub_domain::{KeyId, OrgId, SiteId, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    entity::{api_key, ttn_connection},
    error::taken,
    open::ask,
    records::{Actor, ApiKey, AuditEntry, Page, PageQuery, TtnConnection},
    sql::{self, Sql},
};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, ExprTrait as _},
};

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
        actor: Actor,
    ) -> Result<ApiKey, StoreError> {
        let (name, created_at) = (name.to_owned(), self.now());
        let key = ApiKey {
            id,
            org,
            site,
            name,
            secret_hash,
            created_at,
            revoked_at: None,
            last_used_at: None,
        };
        let entry = self.entry(
            org,
            actor,
            "api_key.created",
            "api_key",
            id.0,
            &json!({ "name": key.name }),
        );
        ask!(self, insert_api_key(&key, &entry))?;
        Ok(key)
    }

    /// The key.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn api_key(&self, org: OrgId, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        ask!(self, api_key(org, id))
    }

    /// The keys of an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn api_keys(&self, org: OrgId, page: PageQuery) -> Result<Page<ApiKey>, StoreError> {
        ask!(self, api_keys(org, &page))
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

    /// Refuses a key from now on. One that is revoked already stays as it is.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn revoke_api_key(
        &self,
        org: OrgId,
        id: KeyId,
        actor: Actor,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, actor, "api_key.revoked", "api_key", id.0, &json!({}));
        ask!(self, revoke_api_key(org, id, &entry))
    }

    /// Makes a webhook connection.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_ttn_connection(
        &self,
        org: OrgId,
        name: &str,
        secret_hash: [u8; 32],
        actor: Actor,
    ) -> Result<TtnConnection, StoreError> {
        let (id, created_at) = self.mint();
        let connection = TtnConnection { id, org, name: name.to_owned(), secret_hash, created_at };
        let entry = self.entry(
            org,
            actor,
            "ttn_connection.created",
            "ttn_connection",
            id,
            &json!({ "name": name }),
        );
        ask!(self, insert_ttn_connection(&connection, &entry))?;
        Ok(connection)
    }

    /// The connection.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn ttn_connection(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<TtnConnection>, StoreError> {
        ask!(self, ttn_connection(org, id))
    }

    /// The connections of an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn ttn_connections(
        &self,
        org: OrgId,
        page: PageQuery,
    ) -> Result<Page<TtnConnection>, StoreError> {
        ask!(self, ttn_connections(org, &page))
    }

    /// The connection, whosever it is: it is what tells the organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn find_ttn_connection(&self, id: Uuid) -> Result<Option<TtnConnection>, StoreError> {
        ask!(self, find_ttn_connection(id))
    }
}

impl Sql {
    pub(crate) async fn insert_api_key(
        &self,
        key: &ApiKey,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let row = api_key::ActiveModel::from(key);
        api_key::Entity::insert(row).exec_without_returning(&change).await.map_err(taken("id"))?;
        sql::audit(&change, entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn api_key(
        &self,
        org: OrgId,
        id: KeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.find_api_key(id).await?.filter(|key| key.org == org))
    }

    pub(crate) async fn find_api_key(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        api_key::Entity::find_by_id(id.0).one(&self.db).await?.map(ApiKey::try_from).transpose()
    }

    pub(crate) async fn api_keys(
        &self,
        org: OrgId,
        page: &PageQuery,
    ) -> Result<Page<ApiKey>, StoreError> {
        let query = api_key::Entity::find().filter(api_key::Column::OrgId.eq(org.0));
        self.page(query, api_key::Column::Id, |row| row.id, page).await
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

    pub(crate) async fn revoke_api_key(
        &self,
        org: OrgId,
        id: KeyId,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        if self.api_key(org, id).await?.is_none() {
            return Err(StoreError::NotFound);
        }
        let change = self.begin().await?;
        let done = api_key::Entity::update_many()
            .col_expr(api_key::Column::RevokedAt, Expr::value(entry.at.as_millis()))
            .filter(api_key::Column::Id.eq(id.0))
            .filter(api_key::Column::RevokedAt.is_null())
            .exec(&change)
            .await?;
        if done.rows_affected > 0 {
            sql::audit(&change, entry).await?;
        }
        Ok(change.commit().await?)
    }

    pub(crate) async fn insert_ttn_connection(
        &self,
        made: &TtnConnection,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        let row = ttn_connection::ActiveModel::from(made);
        ttn_connection::Entity::insert(row).exec_without_returning(&change).await?;
        sql::audit(&change, entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn ttn_connection(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<TtnConnection>, StoreError> {
        Ok(self.find_ttn_connection(id).await?.filter(|connection| connection.org == org))
    }

    pub(crate) async fn find_ttn_connection(
        &self,
        id: Uuid,
    ) -> Result<Option<TtnConnection>, StoreError> {
        let live = ttn_connection::Entity::find_by_id(id)
            .filter(ttn_connection::Column::DeletedAt.is_null());
        live.one(&self.db).await?.map(TtnConnection::try_from).transpose()
    }

    pub(crate) async fn ttn_connections(
        &self,
        org: OrgId,
        page: &PageQuery,
    ) -> Result<Page<TtnConnection>, StoreError> {
        let of_org = ttn_connection::Entity::find().filter(ttn_connection::Column::OrgId.eq(org.0));
        let query = of_org.filter(ttn_connection::Column::DeletedAt.is_null());
        self.page(query, ttn_connection::Column::Id, |row| row.id, page).await
    }
}
