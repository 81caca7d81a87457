//! What actors start from.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use hub_domain::{OrgId, Reading, Rule, SiteId, Timestamp, UnitId, UnitState, Version};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseBackend, EntityTrait as _, FromQueryResult,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement, Value,
    sea_query::{Expr, ExprTrait as _},
};
use uuid::Uuid;

use crate::{
    Store, StoreError, checkpoint,
    entity::{alert, organization, site, site_owner, unit, unit_state},
    layers::RuleBook,
    open::{ask, ask_database},
    records::{AlertRecord, LoadedSite, LoadedUnit, Site, UnitRecord},
    rules::rule_book,
    since::Since,
    sql::{Pools, Sql},
    tenants::of_the_living,
};

impl Store {
    /// Takes over sites and loads all there is to know of them.
    ///
    /// Each one's `owner_epoch` is raised, so that whoever held it before commits nothing more. What this process
    /// had queued before is done first. Sites that do not exist are left out.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn load_sites(&self, sites: &[SiteId]) -> Result<Vec<LoadedSite>, StoreError> {
        self.settle().await;
        ask!(self, load_sites(sites))
    }

    /// Loads one unit of a site held under `owner_epoch`. What was queued before is done first.
    ///
    /// # Errors
    /// [`StoreError::NotOwner`] if the site is held under another epoch by now.
    pub async fn load_unit(
        &self,
        unit: UnitId,
        owner_epoch: i64,
    ) -> Result<Option<LoadedUnit>, StoreError> {
        self.settle().await;
        ask!(self, load_unit(unit, owner_epoch))
    }

    /// All there is to know of sites as it is stored at this moment, without taking them over: another goes on with them.
    /// What it is committing may be there in part, until one looks again. Sites that do not exist are left out.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn peek_sites(&self, sites: &[SiteId]) -> Result<Vec<LoadedSite>, StoreError> {
        ask!(self, peek_sites(sites))
    }

    /// The same of one unit.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn peek_unit(&self, unit: UnitId) -> Result<Option<LoadedUnit>, StoreError> {
        ask!(self, peek_unit(unit))
    }

    /// Where a unit is.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn site_of_unit(&self, unit: UnitId) -> Result<Option<(OrgId, SiteId)>, StoreError> {
        ask!(self, site_of_unit(unit))
    }

    /// The version of a unit's checkpoint, and of the rules that judged it: what can be told of one that cannot be read.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn checkpoint_version(
        &self,
        unit: UnitId,
    ) -> Result<Option<(Version, i64)>, StoreError> {
        ask_database!(self, checkpoint_version(unit))
    }

    /// Every site with at least one unit.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn all_sites(&self) -> Result<Vec<SiteId>, StoreError> {
        ask!(self, all_sites())
    }

    /// Every site with a unit that must be looked at by `now`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn due_sites(&self, now: Timestamp) -> Result<Vec<SiteId>, StoreError> {
        ask!(self, due_sites(now))
    }
}

/// Readings in the order in which they were judged.
pub(crate) fn in_judged_order(mut readings: Vec<Reading>) -> Vec<Reading> {
    readings.sort_by(|a, b| {
        (a.received_at, a.recorded_at, &a.point, a.sequence).cmp(&(
            b.received_at,
            b.recorded_at,
            &b.point,
            b.sequence,
        ))
    });
    readings
}

/// How many sites are loaded at a time: enough that a question is not asked too often, few enough that the answers
/// do not fill the memory.
const SITES_AT_A_TIME: usize = 250;

/// How often what others write to is loaded until its alerts keep still.
const PEEKS: usize = 4;

impl Sql {
    pub(crate) async fn load_sites(&self, sites: &[SiteId]) -> Result<Vec<LoadedSite>, StoreError> {
        let mut sites = sites.to_vec();
        sites.sort_unstable();
        sites.dedup();
        let mut loaded = Vec::with_capacity(sites.len());
        for sites in sites.chunks(2 * SITES_AT_A_TIME) {
            // two at once, so that the database looks for the one while the other is taken apart here
            let (one, other) = sites.split_at(sites.len().div_ceil(2));
            let (one, other) =
                tokio::try_join!(Box::pin(self.take_over(one)), Box::pin(self.take_over(other)))?;
            loaded.extend(one);
            loaded.extend(other);
        }
        Ok(loaded)
    }

    async fn take_over(&self, sites: &[SiteId]) -> Result<Vec<LoadedSite>, StoreError> {
        if sites.is_empty() {
            return Ok(Vec::new());
        }
        let epochs = self.claim(sites).await?;
        self.load_claimed(&epochs).await
    }

