//! Alert rules: what is said at each scope.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header::LOCATION},
    response::{IntoResponse as _, Response},
};
use futures_util::future::BoxFuture;
use hub_domain::{Layer, OrgId, RuleId, RuleLayer};
use hub_store::{
    RuleEdit, StoreError,
    records::{AlertRule, Life},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::{ReadErrors, WriteErrors},
    areas::not_there,
    asked::{Id, Listed, Query},
    body,
    edition::{self, IfMatch, Tagged},
    error::ApiError,
    fields::Fields,
    measures::shown,
    openapi::{ById, InOrganization},
    rule_layers, schemas,
    scopes::{ScopesIn, layer_of, scope_of},
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    rule_changes,
    wire::InstantOut,
};

/// A rule to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RuleIn {
    #[schema(schema_with = schemas::scope)]
    scope: String,
    #[schema(schema_with = schemas::id_or_none)]
    scope_id: Option<String>,
    #[schema(schema_with = schemas::temperature_unit_or_none)]
    temperature_unit: Option<String>,
    #[schema(schema_with = schemas::rule_in)]
    rule: Fields,
}

/// An edit of a rule: fields that are left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = RuleEdit)]
pub struct RuleEditIn {
    #[schema(schema_with = schemas::temperature_unit_or_none)]
    temperature_unit: Option<String>,
    /// What is said anew; `null` says "none" where the field allows it.
    #[serde(default)]
    #[schema(schema_with = schemas::rule_in)]
    rule: Fields,
    /// The fields of which nothing is said any more: they are inherited.
    #[serde(default)]
    #[schema(schema_with = schemas::rule_fields)]
    unset: Vec<String>,
}

/// A rule. Temperatures are in °C, whatever they were set in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    #[schema(schema_with = schemas::scope)]
    scope: &'static str,
    #[schema(schema_with = schemas::id)]
    scope_id: String,
    version: i64,
    #[schema(schema_with = schemas::rule_out)]
    rule: Map<String, Value>,
    created_at: InstantOut,
    updated_at: InstantOut,
    #[schema(required)]
    deleted_at: Option<InstantOut>,
}

/// What a layer says, as it is shown. Temperatures are in °C.
#[must_use]
pub fn said(layer: &Layer) -> Map<String, Value> {
    layer.iter().map(|(field, value)| (field.name().to_owned(), shown(field, value))).collect()
}

impl From<AlertRule> for RuleOut {
    fn from(rule: AlertRule) -> Self {
        Self {
            id: rule.id.to_string(),
            scope: rule.scope.name(),
            scope_id: rule.scope_id.to_string(),
            version: rule.version,
            rule: said(&rule.layer),
            created_at: InstantOut(rule.created_at),
            updated_at: InstantOut(rule.updated_at),
            deleted_at: rule.deleted_at.map(InstantOut),
        }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(put, list))
        .routes(routes!(get, edit, delete))
        .routes(routes!(restore))
}

/// Sets the rule of a scope: makes it or replaces it. Running units are judged by it when this answers.
///
/// # Errors
/// 403 below the role that the scope takes, 422 for bad fields, a scope that is not the caller's, or a rule that would
/// contradict itself for a unit below it.
#[utoipa::path(
    post,
    path = "/api/v1/alert-rules",
    operation_id = "putAlertRule",
    tag = "Alert rules",
    params(InOrganization),
    extensions(("x-deed" = json!("editUnit"))),
    request_body = RuleIn,
    responses(
        (status = 200, description = "The rule was replaced.", body = RuleOut, headers(("Location" = String, description = "Where it can be read."), ("ETag" = String, description = "Its edition."))),
        (status = 201, description = "The rule was made.", body = RuleOut, headers(("Location" = String, description = "Where it can be read."), ("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn put(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<RuleIn>,
) -> Result<Response, ApiError> {
    let layer = layer_of(&asked.scope)?;
    caller.may(deed(layer))?;
    let scope = scope_of(&hub, &caller, layer, asked.scope_id.as_deref()).await?;
    let said = rule_layers::layer(asked.temperature_unit.as_deref(), &asked.rule)?;
    let (store, org, by) = (hub.store.clone(), caller.org, caller.by());
    let put = async move {
        let put = store.put_rule(org, layer, scope.id(), said, by).await;
        Ok((put.map_err(|error| not_there(error, "/scopeId"))?, Some(scope)))
    };
    let (rule, is_new) = rule_changes::carry_through(&hub, org, Box::pin(put)).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let location = located(&rule);
    Ok((status, [location, edition::tag(rule.version)], Json(RuleOut::from(rule))).into_response())
}

fn located(rule: &AlertRule) -> (HeaderName, HeaderValue) {
    let path = HeaderValue::from_str(&format!("/api/v1/alert-rules/{}", rule.id));
    (LOCATION, path.unwrap_or_else(|_| HeaderValue::from_static("/api/v1/alert-rules")))
}

/// The rules of the organization.
///
/// # Errors
/// 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/alert-rules",
    operation_id = "listAlertRules",
    tag = "Alert rules",
    params(InOrganization, ScopesIn),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "A page of them.", body = Listed<RuleOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<ScopesIn>,
) -> Result<Json<Listed<RuleOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let (filter, page) = asked.read()?;
    Ok(Json(Listed::of(hub.store.rules(caller.org, filter, page).await?, RuleOut::from)))
}

/// One rule.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/alert-rules/{id}",
    operation_id = "getAlertRule",
    tag = "Alert rules",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "As it is now.", body = RuleOut, headers(("ETag" = String, description = "Its edition."))),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<RuleId>,
) -> Result<Tagged<RuleOut>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let rule = hub.store.rule(caller.org, id).await?.filter(|rule| rule.deleted_at.is_none());
    rule.map(tagged).ok_or(ApiError::NotFound)
}

