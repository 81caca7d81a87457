//! Maintenance windows: times in which units are worked on, and notifications are kept back.

mod planned;

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::Timestamp;
use hub_store::records::{MaintenanceWindow, WindowFilter, WindowKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use self::planned::{is_end, window_of};
use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    areas::not_there,
    asked::{self, Id, Listed, Query, bad_query},
    body,
    created::Created,
    edition::{self, EditionOut, IfMatch, Tagged},
    error::ApiError,
    openapi::{ById, InOrganization},
    recorded, schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    maintenance,
    wire::InstantOut,
};

/// A window to be planned, of a unit or of all units of a site.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MaintenanceWindowIn {
    /// All units that the site has when the window begins.
    #[schema(schema_with = schemas::id_or_none)]
    site_id: Option<String>,
    #[schema(schema_with = schemas::id_or_none)]
    unit_id: Option<String>,
    #[schema(schema_with = schemas::window_kind)]
    kind: String,
    /// Now where not said.
    #[schema(schema_with = schemas::instant_or_none)]
    starts_at: Option<String>,
    #[schema(schema_with = schemas::instant)]
    ends_at: String,
    #[schema(schema_with = schemas::words_text)]
    reason: String,
}

/// An edit of a window that is not over. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MaintenanceWindowPatch {
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::instant)]
    ends_at: Option<String>,
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::words_text)]
    reason: Option<String>,
}

/// A window.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceWindowOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    #[schema(schema_with = schemas::id)]
    site_id: String,
    /// `null` for all units that the site has when it begins.
    #[schema(required, schema_with = schemas::id_or_none)]
    unit_id: Option<String>,
    #[schema(schema_with = schemas::window_kind)]
    kind: &'static str,
    #[schema(schema_with = schemas::window_state)]
    state: &'static str,
    starts_at: InstantOut,
    ends_at: InstantOut,
    reason: String,
    /// When the units were told.
    #[schema(required)]
    begun_at: Option<InstantOut>,
    #[schema(required)]
    ended_at: Option<InstantOut>,
    #[schema(required, schema_with = schemas::id_or_none)]
    created_by: Option<String>,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
}

impl MaintenanceWindowOut {
    fn of(window: MaintenanceWindow, now: Timestamp) -> Self {
        Self {
            id: window.id.to_string(),
            site_id: window.site.to_string(),
            unit_id: window.unit.map(|unit| unit.to_string()),
            kind: window.kind.name(),
            state: state(&window, now),
            starts_at: InstantOut(window.starts_at),
            ends_at: InstantOut(window.ends_at),
            reason: window.reason,
            begun_at: window.begun_at.map(InstantOut),
            ended_at: window.ended_at.map(InstantOut),
            created_by: window.created_by.map(|user| user.to_string()),
            created_at: InstantOut(window.created_at),
            edition: window.edition.into(),
        }
    }
}

fn state(window: &MaintenanceWindow, now: Timestamp) -> &'static str {
    if window.ended_at.is_some() || window.ends_at <= now {
        "ended"
    } else if window.starts_at <= now {
        "active"
    } else {
        "planned"
    }
}

/// Which windows are wanted: those that end after `from` and begin before `to`.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct MaintenanceWindowsIn {
    #[param(schema_with = schemas::id)]
    unit_id: Option<String>,
    #[param(schema_with = schemas::id)]
    site_id: Option<String>,
    #[param(schema_with = schemas::window_kind)]
    kind: Option<String>,
    #[param(schema_with = schemas::instant)]
    from: Option<String>,
    #[param(schema_with = schemas::instant)]
    to: Option<String>,
    #[param(schema_with = schemas::flag)]
    deleted: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, edit, delete))
        .routes(routes!(end))
}

