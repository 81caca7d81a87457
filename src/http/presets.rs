//! Presets: what may be picked for a unit's type, with the source of each.

use axum::Json;
use hub_domain::{RuleField, preset::Preset};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{asked::Listed, error::FieldError, rules};
use crate::auth::Caller;

/// A preset.
#[derive(Debug, Serialize)]
pub struct PresetOut {
    id: &'static str,
    name: &'static str,
    jurisdiction: &'static str,
    limit: &'static str,
    limits: Map<String, Value>,
    source: &'static str,
    verified: bool,
    supported: bool,
    support: &'static str,
}

impl PresetOut {
    fn of(preset: &Preset) -> Self {
        let limits = preset.layer();
        let limits = limits.iter().map(|(field, value): (RuleField, _)| {
            (field.name().to_owned(), rules::shown(field, value))
        });
        Self {
            id: preset.id,
            name: preset.name,
            jurisdiction: preset.jurisdiction,
            limit: preset.limit,
            limits: limits.collect(),
            source: preset.citation,
            verified: preset.limit_mark.is_verified(),
            supported: preset.is_supported(),
            support: preset.support.name(),
        }
    }
}

/// Every preset, those not yet supported among them.
pub async fn list(_caller: Caller) -> Json<Listed<PresetOut>> {
    Json(Listed::whole(Preset::all().iter().map(PresetOut::of).collect()))
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