    pub(crate) async fn load_unit(
        &self,
        unit: UnitId,
        owner_epoch: i64,
    ) -> Result<Option<LoadedUnit>, StoreError> {
        let Some((_, site)) = self.site_of_unit(unit).await? else { return Ok(None) };
        let owner = site_owner::Entity::find_by_id(site.0);
        let owner = match &self.pools {
            // waits for a commit whose outcome was unknown and that is still under way: it holds the row
            Pools::Postgres { .. } => {
                let change = self.begin().await?;
                let owner = owner.lock_exclusive().one(&change).await?;
                change.commit().await?;
                owner
            }
            Pools::Sqlite { .. } => owner.one(&self.db).await?,
        };
        if owner.map(|row| row.owner_epoch) != Some(owner_epoch) {
            return Err(StoreError::NotOwner);
        }
        self.peek_unit(unit).await
    }

    pub(crate) async fn peek_sites(&self, sites: &[SiteId]) -> Result<Vec<LoadedSite>, StoreError> {
        let mut peeked = Vec::with_capacity(sites.len());
        for sites in sites.chunks(SITES_AT_A_TIME) {
            let live = live_among(sites, &self.db).await?;
            let owners = site_owner::Entity::find();
            let owners =
                owners.filter(site_owner::Column::SiteId.is_in(live)).all(&self.db).await?;
            let epochs = owners.into_iter().map(|row| (SiteId(row.site_id), row.owner_epoch));
            peeked.extend(self.peek_claimed(&epochs.collect()).await?);
        }
        Ok(peeked)
    }

    /// Loads what others write meanwhile: again where alerts changed on the way, so that they are those of the units.
    async fn peek_claimed(
        &self,
        epochs: &BTreeMap<SiteId, i64>,
    ) -> Result<Vec<LoadedSite>, StoreError> {
        let mut loaded = self.load_claimed(epochs).await?;
        for _ in 1..PEEKS {
            let mut after = self.open_alerts(epochs).await?;
            let is_changed =
                |site: &LoadedSite| after.remove(&site.site.id).unwrap_or_default() != site.alerts;
            if !loaded.iter().any(is_changed) {
                break;
            }
            loaded = self.load_claimed(epochs).await?;
        }
        Ok(loaded)
    }

    pub(crate) async fn peek_unit(&self, unit: UnitId) -> Result<Option<LoadedUnit>, StoreError> {
        let units = self.load_units(UnitsOf::Unit(unit)).await?;
        let Units { mut whole, broken } = units.into_values().next().unwrap_or_default();
        if broken.contains(&unit) {
            return Err(StoreError::Corrupt(format!("unit {unit}")));
        }
        Ok(whole.pop())
    }

    pub(crate) async fn site_of_unit(
        &self,
        unit: UnitId,
    ) -> Result<Option<(OrgId, SiteId)>, StoreError> {
        let row = unit::Entity::find_by_id(unit.0)
            .filter(unit::Column::DeletedAt.is_null())
            .one(&self.db)
            .await?;
        Ok(row.map(|row| (OrgId(row.org_id), SiteId(row.site_id))))
    }

    pub(crate) async fn checkpoint_version(
        &self,
        unit: UnitId,
    ) -> Result<Option<(Version, i64)>, StoreError> {
        let row = unit_state::Entity::find_by_id(unit.0)
            .select_only()
            .columns([unit_state::Column::Version, unit_state::Column::RuleVersion]);
        let versions: Option<(i64, i64)> = row.into_tuple().one(&self.db).await?;
        Ok(versions.map(|(version, rule_version)| (Version(version), rule_version)))
    }

    pub(crate) async fn all_sites(&self) -> Result<Vec<SiteId>, StoreError> {
        let ids = unit::Entity::find().select_only().column(unit::Column::SiteId).distinct();
        let live = ids
            .filter(unit::Column::DeletedAt.is_null())
            .filter(of_the_living(unit::Column::OrgId))
            .order_by_asc(unit::Column::SiteId);
        let ids: Vec<Uuid> = live.into_tuple().all(&self.db).await?;
        Ok(ids.into_iter().map(SiteId).collect())
    }

