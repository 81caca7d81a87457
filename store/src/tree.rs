//! Sites, areas and units.

use hub_domain::{AreaId, OrgId, SiteId, UnitId, UnitState};
use serde_json::json;

use crate::{
    Store, StoreError, checkpoint,
    devices::CHUNK,
    entity::{self, area, organization, site, site_owner, unit, unit_state},
    open::ask,
    records::{Actor, Area, AuditEntry, Page, PageQuery, Site, UnitRecord},
    rules::rule_book,
    sql::{self, Sql},
};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QuerySelect as _,
};
use uuid::Uuid;

impl Store {
    /// Makes a site.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_site(
        &self,
        org: OrgId,
        name: &str,
        timezone: &str,
        actor: Actor,
    ) -> Result<Site, StoreError> {
        let (id, created_at) = self.mint();
        let site = Site {
            id: SiteId(id),
            org,
            name: name.to_owned(),
            timezone: timezone.to_owned(),
            created_at,
        };
        let entry = self.entry(org, actor, "site.created", "site", id, &json!({ "name": name }));
        ask!(self, insert_site(&site, &entry))?;
        Ok(site)
    }

    /// The site, within its organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn site(&self, org: OrgId, id: SiteId) -> Result<Option<Site>, StoreError> {
        ask!(self, site(org, id))
    }

    /// The site, whosever it is: for channels, which check membership themselves.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn find_site(&self, id: SiteId) -> Result<Option<Site>, StoreError> {
        ask!(self, find_site(id))
    }

    /// The sites of an organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn sites(&self, org: OrgId, page: PageQuery) -> Result<Page<Site>, StoreError> {
        ask!(self, sites(org, &page))
    }

    /// Makes an area of a site.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_area(
        &self,
        org: OrgId,
        site: SiteId,
        name: &str,
        actor: Actor,
    ) -> Result<Area, StoreError> {
        let (id, created_at) = self.mint();
        let area = Area { id: AreaId(id), org, site, name: name.to_owned(), created_at };
        let entry = self.entry(org, actor, "area.created", "area", id, &json!({ "name": name }));
        ask!(self, insert_area(&area, &entry))?;
        Ok(area)
    }

    /// The area.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn area(&self, org: OrgId, id: AreaId) -> Result<Option<Area>, StoreError> {
        ask!(self, area(org, id))
    }

    /// The areas of an organization or of one site.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn areas(
        &self,
        org: OrgId,
        site: Option<SiteId>,
        page: PageQuery,
    ) -> Result<Page<Area>, StoreError> {
        ask!(self, areas(org, site, &page))
    }

    /// Makes a unit, with its state at version 0.
    ///
    /// It is refused with [`StoreError::RuleContradiction`] if what its preset says contradicts the rules above it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn create_unit(
        &self,
        org: OrgId,
        site: SiteId,
        area: Option<AreaId>,
        name: &str,
        preset: Option<&str>,
        actor: Actor,
    ) -> Result<UnitRecord, StoreError> {
        let (id, created_at) = self.mint();
        let (name, preset) = (name.to_owned(), preset.map(str::to_owned));
        let unit = UnitRecord { id: UnitId(id), org, site, area, name, preset, created_at };
        let detail = json!({ "name": unit.name, "preset": unit.preset });
        let entry = self.entry(org, actor, "unit.created", "unit", id, &detail);
        ask!(self, insert_unit(&unit, &entry))?;
        Ok(unit)
    }

    /// The unit.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn unit(&self, org: OrgId, id: UnitId) -> Result<Option<UnitRecord>, StoreError> {
        ask!(self, unit(org, id))
    }

    /// The units of an organization or of one site.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn units(
        &self,
        org: OrgId,
        site: Option<SiteId>,
        page: PageQuery,
    ) -> Result<Page<UnitRecord>, StoreError> {
        ask!(self, units(org, site, &page))
    }

    /// The sites of those of `ids` that are units of the organization, in any order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn resolve_units(
        &self,
        org: OrgId,
        ids: &[UnitId],
    ) -> Result<Vec<(UnitId, SiteId)>, StoreError> {
        ask!(self, resolve_units(org, ids))
    }
}

