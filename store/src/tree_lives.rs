//! Sites and areas edited, deleted, brought back and purged.

use hub_domain::{AreaId, OrgId, SiteId};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::json;
use uuid::Uuid;

use crate::{
    By, Expected, Store, StoreError,
    entity::{api_key, area, gateway, site, unit},
    gone::{Gone, sweep},
    kept::{hold, mark, remove},
    open::ask_database,
    records::{Area, AuditEntry, Life, Site, SiteEdit},
    scope::within,
    sql::Sql,
    tree::need_site,
};

/// What is a site's own and goes with it for good.
const OF_A_SITE: &[&str] = &[
    "DELETE FROM maintenance_windows WHERE org_id = $1 AND site_id = $2 AND unit_id IS NULL",
    "DELETE FROM inspector_link_sites WHERE org_id = $1 AND site_id = $2",
    "DELETE FROM notification_policies WHERE org_id = $1 AND scope_id = $2",
    "DELETE FROM alert_rule_versions WHERE org_id = $1 AND rule_id IN
        (SELECT id FROM alert_rules WHERE org_id = $1 AND scope_id = $2)",
    "DELETE FROM alert_rules WHERE org_id = $1 AND scope_id = $2",
    "DELETE FROM site_owners WHERE org_id = $1 AND site_id = $2",
];

impl Store {
    /// Edits a site, of the version expected if one is.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn edit_site(
        &self,
        org: OrgId,
        id: SiteId,
        expected: impl Into<Expected>,
        edit: &SiteEdit,
        by: impl Into<By>,
    ) -> Result<Site, StoreError> {
        let entry = self.entry(org, by, "site.updated", "site", id.0, &json!({}));
        ask_database!(self, edit_site(org, id, expected.into(), edit, entry))
    }

    /// Deletes a site; it can be brought back.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while there are units, areas or gateways in it.
    pub async fn delete_site(
        &self,
        org: OrgId,
        id: SiteId,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "site.deleted", "site", id.0, &json!({}));
        ask_database!(self, delete_site(org, id, entry))
    }

    /// Brings a site back.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn restore_site(
        &self,
        org: OrgId,
        id: SiteId,
        by: impl Into<By>,
    ) -> Result<Site, StoreError> {
        let entry = self.entry(org, by, "site.restored", "site", id.0, &json!({}));
        let row = ask_database!(self, restore::<site::Entity>(org, id.0, "", entry))?;
        row.try_into()
    }

    /// Removes a deleted site for good, with its rules.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while units, areas, gateways or keys that are not revoked speak of it.
    pub async fn purge_site(
        &self,
        org: OrgId,
        id: SiteId,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let by = by.into();
        let besides = By { request: None, ..by.clone() };
        let of_a_key = || {
            self.entry(org, besides.clone(), "api_key.purged", "api_key", Uuid::nil(), &json!({}))
        };
        let entry = self.entry(org, by, "site.purged", "site", id.0, &json!({}));
        ask_database!(self, purge_site(org, id, entry, &of_a_key))
    }

    /// Edits an area's name, if one is given, of the version expected if one is.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn edit_area(
        &self,
        org: OrgId,
        id: AreaId,
        expected: impl Into<Expected>,
        name: Option<String>,
        by: impl Into<By>,
    ) -> Result<Area, StoreError> {
        let entry = self.entry(org, by, "area.updated", "area", id.0, &json!({}));
        let name = name.map(Set).unwrap_or_default();
        let edit = area::ActiveModel { name, ..Default::default() };
        let row =
            ask_database!(self, amend::<area::Entity>(org, id.0, expected.into(), edit, entry))?;
        row.try_into()
    }

    /// Deletes an area; it can be brought back.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while there are units in it.
    pub async fn delete_area(
        &self,
        org: OrgId,
        id: AreaId,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "area.deleted", "area", id.0, &json!({}));
        ask_database!(self, delete_area(org, id, entry))
    }

    /// Brings an area back.
    ///
    /// # Errors
    /// [`StoreError::ParentDeleted`] if its site is deleted.
    pub async fn restore_area(
        &self,
        org: OrgId,
        id: AreaId,
        by: impl Into<By>,
    ) -> Result<Area, StoreError> {
        let entry = self.entry(org, by, "area.restored", "area", id.0, &json!({}));
        ask_database!(self, restore_area(org, id, entry))
    }

    /// Removes a deleted area for good.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while a deleted unit was in it.
    pub async fn purge_area(
        &self,
        org: OrgId,
        id: AreaId,
        by: impl Into<By>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(org, by, "area.purged", "area", id.0, &json!({}));
        ask_database!(self, purge::<area::Entity>(org, id.0, entry))
    }
}