/// Plans a window. One that begins now has begun when this answers.
///
/// # Errors
/// 403 below manager, 409 where another window of the same unit overlaps it, 422 for a bad field.
#[utoipa::path(
    post,
    path = "/api/v1/maintenance-windows",
    operation_id = "createMaintenanceWindow",
    tag = "Maintenance",
    extensions(("x-deed" = json!("maintain"))),
    params(InOrganization),
    request_body = MaintenanceWindowIn,
    responses(
        (status = 201, description = "It is planned.", body = MaintenanceWindowOut, headers(("Location" = String, description = "Where it can be read."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<MaintenanceWindowIn>,
) -> Result<Created<MaintenanceWindowOut>, ApiError> {
    caller.may(Deed::Maintain)?;
    let window = window_of(&hub, &caller, asked).await?;
    let by = caller.by().because(Some(window.reason.clone()));
    let planned = hub.store.plan_window(&window, by).await;
    planned.map_err(|error| not_there(error, "/siteId"))?;
    let window = told(&hub, window).await?;
    let location = format!("/api/v1/maintenance-windows/{}", window.id);
    Ok(Created { location, object: MaintenanceWindowOut::of(window, hub.clock.now()) })
}

/// The windows of the organization.
///
/// # Errors
/// 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/maintenance-windows",
    operation_id = "listMaintenanceWindows",
    tag = "Maintenance",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, MaintenanceWindowsIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<MaintenanceWindowOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<MaintenanceWindowsIn>,
) -> Result<Json<Listed<MaintenanceWindowOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let kind = asked.kind.as_deref().map(|name| {
        let known = WindowKind::MODES.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| bad_query("kind", "is no kind of window"))
    });
    let filter = WindowFilter {
        unit: asked::query_id("unitId", asked.unit_id.as_deref())?,
        site: asked::query_id("siteId", asked.site_id.as_deref())?,
        kind: kind.transpose()?,
        from: asked::query_instant("from", asked.from.as_deref())?,
        to: asked::query_instant("to", asked.to.as_deref())?,
    };
    let life = asked::life(asked.deleted.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    let page = hub.store.windows(caller.org, filter, life, page).await?;
    let now = hub.clock.now();
    Ok(Json(Listed::of(page, |window| MaintenanceWindowOut::of(window, now))))
}

/// One window.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/maintenance-windows/{id}",
    operation_id = "getMaintenanceWindow",
    tag = "Maintenance",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = MaintenanceWindowOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<MaintenanceWindowOut>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let window = hub.store.window(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    Ok(tagged(&hub, window))
}

/// Gives a window another end or reason. Its units know when this answers.
///
/// # Errors
/// 409 if it is over or would overlap another, 412 if it was edited since the edition that `If-Match` names.
#[utoipa::path(
    patch,
    path = "/api/v1/maintenance-windows/{id}",
    operation_id = "editMaintenanceWindow",
    tag = "Maintenance",
    extensions(("x-deed" = json!("maintain"))),
    params(InOrganization, ById, IfMatch),
    request_body = MaintenanceWindowPatch,
    responses(
        (status = 200, description = "As it is now.", body = MaintenanceWindowOut),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<MaintenanceWindowPatch>,
) -> Result<Tagged<MaintenanceWindowOut>, ApiError> {
    caller.may(Deed::Maintain)?;
    let window = hub.store.window(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    let reason = recorded::words_or_none("/reason", asked.reason)?;
    let ends_at = asked.ends_at.as_deref().map(|text| recorded::at("/endsAt", text)).transpose()?;
    if let Some(ends_at) = ends_at {
        is_end(window.kind, window.starts_at, ends_at, hub.clock.now())?;
    }
    let (org, by) = (caller.org, caller.by());
    let edited = hub.store.edit_window(org, id, expected, ends_at, reason, by).await?;
    Ok(tagged(&hub, told(&hub, edited).await?))
}

/// Ends a window that has begun, now.
///
/// # Errors
/// 409 if it has not begun, or is over.
#[utoipa::path(
    post,
    path = "/api/v1/maintenance-windows/{id}/end",
    operation_id = "endMaintenanceWindow",
    tag = "Maintenance",
    extensions(("x-deed" = json!("maintain"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = MaintenanceWindowOut),
        ActErrors,
    ),
)]
pub async fn end(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<MaintenanceWindowOut>, ApiError> {
    caller.may(Deed::Maintain)?;
    let ended = hub.store.end_window(caller.org, id, caller.by()).await?;
    Ok(tagged(&hub, told(&hub, ended).await?))
}

/// Deletes a window that has not begun.
///
/// # Errors
/// 409 if it has begun: it can be ended.
#[utoipa::path(
    delete,
    path = "/api/v1/maintenance-windows/{id}",
    operation_id = "deleteMaintenanceWindow",
    tag = "Maintenance",
    extensions(("x-deed" = json!("maintain"))),
    params(InOrganization, ById),
    responses(
        (status = 204, description = "It is deleted."),
        ActErrors,
    ),
)]
pub async fn delete(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::Maintain)?;
    hub.store.delete_window(caller.org, id, None, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tagged(hub: &Hub, window: MaintenanceWindow) -> Tagged<MaintenanceWindowOut> {
    let version = window.edition.version;
    Tagged { version, object: MaintenanceWindowOut::of(window, hub.clock.now()) }
}

/// The window as it is once its units were told.
async fn told(hub: &Hub, window: MaintenanceWindow) -> Result<MaintenanceWindow, ApiError> {
    maintenance::tell(hub, &window).await;
    Ok(hub.store.window(window.org, window.id).await?.unwrap_or(window))
}
