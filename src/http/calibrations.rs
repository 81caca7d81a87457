//! Calibrations of devices: what was found when, and when the next is due. They alter no reading.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::{DeviceId, MilliCelsius, Timestamp};
use hub_store::records::{Calibration, CalibrationEdit, NewCalibration};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    areas::{not_there, reference},
    asked::{self, Id, Listed, Query},
    assignments::{at, since},
    body,
    created::Created,
    edition::{self, EditionOut, IfMatch, Tagged},
    error::{ApiError, FieldError},
    openapi::{ById, InOrganization},
    schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    decimal, follow_up,
    wire::{CelsiusOut, InstantOut},
};

/// The largest deviation, in thousandths of a degree Celsius.
const MOST_DEVIATION: i64 = 50_000;

/// A calibration to be written down.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CalibrationIn {
    #[schema(schema_with = schemas::id)]
    device_id: String,
    #[schema(schema_with = schemas::instant)]
    performed_at: String,
    /// Who did it, in words.
    #[schema(schema_with = schemas::name)]
    performed_by: String,
    /// What the device read beyond the reference, in °C.
    #[schema(schema_with = schemas::deviation_or_none)]
    deviation: Option<Box<RawValue>>,
    #[schema(schema_with = schemas::name_or_none)]
    certificate: Option<String>,
    #[schema(schema_with = schemas::note_or_none)]
    note: Option<String>,
    /// When the next one is due.
    #[schema(schema_with = schemas::instant_or_none)]
    due_at: Option<String>,
}

/// An edit of a calibration. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CalibrationPatch {
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::instant)]
    performed_at: Option<String>,
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::name)]
    performed_by: Option<String>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(schema_with = schemas::deviation_or_none)]
    deviation: Option<Option<Box<RawValue>>>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(schema_with = schemas::name_or_none)]
    certificate: Option<Option<String>>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(schema_with = schemas::note_or_none)]
    note: Option<Option<String>>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(schema_with = schemas::instant_or_none)]
    due_at: Option<Option<String>>,
}

/// A calibration.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CalibrationOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    #[schema(schema_with = schemas::id)]
    device_id: String,
    performed_at: InstantOut,
    performed_by: String,
    #[schema(required)]
    deviation: Option<CelsiusOut>,
    #[schema(required)]
    certificate: Option<String>,
    #[schema(required)]
    note: Option<String>,
    #[schema(required)]
    due_at: Option<InstantOut>,
    #[schema(required, schema_with = schemas::id_or_none)]
    created_by: Option<String>,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
}

impl From<Calibration> for CalibrationOut {
    fn from(calibration: Calibration) -> Self {
        Self {
            id: calibration.id.to_string(),
            device_id: calibration.device.to_string(),
            performed_at: InstantOut(calibration.performed_at),
            performed_by: calibration.performed_by,
            deviation: calibration.deviation.map(CelsiusOut),
            certificate: calibration.certificate,
            note: calibration.note,
            due_at: calibration.due_at.map(InstantOut),
            created_by: calibration.created_by.map(|user| user.to_string()),
            created_at: InstantOut(calibration.created_at),
            edition: calibration.edition.into(),
        }
    }
}

fn tagged(calibration: Calibration) -> Tagged<CalibrationOut> {
    Tagged { version: calibration.edition.version, object: calibration.into() }
}

/// Which calibrations are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct CalibrationsIn {
    #[param(schema_with = schemas::id)]
    device_id: Option<String>,
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
        .routes(routes!(restore))
        .routes(routes!(purge))
}

