//! What a digest counts, read so that no more than the changes of one unit are held at once.

use std::collections::HashMap;

use hub_domain::{
    AlertKind, OrgId, Severity, SiteId, Status, Timestamp, UnitId,
    digest::{Attention, Span, SpanKind, Totals, UnitFacts, totals},
};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait as _, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement,
};
use uuid::Uuid;

use super::due::DUE;
use crate::{
    Store, StoreError,
    entity::{alert, digest, digest_subscription, known, site, unit_status_change as change},
    open::ask_database,
    records::{OpenDigest, UnitDigest},
    scope::{within, within_text},
    sql::Sql,
    tenants::of_the_living,
};

/// Units that are asked for at a time.
const UNITS: usize = 100;

/// Changes of what units were shown as that are asked for at a time.
const CHANGES: u64 = 5_000;

/// Some units of a site, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedUnits {
    /// Their sums.
    pub totals: Totals,
    /// Those that want somebody, in no order.
    pub attention: Vec<UnitDigest>,
    /// The last of them, if there may be more.
    pub next: Option<UnitId>,
}

impl Store {
    /// The digest, if it is yet to be counted.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn open_digest(&self, id: Uuid) -> Result<Option<OpenDigest>, StoreError> {
        ask_database!(self, open_digest(id))
    }

    /// Those of the sites that are there, by name; all of the organization where none is named.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn sites_of_digest(
        &self,
        org: OrgId,
        chosen: &[SiteId],
    ) -> Result<Vec<(SiteId, String)>, StoreError> {
        ask_database!(self, sites_of_digest(org, chosen))
    }

    /// Counts what some units of a site, those after `after`, were like from `from` on and before `to`.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn count_units(
        &self,
        org: OrgId,
        site: SiteId,
        after: Option<UnitId>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<CountedUnits, StoreError> {
        ask_database!(self, count_units(org, site, after, from, to))
    }
}

impl Sql {
    pub(crate) async fn open_digest(&self, id: Uuid) -> Result<Option<OpenDigest>, StoreError> {
        let row = digest::Entity::find_by_id(id)
            .filter(digest::Column::State.eq(DUE))
            .filter(of_the_living(digest::Column::OrgId));
        let Some(row) = row.one(&self.db).await? else { return Ok(None) };
        let by = digest_subscription::Entity::find_by_id(row.subscription_id);
        let by = by.one(&self.db).await?.ok_or(StoreError::NotFound)?;
        Ok(Some(OpenDigest {
            id: row.id,
            org: OrgId(row.org_id),
            from: Timestamp::from_millis(row.from_at),
            to: Timestamp::from_millis(row.to_at),
            sites: digest_subscription::sites(&by.sites)?,
            only_if_needed: by.is_only_if_needed,
        }))
    }

    pub(crate) async fn sites_of_digest(
        &self,
        org: OrgId,
        chosen: &[SiteId],
    ) -> Result<Vec<(SiteId, String)>, StoreError> {
        use site::Column::{DeletedAt, Id, Name, OrgId};
        let of_them = (!chosen.is_empty()).then(|| Id.is_in(chosen.iter().map(|site| site.0)));
        let there = site::Entity::find()
            .select_only()
            .columns([Id, Name])
            .filter(within(OrgId, org))
            .filter(DeletedAt.is_null())
            .filter(Condition::all().add_option(of_them))
            .order_by_asc(Name)
            .order_by_asc(Id);
        let there: Vec<(Uuid, String)> = there.into_tuple().all(&self.of(org).await?).await?;
        Ok(there.into_iter().map(|(id, name)| (SiteId(id), name)).collect())
    }

