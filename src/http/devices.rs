//! Devices: the sensors of units.

use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
};
use hub_domain::{DeviceId, UnitId};
use hub_store::{
    StoreError,
    records::{Device, DeviceEdit, DeviceFilter, NewDevice},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::{ActErrors, PaidActErrors, PaidErrors, ReadErrors, WriteErrors},
    areas::{not_there, reference},
    asked::{self, Id, Listed, Query},
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
    follow_up,
    wire::InstantOut,
};

/// A device to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DeviceIn {
    #[schema(schema_with = schemas::name)]
    name: String,
    #[schema(schema_with = schemas::dev_eui_or_none)]
    dev_eui: Option<String>,
    #[schema(schema_with = schemas::id_or_none)]
    unit_id: Option<String>,
    #[schema(schema_with = schemas::name_or_none)]
    model: Option<String>,
}

/// An edit of a device. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DevicePatch {
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::name)]
    name: Option<String>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(schema_with = schemas::dev_eui_or_none)]
    dev_eui: Option<Option<String>>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(schema_with = schemas::id_or_none)]
    unit_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(schema_with = schemas::name_or_none)]
    model: Option<Option<String>>,
}

/// A device.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    name: String,
    #[schema(required, schema_with = schemas::dev_eui_or_none)]
    dev_eui: Option<String>,
    #[schema(required, schema_with = schemas::id_or_none)]
    unit_id: Option<String>,
    #[schema(required)]
    model: Option<String>,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
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
            edition: device.edition.into(),
        }
    }
}

/// A device with the tag of its edition.
pub(super) fn tagged(device: Device) -> Tagged<DeviceOut> {
    Tagged { version: device.edition.version, object: device.into() }
}

/// Which devices are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct DevicesIn {
    #[param(schema_with = schemas::id)]
    unit_id: Option<String>,
    #[param(schema_with = schemas::dev_eui)]
    dev_eui: Option<String>,
    /// Only those of no unit.
    #[param(schema_with = schemas::flag)]
    unassigned: Option<String>,
    #[param(schema_with = schemas::flag)]
    deleted: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
}

impl DevicesIn {
    fn filter(&self) -> Result<DeviceFilter, ApiError> {
        let eui = |text: &String| {
            dev_eui(text).ok_or_else(|| asked::bad_query("devEui", "must be 16 hex digits"))
        };
        let is_unassigned = match self.unassigned.as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(asked::bad_query("unassigned", "must be true or false")),
        };
        Ok(DeviceFilter {
            unit: asked::query_id("unitId", self.unit_id.as_deref())?,
            dev_eui: self.dev_eui.as_ref().map(eui).transpose()?,
            is_unassigned,
        })
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, edit, delete))
        .routes(routes!(restore))
        .routes(routes!(purge))
}

/// Registers a device. With a unit, all that it measured so far is of that unit.
///
/// # Errors
/// 402 where it is not paid, 403 below admin, 409 where the plan is full and for a devEui that another has, 422 for bad
/// fields or a unit that is not the caller's.
#[utoipa::path(
    post,
    path = "/api/v1/devices",
    operation_id = "createDevice",
    tag = "Devices",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization),
    request_body = DeviceIn,
    responses(
        (status = 201, description = "It was made.", body = DeviceOut, headers(("Location" = String, description = "Where it can be read."))),
        PaidErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<DeviceIn>,
) -> Result<Created<DeviceOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    asked::all_good([
        asked::name("/name", &asked.name),
        model_is_good(asked.model.as_deref()),
        eui_is_good("/devEui", asked.dev_eui.as_deref()),
    ])?;
    let unit: Option<UnitId> =
        asked.unit_id.as_deref().map(|unit| reference("/unitId", unit)).transpose()?;
    let dev_eui = asked.dev_eui.as_deref().and_then(dev_eui);
    let device = NewDevice { name: asked.name, dev_eui, unit, model: asked.model };
    let made = hub.store.create_device(caller.org, device, caller.by()).await;
    let device = made.map_err(|error| not_there(error, "/unitId"))?;
    follow_up::at_once(&hub, caller.org, device.id).await;
    Ok(Created { location: format!("/api/v1/devices/{}", device.id), object: device.into() })
}

/// The devices of the organization or of one unit.
///
/// # Errors
/// 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/devices",
    operation_id = "listDevices",
    tag = "Devices",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, DevicesIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<DeviceOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<DevicesIn>,
) -> Result<Json<Listed<DeviceOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let filter = asked.filter()?;
    let life = asked::life(asked.deleted.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    let page = hub.store.devices(caller.org, filter, life, page).await?;
    Ok(Json(Listed::of(page, DeviceOut::from)))
}

/// One device.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{id}",
    operation_id = "getDevice",
    tag = "Devices",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = DeviceOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<DeviceId>,
) -> Result<Tagged<DeviceOut>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    Ok(tagged(hub.store.device(caller.org, id).await?.ok_or(ApiError::NotFound)?))
}