impl Sql {
    async fn edit_site(
        &self,
        org: OrgId,
        id: SiteId,
        expected: Expected,
        edit: &SiteEdit,
        entry: AuditEntry,
    ) -> Result<Site, StoreError> {
        let edit = edit.clone();
        let row = site::ActiveModel {
            name: edit.name.map(Set).unwrap_or_default(),
            timezone: edit.timezone.map(Set).unwrap_or_default(),
            requires_corrective_action: edit
                .requires_corrective_action
                .map(Set)
                .unwrap_or_default(),
            ..Default::default()
        };
        self.amend::<site::Entity>(org, id.0, expected, row, entry).await?.try_into()
    }

    async fn delete_site(
        &self,
        org: OrgId,
        id: SiteId,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        // whoever puts something into the site holds it too, so nothing comes in between
        let before = hold::<site::Entity>(&change, org, id.0, Life::Present, None).await?;
        let units = unit::Entity::find().filter(within(unit::Column::OrgId, org));
        let units = units.filter(unit::Column::SiteId.eq(id.0));
        if units.filter(unit::Column::DeletedAt.is_null()).one(&change).await?.is_some() {
            return Err(StoreError::InUse("units that are in it"));
        }
        let areas = area::Entity::find().filter(within(area::Column::OrgId, org));
        let areas = areas.filter(area::Column::SiteId.eq(id.0));
        if areas.filter(area::Column::DeletedAt.is_null()).one(&change).await?.is_some() {
            return Err(StoreError::InUse("areas that are in it"));
        }
        let gateways = gateway::Entity::find().filter(within(gateway::Column::OrgId, org));
        let gateways = gateways.filter(gateway::Column::SiteId.eq(id.0));
        if gateways.filter(gateway::Column::DeletedAt.is_null()).one(&change).await?.is_some() {
            return Err(StoreError::InUse("gateways that are in it"));
        }
        mark::<site::Entity>(&change, &before, Some(entry.at), entry, "").await?;
        Ok(change.commit().await?)
    }

    async fn purge_site(
        &self,
        org: OrgId,
        id: SiteId,
        mut entry: AuditEntry,
        of_a_key: &(dyn Fn() -> AuditEntry + Sync),
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        let before = hold::<site::Entity>(&change, org, id.0, Life::Deleted, None).await?;
        // a key goes with its site, never on without one: that would let it send for every site
        let keys = api_key::Entity::find()
            .filter(within(api_key::Column::OrgId, org))
            .filter(api_key::Column::SiteId.eq(id.0))
            .filter(api_key::Column::RevokedAt.is_not_null());
        for key in keys.all(&change).await? {
            let entry = AuditEntry { object_id: key.id, ..of_a_key() };
            remove::<api_key::Entity>(&change, &key, entry).await?;
        }
        let mut gone = Gone::default();
        gone.keep_rules(&change, org, id.0).await?;
        for sql in OF_A_SITE {
            gone.count(sql, sweep(&change, sql, org, id.0).await?);
        }
        entry.detail = gone.told().to_string();
        remove::<site::Entity>(&change, &before, entry).await?;
        Ok(change.commit().await?)
    }

    async fn delete_area(
        &self,
        org: OrgId,
        id: AreaId,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(org).await?;
        let before = hold::<area::Entity>(&change, org, id.0, Life::Present, None).await?;
        let units = unit::Entity::find().filter(within(unit::Column::OrgId, org));
        let units = units.filter(unit::Column::AreaId.eq(id.0));
        if units.filter(unit::Column::DeletedAt.is_null()).one(&change).await?.is_some() {
            return Err(StoreError::InUse("units that are in it"));
        }
        mark::<area::Entity>(&change, &before, Some(entry.at), entry, "").await?;
        Ok(change.commit().await?)
    }

    async fn restore_area(
        &self,
        org: OrgId,
        id: AreaId,
        entry: AuditEntry,
    ) -> Result<Area, StoreError> {
        let change = self.begin_of(org).await?;
        let before = hold::<area::Entity>(&change, org, id.0, Life::Deleted, None).await?;
        if !need_site(&change, org, SiteId(before.site_id)).await? {
            return Err(StoreError::ParentDeleted);
        }
        let after = mark::<area::Entity>(&change, &before, None, entry, "").await?;
        change.commit().await?;
        after.try_into()
    }
}
