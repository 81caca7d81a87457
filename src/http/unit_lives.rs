//! Units edited, deleted, restored and purged.

use axum::{extract::State, http::StatusCode};
use hub_domain::{SiteId, UnitId};
use hub_store::{
    RuleScope, StoreError,
    records::{UnitEdit, UnitRecord},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    answers::{ActErrors, WriteErrors},
    areas::{reference, unknown},
    asked::{self, Id},
    body,
    edition::{self, IfMatch, Tagged},
    error::ApiError,
    openapi::{ById, InOrganization},
    presets, schemas,
    units::{UnitOut, is_area_of, live},
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    follow_up, maintenance, rule_changes,
};

/// An edit of a unit. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UnitPatch {
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::id)]
    site_id: Option<String>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(schema_with = schemas::id_or_none)]
    area_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::name)]
    name: Option<String>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(schema_with = schemas::preset_or_none)]
    preset: Option<Option<String>>,
}

/// Edits a unit. Its channels show the name, and it is judged by the new preset, when this answers.
///
/// # Errors
/// 412 if it was edited since the edition that `If-Match` names, 422 for a bad name, area or preset, or one that
/// contradicts the rules above the unit, 409 for another site.
#[utoipa::path(
    patch,
    path = "/api/v1/units/{id}",
    operation_id = "editUnit",
    tag = "Units",
    extensions(("x-deed" = json!("editUnit"))),
    params(InOrganization, ById, IfMatch),
    request_body = UnitPatch,
    responses(
        (status = 200, description = "As it is now.", body = UnitOut),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<UnitId>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<UnitPatch>,
) -> Result<Tagged<UnitOut>, ApiError> {
    caller.may(Deed::EditUnit)?;
    let unit = hub.store.unit(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    let edit = read_edit(&hub, &caller, &unit, asked).await?;
    let (store, units, org, by) = (hub.store.clone(), hub.units.clone(), caller.org, caller.by());
    let edited = async move {
        let edited = store.edit_unit(org, id, expected, &edit, by).await.map_err(preset_refused)?;
        if let Err(error) = units.unit_edited(&edited.unit).await {
            tracing::warn!(unit.id = %id, %error, "an edited unit is not shown yet"); // its next start shows it
        }
        Ok((edited.unit, edited.is_judged_anew.then_some(RuleScope::Unit(id))))
    };
    let unit = rule_changes::carry_through(&hub, org, Box::pin(edited)).await?;
    let live = live(&hub, id).await.ok();
    Ok(UnitOut::tagged(unit, live))
}

/// Deletes a unit: its alerts are resolved, and it is watched no more. It can be restored.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    delete,
    path = "/api/v1/units/{id}",
    operation_id = "deleteUnit",
    tag = "Units",
    extensions(("x-deed" = json!("editTree"))),
    params(InOrganization, ById),
    responses(
        (status = 204, description = "It is deleted."),
        ActErrors,
    ),
)]
pub async fn delete(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<UnitId>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditTree)?;
    hub.store.unit(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    let deleted = hub.units.delete_unit(id, caller.by()).await;
    hub.places.forget_unit(caller.org, id).await;
    deleted?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted unit back. It is live when this answers, and shown as interrupted until it is heard.
///
/// # Errors
/// 409 if it is not deleted, its purge was asked for, or its site or area is deleted; 422 if the rules above it contradict its own by now.
#[utoipa::path(
    post,
    path = "/api/v1/units/{id}/restore",
    operation_id = "restoreUnit",
    tag = "Units",
    extensions(("x-deed" = json!("editTree"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = UnitOut),
        WriteErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<UnitId>,
) -> Result<Tagged<UnitOut>, ApiError> {
    caller.may(Deed::EditTree)?;
    let unit = hub.store.restore_unit(caller.org, id, caller.by()).await.map_err(preset_refused)?;
    if let Err(error) = hub.units.unit_created(id).await {
        tracing::warn!(unit.id = %id, %error, "a restored unit is not live yet"); // its first reading starts it
    }
    maintenance::bring_back(&hub, caller.org, id).await;
    follow_up::of_unit(&hub, caller.org, id).await;
    let live = live(&hub, id).await.ok();
    Ok(UnitOut::tagged(unit, live))
}

/// Removes a deleted unit for good, with its readings, alerts and all that was recorded of it. The audit log stays.
///
/// # Errors
/// 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/units/{id}/purge",
    operation_id = "purgeUnit",
    tag = "Units",
    extensions(("x-deed" = json!("editTree"))),
    params(InOrganization, ById),
    responses(
        (status = 204, description = "It is gone."),
        ActErrors,
    ),
)]
pub async fn purge(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<UnitId>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditTree)?;
    hub.store.purge_unit(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What an edit of `unit` asks for, checked against what is there.
async fn read_edit(
    hub: &Hub,
    caller: &Caller,
    unit: &UnitRecord,
    asked: UnitPatch,
) -> Result<UnitEdit, ApiError> {
    asked::all_good([
        asked.name.as_deref().map_or(Ok(()), |name| asked::name("/name", name)),
        presets::usable("/preset", asked.preset.as_ref().and_then(Option::as_deref)),
    ])?;
    if let Some(site) = &asked.site_id {
        stays(hub, caller, unit, reference("/siteId", site)?).await?;
    }
    let area = match &asked.area_id {
        None => None,
        Some(None) => Some(None),
        Some(Some(area)) => Some(Some(reference("/areaId", area)?)),
    };
    is_area_of(hub, caller, unit.site, area.flatten()).await?;
    Ok(UnitEdit { name: asked.name, area, preset: asked.preset })
}

/// A unit is not moved to another site: its history, its alerts and who may see them are of the site.
async fn stays(
    hub: &Hub,
    caller: &Caller,
    unit: &UnitRecord,
    site: SiteId,
) -> Result<(), ApiError> {
    if site == unit.site {
        return Ok(());
    }
    hub.store.site(caller.org, site).await?.ok_or_else(|| unknown("/siteId"))?;
    Err(ApiError::UnitStays)
}

/// A contradiction of a unit's rules is one of its preset.
fn preset_refused(error: StoreError) -> ApiError {
    match error {
        StoreError::RuleContradiction { error, .. } => {
            ApiError::field("/preset", "contradiction", error.to_string())
        }
        other => other.into(),
    }
}
