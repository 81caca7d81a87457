//! Presets: what may be picked for a unit's type, with the source of each.

use axum::Json;
use hub_domain::{RuleField, preset::Preset};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::ReadErrors,
    asked::Listed,
    error::{ApiError, FieldError},
    measures,
    openapi::InOrganization,
    schemas,
};
use crate::app::Hub;
use crate::auth::{Caller, Deed};

/// A preset.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresetOut {
    id: &'static str,
    name: &'static str,
    jurisdiction: &'static str,
    limit: &'static str,
    #[schema(schema_with = schemas::rule_out)]
    limits: Map<String, Value>,
    source: &'static str,
    /// Whether the limit was read in its source. Where a person picks a preset, say "not verified" of others.
    verified: bool,
    /// The same of the delays before an alarm.
    delays_verified: bool,
    supported: bool,
    support: &'static str,
}

impl PresetOut {
    fn of(preset: &Preset) -> Self {
        let limits = preset.layer();
        let limits = limits.iter().map(|(field, value): (RuleField, _)| {
            (field.name().to_owned(), measures::shown(field, value))
        });
        Self {
            id: preset.id,
            name: preset.name,
            jurisdiction: preset.jurisdiction,
            limit: preset.limit,
            limits: limits.collect(),
            source: preset.citation,
            verified: preset.limit_mark.is_verified(),
            delays_verified: preset.delay_mark.is_verified(),
            supported: preset.is_supported(),
            support: preset.support.name(),
        }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Every preset, those not yet supported among them.
///
/// # Errors
/// None of its own.
#[utoipa::path(
    get,
    path = "/api/v1/presets",
    operation_id = "listPresets",
    tag = "Alert rules",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization),
    responses(
        (status = 200, description = "All of them.", body = Listed<PresetOut>),
        ReadErrors,
    ),
)]
pub async fn list(caller: Caller) -> Result<Json<Listed<PresetOut>>, ApiError> {
    caller.may(Deed::Read)?;
    Ok(Json(Listed::whole(Preset::all().iter().map(PresetOut::of).collect())))
}

/// Takes the id of a preset that a unit may have, or none.
///
/// # Errors
/// 422 with the pointer.
pub fn usable(pointer: &str, id: Option<&str>) -> Result<(), FieldError> {
    let Some(id) = id else { return Ok(()) };
    match Preset::find(id) {
        Some(preset) if preset.is_supported() => Ok(()),
        Some(_) => Err(FieldError::new(
            pointer,
            "unsupported_preset",
            "the hub cannot judge by this preset yet",
        )),
        None => Err(FieldError::new(pointer, "unknown_preset", "there is no such preset")),
    }
}
