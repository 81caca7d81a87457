//! A window as it is asked for: where, of what kind, from when and until when.

use hub_domain::{SiteId, Timestamp, UnitId};
use hub_store::records::{Edition, MaintenanceWindow, WindowKind};

use super::MaintenanceWindowIn;
use crate::{
    app::Hub,
    auth::Caller,
    http::{
        areas::{reference, unknown},
        error::ApiError,
        manual_logs::unit_of,
        recorded,
    },
};

const DAY_SECS: u32 = 86_400;
/// How long a window may be.
const LONGEST_DAYS: u32 = 30;
/// How long units may be set up.
const LONGEST_COMMISSIONING_DAYS: u32 = 90;
/// How far ahead a window may begin.
const FARTHEST_DAYS: u32 = 366;
/// How long ago a window may begin: clocks differ.
const BEGUN_WITHIN_SECS: i64 = 300;

/// The window that is asked for.
pub(super) async fn window_of(
    hub: &Hub,
    caller: &Caller,
    asked: MaintenanceWindowIn,
) -> Result<MaintenanceWindow, ApiError> {
    let (id, now) = hub.store.mint_record();
    let kind = WindowKind::MODES.into_iter().find(|kind| kind.name() == asked.kind);
    let detail = "must be maintenance, defrosting or commissioning";
    let kind = kind.ok_or_else(|| ApiError::field("/kind", "bad_kind", detail))?;
    let reason = recorded::words("/reason", asked.reason)?;
    let starts_at = match asked.starts_at.as_deref() {
        Some(text) => is_begin(recorded::at("/startsAt", text)?, now)?,
        None => now,
    };
    let ends_at = is_end(kind, starts_at, recorded::at("/endsAt", &asked.ends_at)?, now)?;
    let (site, unit) = place_of(hub, caller, asked.site_id, asked.unit_id).await?;
    Ok(MaintenanceWindow {
        id,
        org: caller.org,
        site,
        unit,
        alert: None,
        kind,
        starts_at,
        ends_at,
        reason,
        begun_at: None,
        ended_at: None,
        created_by: Some(caller.user()?),
        created_at: now,
        edition: Edition::default(),
    })
}

/// The site, or the unit with its site: one of the two is named.
async fn place_of(
    hub: &Hub,
    caller: &Caller,
    site: Option<String>,
    unit: Option<String>,
) -> Result<(SiteId, Option<UnitId>), ApiError> {
    match (site, unit) {
        (Some(site), None) => {
            let site: SiteId = reference("/siteId", &site)?;
            let found = hub.store.site(caller.org, site).await?;
            found.map(|site| (site.id, None)).ok_or_else(|| unknown("/siteId"))
        }
        (None, Some(unit)) => {
            let unit = unit_of(hub, caller, &unit).await?;
            Ok((unit.site, Some(unit.id)))
        }
        (Some(_), Some(_)) | (None, None) => {
            let detail = "one of siteId and unitId must be named";
            Err(ApiError::field("/unitId", "bad_target", detail))
        }
    }
}

fn is_begin(starts_at: Timestamp, now: Timestamp) -> Result<Timestamp, ApiError> {
    let wrong = |detail| Err(ApiError::field("/startsAt", "bad_instant", detail));
    if starts_at.as_millis() < now.as_millis() - BEGUN_WITHIN_SECS * 1000 {
        return wrong("the begin is past");
    }
    if starts_at > now.plus_secs(FARTHEST_DAYS * DAY_SECS) {
        return wrong("the begin is more than a year ahead");
    }
    Ok(starts_at)
}

/// Takes an end that is to come, and not too far away.
pub(super) fn is_end(
    kind: WindowKind,
    starts_at: Timestamp,
    ends_at: Timestamp,
    now: Timestamp,
) -> Result<Timestamp, ApiError> {
    let wrong = |detail: String| Err(ApiError::field("/endsAt", "bad_instant", detail));
    let days = match kind {
        WindowKind::Commissioning => LONGEST_COMMISSIONING_DAYS,
        WindowKind::Maintenance | WindowKind::Defrosting | WindowKind::Snooze => LONGEST_DAYS,
    };
    if ends_at <= now {
        return wrong("the end is past".to_owned());
    }
    if ends_at <= starts_at {
        return wrong("the end is not after the begin".to_owned());
    }
    if ends_at > starts_at.plus_secs(days * DAY_SECS) {
        return wrong(format!("the end is more than {days} days after the begin"));
    }
    Ok(ends_at)
}