/// Edits a device. Another unit is its own from now on, and what it measured before stays where it is.
///
/// # Errors
/// 409 for a devEui that another has, 412 if it was edited since the edition that `If-Match` names, 422 for bad fields
/// or a unit that is not the caller's.
#[utoipa::path(
    patch,
    path = "/api/v1/devices/{id}",
    operation_id = "editDevice",
    tag = "Devices",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization, ById, IfMatch),
    request_body = DevicePatch,
    responses(
        (status = 200, description = "As it is now.", body = DeviceOut),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<DeviceId>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<DevicePatch>,
) -> Result<Tagged<DeviceOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    let edit = edit_of(asked)?;
    let names_unit = matches!(edit.unit, Some(Some(_)));
    hub.store.device(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    let edited = hub.store.edit_device(caller.org, id, expected, edit, caller.by()).await;
    let device = edited.map_err(|error| match error {
        StoreError::NotFound if names_unit => not_there(error, "/unitId"),
        error => error.into(),
    })?;
    follow_up::at_once(&hub, caller.org, id).await;
    Ok(tagged(device))
}

fn edit_of(asked: DevicePatch) -> Result<DeviceEdit, ApiError> {
    let flat = |text: &Option<Option<String>>| text.clone().flatten();
    asked::all_good([
        asked.name.as_deref().map_or(Ok(()), |name| asked::name("/name", name)),
        model_is_good(flat(&asked.model).as_deref()),
        eui_is_good("/devEui", flat(&asked.dev_eui).as_deref()),
    ])?;
    let unit = match asked.unit_id {
        None => None,
        Some(None) => Some(None),
        Some(Some(unit)) => Some(Some(reference("/unitId", &unit)?)),
    };
    let dev_eui = asked.dev_eui.map(|text| text.as_deref().and_then(dev_eui));
    Ok(DeviceEdit { name: asked.name, model: asked.model, dev_eui, unit })
}

/// Deletes a device. Its unit waits for it no more; what it measured stays. It can be restored.
///
/// # Errors
/// 404 for one that is not there.
#[utoipa::path(
    delete,
    path = "/api/v1/devices/{id}",
    operation_id = "deleteDevice",
    tag = "Devices",
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
    Id(id): Id<DeviceId>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditDevices)?;
    hub.store.delete_device(caller.org, id, None, caller.by()).await?;
    follow_up::at_once(&hub, caller.org, id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted device back, of no unit.
///
/// # Errors
/// 402 and 409 where the plan holds no other, 409 if it is not deleted, or another has its devEui by now.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{id}/restore",
    operation_id = "restoreDevice",
    tag = "Devices",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = DeviceOut),
        PaidActErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<DeviceId>,
) -> Result<Tagged<DeviceOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    let device = hub.store.restore_device(caller.org, id, caller.by()).await?;
    follow_up::at_once(&hub, caller.org, id).await;
    Ok(tagged(device))
}

/// Removes a deleted device for good, with its assignments.
///
/// # Errors
/// 409 if it is not deleted, or while a reading or a calibration of it is kept.
#[utoipa::path(
    post,
    path = "/api/v1/devices/{id}/purge",
    operation_id = "purgeDevice",
    tag = "Devices",
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
    Id(id): Id<DeviceId>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditDevices)?;
    hub.store.purge_device(caller.org, id, caller.by()).await?;
    hub.places.forget(caller.org, id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The radio identity in a path, as it is stored. What is none is as one of nothing: 404.
#[derive(Clone, Debug)]
pub struct Eui(pub String);

impl FromRequestParts<Hub> for Eui {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, hub).await;
        text.ok().and_then(|Path(text)| dev_eui(&text)).map(Self).ok_or(ApiError::NotFound)
    }
}

/// A radio identity as it is stored: 16 hex digits in upper case. `None` for anything else.
#[must_use]
pub fn dev_eui(text: &str) -> Option<String> {
    let good = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    good.then(|| text.to_ascii_uppercase())
}

pub(super) fn model_is_good(model: Option<&str>) -> Result<(), FieldError> {
    model.map_or(Ok(()), |model| asked::name("/model", model))
}

pub(super) fn eui_is_good(pointer: &str, text: Option<&str>) -> Result<(), FieldError> {
    let wrong = || FieldError::new(pointer, "bad_dev_eui", "an EUI is 16 hex digits");
    text.map_or(Ok(()), |text| dev_eui(text).map(drop).ok_or_else(wrong))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    /// What the page of sensors says of models: a line for each vendor.
    fn lines() -> String {
        let mut by_vendor = BTreeMap::<String, Vec<String>>::new();
        for name in hub_codecs::models() {
            let vendor = name.split('/').next().unwrap_or_default().to_owned();
            let shown = if name.ends_with('/') {
                format!("`{name}…` (any)")
            } else {
                format!("`{name}`")
            };
            by_vendor.entry(vendor).or_default().push(shown);
        }
        by_vendor.into_values().map(|names| format!("- {}\n", names.join(", "))).collect()
    }

    #[test]
    fn the_page_of_sensors_names_every_model() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api/sensors.md");
        let page = std::fs::read_to_string(&file).unwrap();
        let (begin, end) = ("<!-- models:", "<!-- end of models -->");
        let begin = page.find(begin).unwrap();
        let begin = begin + page[begin..].find('\n').unwrap() + 1;
        let end = page.find(end).unwrap();
        let wanted = format!("{}{}{}", &page[..begin], lines(), &page[end..]);
        if std::env::var_os("HUB_WRITE_DOCS").is_some() {
            std::fs::write(&file, &wanted).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap();
        assert_eq!(written, wanted, "run this test with HUB_WRITE_DOCS=1 to write it anew");
    }
}
