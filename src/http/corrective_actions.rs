//! Corrective actions: what was done about an alert, about a log out of range, or otherwise for a unit.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::{AlertId, Timestamp};
use hub_store::records::{CorrectiveAction, Edition, Life, RecordFilter, UnitRecord};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    areas::{not_there, reference, unknown},
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    edition::{self, EditionOut, IfMatch, Tagged},
    error::ApiError,
    manual_logs::unit_of,
    openapi::{ById, InOrganization},
    recorded, schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// An action to be written down.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CorrectiveActionIn {
    #[schema(schema_with = schemas::id)]
    unit_id: String,
    /// An alert of that unit that it answers.
    #[schema(schema_with = schemas::id_or_none)]
    alert_id: Option<String>,
    /// A manual log of that unit that it answers.
    #[schema(schema_with = schemas::id_or_none)]
    manual_log_id: Option<String>,
    #[schema(schema_with = schemas::words_text)]
    action: String,
    /// When it was done; now where not said.
    #[schema(schema_with = schemas::instant_or_none)]
    taken_at: Option<String>,
}

/// An edit of an action. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CorrectiveActionPatch {
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::words_text)]
    action: Option<String>,
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::instant)]
    taken_at: Option<String>,
}

/// An action.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CorrectiveActionOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    #[schema(schema_with = schemas::id)]
    unit_id: String,
    #[schema(schema_with = schemas::id)]
    site_id: String,
    #[schema(required, schema_with = schemas::id_or_none)]
    alert_id: Option<String>,
    #[schema(required, schema_with = schemas::id_or_none)]
    manual_log_id: Option<String>,
    action: String,
    taken_at: InstantOut,
    #[schema(schema_with = schemas::id)]
    created_by: String,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
}

impl From<CorrectiveAction> for CorrectiveActionOut {
    fn from(action: CorrectiveAction) -> Self {
        Self {
            id: action.id.to_string(),
            unit_id: action.unit.to_string(),
            site_id: action.site.to_string(),
            alert_id: action.alert.map(|alert| alert.to_string()),
            manual_log_id: action.manual_log.map(|log| log.to_string()),
            action: action.action,
            taken_at: InstantOut(action.taken_at),
            created_by: action.created_by.to_string(),
            created_at: InstantOut(action.created_at),
            edition: action.edition.into(),
        }
    }
}

fn tagged(action: CorrectiveAction) -> Tagged<CorrectiveActionOut> {
    Tagged { version: action.edition.version, object: action.into() }
}

/// Which actions are wanted: from (inclusive) to (exclusive), by when they were taken.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct CorrectiveActionsIn {
    #[param(schema_with = schemas::id)]
    unit_id: Option<String>,
    #[param(schema_with = schemas::id)]
    site_id: Option<String>,
    #[param(schema_with = schemas::id)]
    alert_id: Option<String>,
    #[param(schema_with = schemas::id)]
    manual_log_id: Option<String>,
    #[param(schema_with = schemas::instant)]
    from: Option<String>,
    #[param(schema_with = schemas::instant)]
    to: Option<String>,
    #[param(schema_with = schemas::flag)]
    deleted: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::moment_cursor)]
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

