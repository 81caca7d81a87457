//! Manual logs: temperatures that people read and write down. Each is a reading of its unit, and is judged.

mod taken;

use axum::{
    Extension, Json,
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use hub_domain::UnitId;
use hub_store::{
    StoreError,
    records::{Life, ManualLog, RecordFilter, UnitRecord},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use self::taken::{is_outside, known, log_of, take_in};
use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    areas::{not_there, reference, unknown},
    asked::{self, Id, Listed, Query, bad_query},
    body,
    edition::{self, EditionOut, IfMatch, Tagged},
    error::ApiError,
    idempotency::Replaying,
    openapi::{ById, InOrganization},
    schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::{CelsiusOut, InstantOut, PercentOut},
};

/// A log to be written down.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ManualLogIn {
    /// Of the sender's choosing: the same log sent again is then known as such.
    #[schema(schema_with = schemas::id_or_none)]
    id: Option<String>,
    #[schema(schema_with = schemas::id)]
    unit_id: String,
    #[schema(schema_with = schemas::any_number)]
    temperature: Box<RawValue>,
    #[schema(schema_with = schemas::temperature_unit_or_none)]
    temperature_unit: Option<String>,
    #[schema(schema_with = schemas::any_number_or_none)]
    humidity: Option<Box<RawValue>>,
    #[schema(schema_with = schemas::note_or_none)]
    note: Option<String>,
    /// When it was read.
    #[schema(schema_with = schemas::instant)]
    recorded_at: String,
    /// What was done about a temperature out of range.
    #[schema(schema_with = schemas::words_or_none_text)]
    corrective_action: Option<String>,
}

/// An edit of a log: its words alone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ManualLogPatch {
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(schema_with = schemas::note_or_none)]
    note: Option<Option<String>>,
}

/// A log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManualLogOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    #[schema(schema_with = schemas::id)]
    unit_id: String,
    #[schema(schema_with = schemas::id)]
    site_id: String,
    temperature: CelsiusOut,
    #[schema(required)]
    humidity: Option<PercentOut>,
    #[schema(required)]
    note: Option<String>,
    /// Whether it was outside the limits that held when it came.
    is_out_of_range: bool,
    /// Whether it was, and no corrective action names it.
    needs_action: bool,
    recorded_at: InstantOut,
    #[schema(schema_with = schemas::id)]
    created_by: String,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
}

impl From<ManualLog> for ManualLogOut {
    fn from(log: ManualLog) -> Self {
        Self {
            id: log.id.to_string(),
            unit_id: log.unit.to_string(),
            site_id: log.site.to_string(),
            temperature: CelsiusOut(log.temperature),
            humidity: log.humidity.map(PercentOut),
            note: log.note,
            is_out_of_range: log.is_out_of_range,
            needs_action: log.needs_action,
            recorded_at: InstantOut(log.recorded_at),
            created_by: log.created_by.to_string(),
            created_at: InstantOut(log.created_at),
            edition: log.edition.into(),
        }
    }
}

/// Which logs are wanted: from (inclusive) to (exclusive), by when they were read.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ManualLogsIn {
    #[param(schema_with = schemas::id)]
    unit_id: Option<String>,
    #[param(schema_with = schemas::id)]
    site_id: Option<String>,
    #[param(schema_with = schemas::instant)]
    from: Option<String>,
    #[param(schema_with = schemas::instant)]
    to: Option<String>,
    #[param(schema_with = schemas::any_flag)]
    needs_action: Option<String>,
    #[param(schema_with = schemas::flag)]
    deleted: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::moment_cursor)]
    cursor: Option<String>,
}

/// A log as answered to its sender: 201 where it was written down, 200 where it was there.
#[derive(Debug)]
pub struct Kept {
    status: StatusCode,
    log: ManualLog,
}

impl IntoResponse for Kept {
    fn into_response(self) -> Response {
        let place = [(LOCATION, format!("/api/v1/manual-logs/{}", self.log.id))];
        let tag = [edition::tag(self.log.edition.version)];
        (self.status, place, tag, Json(ManualLogOut::from(self.log))).into_response()
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, edit, delete))
        .routes(routes!(restore))
}