    pub(crate) async fn count_units(
        &self,
        org: OrgId,
        site: SiteId,
        after: Option<UnitId>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<CountedUnits, StoreError> {
        let asked = self.of(org).await?;
        let mut units = self.begun(&asked, org, site, after, from).await?;
        let next = (units.len() == UNITS).then(|| units.last().map(|unit| unit.facts.id)).flatten();
        add_alerts(&asked, org, &mut units, from, to).await?;
        let mut changes = Changes::new(org, &units, from, to);
        let mut counted = CountedUnits { totals: Totals::default(), attention: Vec::new(), next };
        for Begun { name, mut facts } in units {
            changes.spans_of(&asked, facts.id, &mut facts.spans).await?;
            let of_unit = totals(std::slice::from_ref(&facts), from, to);
            if let Some(Attention { reasons, .. }) = of_unit.attention.first() {
                counted.attention.push(UnitDigest {
                    name,
                    reasons: reasons.clone(),
                    outside_millis: of_unit.outside_millis,
                    missed_logs: of_unit.missed_logs,
                    open: facts.open.iter().map(|(kind, ..)| *kind).collect(),
                });
            }
            counted.totals = std::mem::take(&mut counted.totals).and(of_unit);
        }
        Ok(counted)
    }

    /// Units with what they were shown as when the period began.
    async fn begun(
        &self,
        asked: &DatabaseTransaction,
        org: OrgId,
        site: SiteId,
        after: Option<UnitId>,
        from: Timestamp,
    ) -> Result<Vec<Begun>, StoreError> {
        let (backend, text) = (asked.get_database_backend(), in_force_at(within_text()));
        let after = after.map_or_else(Uuid::nil, |after| after.0);
        let values = [org.0.into(), site.0.into(), after.into(), from.as_millis().into()];
        let rows = asked.query_all_raw(Statement::from_sql_and_values(backend, text, values));
        rows.await?
            .iter()
            .map(|row| {
                let status: Option<String> = row.try_get("", "status")?;
                let mode: Option<String> = row.try_get("", "mode")?;
                let shown = status.zip(mode).map(|(status, mode)| span(from, &status, &mode));
                let facts = UnitFacts {
                    id: UnitId(row.try_get("", "id")?),
                    since: Timestamp::from_millis(row.try_get("", "created_at")?),
                    spans: shown.transpose()?.into_iter().collect(),
                    opened: Vec::new(),
                    open: Vec::new(),
                };
                Ok(Begun { name: row.try_get("", "name")?, facts })
            })
            .collect()
    }
}

/// A unit of which the spans are yet to be read.
struct Begun {
    name: String,
    facts: UnitFacts,
}

/// Units of the site `$2` after `$3`, with what each was shown as at `$4`: the newest change until then. The index of
/// changes begins with the unit and goes by time, so that each is one step in it, however long the unit's history is.
fn in_force_at(within: &str) -> String {
    let newest = |column: &str| {
        format!(
            "(SELECT {column} FROM unit_status_changes WHERE {within} AND unit_id = units.id AND at <= $4
                ORDER BY at DESC, version DESC, ordinal DESC LIMIT 1) AS {column}"
        )
    };
    let (status, mode) = (newest("status"), newest("mode"));
    format!(
        "SELECT id, name, created_at, {status}, {mode} FROM units
        WHERE {within} AND site_id = $2 AND id > $3 AND deleted_at IS NULL ORDER BY id LIMIT {UNITS}"
    )
}

fn span(from: Timestamp, status: &str, mode: &str) -> Result<Span, StoreError> {
    let status = known("status", status, Status::parse)?;
    Ok(Span { from, to: None, kind: SpanKind::of(status, mode) })
}

/// A change: its unit, its place among the unit's, and what it was shown as.
type Change = (Uuid, i64, i64, i64, String, String);

/// The changes of some units within a period, by unit and in order, a part of them at a time.
struct Changes {
    org: OrgId,
    units: Vec<Uuid>,
    from: Timestamp,
    to: Timestamp,
    /// What was read and not handed out yet.
    read: std::collections::VecDeque<Change>,
    last: Option<(Uuid, i64, i64, i64)>,
    is_over: bool,
}

impl Changes {
    fn new(org: OrgId, units: &[Begun], from: Timestamp, to: Timestamp) -> Self {
        let units: Vec<Uuid> = units.iter().map(|unit| unit.facts.id.0).collect();
        let is_over = units.is_empty();
        Self { org, units, from, to, read: std::collections::VecDeque::new(), last: None, is_over }
    }

    /// Adds the spans of a unit. Units are asked for in the order of their ids.
    async fn spans_of(
        &mut self,
        asked: &DatabaseTransaction,
        unit: UnitId,
        spans: &mut Vec<Span>,
    ) -> Result<(), StoreError> {
        loop {
            while let Some((_, at, .., status, mode)) =
                self.read.pop_front_if(|(of, ..)| *of == unit.0)
            {
                spans.push(span(Timestamp::from_millis(at), &status, &mode)?);
            }
            if self.is_over || !self.read.is_empty() {
                return Ok(());
            }
            self.read_on(asked).await?;
        }
    }

