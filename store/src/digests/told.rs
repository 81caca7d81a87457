//! What a digest says, as it is stored: JSON, counted once, so that each try of its message tells the same.

use hub_domain::{
    AlertKind, OrgId, Timestamp, Zone,
    digest::{AlertCounts, AttentionReason, Totals},
};
use sea_orm::{DatabaseTransaction, EntityTrait as _, QueryFilter as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    StoreError,
    entity::{digest, digest_subscription::is_weekly, known},
    records::{SiteDigest, ToldDigest, UnitDigest},
    scope::within,
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredSite {
    name: String,
    units: u32,
    inside_millis: i64,
    outside_millis: i64,
    unknown_millis: i64,
    unused_millis: i64,
    critical: u32,
    warning: u32,
    missed_logs: u32,
    attention: Vec<StoredUnit>,
    more: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredUnit {
    name: String,
    reasons: Vec<String>,
    outside_millis: i64,
    missed_logs: u32,
    open: Vec<String>,
}

/// What is said of sites, as it is stored.
pub(super) fn encode(sites: &[SiteDigest]) -> Result<String, StoreError> {
    let sites: Vec<StoredSite> = sites.iter().map(stored).collect();
    serde_json::to_string(&sites).map_err(corrupt)
}

/// The digest of that id, if it is told.
pub(crate) async fn told(
    asked: &DatabaseTransaction,
    org: OrgId,
    id: Uuid,
) -> Result<Option<ToldDigest>, StoreError> {
    let row = digest::Entity::find_by_id(id).filter(within(digest::Column::OrgId, org));
    let Some(row) = row.one(asked).await? else { return Ok(None) };
    let Some(totals) = row.totals else { return Ok(None) };
    Ok(Some(ToldDigest {
        is_weekly: is_weekly(&row.rhythm)?,
        zone: known("timezone", &row.timezone, Zone::parse)?,
        from: Timestamp::from_millis(row.from_at),
        to: Timestamp::from_millis(row.to_at),
        sites: decode(&totals)?,
    }))
}

fn decode(text: &str) -> Result<Vec<SiteDigest>, StoreError> {
    let sites: Vec<StoredSite> = serde_json::from_str(text).map_err(corrupt)?;
    sites.into_iter().map(site).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "serde gives it so")]
fn corrupt(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("totals of a digest: {error}"))
}

fn stored(site: &SiteDigest) -> StoredSite {
    let totals = &site.totals;
    let unit = |unit: &UnitDigest| StoredUnit {
        name: unit.name.clone(),
        reasons: unit.reasons.iter().map(ToString::to_string).collect(),
        outside_millis: unit.outside_millis,
        missed_logs: unit.missed_logs,
        open: unit.open.iter().map(ToString::to_string).collect(),
    };
    StoredSite {
        name: site.name.clone(),
        units: totals.units,
        inside_millis: totals.inside_millis,
        outside_millis: totals.outside_millis,
        unknown_millis: totals.unknown_millis,
        unused_millis: totals.unused_millis,
        critical: totals.opened.critical,
        warning: totals.opened.warning,
        missed_logs: totals.missed_logs,
        attention: site.attention.iter().map(unit).collect(),
        more: site.more,
    }
}

fn site(stored: StoredSite) -> Result<SiteDigest, StoreError> {
    Ok(SiteDigest {
        name: stored.name,
        totals: Totals {
            units: stored.units,
            inside_millis: stored.inside_millis,
            outside_millis: stored.outside_millis,
            unknown_millis: stored.unknown_millis,
            unused_millis: stored.unused_millis,
            opened: AlertCounts { critical: stored.critical, warning: stored.warning },
            missed_logs: stored.missed_logs,
            attention: Vec::new(),
        },
        attention: stored.attention.into_iter().map(unit).collect::<Result<_, _>>()?,
        more: stored.more,
    })
}

fn unit(stored: StoredUnit) -> Result<UnitDigest, StoreError> {
    let reason = |name: &String| known("reason", name, AttentionReason::parse);
    let kind = |name: &String| known("kind", name, AlertKind::parse);
    Ok(UnitDigest {
        name: stored.name,
        reasons: stored.reasons.iter().map(reason).collect::<Result<_, _>>()?,
        outside_millis: stored.outside_millis,
        missed_logs: stored.missed_logs,
        open: stored.open.iter().map(kind).collect::<Result<_, _>>()?,
    })
}
