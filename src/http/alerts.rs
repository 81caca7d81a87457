//! Alerts: listed, looked at, acknowledged, resolved, snoozed.

mod resolution;
pub mod snooze;
pub mod timeline;

use axum::{Json, extract::State};
use hub_actors::AlertAskError;
use hub_domain::{AlertId, AlertKind, AlertStatus, Refusal, Severity, SiteId, UnitId};
use hub_store::{
    Said,
    records::{AlertAside, AlertEventRecord, AlertFilter, AlertRecord},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    resolution::{joined, may_be_resolved, write_down},
    timeline::{TimelineOut, timeline},
};
use super::{
    answers::{ReadErrors, WriteErrors},
    asked::{self, Id, Listed, Query, bad_query},
    body::OptionalJson,
    error::ApiError,
    manual_logs::flag,
    openapi::{ById, InOrganization},
    schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::{AlertOut, InstantOut},
};

/// Which alerts are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct AlertsIn {
    #[param(schema_with = schemas::alert_filter)]
    status: Option<String>,
    #[param(schema_with = schemas::id)]
    unit_id: Option<String>,
    #[param(schema_with = schemas::id)]
    site_id: Option<String>,
    #[param(schema_with = schemas::alert_kind)]
    kind: Option<String>,
    #[param(schema_with = schemas::severity)]
    severity: Option<String>,
    /// Opened from then on.
    #[param(schema_with = schemas::instant)]
    from: Option<String>,
    /// Opened before then.
    #[param(schema_with = schemas::instant)]
    to: Option<String>,
    /// Those whose site requires a corrective action where none names them, or all others.
    #[param(schema_with = schemas::any_flag)]
    needs_action: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
}

/// An alert with what stands beside it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertNowOut {
    #[serde(flatten)]
    alert: AlertOut,
    /// Until when what is told of it is kept back.
    #[schema(required)]
    snoozed_until: Option<InstantOut>,
    /// Whether its site requires a corrective action, and none names it.
    needs_action: bool,
}

impl AlertNowOut {
    fn of(alert: &AlertRecord, aside: AlertAside) -> Self {
        Self {
            alert: AlertOut::from(alert),
            snoozed_until: aside.snoozed_until.map(InstantOut),
            needs_action: aside.needs_action,
        }
    }
}

/// An alert with its history.
#[derive(Serialize, ToSchema)]
pub struct AlertWithEventsOut {
    #[serde(flatten)]
    alert: AlertNowOut,
    events: Vec<EventOut>,
    timeline: Vec<TimelineOut>,
}

/// Something that happened to an alert.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventOut {
    ordinal: i64,
    #[schema(schema_with = schemas::alert_event)]
    event: &'static str,
    at: InstantOut,
    written_at: InstantOut,
    #[schema(schema_with = schemas::severity)]
    severity: &'static str,
    #[schema(required, schema_with = schemas::id_or_none)]
    by: Option<String>,
    #[schema(required)]
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
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeIn {
    #[schema(schema_with = schemas::note_or_none)]
    note: Option<String>,
}

/// Words on a resolution.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ResolveIn {
    #[schema(schema_with = schemas::note_or_none)]
    note: Option<String>,
    #[schema(schema_with = schemas::note_or_none)]
    corrective_action: Option<String>,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(acknowledge))
        .routes(routes!(resolve))
        .routes(routes!(snooze::snooze, snooze::unsnooze))
}

/// The alerts of the organization, newest first.
///
/// # Errors
/// 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/alerts",
    operation_id = "listAlerts",
    tag = "Alerts",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, AlertsIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<AlertNowOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<AlertsIn>,
) -> Result<Json<Listed<AlertNowOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor.clone())?;
    let page = hub.store.alerts(caller.scope(), filter_of(&asked)?, page).await?;
    let beside = hub.store.beside_alerts(caller.org, &page.items).await?;
    let mut beside = beside.into_iter();
    let shape = |alert: AlertRecord| AlertNowOut::of(&alert, beside.next().unwrap_or_default());
    Ok(Json(Listed::of(page, shape)))
}

/// One alert with its history, and all that was done and planned about it.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/{id}",
    operation_id = "getAlert",
    tag = "Alerts",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = AlertWithEventsOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AlertId>,
) -> Result<Json<AlertWithEventsOut>, ApiError> {
    caller.may(Deed::Read)?;
    let alert = find(&hub, &caller, id).await?;
    let events = hub.store.alert_events(caller.org, id).await?;
    let actions = hub.store.actions_of_alert(caller.scope(), id).await?;
    let windows = hub.store.windows_of_alert(&alert).await?;
    let timeline = timeline(&alert, &events, actions, windows, hub.clock.now());
    let events = events.into_iter().map(EventOut::from).collect();
    Ok(Json(AlertWithEventsOut { alert: now(&hub, &alert).await?, events, timeline }))
}

