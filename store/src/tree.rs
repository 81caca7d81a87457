//! Sites, areas and units.

use hub_domain::{AreaId, OrgId, SiteId, UnitId, UnitState};
use serde_json::json;

use crate::{
    By, Store, StoreError, checkpoint,
    devices::CHUNK,
    entity::{self, area, organization, site, site_owner, unit, unit_state},
    kept::make_in,
    open::ask,
    records::{Area, AuditEntry, Edition, Life, Page, PageQuery, Site, UnitFilter, UnitRecord},
    rules::rule_book,
    scope::{Scope, within},
    sql::{Pools, Sql},
};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, Func},
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
        by: impl Into<By>,
    ) -> Result<Site, StoreError> {
        let (id, created_at) = self.mint();
        let site = Site {
            id: SiteId(id),
            org,
            name: name.to_owned(),
            timezone: timezone.to_owned(),
            requires_corrective_action: false,
            created_at,
            edition: Edition::default(),
        };
        let entry = self.entry(org, by, "site.created", "site", id, &json!({ "name": name }));
        ask!(self, insert_site(&site, &entry))?;
        Ok(site)
    }

    /// The site, within its organization.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn site(
        &self,
        scope: impl Into<Scope>,
        id: SiteId,
    ) -> Result<Option<Site>, StoreError> {
        let scope = scope.into();
        ask!(self, site(&scope, id))
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
    pub async fn sites(
        &self,
        scope: impl Into<Scope>,
        life: Life,
        page: PageQuery,
    ) -> Result<Page<Site>, StoreError> {
        let scope = scope.into();
        ask!(self, sites(&scope, life, &page))
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
        by: impl Into<By>,
    ) -> Result<Area, StoreError> {
        let (id, created_at) = self.mint();
        let (name, edition) = (name.to_owned(), Edition::default());
        let area = Area { id: AreaId(id), org, site, name, created_at, edition };
        let entry = self.entry(org, by, "area.created", "area", id, &json!({ "name": area.name }));
        ask!(self, insert_area(&area, &entry))?;
        Ok(area)
    }

    /// The area.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn area(
        &self,
        scope: impl Into<Scope>,
        id: AreaId,
    ) -> Result<Option<Area>, StoreError> {
        let scope = scope.into();
        ask!(self, area(&scope, id))
    }

    /// The areas of an organization or of one site.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn areas(
        &self,
        scope: impl Into<Scope>,
        site: Option<SiteId>,
        life: Life,
        page: PageQuery,
    ) -> Result<Page<Area>, StoreError> {
        let scope = scope.into();
        ask!(self, areas(&scope, site, life, &page))
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
        by: impl Into<By>,
    ) -> Result<UnitRecord, StoreError> {
        let (id, created_at) = self.mint();
        let (name, preset) = (name.to_owned(), preset.map(str::to_owned));
        let edition = Edition::default();
        let unit =
            UnitRecord { id: UnitId(id), org, site, area, name, preset, created_at, edition };
        let detail = json!({ "name": unit.name, "preset": unit.preset });
        let entry = self.entry(org, by, "unit.created", "unit", id, &detail);
        ask!(self, insert_unit(&unit, &entry))?;
        Ok(unit)
    }

    /// The unit.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn unit(
        &self,
        scope: impl Into<Scope>,
        id: UnitId,
    ) -> Result<Option<UnitRecord>, StoreError> {
        let scope = scope.into();
        ask!(self, unit(&scope, id))
    }

    /// The units of an organization, or those of them that `filter` wants.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn units(
        &self,
        scope: impl Into<Scope>,
        filter: impl Into<UnitFilter>,
        life: Life,
        page: PageQuery,
    ) -> Result<Page<UnitRecord>, StoreError> {
        let (scope, filter) = (scope.into(), filter.into());
        ask!(self, units(&scope, &filter, life, &page))
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
        let change = self.begin_of(site.org).await?;
        make_in::<site::Entity>(&change, site.into(), "", entry.clone()).await?;
        let (site_id, org_id) = (site.id.0, site.org.0);
        let owner = site_owner::Model { site_id, org_id, owner_epoch: 0, claimed_at: 0 };
        site_owner::Entity::insert(entity::insertable(owner))
            .exec_without_returning(&change)
            .await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn site(&self, scope: &Scope, id: SiteId) -> Result<Option<Site>, StoreError> {
        let seen = scope.rows(site::Column::OrgId, site::Column::Id);
        let live = site::Entity::find_by_id(id.0).filter(site::Column::DeletedAt.is_null());
        let row = live.filter(seen).one(&self.of(scope.org).await?).await?;
        row.map(Site::try_from).transpose()
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
        scope: &Scope,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<Site>, StoreError> {
        let seen = scope.rows(site::Column::OrgId, site::Column::Id);
        self.all_kept::<site::Entity, _>(scope.org, seen, life, page).await
    }

    pub(crate) async fn insert_area(
        &self,
        area: &Area,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(area.org).await?;
        need_site(&change, area.org, area.site).await?.then_some(()).ok_or(StoreError::NotFound)?;
        make_in::<area::Entity>(&change, area.into(), "", entry.clone()).await?;
        Ok(change.commit().await?)
    }

    pub(crate) async fn area(&self, scope: &Scope, id: AreaId) -> Result<Option<Area>, StoreError> {
        let seen = scope.rows(area::Column::OrgId, area::Column::SiteId);
        let live = area::Entity::find_by_id(id.0).filter(area::Column::DeletedAt.is_null());
        let row = live.filter(seen).one(&self.of(scope.org).await?).await?;
        row.map(Area::try_from).transpose()
    }

    pub(crate) async fn areas(
        &self,
        scope: &Scope,
        site: Option<SiteId>,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<Area>, StoreError> {
        let seen = scope.rows(area::Column::OrgId, area::Column::SiteId);
        let wanted = seen.add_option(site.map(|site| area::Column::SiteId.eq(site.0)));
        self.all_kept::<area::Entity, _>(scope.org, wanted, life, page).await
    }

    pub(crate) async fn insert_unit(
        &self,
        unit: &UnitRecord,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let change = self.begin_of(unit.org).await?;
        hold_rules(&change, unit.org).await?;
        need_site(&change, unit.org, unit.site).await?.then_some(()).ok_or(StoreError::NotFound)?;
        need_area(&change, unit).await?;
        rule_book(&change, &[unit.org]).await?.check(unit)?;
        make_in::<unit::Entity>(&change, unit.into(), "", entry.clone()).await?;
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
        Ok(change.commit().await?)
    }

    pub(crate) async fn unit(
        &self,
        scope: &Scope,
        id: UnitId,
    ) -> Result<Option<UnitRecord>, StoreError> {
        let seen = scope.rows(unit::Column::OrgId, unit::Column::SiteId);
        let live = unit::Entity::find_by_id(id.0).filter(unit::Column::DeletedAt.is_null());
        let row = live.filter(seen).one(&self.of(scope.org).await?).await?;
        row.map(UnitRecord::try_from).transpose()
    }

    pub(crate) async fn units(
        &self,
        scope: &Scope,
        filter: &UnitFilter,
        life: Life,
        page: &PageQuery,
    ) -> Result<Page<UnitRecord>, StoreError> {
        let seen = scope.rows(unit::Column::OrgId, unit::Column::SiteId);
        let wanted = seen
            .add_option(filter.site.map(|site| unit::Column::SiteId.eq(site.0)))
            .add_option(filter.area.map(|area| unit::Column::AreaId.eq(area.0)))
            .add_option(filter.name.as_deref().map(|text| self.has_text(unit::Column::Name, text)));
        self.all_kept::<unit::Entity, _>(scope.org, wanted, life, page).await
    }

    pub(crate) async fn resolve_units(
        &self,
        org: OrgId,
        ids: &[UnitId],
    ) -> Result<Vec<(UnitId, SiteId)>, StoreError> {
        let mut found: Vec<(Uuid, Uuid)> = Vec::with_capacity(ids.len());
        let asked = self.of(org).await?;
        for ids in ids.chunks(CHUNK) {
            let query = unit::Entity::find()
                .select_only()
                .columns([unit::Column::Id, unit::Column::SiteId])
                .filter(within(unit::Column::OrgId, org))
                .filter(unit::Column::DeletedAt.is_null())
                .filter(unit::Column::Id.is_in(ids.iter().map(|id| id.0)));
            found.extend(query.into_tuple::<(Uuid, Uuid)>().all(&asked).await?);
        }
        Ok(found.into_iter().map(|(unit, site)| (UnitId(unit), SiteId(site))).collect())
    }
}

impl Sql {
    /// True of rows with this text in a column, whatever the case of its letters.
    fn has_text(&self, column: impl ColumnTrait, text: &str) -> Expr {
        let place = match self.pools {
            Pools::Postgres { .. } => "strpos",
            Pools::Sqlite { .. } => "instr",
        };
        let lower = |text: Expr| Expr::from(Func::lower(text));
        let place = Func::cust(place).arg(lower(column.into_expr())).arg(lower(Expr::val(text)));
        Expr::from(place).gt(0)
    }
}

/// Whether the site is there. It is not taken away before the change ends.
pub(crate) async fn need_site(
    change: &DatabaseTransaction,
    org: OrgId,
    site: SiteId,
) -> Result<bool, StoreError> {
    let there = site::Entity::find_by_id(site.0).filter(within(site::Column::OrgId, org));
    let there = there.filter(site::Column::DeletedAt.is_null()).lock_shared();
    Ok(there.one(change).await?.is_some())
}

/// Goes on only if the unit's area, if it has one, is there and of its site. It is not taken away before the change
/// ends.
pub(crate) async fn need_area(
    change: &DatabaseTransaction,
    unit: &UnitRecord,
) -> Result<(), StoreError> {
    let Some(area) = unit.area else { return Ok(()) };
    let there = area::Entity::find_by_id(area.0).filter(within(area::Column::OrgId, unit.org));
    let there = there.filter(area::Column::SiteId.eq(unit.site.0));
    let there = there.filter(area::Column::DeletedAt.is_null()).lock_shared().one(change).await?;
    there.map(drop).ok_or(StoreError::ParentDeleted)
}

/// Keeps the rules of an organization as they are until the change ends, so that a rule and a unit that contradict
/// each other cannot pass each other by. SQLite needs no lock: a change there has the database to itself.
pub(crate) async fn hold_rules(change: &DatabaseTransaction, org: OrgId) -> Result<(), StoreError> {
    let row = organization::Entity::find_by_id(org.0).lock_shared().one(change).await?;
    row.map(drop).ok_or(StoreError::NotFound)
}