    pub(crate) async fn due_sites(&self, now: Timestamp) -> Result<Vec<SiteId>, StoreError> {
        let due = "SELECT DISTINCT units.site_id FROM unit_states JOIN units ON units.id = unit_states.unit_id
            JOIN organizations ON organizations.id = units.org_id AND organizations.deleted_at IS NULL
            WHERE unit_states.wake_at <= $1 AND units.deleted_at IS NULL ORDER BY units.site_id";
        let due = Statement::from_sql_and_values(
            self.db.get_database_backend(),
            due,
            [now.as_millis().into()],
        );
        let rows = self.db.query_all_raw(due).await?;
        rows.iter().map(|row| Ok(SiteId(row.try_get("", "site_id")?))).collect()
    }

    /// Raises the epochs of those of `sites` that exist, and gives them.
    async fn claim(&self, sites: &[SiteId]) -> Result<BTreeMap<SiteId, i64>, StoreError> {
        let change = self.begin().await?;
        let live = live_among(sites, &change).await?;
        // in one order, so that two who claim the same sites wait for each other and do not deadlock
        let held = site_owner::Entity::find().filter(site_owner::Column::SiteId.is_in(live));
        let held =
            held.order_by_asc(site_owner::Column::SiteId).lock_exclusive().all(&change).await?;
        site_owner::Entity::update_many()
            .col_expr(
                site_owner::Column::OwnerEpoch,
                Expr::col(site_owner::Column::OwnerEpoch).add(1),
            )
            .col_expr(site_owner::Column::ClaimedAt, self.claimed_now())
            .filter(site_owner::Column::SiteId.is_in(held.iter().map(|row| row.site_id)))
            .exec(&change)
            .await?;
        change.commit().await?;
        Ok(held.into_iter().map(|row| (SiteId(row.site_id), row.owner_epoch + 1)).collect())
    }

    async fn load_claimed(
        &self,
        epochs: &BTreeMap<SiteId, i64>,
    ) -> Result<Vec<LoadedSite>, StoreError> {
        let ids = epochs.keys().map(|site| site.0);
        let sites = site::Entity::find().filter(site::Column::Id.is_in(ids)).all(&self.db).await?;
        let mut alerts = self.open_alerts(epochs).await?;
        let mut units = self.load_units(UnitsOf::Sites(epochs)).await?;
        let loaded = sites.into_iter().map(|row| {
            let site = Site::try_from(row)?;
            let owner_epoch = epochs.get(&site.id).copied().unwrap_or_default();
            let Units { whole, broken } = units.remove(&site.id).unwrap_or_default();
            Ok(LoadedSite {
                owner_epoch,
                units: whole,
                broken,
                alerts: alerts.remove(&site.id).unwrap_or_default(),
                site,
            })
        });
        loaded.collect()
    }

    /// The open alerts of sites, oldest first.
    async fn open_alerts(
        &self,
        sites: &BTreeMap<SiteId, i64>,
    ) -> Result<HashMap<SiteId, Vec<AlertRecord>>, StoreError> {
        let ids = sites.keys().map(|site| site.0);
        let open = alert::Entity::find().filter(alert::Column::SiteId.is_in(ids));
        let open = open.filter(alert::Column::ResolvedAt.is_null()).order_by_asc(alert::Column::Id);
        let mut alerts: HashMap<SiteId, Vec<AlertRecord>> = HashMap::new();
        for row in open.all(&self.db).await? {
            let alert = AlertRecord::try_from(row)?;
            alerts.entry(alert.site).or_default().push(alert);
        }
        Ok(alerts)
    }

    /// Loads units by their sites, in order of their ids. One that cannot be read does not keep the others.
    async fn load_units(&self, of: UnitsOf<'_>) -> Result<HashMap<SiteId, Units>, StoreError> {
        let rows = UnitRow::find_by_statement(of.statement(self.db.get_database_backend()))
            .all(&self.db)
            .await?;
        let mut judges = self.judges(&rows).await?;
        let mut by_site: HashMap<SiteId, Units> = HashMap::new();
        let mut parts = Vec::with_capacity(rows.len());
        for row in rows {
            let (unit, site) = (UnitId(row.id), SiteId(row.site_id));
            match row.into_parts().and_then(|read| Ok((judges.judge(&read.0)?, read))) {
                Ok((judge, read)) => parts.push((judge, read)),
                Err(error) => {
                    tracing::error!(unit.id = %unit, %error, "what is stored of a unit cannot be read");
                    by_site.entry(site).or_default().broken.push(unit);
                }
            }
        }
        let mut since = self.since(parts.iter().map(|(_, read)| read)).await?;
        for ((rule, rule_version), (record, version, state)) in parts {
            let since = since.remove(&record.id).map(in_judged_order).unwrap_or_default();
            let loaded = LoadedUnit { version, state, since, rule, rule_version, record };
            by_site.entry(loaded.record.site).or_default().whole.push(loaded);
        }
        Ok(by_site)
    }