/// Somebody has seen the alert: escalation stops, evaluation does not. Who acknowledged it may say so again.
///
/// # Errors
/// 403 below staff, 404 for an alert that is not there, 409 for one that another acknowledged, or that is resolved.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/{id}/acknowledge",
    operation_id = "acknowledgeAlert",
    tag = "Alerts",
    extensions(("x-deed" = json!("acknowledge"))),
    params(InOrganization, ById),
    request_body = Option<AcknowledgeIn>,
    responses(
        (status = 200, description = "The alert as it is now.", body = AlertNowOut),
        WriteErrors,
    ),
)]
pub async fn acknowledge(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AlertId>,
    OptionalJson(asked): OptionalJson<AcknowledgeIn>,
) -> Result<Json<AlertNowOut>, ApiError> {
    caller.may(Deed::Acknowledge)?;
    let note = asked::note("/note", asked.note)?;
    let alert = find(&hub, &caller, id).await?;
    let by = caller.user()?;
    let told = hub.units.acknowledge(alert.unit, id, Some(by), said(&caller, note)).await;
    let alert = find(&hub, &caller, id).await?;
    match told {
        // their own, whose answer they may not have had
        Err(AlertAskError::Refused(Refusal::AlreadyAcknowledged))
            if alert.acknowledged_by == Some(by) => {}
        told => told?,
    }
    Ok(Json(now(&hub, &alert).await?))
}

/// Somebody says that it is over, and what was done where the site wants to know.
///
/// # Errors
/// 403 below manager, 404 for an alert that is not there, 409 for one that is over or whose condition holds, 422
/// without a corrective action where the site requires one.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/{id}/resolve",
    operation_id = "resolveAlert",
    tag = "Alerts",
    extensions(("x-deed" = json!("resolve"))),
    params(InOrganization, ById),
    request_body = Option<ResolveIn>,
    responses(
        (status = 200, description = "The alert as it is now.", body = AlertNowOut),
        WriteErrors,
    ),
)]
pub async fn resolve(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AlertId>,
    OptionalJson(asked): OptionalJson<ResolveIn>,
) -> Result<Json<AlertNowOut>, ApiError> {
    caller.may(Deed::Resolve)?;
    let note = asked::note("/note", asked.note)?;
    let action = asked::note("/correctiveAction", asked.corrective_action)?;
    let alert = find(&hub, &caller, id).await?;
    may_be_resolved(&hub, &alert).await?;
    // the action first: a crash in between leaves an action without a resolution, never the other way round
    match &action {
        Some(action) => write_down(&hub, &caller, &alert, action).await?,
        None if aside(&hub, &alert).await?.needs_action => {
            return Err(ApiError::CorrectiveActionRequired);
        }
        None => {}
    }
    let said = said(&caller, joined(note, action));
    hub.units.resolve(alert.unit, id, caller.user()?, said).await?;
    let alert = find(&hub, &caller, id).await?;
    Ok(Json(now(&hub, &alert).await?))
}

/// What the caller says of what they do to an alert.
fn said(caller: &Caller, note: Option<String>) -> Said {
    Said { note, reason: caller.by().reason, contact: None }
}

async fn find(hub: &Hub, caller: &Caller, id: AlertId) -> Result<AlertRecord, ApiError> {
    hub.store.alert(caller.scope(), id).await?.ok_or(ApiError::NotFound)
}

async fn now(hub: &Hub, alert: &AlertRecord) -> Result<AlertNowOut, ApiError> {
    Ok(AlertNowOut::of(alert, aside(hub, alert).await?))
}

async fn aside(hub: &Hub, alert: &AlertRecord) -> Result<AlertAside, ApiError> {
    let beside = hub.store.beside_alerts(alert.org, std::slice::from_ref(alert)).await?;
    Ok(beside.first().copied().unwrap_or_default())
}

fn filter_of(asked: &AlertsIn) -> Result<AlertFilter, ApiError> {
    Ok(AlertFilter {
        unit: asked::query_id::<UnitId>("unitId", asked.unit_id.as_deref())?,
        site: asked::query_id::<SiteId>("siteId", asked.site_id.as_deref())?,
        kind: asked.kind.as_deref().map(kind).transpose()?,
        statuses: asked.status.as_deref().map_or(Ok(Vec::new()), statuses)?,
        severity: asked.severity.as_deref().map(severity).transpose()?,
        from: asked::query_instant("from", asked.from.as_deref())?,
        to: asked::query_instant("to", asked.to.as_deref())?,
        needs_action: flag("needsAction", asked.needs_action.as_deref())?,
    })
}

fn kind(name: &str) -> Result<AlertKind, ApiError> {
    AlertKind::parse(name).ok_or_else(|| bad_query("kind", "is no kind of alert"))
}

fn severity(name: &str) -> Result<Severity, ApiError> {
    Severity::parse(name).ok_or_else(|| bad_query("severity", "must be warning or critical"))
}

fn statuses(name: &str) -> Result<Vec<AlertStatus>, ApiError> {
    match name {
        "open" => Ok(vec![AlertStatus::Active, AlertStatus::Acknowledged]),
        _ => AlertStatus::parse(name)
            .map(|status| vec![status])
            .ok_or_else(|| bad_query("status", "must be active, acknowledged, resolved or open")),
    }
}