    async fn read_on(&mut self, asked: &DatabaseTransaction) -> Result<(), StoreError> {
        use change::Column::{At, Mode, Ordinal, OrgId, Status, UnitId, Version};
        let within_period = change::Entity::find()
            .select_only()
            .columns([UnitId, At, Version, Ordinal, Status, Mode])
            .filter(within(OrgId, self.org))
            .filter(UnitId.is_in(self.units.iter().copied()))
            .filter(At.gt(self.from.as_millis()))
            .filter(At.lt(self.to.as_millis()))
            .filter(Condition::all().add_option(self.last.map(is_after)))
            .order_by_asc(UnitId)
            .order_by_asc(At)
            .order_by_asc(Version)
            .order_by_asc(Ordinal)
            .limit(CHANGES);
        let rows: Vec<Change> = within_period.into_tuple().all(asked).await?;
        self.is_over = u64::try_from(rows.len()).is_ok_and(|read| read < CHANGES);
        self.last =
            rows.last().map(|(unit, at, version, ordinal, ..)| (*unit, *at, *version, *ordinal));
        self.read = rows.into();
        Ok(())
    }
}

fn is_after((unit, at, version, ordinal): (Uuid, i64, i64, i64)) -> Condition {
    use change::Column::{At, Ordinal, UnitId, Version};
    let same_unit = Condition::all().add(UnitId.eq(unit));
    let same_instant = same_unit.clone().add(At.eq(at));
    let same_version = same_instant.clone().add(Version.eq(version));
    Condition::any()
        .add(UnitId.gt(unit))
        .add(same_unit.add(At.gt(at)))
        .add(same_instant.add(Version.gt(version)))
        .add(same_version.add(Ordinal.gt(ordinal)))
}

/// Adds the alerts of the units that opened in the period, and those that are open at its end.
async fn add_alerts(
    asked: &DatabaseTransaction,
    org: OrgId,
    units: &mut [Begun],
    from: Timestamp,
    to: Timestamp,
) -> Result<(), StoreError> {
    use alert::Column::{AcknowledgedAt, Id, Kind, OpenedAt, OrgId, ResolvedAt, UnitId};
    let mut places: HashMap<Uuid, &mut UnitFacts> =
        units.iter_mut().map(|unit| (unit.facts.id.0, &mut unit.facts)).collect();
    let ids: Vec<Uuid> = places.keys().copied().collect();
    let of_units = || {
        alert::Entity::find()
            .select_only()
            .columns([UnitId, Kind, alert::Column::Severity])
            .filter(within(OrgId, org))
            .filter(UnitId.is_in(ids.iter().copied()))
            .filter(OpenedAt.lt(to.as_millis()))
    };
    let opened = of_units()
        .column_as(Id.count(), "alerts")
        .filter(OpenedAt.gte(from.as_millis()))
        .group_by(UnitId)
        .group_by(Kind)
        .group_by(alert::Column::Severity);
    let opened: Vec<(Uuid, String, String, i64)> = opened.into_tuple().all(asked).await?;
    for (unit, kind, severity, alerts) in opened {
        let Some(facts) = places.get_mut(&unit) else { continue };
        let alerts = usize::try_from(alerts).unwrap_or(0);
        facts.opened.extend(std::iter::repeat_n(named(&kind, &severity)?, alerts));
    }
    let is_open = Condition::any().add(ResolvedAt.is_null()).add(ResolvedAt.gte(to.as_millis()));
    let open = of_units().column(AcknowledgedAt).filter(is_open).order_by_asc(OpenedAt);
    let open: Vec<(Uuid, String, String, Option<i64>)> = open.into_tuple().all(asked).await?;
    for (unit, kind, severity, acknowledged_at) in open {
        let Some(facts) = places.get_mut(&unit) else { continue };
        let (kind, severity) = named(&kind, &severity)?;
        let is_seen = acknowledged_at.is_some_and(|at| at < to.as_millis());
        facts.open.push((kind, severity, is_seen));
    }
    Ok(())
}

fn named(kind: &str, severity: &str) -> Result<(AlertKind, Severity), StoreError> {
    Ok((known("kind", kind, AlertKind::parse)?, known("severity", severity, Severity::parse)?))
}
