//! Connections of radio networks, whose webhooks come in by them.

use hub_domain::OrgId;
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Expected, NewSecret, Store, StoreError,
    entity::{self, ttn_connection},
    kept::{hold, write},
    open::{ask, ask_database},
    records::{AuditEntry, Edition, Life, Page, PageQuery, TtnConnection},
    scope::within,
    sql::Sql,
    tenants::of_the_living,
};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _};

impl Store {
    /// Makes a webhook connection.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_ttn_connection(
        &self,
        org: OrgId,
        name: &str,
        secret_hash: [u8; 32],
        by: impl Into<By>,
    ) -> Result<TtnConnection, StoreError> {
        let (id, created_at) = self.mint();
        let (name, edition) = (name.to_owned(), Edition::default());
        let connection =
            TtnConnection { id, org, name, secret_hash, previous: None, created_at, edition };
        let detail = json!({ "name": connection.name });
        let entry = self.entry(org, by, "ttn_connection.created", "ttn_connection", id, &detail);
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
        life: Life,
        page: PageQuery,
    ) -> Result<Page<TtnConnection>, StoreError> {
        ask!(self, ttn_connections(org, life, &page))
    }

    /// The connection, whosever it is: it is what tells the organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn find_ttn_connection(&self, id: Uuid) -> Result<Option<TtnConnection>, StoreError> {
        ask!(self, find_ttn_connection(id))
    }

    /// Gives a connection another name.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rename_ttn_connection(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        name: &str,
        by: impl Into<By>,
    ) -> Result<TtnConnection, StoreError> {
        let entry = self.entry(org, by, "ttn_connection.updated", "ttn_connection", id, &json!({}));
        ask_database!(self, rename_ttn_connection(org, id, expected.into(), name, entry))
    }

    /// Gives a connection another secret.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn rotate_ttn_connection(
        &self,
        org: OrgId,
        id: Uuid,
        secret: NewSecret,
        by: impl Into<By>,
    ) -> Result<TtnConnection, StoreError> {
        let entry = self.entry(org, by, "ttn_connection.rotated", "ttn_connection", id, &json!({}));
        ask_database!(self, rotate_ttn_connection(org, id, secret, entry))
    }

    /// Takes a connection away: nothing comes in by it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn delete_ttn_connection(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "ttn_connection.deleted", "ttn_connection", id, &json!({}));
        ask_database!(self, discard::<ttn_connection::Entity>(org, id, None, entry))
    }

    /// Brings a connection back, with its secret.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn restore_ttn_connection(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<TtnConnection, StoreError> {
        let entry =
            self.entry(org, by, "ttn_connection.restored", "ttn_connection", id, &json!({}));
        let restored = ask_database!(self, restore::<ttn_connection::Entity>(org, id, "id", entry));
        restored.and_then(TtnConnection::try_from)
    }

    /// Deletes a connection for good.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn purge_ttn_connection(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "ttn_connection.purged", "ttn_connection", id, &json!({}));
        ask_database!(self, purge::<ttn_connection::Entity>(org, id, entry))
    }
}

impl Sql {
    pub(crate) async fn insert_ttn_connection(
        &self,
        made: &TtnConnection,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        self.make::<ttn_connection::Entity>(made.org, made.into(), "id", entry.clone()).await
    }

    pub(crate) async fn ttn_connection(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<TtnConnection>, StoreError> {
        let row = self.one_kept::<ttn_connection::Entity>(org, id).await?;
        row.map(TtnConnection::try_from).transpose()
    }

    pub(crate) async fn find_ttn_connection(
        &self,
        id: Uuid,
    ) -> Result<Option<TtnConnection>, StoreError> {
        let live = ttn_connection::Entity::find_by_id(id)
            .filter(ttn_connection::Column::DeletedAt.is_null())
            .filter(of_the_living(ttn_connection::Column::OrgId));
        live.one(&self.db).await?.map(TtnConnection::try_from).transpose()
    }

    pub(crate) async fn ttn_connections(
        &self,
        org: OrgId,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<TtnConnection>, StoreError> {
        let of_org = Condition::all().add(within(ttn_connection::Column::OrgId, org));
        self.all_kept::<ttn_connection::Entity, _>(org, of_org, life, page).await
    }

    pub(crate) async fn rename_ttn_connection(
        &self,
        org: OrgId,
        id: Uuid,
        expected: Expected,
        name: &str,
        entry: AuditEntry,
    ) -> Result<TtnConnection, StoreError> {
        let edit = ttn_connection::ActiveModel { name: Set(name.to_owned()), ..Default::default() };
        self.amend::<ttn_connection::Entity>(org, id, expected, edit, entry).await?.try_into()
    }

    pub(crate) async fn rotate_ttn_connection(
        &self,
        org: OrgId,
        id: Uuid,
        secret: NewSecret,
        entry: AuditEntry,
    ) -> Result<TtnConnection, StoreError> {
        let change = self.begin_of(org).await?;
        let held = hold::<ttn_connection::Entity>(&change, org, id, Life::Present, None).await?;
        let previous = secret.previous(entity::hash(&held.secret_hash)?);
        let edit = ttn_connection::ActiveModel {
            secret_hash: Set(secret.hash.to_vec()),
            previous_hash: Set(previous.map(|previous| previous.hash.to_vec())),
            previous_until: Set(previous.map(|previous| previous.until.as_millis())),
            ..Default::default()
        };
        let after = write::<ttn_connection::Entity>(&change, &held, edit, entry, "").await?;
        change.commit().await?;
        after.try_into()
    }
}