/// Writes down a calibration. The newest of each device says when the next is due.
///
/// # Errors
/// 403 below admin, 422 for bad fields or a device that is not the caller's.
#[utoipa::path(
    post,
    path = "/api/v1/calibrations",
    operation_id = "createCalibration",
    tag = "Calibrations",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization),
    request_body = CalibrationIn,
    responses(
        (status = 201, description = "It was written down.", body = CalibrationOut, headers(("Location" = String, description = "Where it can be read."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<CalibrationIn>,
) -> Result<Created<CalibrationOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    let new = new_of(asked, hub.clock.now())?;
    let made = hub.store.create_calibration(caller.org, new, caller.by()).await;
    let calibration = made.map_err(|error| not_there(error, "/deviceId"))?;
    follow_up::at_once(&hub, caller.org, calibration.device).await;
    let location = format!("/api/v1/calibrations/{}", calibration.id);
    Ok(Created { location, object: calibration.into() })
}

fn new_of(asked: CalibrationIn, now: Timestamp) -> Result<NewCalibration, ApiError> {
    asked::all_good([
        asked::name("/performedBy", &asked.performed_by),
        certificate_is_good(asked.certificate.as_deref()),
    ])?;
    Ok(NewCalibration {
        device: reference::<DeviceId>("/deviceId", &asked.device_id)?,
        performed_at: performed(&asked.performed_at, now)?,
        performed_by: asked.performed_by,
        deviation: asked.deviation.as_deref().map(deviation).transpose()?,
        certificate: asked.certificate,
        note: asked::note("/note", asked.note)?,
        due_at: asked.due_at.as_deref().map(|due_at| at("/dueAt", due_at)).transpose()?,
    })
}

fn edit_of(asked: CalibrationPatch, now: Timestamp) -> Result<CalibrationEdit, ApiError> {
    let certificate = asked.certificate.clone().flatten();
    asked::all_good([
        asked.performed_by.as_deref().map_or(Ok(()), |name| asked::name("/performedBy", name)),
        certificate_is_good(certificate.as_deref()),
    ])?;
    let due_at = |text: Option<String>| text.as_deref().map(|text| at("/dueAt", text)).transpose();
    let read = |raw: Option<Box<RawValue>>| raw.as_deref().map(deviation).transpose();
    Ok(CalibrationEdit {
        performed_at: asked.performed_at.as_deref().map(|at| performed(at, now)).transpose()?,
        performed_by: asked.performed_by,
        deviation: asked.deviation.map(read).transpose()?,
        certificate: asked.certificate,
        note: asked.note.map(|note| asked::note("/note", note)).transpose()?,
        due_at: asked.due_at.map(due_at).transpose()?,
    })
}

fn certificate_is_good(text: Option<&str>) -> Result<(), FieldError> {
    text.map_or(Ok(()), |text| asked::name("/certificate", text))
}

fn performed(text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    Ok(since("/performedAt", Some(text), now)?.unwrap_or(now))
}

/// A deviation in degrees, to the thousandth.
fn deviation(raw: &RawValue) -> Result<MilliCelsius, ApiError> {
    let number = decimal::milli(raw.get()).filter(|milli| milli.abs() <= MOST_DEVIATION);
    let milli = number.and_then(|milli| i32::try_from(milli).ok());
    let wrong =
        || ApiError::field("/deviation", "bad_deviation", "must be a number from -50 to 50");
    milli.map(MilliCelsius).ok_or_else(wrong)
}

/// The calibrations of the organization's devices or of one of them, in the order they were written down.
///
/// # Errors
/// 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/calibrations",
    operation_id = "listCalibrations",
    tag = "Calibrations",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, CalibrationsIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<CalibrationOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<CalibrationsIn>,
) -> Result<Json<Listed<CalibrationOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let device = asked::query_id("deviceId", asked.device_id.as_deref())?;
    let life = asked::life(asked.deleted.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    let page = hub.store.calibrations(caller.org, device, life, page).await?;
    Ok(Json(Listed::of(page, CalibrationOut::from)))
}

/// One calibration.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/calibrations/{id}",
    operation_id = "getCalibration",
    tag = "Calibrations",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = CalibrationOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<CalibrationOut>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    Ok(tagged(hub.store.calibration(caller.org, id).await?.ok_or(ApiError::NotFound)?))
}

/// Edits a calibration.
///
/// # Errors
/// 412 if it was edited since the edition that `If-Match` names, 422 for bad fields.
#[utoipa::path(
    patch,
    path = "/api/v1/calibrations/{id}",
    operation_id = "editCalibration",
    tag = "Calibrations",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization, ById, IfMatch),
    request_body = CalibrationPatch,
    responses(
        (status = 200, description = "As it is now.", body = CalibrationOut),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<CalibrationPatch>,
) -> Result<Tagged<CalibrationOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    let edit = edit_of(asked, hub.clock.now())?;
    let calibration =
        hub.store.edit_calibration(caller.org, id, expected, edit, caller.by()).await?;
    follow_up::at_once(&hub, caller.org, calibration.device).await;
    Ok(tagged(calibration))
}

/// Deletes a calibration: the one before it says again when the next is due. It can be restored.
///
/// # Errors
/// 404 for one that is not there.
#[utoipa::path(
    delete,
    path = "/api/v1/calibrations/{id}",
    operation_id = "deleteCalibration",
    tag = "Calibrations",
    extensions(("x-deed" = json!("editDevices"))),
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
    caller.may(Deed::EditDevices)?;
    let device = hub.store.delete_calibration(caller.org, id, None, caller.by()).await?;
    follow_up::at_once(&hub, caller.org, device).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted calibration back.
///
/// # Errors
/// 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/calibrations/{id}/restore",
    operation_id = "restoreCalibration",
    tag = "Calibrations",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = CalibrationOut),
        ActErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<CalibrationOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    let calibration = hub.store.restore_calibration(caller.org, id, caller.by()).await?;
    follow_up::at_once(&hub, caller.org, calibration.device).await;
    Ok(tagged(calibration))
}

/// Removes a deleted calibration for good.
///
/// # Errors
/// 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/calibrations/{id}/purge",
    operation_id = "purgeCalibration",
    tag = "Calibrations",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization, ById),
    responses(
        (status = 204, description = "It is gone."),
        ActErrors,
    ),
)]
pub async fn purge(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditDevices)?;
    hub.store.purge_calibration(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}