    async fn since(
        &self,
        units: impl Iterator<Item = &(UnitRecord, Version, UnitState)>,
    ) -> Result<HashMap<UnitId, Vec<Reading>>, StoreError> {
        let mut asked = Since::default();
        for (record, _, state) in units {
            state.points.iter().for_each(|point| asked.ask(record.id, point));
        }
        asked.answer(&self.pools).await
    }

    async fn judges(&self, rows: &[UnitRow]) -> Result<Judges, StoreError> {
        let mut orgs: Vec<OrgId> = rows.iter().map(|row| OrgId(row.org_id)).collect();
        orgs.sort_unstable();
        orgs.dedup();
        let of_ids = organization::Entity::find()
            .filter(organization::Column::Id.is_in(orgs.iter().map(|org| org.0)));
        let versions =
            of_ids.all(&self.db).await?.into_iter().map(|row| (OrgId(row.id), row.rules_version));
        Ok(Judges { versions: versions.collect(), book: rule_book(&self.db, &orgs).await? })
    }
}

/// Those of `sites` that are there.
async fn live_among(
    sites: &[SiteId],
    asked: &impl ConnectionTrait,
) -> Result<Vec<Uuid>, StoreError> {
    let live = site::Entity::find().select_only().column(site::Column::Id);
    let live = live
        .filter(site::Column::Id.is_in(sites.iter().map(|site| site.0)))
        .filter(site::Column::DeletedAt.is_null())
        .filter(of_the_living(site::Column::OrgId));
    Ok(live.into_tuple().all(asked).await?)
}

/// A site's units: those that could be read, and those that could not.
#[derive(Default)]
struct Units {
    whole: Vec<LoadedUnit>,
    broken: Vec<UnitId>,
}

/// What units are judged by.
struct Judges {
    versions: HashMap<OrgId, i64>,
    book: RuleBook,
}

impl Judges {
    fn judge(&mut self, unit: &UnitRecord) -> Result<(Arc<Rule>, i64), StoreError> {
        let version = self.versions.get(&unit.org).copied().unwrap_or_default();
        Ok((self.book.stored_rule(unit)?, version))
    }
}

/// Which units are to be loaded.
enum UnitsOf<'a> {
    Sites(&'a BTreeMap<SiteId, i64>),
    Unit(UnitId),
}

impl UnitsOf<'_> {
    /// The question for them. Ids go as one text of JSON, so that one prepared statement does for any number.
    fn statement(&self, backend: DatabaseBackend) -> Statement {
        let (column, ids) = match self {
            UnitsOf::Sites(sites) => (
                "site_id",
                serde_json::json!(
                    sites.keys().map(|site| site.0.simple().to_string()).collect::<Vec<_>>()
                ),
            ),
            UnitsOf::Unit(unit) => ("id", serde_json::json!([unit.0.simple().to_string()])),
        };
        let listed = match backend {
            DatabaseBackend::Postgres => {
                "SELECT id::uuid FROM json_array_elements_text($1::json) AS listed (id)"
            }
            _ => "SELECT unhex(value) FROM json_each($1)",
        };
        let sql = format!(
            "SELECT units.id, units.org_id, units.site_id, units.area_id, units.name, units.preset, units.created_at,
                units.version AS edited, units.updated_at, unit_states.version, unit_states.state
            FROM units JOIN unit_states ON unit_states.unit_id = units.id
            WHERE units.{column} IN ({listed}) AND units.deleted_at IS NULL ORDER BY units.id"
        );
        Statement::from_sql_and_values(backend, sql, [Value::from(ids.to_string())])
    }
}

#[derive(FromQueryResult)]
struct UnitRow {
    id: Uuid,
    org_id: Uuid,
    site_id: Uuid,
    area_id: Option<Uuid>,
    name: String,
    preset: Option<String>,
    created_at: i64,
    edited: i64,
    updated_at: Option<i64>,
    version: i64,
    state: String,
}

impl UnitRow {
    fn into_parts(self) -> Result<(UnitRecord, Version, UnitState), StoreError> {
        let unit = unit::Model {
            id: self.id,
            org_id: self.org_id,
            site_id: self.site_id,
            area_id: self.area_id,
            name: self.name,
            preset: self.preset,
            created_at: self.created_at,
            deleted_at: None,
            version: self.edited,
            updated_at: self.updated_at,
            purge_requested_at: None,
        };
        Ok((unit.try_into()?, Version(self.version), checkpoint::decode(&self.state)?))
    }
}
