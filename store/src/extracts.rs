//! What goes into files for people: slices of alerts and manual logs, and the names that go with ids.
//!
//! A slice is one short question. Whoever writes a file asks for one after the other, so that a slow reader holds
//! nothing of the database.

use std::collections::HashMap;

use hub_domain::{SiteId, Timestamp, UnitId};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use uuid::Uuid;

use crate::{
    Scope, Store, StoreError,
    entity::{alert, manual_log, site, unit},
    open::ask_database,
    records::{AlertRecord, ExtractFilter, ManualLog, PlaceNames},
    sql::Sql,
};

impl Store {
    /// The units of a site, the deleted ones among them, in the order in which they were made: at most `most` after
    /// `after`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn units_ever(
        &self,
        scope: &Scope,
        site: SiteId,
        after: Option<UnitId>,
        most: u64,
    ) -> Result<Vec<UnitId>, StoreError> {
        ask_database!(self, units_ever(scope, site, after, most))
    }

    /// What units and their sites are called, the deleted ones among them.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn place_names(
        &self,
        scope: &Scope,
        units: Vec<UnitId>,
    ) -> Result<HashMap<UnitId, PlaceNames>, StoreError> {
        ask_database!(self, place_names(scope, &units))
    }

    /// Alerts in the order in which they were opened: at most `most` after `after`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn alerts_slice(
        &self,
        scope: &Scope,
        wanted: &ExtractFilter,
        after: Option<Uuid>,
        most: u64,
    ) -> Result<Vec<AlertRecord>, StoreError> {
        ask_database!(self, alerts_slice(scope, wanted, after, most))
    }

    /// Manual logs in the order in which they were read, and of one instant by their ids: at most `most` after `after`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn manual_logs_slice(
        &self,
        scope: &Scope,
        wanted: &ExtractFilter,
        after: Option<(Timestamp, Uuid)>,
        most: u64,
    ) -> Result<Vec<ManualLog>, StoreError> {
        ask_database!(self, manual_logs_slice(scope, wanted, after, most))
    }
}

impl Sql {
    pub(crate) async fn units_ever(
        &self,
        scope: &Scope,
        site: SiteId,
        after: Option<UnitId>,
        most: u64,
    ) -> Result<Vec<UnitId>, StoreError> {
        use unit::Column::{Id, OrgId, SiteId};
        let of_site =
            unit::Entity::find().filter(scope.rows(OrgId, SiteId)).filter(SiteId.eq(site.0));
        let rest = after.map_or_else(Condition::all, |after| Condition::all().add(Id.gt(after.0)));
        let ids = of_site.filter(rest).order_by_asc(Id).limit(most).select_only().column(Id);
        let ids: Vec<Uuid> = ids.into_tuple().all(&self.of(scope.org).await?).await?;
        Ok(ids.into_iter().map(UnitId).collect())
    }

    pub(crate) async fn place_names(
        &self,
        scope: &Scope,
        units: &[UnitId],
    ) -> Result<HashMap<UnitId, PlaceNames>, StoreError> {
        let asked = self.of(scope.org).await?;
        let seen = scope.rows(unit::Column::OrgId, unit::Column::SiteId);
        let of_these = unit::Entity::find().filter(seen);
        let of_these = of_these.filter(unit::Column::Id.is_in(units.iter().map(|unit| unit.0)));
        let units = of_these.all(&asked).await?;
        let seen = scope.rows(site::Column::OrgId, site::Column::Id);
        let of_those = site::Entity::find().filter(seen);
        let of_those =
            of_those.filter(site::Column::Id.is_in(units.iter().map(|unit| unit.site_id)));
        let sites: HashMap<Uuid, site::Model> =
            of_those.all(&asked).await?.into_iter().map(|site| (site.id, site)).collect();
        let names = |unit: unit::Model| {
            let site = sites.get(&unit.site_id)?;
            let (timezone, site) = (site.timezone.clone(), site.name.clone());
            Some((UnitId(unit.id), PlaceNames { unit: unit.name, site, timezone }))
        };
        Ok(units.into_iter().filter_map(names).collect())
    }

    pub(crate) async fn alerts_slice(
        &self,
        scope: &Scope,
        wanted: &ExtractFilter,
        after: Option<Uuid>,
        most: u64,
    ) -> Result<Vec<AlertRecord>, StoreError> {
        use alert::Column::{Id, OpenedAt, OrgId, SiteId, UnitId};
        let query = alert::Entity::find().filter(scope.rows(OrgId, SiteId));
        let rest = Condition::all().add_option(after.map(|after| Id.gt(after)));
        let query = query.filter(narrowed(wanted, SiteId, UnitId, OpenedAt)).filter(rest);
        let rows = query.order_by_asc(Id).limit(most).all(&self.of(scope.org).await?).await?;
        rows.into_iter().map(AlertRecord::try_from).collect()
    }

    pub(crate) async fn manual_logs_slice(
        &self,
        scope: &Scope,
        wanted: &ExtractFilter,
        after: Option<(Timestamp, Uuid)>,
        most: u64,
    ) -> Result<Vec<ManualLog>, StoreError> {
        use manual_log::Column::{DeletedAt, Id, OrgId, RecordedAt, SiteId, UnitId};
        let query = manual_log::Entity::find().filter(scope.rows(OrgId, SiteId));
        let rest = after.map(|(at, id)| {
            let at = at.as_millis();
            let past = Condition::any().add(RecordedAt.gt(at)).add(Id.gt(id));
            Condition::all().add(RecordedAt.gte(at)).add(past)
        });
        let query = query.filter(narrowed(wanted, SiteId, UnitId, RecordedAt));
        let query = query.filter(Condition::all().add_option(rest)).filter(DeletedAt.is_null());
        let query = query.order_by_asc(RecordedAt).order_by_asc(Id).limit(most);
        let rows = query.all(&self.of(scope.org).await?).await?;
        rows.into_iter().map(|row| row.record(false)).collect()
    }
}

fn narrowed<C: sea_orm::ColumnTrait>(wanted: &ExtractFilter, site: C, unit: C, at: C) -> Condition {
    Condition::all()
        .add(at.gte(wanted.from.as_millis()))
        .add(at.lt(wanted.to.as_millis()))
        .add_option(wanted.site.map(|wanted| site.eq(wanted.0)))
        .add_option(wanted.unit.map(|wanted| unit.eq(wanted.0)))
}