impl Sql {
    pub(crate) async fn insert_site(
        &self,
        site: &Site,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        site::Entity::insert(site::ActiveModel::from(site)).exec_without_returning(&change).await?;
        let owner = site_owner::Model { site_id: site.id.0, org_id: site.org.0, owner_epoch: 0 };
        site_owner::Entity::insert(entity::insertable(owner))
            .exec_without_returning(&change)
            .await?;
        sql::audit(&change, entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn site(&self, org: OrgId, id: SiteId) -> Result<Option<Site>, StoreError> {
        Ok(self.find_site(id).await?.filter(|site| site.org == org))
    }

    pub(crate) async fn find_site(&self, id: SiteId) -> Result<Option<Site>, StoreError> {
        let row = site::Entity::find_by_id(id.0)
            .filter(site::Column::DeletedAt.is_null())
            .one(&self.db)
            .await?;
        row.map(Site::try_from).transpose()
    }

    pub(crate) async fn sites(
        &self,
        org: OrgId,
        page: &PageQuery,
    ) -> Result<Page<Site>, StoreError> {
        let of_org = site::Entity::find().filter(site::Column::OrgId.eq(org.0));
        let query = of_org.filter(site::Column::DeletedAt.is_null());
        self.page(query, site::Column::Id, |row| row.id, page).await
    }

    pub(crate) async fn insert_area(
        &self,
        area: &Area,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        area::Entity::insert(area::ActiveModel::from(area)).exec_without_returning(&change).await?;
        sql::audit(&change, entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn area(&self, org: OrgId, id: AreaId) -> Result<Option<Area>, StoreError> {
        let of_org = area::Entity::find_by_id(id.0).filter(area::Column::OrgId.eq(org.0));
        let row = of_org.filter(area::Column::DeletedAt.is_null()).one(&self.db).await?;
        row.map(Area::try_from).transpose()
    }

    pub(crate) async fn areas(
        &self,
        org: OrgId,
        site: Option<SiteId>,
        page: &PageQuery,
    ) -> Result<Page<Area>, StoreError> {
        let of_org = area::Entity::find().filter(area::Column::OrgId.eq(org.0));
        let live = of_org.filter(area::Column::DeletedAt.is_null());
        let query = site
            .into_iter()
            .fold(live, |query, site| query.filter(area::Column::SiteId.eq(site.0)));
        self.page(query, area::Column::Id, |row| row.id, page).await
    }

    pub(crate) async fn insert_unit(
        &self,
        unit: &UnitRecord,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin().await?;
        hold_rules(&change, unit.org).await?;
        rule_book(&change, &[unit.org]).await?.check(unit)?;
        unit::Entity::insert(unit::ActiveModel::from(unit)).exec_without_returning(&change).await?;
        let state = unit_state::Model {
            unit_id: unit.id.0,
            org_id: unit.org.0,
            site_id: unit.site.0,
            version: 0,
            state: checkpoint::encode(&UnitState::default()),
            rule_version: 0,
            wake_at: None,
        };
        unit_state::Entity::insert(entity::insertable(state))
            .exec_without_returning(&change)
            .await?;
        sql::audit(&change, entry).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn unit(
        &self,
        org: OrgId,
        id: UnitId,
    ) -> Result<Option<UnitRecord>, StoreError> {
        let of_org = unit::Entity::find_by_id(id.0).filter(unit::Column::OrgId.eq(org.0));
        let row = of_org.filter(unit::Column::DeletedAt.is_null()).one(&self.db).await?;
        row.map(UnitRecord::try_from).transpose()
    }

    pub(crate) async fn units(
        &self,
        org: OrgId,
        site: Option<SiteId>,
        page: &PageQuery,
    ) -> Result<Page<UnitRecord>, StoreError> {
        let of_org = unit::Entity::find().filter(unit::Column::OrgId.eq(org.0));
        let live = of_org.filter(unit::Column::DeletedAt.is_null());
        let query = site
            .into_iter()
            .fold(live, |query, site| query.filter(unit::Column::SiteId.eq(site.0)));
        self.page(query, unit::Column::Id, |row| row.id, page).await
    }

    pub(crate) async fn resolve_units(
        &self,
        org: OrgId,
        ids: &[UnitId],
    ) -> Result<Vec<(UnitId, SiteId)>, StoreError> {
        let mut found: Vec<(Uuid, Uuid)> = Vec::with_capacity(ids.len());
        for ids in ids.chunks(CHUNK) {
            let query = unit::Entity::find()
                .select_only()
                .columns([unit::Column::Id, unit::Column::SiteId])
                .filter(unit::Column::OrgId.eq(org.0))
                .filter(unit::Column::DeletedAt.is_null())
                .filter(unit::Column::Id.is_in(ids.iter().map(|id| id.0)));
            found.extend(query.into_tuple::<(Uuid, Uuid)>().all(&self.db).await?);
        }
        Ok(found.into_iter().map(|(unit, site)| (UnitId(unit), SiteId(site))).collect())
    }
}

/// Keeps the rules of an organization as they are until the change ends, so that a rule and a unit that contradict
/// each other cannot pass each other by. SQLite needs no lock: a change there has the database to itself.
async fn hold_rules(change: &DatabaseTransaction, org: OrgId) -> Result<(), StoreError> {
    let row = organization::Entity::find_by_id(org.0).lock_shared().one(change).await?;
    row.map(drop).ok_or(StoreError::NotFound)
}
