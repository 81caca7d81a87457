//! Alerts: listed, looked at, acknowledged, resolved.

use axum::{Json, extract::State};
use hub_domain::{AlertId, AlertKind, AlertStatus, SiteId, UnitId};
use hub_store::records::{AlertEventRecord, AlertFilter, AlertRecord};
use serde::{Deserialize, Serialize};

use super::{
    asked::{self, Id, Listed, Query, bad_query},
    body::OptionalJson,
    error::ApiError,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::{AlertOut, InstantOut},
};

/// Which alerts are wanted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertsIn {
    status: Option<String>,
    unit_id: Option<String>,
    site_id: Option<String>,
    kind: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// An alert with its history.
#[derive(Serialize)]
pub struct AlertWithEventsOut {
    #[serde(flatten)]
    alert: AlertOut,
    events: Vec<EventOut>,
}

/// Something that happened to an alert.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventOut {
    ordinal: i64,
    event: &'static str,
    at: InstantOut,
    written_at: InstantOut,
    severity: &'static str,
    by: Option<String>,
    note: Option<String>,
    muted: bool,
}

impl From<AlertEventRecord> for EventOut {
    fn from(event: AlertEventRecord) -> Self {
        Self {
            ordinal: event.ordinal,
            event: event.event.name(),
            at: InstantOut(event.at),
            written_at: InstantOut(event.written_at),
            severity: event.severity.name(),
            by: event.by.map(|user| user.to_string()),
            note: event.note,
            muted: event.muted,
        }
    }
}

/// Words on an acknowledgement.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeIn {
    note: Option<String>,
}

/// Words on a resolution.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ResolveIn {
    note: Option<String>,
    corrective_action: Option<String>,
}

/// The alerts of the organization, newest first.
///
/// # Errors
/// 400 for a bad page or filter.
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<AlertsIn>,
) -> Result<Json<Listed<AlertOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let filter = AlertFilter {
        unit: asked::query_id::<UnitId>("unitId", asked.unit_id.as_deref())?,
        site: asked::query_id::<SiteId>("siteId", asked.site_id.as_deref())?,
        kind: asked.kind.as_deref().map(kind).transpose()?,
        statuses: asked.status.as_deref().map_or(Ok(Vec::new()), statuses)?,
    };
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    let page = hub.store.alerts(caller.org, filter, page).await?;
    Ok(Json(Listed::of(page, |alert| AlertOut::from(&alert))))
}

/// One alert with its history.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AlertId>,
) -> Result<Json<AlertWithEventsOut>, ApiError> {
    caller.may(Deed::Read)?;
    let alert = find(&hub, &caller, id).await?;
    let events = hub.store.alert_events(caller.org, id).await?;
    let events = events.into_iter().map(EventOut::from).collect();
    Ok(Json(AlertWithEventsOut { alert: AlertOut::from(&alert), events }))
}

/// Somebody has seen the alert: escalation stops, evaluation does not.
///
/// # Errors
/// 403 below staff, 404 for an alert that is not there, 409 for one that is acknowledged or resolved.
pub async fn acknowledge(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AlertId>,
    OptionalJson(asked): OptionalJson<AcknowledgeIn>,
) -> Result<Json<AlertOut>, ApiError> {
    caller.may(Deed::Acknowledge)?;
    let note = asked::note("/note", asked.note)?;
    let alert = find(&hub, &caller, id).await?;
    hub.units.acknowledge(alert.unit, id, caller.user, note).await?;
    Ok(Json(AlertOut::from(&find(&hub, &caller, id).await?)))
}

/// Somebody says that it is over.
///
/// # Errors
/// 403 below manager, 404 for an alert that is not there, 409 for one that is over or whose condition holds.
pub async fn resolve(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AlertId>,
    OptionalJson(asked): OptionalJson<ResolveIn>,
) -> Result<Json<AlertOut>, ApiError> {
    caller.may(Deed::Resolve)?;
    let note = asked::note("/note", asked.note)?;
    let action = asked::note("/correctiveAction", asked.corrective_action)?;
    let alert = find(&hub, &caller, id).await?;
    hub.units.resolve(alert.unit, id, caller.user, joined(note, action)).await?;
    Ok(Json(AlertOut::from(&find(&hub, &caller, id).await?)))
}

async fn find(hub: &Hub, caller: &Caller, id: AlertId) -> Result<AlertRecord, ApiError> {
    hub.store.alert(caller.org, id).await?.ok_or(ApiError::NotFound)
}

/// The corrective action and the note as one text, kept with the event.
fn joined(note: Option<String>, action: Option<String>) -> Option<String> {
    match (action.map(|action| format!("Corrective action: {action}")), note) {
        (Some(action), Some(note)) => Some(format!("{action}\n{note}")),
        (action, note) => action.or(note),
    }
}

fn kind(name: &str) -> Result<AlertKind, ApiError> {
    AlertKind::parse(name).ok_or_else(|| bad_query("kind", "is no kind of alert"))
}

fn statuses(name: &str) -> Result<Vec<AlertStatus>, ApiError> {
    match name {
        "open" => Ok(vec![AlertStatus::Active, AlertStatus::Acknowledged]),
        _ => AlertStatus::parse(name)
            .map(|status| vec![status])
            .ok_or_else(|| bad_query("status", "must be active, acknowledged, resolved or open")),
    }
}