/// Writes down what was done.
///
/// # Errors
/// 403 below manager, 422 for a bad field, and for an alert or log that is not that unit's.
#[utoipa::path(
    post,
    path = "/api/v1/corrective-actions",
    operation_id = "createCorrectiveAction",
    tag = "Records",
    extensions(("x-deed" = json!("resolve"))),
    params(InOrganization),
    request_body = CorrectiveActionIn,
    responses(
        (status = 201, description = "It is written down.", body = CorrectiveActionOut, headers(("Location" = String, description = "Where it can be read."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<CorrectiveActionIn>,
) -> Result<Created<CorrectiveActionOut>, ApiError> {
    caller.may(Deed::Resolve)?;
    let words = recorded::words("/action", asked.action)?;
    let (id, created_at) = hub.store.mint_record();
    let taken_at = taken_at(asked.taken_at.as_deref(), created_at)?.unwrap_or(created_at);
    let unit = unit_of(&hub, &caller, &asked.unit_id).await?;
    let action = CorrectiveAction {
        id,
        org: caller.org,
        site: unit.site,
        unit: unit.id,
        alert: alert_of(&hub, &caller, &unit, asked.alert_id.as_deref()).await?,
        manual_log: log_of(&hub, &caller, &unit, asked.manual_log_id.as_deref()).await?,
        action: words,
        taken_at,
        created_by: caller.user()?,
        created_at,
        edition: Edition::default(),
    };
    let made = hub.store.create_corrective_action(&action, caller.by()).await;
    made.map_err(|error| not_there(error, "/unitId"))?;
    let location = format!("/api/v1/corrective-actions/{id}");
    Ok(Created { location, object: action.into() })
}

/// The actions of the organization, the one taken last first.
///
/// # Errors
/// 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/corrective-actions",
    operation_id = "listCorrectiveActions",
    tag = "Records",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, CorrectiveActionsIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<CorrectiveActionOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<CorrectiveActionsIn>,
) -> Result<Json<Listed<CorrectiveActionOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let filter = RecordFilter {
        unit: asked::query_id("unitId", asked.unit_id.as_deref())?,
        site: asked::query_id("siteId", asked.site_id.as_deref())?,
        alert: asked::query_id("alertId", asked.alert_id.as_deref())?,
        manual_log: asked::query_id("manualLogId", asked.manual_log_id.as_deref())?,
        from: asked::query_instant("from", asked.from.as_deref())?,
        to: asked::query_instant("to", asked.to.as_deref())?,
        needs_action: None,
    };
    let life = asked::life(asked.deleted.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    let page = hub.store.corrective_actions(caller.scope(), filter, life, page).await?;
    Ok(Json(Listed::of(page, CorrectiveActionOut::from)))
}

/// One action.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/corrective-actions/{id}",
    operation_id = "getCorrectiveAction",
    tag = "Records",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = CorrectiveActionOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<CorrectiveActionOut>, ApiError> {
    caller.may(Deed::Read)?;
    let action = hub.store.corrective_action(caller.scope(), id).await?;
    Ok(tagged(action.ok_or(ApiError::NotFound)?))
}

/// Edits what was done, or when.
///
/// # Errors
/// 412 if it was edited since the edition that `If-Match` names, 422 for a bad field.
#[utoipa::path(
    patch,
    path = "/api/v1/corrective-actions/{id}",
    operation_id = "editCorrectiveAction",
    tag = "Records",
    extensions(("x-deed" = json!("resolve"))),
    params(InOrganization, ById, IfMatch),
    request_body = CorrectiveActionPatch,
    responses(
        (status = 200, description = "As it is now.", body = CorrectiveActionOut),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<CorrectiveActionPatch>,
) -> Result<Tagged<CorrectiveActionOut>, ApiError> {
    caller.may(Deed::Resolve)?;
    let words = recorded::words_or_none("/action", asked.action)?;
    let taken_at = taken_at(asked.taken_at.as_deref(), hub.clock.now())?;
    let (org, by) = (caller.org, caller.by());
    let edited = hub.store.edit_corrective_action(org, id, expected, words, taken_at, by).await?;
    Ok(tagged(edited))
}

/// Deletes an action. It can be restored.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    delete,
    path = "/api/v1/corrective-actions/{id}",
    operation_id = "deleteCorrectiveAction",
    tag = "Records",
    extensions(("x-deed" = json!("resolve"))),
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
    caller.may(Deed::Resolve)?;
    hub.store.delete_corrective_action(caller.org, id, None, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted action back.
///
/// # Errors
/// 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/corrective-actions/{id}/restore",
    operation_id = "restoreCorrectiveAction",
    tag = "Records",
    extensions(("x-deed" = json!("resolve"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = CorrectiveActionOut),
        ActErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<CorrectiveActionOut>, ApiError> {
    caller.may(Deed::Resolve)?;
    Ok(tagged(hub.store.restore_corrective_action(caller.org, id, caller.by()).await?))
}

/// Removes a deleted action for good.
///
/// # Errors
/// 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/corrective-actions/{id}/purge",
    operation_id = "purgeCorrectiveAction",
    tag = "Records",
    extensions(("x-deed" = json!("resolve"))),
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
    caller.may(Deed::Resolve)?;
    hub.store.purge_corrective_action(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn taken_at(text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    text.map(|text| recorded::past("/takenAt", text, now)).transpose()
}

async fn alert_of(
    hub: &Hub,
    caller: &Caller,
    unit: &UnitRecord,
    text: Option<&str>,
) -> Result<Option<AlertId>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let id: AlertId = reference("/alertId", text)?;
    let found = hub.store.alert(caller.scope(), id).await?;
    let its = found.filter(|alert| alert.unit == unit.id);
    its.map(|alert| Some(alert.id)).ok_or_else(|| unknown("/alertId"))
}

async fn log_of(
    hub: &Hub,
    caller: &Caller,
    unit: &UnitRecord,
    text: Option<&str>,
) -> Result<Option<Uuid>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let id: Uuid = reference("/manualLogId", text)?;
    let found = hub.store.manual_log(caller.scope(), id, Some(Life::Present)).await?;
    let its = found.filter(|log| log.unit == unit.id);
    its.map(|log| Some(log.id)).ok_or_else(|| unknown("/manualLogId"))
}
