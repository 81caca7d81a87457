//! Devices: the sensors of units.

use axum::{Json, extract::State};
use hub_domain::{DeviceId, UnitId};
use hub_store::records::{Device, NewDevice};
use serde::{Deserialize, Serialize};

use super::{
    areas::{not_there, reference, unknown},
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    error::{ApiError, FieldError},
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// A device to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DeviceIn {
    name: String,
    dev_eui: Option<String>,
    unit_id: Option<String>,
    model: Option<String>,
}

/// A device.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceOut {
    id: String,
    name: String,
    dev_eui: Option<String>,
    unit_id: Option<String>,
    model: Option<String>,
    created_at: InstantOut,
}

impl From<Device> for DeviceOut {
    fn from(device: Device) -> Self {
        Self {
            id: device.id.to_string(),
            name: device.name,
            dev_eui: device.dev_eui,
            unit_id: device.unit.map(|unit| unit.to_string()),
            model: device.model,
            created_at: InstantOut(device.created_at),
        }
    }
}

/// Which devices are wanted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DevicesIn {
    unit_id: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Registers a device.
///
/// # Errors
/// 403 below admin, 409 for a devEui that another has, 422 for bad fields or a unit that is not the caller's.
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<DeviceIn>,
) -> Result<Created<DeviceOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    let model = asked.model.as_deref().map_or(Ok(()), |model| asked::name("/model", model));
    asked::all_good([
        asked::name("/name", &asked.name),
        model,
        eui_is_good(asked.dev_eui.as_deref()),
    ])?;
    let unit: Option<UnitId> =
        asked.unit_id.as_deref().map(|unit| reference("/unitId", unit)).transpose()?;
    if let Some(unit) = unit {
        hub.store.unit(caller.org, unit).await?.ok_or_else(|| unknown("/unitId"))?;
    }
    let dev_eui = asked.dev_eui.as_deref().and_then(dev_eui);
    let device = NewDevice { name: asked.name, dev_eui, unit, model: asked.model };
    let made = hub.store.create_device(caller.org, device, caller.actor()).await;
    let device = made.map_err(|error| not_there(error, "/unitId"))?;
    Ok(Created { location: format!("/api/v1/devices/{}", device.id), object: device.into() })
}

/// The devices of the organization or of one unit.
///
/// # Errors
/// 400 for a bad page or filter.
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<DevicesIn>,
) -> Result<Json<Listed<DeviceOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let unit = asked::query_id("unitId", asked.unit_id.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    Ok(Json(Listed::of(hub.store.devices(caller.org, unit, page).await?, DeviceOut::from)))
}

/// One device.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<DeviceId>,
) -> Result<Json<DeviceOut>, ApiError> {
    caller.may(Deed::Read)?;
    let device = hub.store.device(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    Ok(Json(device.into()))
}

/// A radio identity as it is stored: 16 hex digits in upper case. `None` for anything else.
#[must_use]
pub fn dev_eui(text: &str) -> Option<String> {
    let good = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    good.then(|| text.to_ascii_uppercase())
}

fn eui_is_good(text: Option<&str>) -> Result<(), FieldError> {
    let wrong = || FieldError::new("/devEui", "bad_dev_eui", "a devEui is 16 hex digits");
    text.map_or(Ok(()), |text| dev_eui(text).map(drop).ok_or_else(wrong))
}