/// Writes down a log. Its reading is judged and durable when this answers.
///
/// # Errors
/// 403 below staff, 409 where another log of that id is there, 422 for a bad field.
#[utoipa::path(
    post,
    path = "/api/v1/manual-logs",
    operation_id = "createManualLog",
    tag = "Records",
    extensions(("x-deed" = json!("record"))),
    params(InOrganization),
    request_body = ManualLogIn,
    responses(
        (status = 201, description = "It was written down.", body = ManualLogOut, headers(("Location" = String, description = "Where it can be read."))),
        (status = 200, description = "It was there: it was sent before.", body = ManualLogOut, headers(("Location" = String, description = "Where it can be read."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<ManualLogIn>,
) -> Result<Kept, ApiError> {
    caller.may(Deed::Record)?;
    let (log, action) = log_of(&hub, &caller, asked)?;
    // one that was written down is known again though its unit is deleted by now
    if let Some(kept) = known(&hub, &caller, &log).await? {
        return Ok(kept);
    }
    let unit = hub.store.unit(caller.scope(), log.unit).await?.ok_or_else(|| unknown("/unitId"))?;
    let log = ManualLog { site: unit.site, ..log };
    // the reading first: a crash before the log is written is healed by the log sent again, whose reading is then there
    take_in(&hub, &log).await?;
    let is_out_of_range = is_outside(&hub, &log).await?;
    let needs_action = is_out_of_range && action.is_none();
    let log = ManualLog { is_out_of_range, needs_action, ..log };
    match hub.store.create_manual_log(&log, action.as_deref(), caller.by()).await {
        Ok(()) => Ok(Kept { status: StatusCode::CREATED, log }),
        // the same at the same time
        Err(StoreError::Taken(_)) => known(&hub, &caller, &log).await?.ok_or(ApiError::Unavailable),
        Err(error) => Err(not_there(error, "/unitId")),
    }
}

/// The logs of the organization, the one read last first.
///
/// # Errors
/// 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/manual-logs",
    operation_id = "listManualLogs",
    tag = "Records",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ManualLogsIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<ManualLogOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<ManualLogsIn>,
) -> Result<Json<Listed<ManualLogOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let filter = RecordFilter {
        unit: asked::query_id("unitId", asked.unit_id.as_deref())?,
        site: asked::query_id("siteId", asked.site_id.as_deref())?,
        from: asked::query_instant("from", asked.from.as_deref())?,
        to: asked::query_instant("to", asked.to.as_deref())?,
        needs_action: flag("needsAction", asked.needs_action.as_deref())?,
        ..RecordFilter::default()
    };
    let life = asked::life(asked.deleted.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    let page = hub.store.manual_logs(caller.scope(), filter, life, page).await?;
    Ok(Json(Listed::of(page, ManualLogOut::from)))
}

/// One log.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/manual-logs/{id}",
    operation_id = "getManualLog",
    tag = "Records",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = ManualLogOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    replaying: Option<Extension<Replaying>>,
) -> Result<Tagged<ManualLogOut>, ApiError> {
    caller.may(Deed::Read)?;
    let life = replaying.is_none().then_some(Life::Present); // who sends a log again is shown it though it was voided
    found(hub.store.manual_log(caller.scope(), id, life).await?)
}

/// Puts other words to a log. What was read stays.
///
/// # Errors
/// 412 if it was edited since the edition that `If-Match` names, 422 for bad words.
#[utoipa::path(
    patch,
    path = "/api/v1/manual-logs/{id}",
    operation_id = "editManualLog",
    tag = "Records",
    extensions(("x-deed" = json!("record"))),
    params(InOrganization, ById, IfMatch),
    request_body = ManualLogPatch,
    responses(
        (status = 200, description = "As it is now.", body = ManualLogOut),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<ManualLogPatch>,
) -> Result<Tagged<ManualLogOut>, ApiError> {
    caller.may(Deed::Record)?;
    let note = asked.note.map(|note| asked::note("/note", note)).transpose()?;
    hub.store.note_manual_log(caller.org, id, expected, note, caller.by()).await?;
    find(&hub, &caller, id).await
}

/// Voids a log. Its reading stays: it was judged.
///
/// # Errors
/// 403 below manager, 404 for one that is not there.
#[utoipa::path(
    delete,
    path = "/api/v1/manual-logs/{id}",
    operation_id = "deleteManualLog",
    tag = "Records",
    extensions(("x-deed" = json!("resolve"))),
    params(InOrganization, ById),
    responses(
        (status = 204, description = "It is voided."),
        ActErrors,
    ),
)]
pub async fn delete(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::Resolve)?;
    hub.store.void_manual_log(caller.org, id, None, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a voided log count again.
///
/// # Errors
/// 409 if it is not voided.
#[utoipa::path(
    post,
    path = "/api/v1/manual-logs/{id}/restore",
    operation_id = "restoreManualLog",
    tag = "Records",
    extensions(("x-deed" = json!("resolve"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = ManualLogOut),
        ActErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<ManualLogOut>, ApiError> {
    caller.may(Deed::Resolve)?;
    hub.store.restore_manual_log(caller.org, id, caller.by()).await?;
    find(&hub, &caller, id).await
}

async fn find(hub: &Hub, caller: &Caller, id: Uuid) -> Result<Tagged<ManualLogOut>, ApiError> {
    found(hub.store.manual_log(caller.scope(), id, Some(Life::Present)).await?)
}

fn found(log: Option<ManualLog>) -> Result<Tagged<ManualLogOut>, ApiError> {
    let log = log.ok_or(ApiError::NotFound)?;
    Ok(Tagged { version: log.edition.version, object: log.into() })
}

/// The unit that a body names.
///
/// # Errors
/// 422 for one that is not there, or not the caller's.
pub async fn unit_of(hub: &Hub, caller: &Caller, text: &str) -> Result<UnitRecord, ApiError> {
    let id: UnitId = reference("/unitId", text)?;
    hub.store.unit(caller.scope(), id).await?.ok_or_else(|| unknown("/unitId"))
}

/// `true`, `false`, or left out.
///
/// # Errors
/// 400 for anything else.
pub fn flag(name: &str, text: Option<&str>) -> Result<Option<bool>, ApiError> {
    match text {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(bad_query(name, "must be true or false")),
    }
}
