//! What a message says of its alerts.

use std::collections::{BTreeSet, HashMap};

use hub_domain::{
    AlertId, AlertKind, AlertStatus, MilliCelsius, OrgId, Severity, SiteId, Timestamp, UnitId,
    zone::Zone,
};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, sea_query::ExprTrait as _,
};
use uuid::Uuid;

use super::{
    ledger::members,
    setup_broken::{self, SetupFacts},
};
use crate::{
    Store, StoreError, digests,
    entity::{alert, known, notification_intent, organization, site, unit},
    open::ask_database,
    records::ToldDigest,
    scope::within,
    sql::Sql,
};

/// An alert as a message tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldAlert {
    /// Which.
    pub id: AlertId,
    /// What it is about.
    pub kind: AlertKind,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub status: AlertStatus,
    /// Its unit.
    pub unit_id: UnitId,
    /// The unit's name.
    pub unit: String,
    /// Its site.
    pub site_id: SiteId,
    /// The site's name.
    pub site: String,
    /// The site's clocks.
    pub zone: Zone,
    /// When the condition became true.
    pub opened_at: Timestamp,
    /// When it was acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// The temperature that opened it.
    pub temperature: Option<MilliCelsius>,
    /// The limit passed.
    pub limit: Option<MilliCelsius>,
    /// Farthest out.
    pub peak: Option<MilliCelsius>,
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The organization's name.
    pub organization: String,
    /// How many units the sites of its alerts have.
    pub units_there: usize,
    /// Its alert, or those of a message of several, oldest first.
    pub alerts: Vec<ToldAlert>,
    /// What a digest says.
    pub digest: Option<ToldDigest>,
    /// What a provider refused, of a message about that.
    pub setup: Option<SetupFacts>,
}

impl Store {
    /// What the message of an intent is about, as it is now.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn message_facts(&self, org: OrgId, intent: Uuid) -> Result<Facts, StoreError> {
        ask_database!(self, message_facts(org, intent))
    }

    /// Some alerts as messages tell them, in any order.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn told_alerts(
        &self,
        org: OrgId,
        alerts: &[AlertId],
    ) -> Result<Vec<ToldAlert>, StoreError> {
        let ids: Vec<Uuid> = alerts.iter().map(|alert| alert.0).collect();
        ask_database!(self, told_alerts(org, &ids))
    }
}

impl Sql {
    pub(crate) async fn message_facts(
        &self,
        org: OrgId,
        intent: Uuid,
    ) -> Result<Facts, StoreError> {
        use notification_intent::{Column, Entity};
        let asked = self.of(org).await?;
        let name = organization::Entity::find_by_id(org.0).one(&asked).await?;
        let its = Entity::find()
            .filter(within(Column::OrgId, org))
            .filter(Column::Id.eq(intent).or(Column::SupersededBy.eq(intent)));
        let its = its.all(&asked).await?;
        let setup = match its.iter().find(|row| row.id == intent) {
            Some(line) => setup_broken::facts(&asked, line).await?,
            None => None,
        };
        let ids: Vec<Uuid> = its.into_iter().filter_map(|row| row.alert_id).collect();
        let alerts = told(&asked, org, &ids).await?;
        let organization = name.ok_or(StoreError::NotFound)?.name;
        let units_there = units_at(&asked, org, alerts.iter().map(|alert| alert.site_id)).await?;
        let digest = digests::told(&asked, org, intent).await?;
        Ok(Facts { organization, units_there, alerts, digest, setup })
    }

    pub(crate) async fn told_alerts(
        &self,
        org: OrgId,
        ids: &[Uuid],
    ) -> Result<Vec<ToldAlert>, StoreError> {
        told(&self.of(org).await?, org, ids).await
    }
}

/// How many units some sites have.
async fn units_at(
    asked: &DatabaseTransaction,
    org: OrgId,
    sites: impl Iterator<Item = SiteId>,
) -> Result<usize, StoreError> {
    let sites: BTreeSet<Uuid> = sites.map(|site| site.0).collect();
    let there = unit::Entity::find()
        .filter(within(unit::Column::OrgId, org))
        .filter(unit::Column::SiteId.is_in(sites))
        .filter(unit::Column::DeletedAt.is_null());
    Ok(usize::try_from(there.count(asked).await?).unwrap_or(usize::MAX))
}

pub(super) async fn told(
    asked: &DatabaseTransaction,
    org: OrgId,
    ids: &[Uuid],
) -> Result<Vec<ToldAlert>, StoreError> {
    let rows = alert::Entity::find()
        .filter(within(alert::Column::OrgId, org))
        .filter(alert::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(alert::Column::OpenedAt);
    let rows = rows.all(asked).await?;
    let sites = site::Entity::find()
        .filter(within(site::Column::OrgId, org))
        .filter(site::Column::Id.is_in(rows.iter().map(|row| row.site_id)));
    let sites: HashMap<Uuid, site::Model> =
        sites.all(asked).await?.into_iter().map(|row| (row.id, row)).collect();
    let units = unit::Entity::find()
        .filter(within(unit::Column::OrgId, org))
        .filter(unit::Column::Id.is_in(rows.iter().map(|row| row.unit_id)));
    let units: HashMap<Uuid, String> =
        units.all(asked).await?.into_iter().map(|row| (row.id, row.name)).collect();
    let people = rows.iter().filter_map(|row| row.acknowledged_by);
    let people = members(asked, people).await?;
    rows.iter().map(|row| alert_of(row, &sites, &units, &people)).collect()
}

fn alert_of(
    row: &alert::Model,
    sites: &HashMap<Uuid, site::Model>,
    units: &HashMap<Uuid, String>,
    people: &HashMap<Uuid, String>,
) -> Result<ToldAlert, StoreError> {
    let site = sites.get(&row.site_id).ok_or(StoreError::NotFound)?;
    Ok(ToldAlert {
        id: AlertId(row.id),
        kind: known("kind", &row.kind, AlertKind::parse)?,
        severity: known("severity", &row.severity, Severity::parse)?,
        status: known("status", &row.status, AlertStatus::parse)?,
        unit_id: UnitId(row.unit_id),
        unit: units.get(&row.unit_id).cloned().ok_or(StoreError::NotFound)?,
        site_id: SiteId(row.site_id),
        site: site.name.clone(),
        zone: known("timezone", &site.timezone, Zone::parse)?,
        opened_at: Timestamp::from_millis(row.opened_at),
        acknowledged_at: row.acknowledged_at.map(Timestamp::from_millis),
        resolved_at: row.resolved_at.map(Timestamp::from_millis),
        acknowledged_by: row.acknowledged_by.and_then(|user| people.get(&user)).cloned(),
        temperature: row.temperature.map(MilliCelsius),
        limit: row.temperature_limit.map(MilliCelsius),
        peak: row.peak.map(MilliCelsius),
    })
}
