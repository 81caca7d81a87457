//! Gateways: what hears radio sensors.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::SiteId;
use hub_store::{
    StoreError,
    records::{Gateway, GatewayEdit, NewGateway},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    areas::{not_there, reference},
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    devices::{dev_eui, eui_is_good},
    edition::{self, EditionOut, IfMatch, Tagged},
    error::ApiError,
    openapi::{ById, InOrganization},
    schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// A gateway to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GatewayIn {
    #[schema(schema_with = schemas::name)]
    name: String,
    #[schema(schema_with = schemas::id_or_none)]
    site_id: Option<String>,
    #[schema(schema_with = schemas::dev_eui_or_none)]
    gateway_eui: Option<String>,
}

/// An edit of a gateway. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GatewayPatch {
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::name)]
    name: Option<String>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(schema_with = schemas::id_or_none)]
    site_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(schema_with = schemas::dev_eui_or_none)]
    gateway_eui: Option<Option<String>>,
}

/// A gateway.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    name: String,
    #[schema(required, schema_with = schemas::id_or_none)]
    site_id: Option<String>,
    #[schema(required, schema_with = schemas::dev_eui_or_none)]
    gateway_eui: Option<String>,
    /// When it last passed on a frame, to the minute.
    #[schema(required)]
    last_seen_at: Option<InstantOut>,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
}

impl From<Gateway> for GatewayOut {
    fn from(gateway: Gateway) -> Self {
        Self {
            id: gateway.id.to_string(),
            name: gateway.name,
            site_id: gateway.site.map(|site| site.to_string()),
            gateway_eui: gateway.gateway_eui,
            last_seen_at: gateway.last_seen_at.map(InstantOut),
            created_at: InstantOut(gateway.created_at),
            edition: gateway.edition.into(),
        }
    }
}

fn tagged(gateway: Gateway) -> Tagged<GatewayOut> {
    Tagged { version: gateway.edition.version, object: gateway.into() }
}

/// Which gateways are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct GatewaysIn {
    #[param(schema_with = schemas::id)]
    site_id: Option<String>,
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

/// Registers a gateway.
///
/// # Errors
/// 403 below admin, 409 for a gatewayEui that another has, 422 for bad fields or a site that is not the caller's.
#[utoipa::path(
    post,
    path = "/api/v1/gateways",
    operation_id = "createGateway",
    tag = "Gateways",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization),
    request_body = GatewayIn,
    responses(
        (status = 201, description = "It was made.", body = GatewayOut, headers(("Location" = String, description = "Where it can be read."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<GatewayIn>,
) -> Result<Created<GatewayOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    asked::all_good([
        asked::name("/name", &asked.name),
        eui_is_good("/gatewayEui", asked.gateway_eui.as_deref()),
    ])?;
    let site: Option<SiteId> =
        asked.site_id.as_deref().map(|site| reference("/siteId", site)).transpose()?;
    let gateway_eui = asked.gateway_eui.as_deref().and_then(dev_eui);
    let gateway = NewGateway { name: asked.name, site, gateway_eui };
    let made = hub.store.create_gateway(caller.org, gateway, caller.by()).await;
    let gateway = made.map_err(|error| not_there(error, "/siteId"))?;
    forget(&hub, &gateway).await;
    Ok(Created { location: format!("/api/v1/gateways/{}", gateway.id), object: gateway.into() })
}

/// The gateways of the organization or of one site.
///
/// # Errors
/// 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/gateways",
    operation_id = "listGateways",
    tag = "Gateways",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, GatewaysIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<GatewayOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<GatewaysIn>,
) -> Result<Json<Listed<GatewayOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let site = asked::query_id("siteId", asked.site_id.as_deref())?;
    let life = asked::life(asked.deleted.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    let page = hub.store.gateways(caller.org, site, life, page).await?;
    Ok(Json(Listed::of(page, GatewayOut::from)))
}

/// One gateway.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/gateways/{id}",
    operation_id = "getGateway",
    tag = "Gateways",
    extensions(("x-deed" = json!("readConfiguration"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = GatewayOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<GatewayOut>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    Ok(tagged(hub.store.gateway(caller.org, id).await?.ok_or(ApiError::NotFound)?))
}

/// Edits a gateway.
///
/// # Errors
/// 409 for a gatewayEui that another has, 412 if it was edited since the edition that `If-Match` names, 422 for bad
/// fields or a site that is not the caller's.
#[utoipa::path(
    patch,
    path = "/api/v1/gateways/{id}",
    operation_id = "editGateway",
    tag = "Gateways",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization, ById, IfMatch),
    request_body = GatewayPatch,
    responses(
        (status = 200, description = "As it is now.", body = GatewayOut),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<GatewayPatch>,
) -> Result<Tagged<GatewayOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    let edit = edit_of(asked)?;
    let names_site = matches!(edit.site, Some(Some(_)));
    hub.store.gateway(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    let edited = hub.store.edit_gateway(caller.org, id, expected, edit, caller.by()).await;
    let gateway = edited.map_err(|error| match error {
        StoreError::NotFound if names_site => not_there(error, "/siteId"),
        error => error.into(),
    })?;
    forget(&hub, &gateway).await;
    Ok(tagged(gateway))
}

fn edit_of(asked: GatewayPatch) -> Result<GatewayEdit, ApiError> {
    let eui = asked.gateway_eui.clone().flatten();
    asked::all_good([
        asked.name.as_deref().map_or(Ok(()), |name| asked::name("/name", name)),
        eui_is_good("/gatewayEui", eui.as_deref()),
    ])?;
    let site = match asked.site_id {
        None => None,
        Some(None) => Some(None),
        Some(Some(site)) => Some(Some(reference("/siteId", &site)?)),
    };
    let gateway_eui = asked.gateway_eui.map(|text| text.as_deref().and_then(dev_eui));
    Ok(GatewayEdit { name: asked.name, site, gateway_eui })
}

/// A gateway that was changed is noted at its next frame.
async fn forget(hub: &Hub, gateway: &Gateway) {
    if let Some(eui) = &gateway.gateway_eui {
        hub.gateways.forget(gateway.org, eui).await;
    }
}

/// Deletes a gateway. It can be restored.
///
/// # Errors
/// 404 for one that is not there.
#[utoipa::path(
    delete,
    path = "/api/v1/gateways/{id}",
    operation_id = "deleteGateway",
    tag = "Gateways",
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
    hub.store.delete_gateway(caller.org, id, None, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted gateway back.
///
/// # Errors
/// 409 if it is not deleted, or another has its gatewayEui by now.
#[utoipa::path(
    post,
    path = "/api/v1/gateways/{id}/restore",
    operation_id = "restoreGateway",
    tag = "Gateways",
    extensions(("x-deed" = json!("editDevices"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = GatewayOut),
        ActErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<GatewayOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    let gateway = hub.store.restore_gateway(caller.org, id, caller.by()).await?;
    forget(&hub, &gateway).await;
    Ok(tagged(gateway))
}

/// Removes a deleted gateway for good.
///
/// # Errors
/// 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/gateways/{id}/purge",
    operation_id = "purgeGateway",
    tag = "Gateways",
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
    hub.store.purge_gateway(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}
