//! Assignments: which device measured which unit when.

use axum::{Json, extract::State};
use hub_domain::{DeviceId, Timestamp, UnitId, reading::MAX_AHEAD_SECS};
use hub_store::{StoreError, records::AssignmentRecord};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::{ReadErrors, WriteErrors},
    areas::{not_there, reference},
    asked::{Id, Listed, Query},
    body,
    devices::{DeviceOut, tagged},
    edition::{self, Tagged},
    error::ApiError,
    instant,
    openapi::{ById, InOrganization},
    schemas,
    sites::PageIn,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    follow_up,
    wire::InstantOut,
};

/// Which unit a device measures, and since when.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AssignmentIn {
    /// The unit, or `null` for none.
    #[serde(deserialize_with = "edition::patched")]
    #[schema(required, schema_with = schemas::id_or_none)]
    unit_id: Option<Option<String>>,
    /// Since when; now, if left out. The past is allowed.
    #[schema(schema_with = schemas::instant_or_none)]
    from: Option<String>,
}

/// A time in which a device measured a unit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentOut {
    #[schema(schema_with = schemas::id)]
    device_id: String,
    #[schema(schema_with = schemas::id)]
    unit_id: String,
    /// Its begin; `null` for one that reaches back to whenever the device began.
    #[schema(required)]
    from: Option<InstantOut>,
    /// Its end, not included; `null` while it lasts.
    #[schema(required)]
    until: Option<InstantOut>,
}

impl From<AssignmentRecord> for AssignmentOut {
    fn from(record: AssignmentRecord) -> Self {
        let assignment = record.assignment;
        let from = Some(assignment.from).filter(|from| *from > Timestamp::EARLIEST);
        Self {
            device_id: record.device.to_string(),
            unit_id: assignment.unit.to_string(),
            from: from.map(InstantOut),
            until: assignment.until.map(InstantOut),
        }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(assign, of_device)).routes(routes!(of_unit))
}

/// States which unit a device measures, from now or from an instant that is past.
///
/// Readings that are stored stay where they are; those still to come, and frames that were kept, go by this.
///
/// # Errors
/// 409 if it would overlap another assignment, 422 for an instant of the future or a unit that is not the caller's.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{id}/assignments",
    operation_id = "assignDevice",
    tag = "Devices",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization, ById),
    request_body = AssignmentIn,
    responses(
        (status = 200, description = "The device as it is now.", body = DeviceOut),
        WriteErrors,
    ),
)]
pub async fn assign(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<DeviceId>,
    body::Json(asked): body::Json<AssignmentIn>,
) -> Result<Tagged<DeviceOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    let unit = asked.unit_id.flatten().map(|unit| reference("/unitId", &unit)).transpose()?;
    let from = since("/from", asked.from.as_deref(), hub.clock.now())?;
    hub.store.device(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    let assigned = hub.store.assign_device(caller.org, id, unit, from, caller.by()).await;
    let device = assigned.map_err(|error| match error {
        StoreError::NotFound if unit.is_some() => not_there(error, "/unitId"),
        error => error.into(),
    })?;
    follow_up::at_once(&hub, caller.org, id).await;
    Ok(tagged(device))
}

/// The units that a device has measured, newest first.
///
/// # Errors
/// 404 for a device that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}/assignments",
    operation_id = "listAssignmentsOfDevice",
    tag = "Devices",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, ById, PageIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<AssignmentOut>),
        ReadErrors,
    ),
)]
pub async fn of_device(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<DeviceId>,
    Query(page): Query<PageIn>,
) -> Result<Json<Listed<AssignmentOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let page = page.page()?;
    hub.store.device(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    let page = hub.store.assignments_of_device(caller.org, id, page).await?;
    Ok(Json(Listed::of(page, AssignmentOut::from)))
}

/// The devices that have measured a unit, newest first.
///
/// # Errors
/// 404 for a unit that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/units/{id}/assignments",
    operation_id = "listAssignmentsOfUnit",
    tag = "Devices",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, ById, PageIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<AssignmentOut>),
        ReadErrors,
    ),
)]
pub async fn of_unit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<UnitId>,
    Query(page): Query<PageIn>,
) -> Result<Json<Listed<AssignmentOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let page = page.page()?;
    hub.store.unit(caller.scope(), id).await?.ok_or(ApiError::NotFound)?;
    let page = hub.store.assignments_of_unit(caller.org, id, page).await?;
    Ok(Json(Listed::of(page, AssignmentOut::from)))
}

/// An instant of a body that lies in the past, as far as readings go back.
///
/// # Errors
/// 422 for another, or for what is none.
pub(super) fn since(
    pointer: &str,
    text: Option<&str>,
    now: Timestamp,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let at = at(pointer, text)?;
    if at > now.plus_secs(MAX_AHEAD_SECS) {
        return Err(ApiError::field(pointer, "in_future", "the instant lies in the future"));
    }
    Ok(Some(at.min(now)))
}

/// An instant of a body, from 2000 on.
///
/// # Errors
/// 422 for another, or for what is none.
pub(super) fn at(pointer: &str, text: &str) -> Result<Timestamp, ApiError> {
    let wrong = |detail: &str| ApiError::field(pointer, "bad_instant", detail);
    let at = instant::parse(text);
    let at = at.ok_or_else(|| wrong("must be an RFC 3339 instant with an offset"))?;
    if at < Timestamp::EARLIEST {
        return Err(wrong("lies before 2000-01-01T00:00:00Z"));
    }
    Ok(at)
}