fn tagged(rule: AlertRule) -> Tagged<RuleOut> {
    Tagged { version: rule.version, object: rule.into() }
}

/// Edits a rule. Running units are judged by it when this answers.
///
/// # Errors
/// 403 below the role that its scope takes, 404 for one that is not there, 412 if it was edited meanwhile, 422 for bad
/// fields or a rule that would contradict itself for a unit below it.
#[utoipa::path(
    patch,
    path = "/api/v1/alert-rules/{id}",
    operation_id = "editAlertRule",
    tag = "Alert rules",
    params(InOrganization, ById, IfMatch),
    extensions(("x-deed" = json!("editUnit"))),
    request_body = RuleEditIn,
    responses(
        (status = 200, description = "As it is now.", body = RuleOut, headers(("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<RuleId>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<RuleEditIn>,
) -> Result<Tagged<RuleOut>, ApiError> {
    allowed(&hub, &caller, id, Life::Present).await?;
    let said = rule_layers::layer(asked.temperature_unit.as_deref(), &asked.rule)?;
    let unset = rule_layers::unset(&asked.unset, &said)?;
    let edit = RuleEdit { said, unset };
    let (store, org, by) = (hub.store.clone(), caller.org, caller.by());
    let edited = async move { store.edit_rule(org, id, expected, edit, by).await };
    Ok(tagged(carried_through(&hub, org, Box::pin(edited)).await?))
}

/// Lets the scope of a rule say nothing any more. Running units are judged without it when this answers.
///
/// # Errors
/// 403 below the role that its scope takes, 404 for one that is not there, 422 if a unit below would contradict itself
/// without it.
#[utoipa::path(
    delete,
    path = "/api/v1/alert-rules/{id}",
    operation_id = "deleteAlertRule",
    tag = "Alert rules",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editUnit"))),
    responses(
        (status = 204, description = "It is deleted."),
        WriteErrors,
    ),
)]
pub async fn delete(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<RuleId>,
) -> Result<StatusCode, ApiError> {
    allowed(&hub, &caller, id, Life::Present).await?;
    let (store, org, by) = (hub.store.clone(), caller.org, caller.by());
    let deleted = async move { store.delete_rule(org, id, by).await };
    carried_through(&hub, org, Box::pin(deleted)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a rule say again what it said before it was deleted.
///
/// # Errors
/// 403 below the role that its scope takes, 404 for one that is not there, 409 if it is not deleted or its site or unit
/// is, 422 if a unit below would contradict itself by now.
#[utoipa::path(
    post,
    path = "/api/v1/alert-rules/{id}/restore",
    operation_id = "restoreAlertRule",
    tag = "Alert rules",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editUnit"))),
    responses(
        (status = 200, description = "As it is now.", body = RuleOut, headers(("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<RuleId>,
) -> Result<Tagged<RuleOut>, ApiError> {
    allowed(&hub, &caller, id, Life::Deleted).await?;
    let (store, org, by) = (hub.store.clone(), caller.org, caller.by());
    let restored = async move { store.restore_rule(org, id, by).await };
    Ok(tagged(carried_through(&hub, org, Box::pin(restored)).await?))
}

/// What it takes to write the rule of a scope.
const fn deed(scope: RuleLayer) -> Deed {
    match scope {
        RuleLayer::Unit => Deed::EditUnit,
        RuleLayer::Site | RuleLayer::Organization | RuleLayer::Preset | RuleLayer::Default => {
            Deed::EditRules
        }
    }
}

/// Goes on only if the rule is there, in that life, and the caller may write it.
async fn allowed(hub: &Hub, caller: &Caller, id: RuleId, life: Life) -> Result<(), ApiError> {
    caller.may(Deed::EditUnit)?;
    let rule = hub.store.rule(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    caller.may(deed(rule.scope))?;
    match (life, rule.deleted_at) {
        (Life::Present, Some(_)) => Err(ApiError::NotFound),
        (Life::Deleted, None) => Err(StoreError::NotDeleted.into()),
        (Life::Present, None) | (Life::Deleted, Some(_)) => Ok(()),
    }
}

/// Makes an edit of a rule and tells the running units that it concerns.
async fn carried_through(
    hub: &Hub,
    org: OrgId,
    edit: BoxFuture<'static, Result<AlertRule, StoreError>>,
) -> Result<AlertRule, ApiError> {
    let edit = async move {
        let rule = edit.await?;
        let scope = rule.of();
        Ok((rule, Some(scope)))
    };
    rule_changes::carry_through(hub, org, Box::pin(edit)).await
}
