//! Unclaimed devices: radio sensors that were heard and belong to nobody yet.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::UnitId;
use hub_store::{
    StoreError,
    records::{NewDevice, UnclaimedDevice},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::{ActErrors, PaidErrors, ReadErrors},
    areas::{reference, unknown},
    asked::{self, Listed, Query},
    assignments::since,
    body,
    created::Created,
    devices::{DeviceOut, Eui, model_is_good},
    error::ApiError,
    openapi::InOrganization,
    schemas,
    sites::LongPageIn,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    follow_up,
    wire::InstantOut,
};

/// A sensor that was heard and belongs to no device.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnclaimedOut {
    #[schema(schema_with = schemas::dev_eui)]
    dev_eui: String,
    first_seen_at: InstantOut,
    last_seen_at: InstantOut,
    frames: i64,
}

impl From<UnclaimedDevice> for UnclaimedOut {
    fn from(heard: UnclaimedDevice) -> Self {
        Self {
            dev_eui: heard.dev_eui,
            first_seen_at: InstantOut(heard.first_seen_at),
            last_seen_at: InstantOut(heard.last_seen_at),
            frames: heard.frames,
        }
    }
}

/// What a claimed sensor is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClaimIn {
    #[schema(schema_with = schemas::name)]
    name: String,
    #[schema(schema_with = schemas::id_or_none)]
    unit_id: Option<String>,
    #[schema(schema_with = schemas::name_or_none)]
    model: Option<String>,
    /// Since when it measures the unit; since it was first heard, if left out.
    #[schema(schema_with = schemas::instant_or_none)]
    from: Option<String>,
}

/// The devEui in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ByEui {
    /// The sensor's radio identity.
    #[expect(dead_code, reason = "its extractor reads the path; this is for the document")]
    #[param(rename = "devEui", pattern = "^[0-9A-Fa-f]{16}$")]
    dev_eui: String,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(forget)).routes(routes!(claim))
}

/// The sensors that were heard and belong to no device.
///
/// # Errors
/// 400 for a bad page.
#[utoipa::path(
    get,
    path = "/api/v1/unclaimed-devices",
    operation_id = "listUnclaimedDevices",
    tag = "The Things Stack",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, LongPageIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<UnclaimedOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(page): Query<LongPageIn>,
) -> Result<Json<Listed<UnclaimedOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let page = hub.store.unclaimed_devices(caller.org, page.page()?).await?;
    Ok(Json(Listed::of(page, UnclaimedOut::from)))
}

/// Makes a device of a sensor that was heard, with its history.
///
/// The frames that were kept are read within moments of the answer: their readings are the unit's, each at its own time.
///
/// # Errors
/// 402 and 409 where the plan holds no other, 403 below admin, 404 for one that was not heard, 409 for one that is a device already, 422 for bad fields or a unit
/// that is not the caller's.
#[utoipa::path(
    post,
    path = "/api/v1/unclaimed-devices/{devEui}/claim",
    operation_id = "claimDevice",
    tag = "The Things Stack",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization, ByEui),
    request_body = ClaimIn,
    responses(
        (status = 201, description = "The device that it is now.", body = DeviceOut, headers(("Location" = String, description = "Where it can be read."))),
        PaidErrors,
    ),
)]
pub async fn claim(
    State(hub): State<Hub>,
    caller: Caller,
    Eui(eui): Eui,
    body::Json(asked): body::Json<ClaimIn>,
) -> Result<Created<DeviceOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    asked::all_good([asked::name("/name", &asked.name), model_is_good(asked.model.as_deref())])?;
    let unit: Option<UnitId> =
        asked.unit_id.as_deref().map(|unit| reference("/unitId", unit)).transpose()?;
    let from = since("/from", asked.from.as_deref(), hub.clock.now())?;
    let device = NewDevice { name: asked.name, dev_eui: Some(eui), unit, model: asked.model };
    let claimed = hub.store.claim_device(caller.org, device, from, caller.by()).await;
    let device = match (claimed, unit) {
        (Err(StoreError::NotFound), Some(unit)) => return Err(lacking(&hub, &caller, unit).await?),
        (claimed, _) => claimed?,
    };
    follow_up::at_once(&hub, caller.org, device.id).await;
    Ok(Created { location: format!("/api/v1/devices/{}", device.id), object: device.into() })
}

/// Which of the two was not there: the sensor of the path or the unit of the body.
async fn lacking(hub: &Hub, caller: &Caller, unit: UnitId) -> Result<ApiError, ApiError> {
    let unit = hub.store.unit(caller.org, unit).await?;
    Ok(unit.map_or_else(|| unknown("/unitId"), |_| ApiError::NotFound))
}

/// Forgets a sensor until it is heard again. Its frames are kept.
///
/// # Errors
/// 403 below admin, 404 for one that was not heard.
#[utoipa::path(
    delete,
    path = "/api/v1/unclaimed-devices/{devEui}",
    operation_id = "forgetUnclaimedDevice",
    tag = "The Things Stack",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization, ByEui),
    responses(
        (status = 204, description = "It is forgotten."),
        ActErrors,
    ),
)]
pub async fn forget(
    State(hub): State<Hub>,
    caller: Caller,
    Eui(eui): Eui,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditDevices)?;
    hub.store.forget_unclaimed(caller.org, &eui, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}
