//! Radio gateways.

use hub_domain::{OrgId, SiteId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QuerySelect as _, sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Expected, Store, StoreError,
    entity::{gateway, site},
    kept,
    open::ask_database,
    records::{AuditEntry, Gateway, GatewayEdit, Life, NewGateway, Page, PageQuery},
    scope::within,
    sql::Sql,
};

/// How often it is written that a gateway was heard, in milliseconds.
const SIGHTING_EVERY: i64 = 60_000;

impl Store {
    /// Registers a gateway.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_gateway(
        &self,
        org: OrgId,
        gateway: NewGateway,
        by: impl Into<By>,
    ) -> Result<Gateway, StoreError> {
        let (id, created_at) = self.mint();
        let entry = self.entry(org, by, "gateway.created", "gateway", id, &json!({}));
        let row = gateway::Model {
            id,
            org_id: org.0,
            site_id: gateway.site.map(|site| site.0),
            name: gateway.name,
            gateway_eui: gateway.gateway_eui,
            last_seen_at: None,
            created_at: created_at.as_millis(),
            updated_at: None,
            deleted_at: None,
            version: 1,
        };
        ask_database!(self, insert_gateway(row, entry))
    }

    /// The gateway.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn gateway(&self, org: OrgId, id: Uuid) -> Result<Option<Gateway>, StoreError> {
        ask_database!(self, gateway(org, id))
    }

    /// The gateways of an organization or of one site.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn gateways(
        &self,
        org: OrgId,
        site: Option<SiteId>,
        life: Life,
        page: PageQuery,
    ) -> Result<Page<Gateway>, StoreError> {
        ask_database!(self, gateways(org, site, life, &page))
    }

    /// Edits a gateway.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn edit_gateway(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        edit: GatewayEdit,
        by: impl Into<By>,
    ) -> Result<Gateway, StoreError> {
        let entry = self.entry(org, by, "gateway.updated", "gateway", id, &json!({}));
        ask_database!(self, edit_gateway(id, expected.into(), edit, entry))
    }

    /// Takes a gateway out of the lists; it can be brought back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn delete_gateway(
        &self,
        org: OrgId,
        id: Uuid,
        expected: impl Into<Expected>,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "gateway.deleted", "gateway", id, &json!({}));
        ask_database!(self, delete_gateway(id, expected.into(), entry))
    }

    /// Brings a gateway back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn restore_gateway(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<Gateway, StoreError> {
        let entry = self.entry(org, by, "gateway.restored", "gateway", id, &json!({}));
        ask_database!(self, restore_gateway(id, entry))
    }

    /// Deletes a gateway that was taken away for good.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn purge_gateway(
        &self,
        org: OrgId,
        id: Uuid,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "gateway.purged", "gateway", id, &json!({}));
        ask_database!(self, purge_gateway(id, entry))
    }

    /// Notes that a gateway of this radio identity was heard, if there is one and that is not known already.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn note_gateway(
        &self,
        org: OrgId,
        gateway_eui: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        ask_database!(self, note_gateway(org, gateway_eui, at))
    }
}

impl Sql {
    pub(crate) async fn insert_gateway(
        &self,
        row: gateway::Model,
        entry: AuditEntry,
    ) -> Result<Gateway, StoreError> {
        let org = entry.org;
        let change = self.begin_of(org).await?;
        need_site(&change, org, row.site_id).await?;
        kept::make_in::<gateway::Entity>(&change, row.clone(), "gatewayEui", entry).await?;
        change.commit().await?;
        row.try_into()
    }

    pub(crate) async fn gateway(
        &self,
        org: OrgId,
        id: Uuid,
    ) -> Result<Option<Gateway>, StoreError> {
        let row = self.one_kept::<gateway::Entity>(org, id).await?;
        row.map(Gateway::try_from).transpose()
    }

    pub(crate) async fn gateways(
        &self,
        org: OrgId,
        site: Option<SiteId>,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<Gateway>, StoreError> {
        let wanted = Condition::all()
            .add(within(gateway::Column::OrgId, org))
            .add_option(site.map(|site| gateway::Column::SiteId.eq(site.0)));
        self.all_kept::<gateway::Entity, _>(org, wanted, life, page).await
    }

    pub(crate) async fn edit_gateway(
        &self,
        id: Uuid,
        expected: Expected,
        edit: GatewayEdit,
        entry: AuditEntry,
    ) -> Result<Gateway, StoreError> {
        let org = entry.org;
        let change = self.begin_of(org).await?;
        let before =
            kept::hold::<gateway::Entity>(&change, org, id, Life::Present, expected).await?;
        let mut row = gateway::ActiveModel::default();
        if let Some(name) = edit.name {
            row.name = Set(name);
        }
        if let Some(site) = edit.site {
            let site = site.map(|site| site.0);
            need_site(&change, org, site).await?;
            row.site_id = Set(site);
        }
        if let Some(gateway_eui) = edit.gateway_eui {
            row.gateway_eui = Set(gateway_eui);
        }
        let after =
            kept::write::<gateway::Entity>(&change, &before, row, entry, "gatewayEui").await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn delete_gateway(
        &self,
        id: Uuid,
        expected: Expected,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        self.discard::<gateway::Entity>(entry.org, id, expected, entry).await
    }

    pub(crate) async fn restore_gateway(
        &self,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<Gateway, StoreError> {
        let org = entry.org;
        let change = self.begin_of(org).await?;
        let before = kept::hold::<gateway::Entity>(&change, org, id, Life::Deleted, None).await?;
        need_site(&change, org, before.site_id).await.map_err(|error| match error {
            StoreError::NotFound => StoreError::ParentDeleted,
            other => other,
        })?;
        let after =
            kept::mark::<gateway::Entity>(&change, &before, None, entry, "gatewayEui").await?;
        change.commit().await?;
        after.try_into()
    }

    pub(crate) async fn purge_gateway(
        &self,
        id: Uuid,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        self.purge::<gateway::Entity>(entry.org, id, entry).await
    }

    pub(crate) async fn note_gateway(
        &self,
        org: OrgId,
        gateway_eui: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        use gateway::Column::{DeletedAt, GatewayEui, LastSeenAt, OrgId};
        let at = at.as_millis();
        let is_news = Condition::any()
            .add(LastSeenAt.is_null())
            .add(LastSeenAt.lte(at.saturating_sub(SIGHTING_EVERY)));
        let change = self.begin_of(org).await?;
        gateway::Entity::update_many()
            .col_expr(LastSeenAt, Expr::val(at))
            .filter(within(OrgId, org))
            .filter(GatewayEui.eq(gateway_eui))
            .filter(DeletedAt.is_null())
            .filter(is_news)
            .exec(&change)
            .await?;
        Ok(change.commit().await?)
    }
}

/// Goes on only if the site, where one is named, is there, and keeps it there until the change ends.
async fn need_site(
    change: &DatabaseTransaction,
    org: OrgId,
    id: Option<Uuid>,
) -> Result<(), StoreError> {
    let Some(id) = id else { return Ok(()) };
    let live = site::Entity::find_by_id(id)
        .filter(within(site::Column::OrgId, org))
        .filter(site::Column::DeletedAt.is_null());
    live.lock_shared().one(change).await?.map(drop).ok_or(StoreError::NotFound)
}
