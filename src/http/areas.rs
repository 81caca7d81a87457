//! Areas: parts of sites.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::{AreaId, SiteId};
use hub_store::{StoreError, records::Area};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    edition::{self, EditionOut, IfMatch, Tagged},
    error::{ApiError, UNKNOWN_REFERENCE},
    openapi::{ById, InOrganization},
    schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// An area to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AreaIn {
    #[schema(schema_with = schemas::id)]
    site_id: String,
    #[schema(schema_with = schemas::name)]
    name: String,
}

/// An edit of an area. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AreaPatch {
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::name)]
    name: Option<String>,
}

/// An area.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AreaOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    #[schema(schema_with = schemas::id)]
    site_id: String,
    name: String,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
}

impl From<Area> for AreaOut {
    fn from(area: Area) -> Self {
        let created_at = InstantOut(area.created_at);
        Self {
            id: area.id.to_string(),
            site_id: area.site.to_string(),
            name: area.name,
            created_at,
            edition: area.edition.into(),
        }
    }
}

/// An area with the tag of its edition.
fn tagged(area: Area) -> Tagged<AreaOut> {
    Tagged { version: area.edition.version, object: area.into() }
}

/// Which areas are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct AreasIn {
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

/// Makes an area.
///
/// # Errors
/// 403 below admin, 422 for a bad name or a site that is not the caller's.
#[utoipa::path(
    post,
    path = "/api/v1/areas",
    operation_id = "createArea",
    tag = "Areas",
    extensions(("x-deed" = json!("editTree"))),
    params(InOrganization),
    request_body = AreaIn,
    responses(
        (status = 201, description = "It was made.", body = AreaOut, headers(("Location" = String, description = "Where it can be read."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<AreaIn>,
) -> Result<Created<AreaOut>, ApiError> {
    caller.may(Deed::EditTree)?;
    asked::all_good([asked::name("/name", &asked.name)])?;
    let site: SiteId = reference("/siteId", &asked.site_id)?;
    let made = hub.store.create_area(caller.org, site, &asked.name, caller.by()).await;
    let area = made.map_err(|error| not_there(error, "/siteId"))?;
    Ok(Created { location: format!("/api/v1/areas/{}", area.id), object: area.into() })
}

/// The areas of the organization or of one site.
///
/// # Errors
/// 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/areas",
    operation_id = "listAreas",
    tag = "Areas",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, AreasIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<AreaOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<AreasIn>,
) -> Result<Json<Listed<AreaOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let site = asked::query_id("siteId", asked.site_id.as_deref())?;
    let life = asked::life(asked.deleted.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    Ok(Json(Listed::of(hub.store.areas(caller.scope(), site, life, page).await?, AreaOut::from)))
}

/// One area.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/areas/{id}",
    operation_id = "getArea",
    tag = "Areas",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = AreaOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AreaId>,
) -> Result<Tagged<AreaOut>, ApiError> {
    caller.may(Deed::Read)?;
    let area = hub.store.area(caller.scope(), id).await?.ok_or(ApiError::NotFound)?;
    Ok(tagged(area))
}

/// Edits an area.
///
/// # Errors
/// 412 if it was edited since the edition that `If-Match` names, 422 for a bad name.
#[utoipa::path(
    patch,
    path = "/api/v1/areas/{id}",
    operation_id = "editArea",
    tag = "Areas",
    extensions(("x-deed" = json!("editTree"))),
    params(InOrganization, ById, IfMatch),
    request_body = AreaPatch,
    responses(
        (status = 200, description = "As it is now.", body = AreaOut),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AreaId>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<AreaPatch>,
) -> Result<Tagged<AreaOut>, ApiError> {
    caller.may(Deed::EditTree)?;
    asked::all_good([asked.name.as_deref().map_or(Ok(()), |name| asked::name("/name", name))])?;
    let area = hub.store.edit_area(caller.org, id, expected, asked.name, caller.by()).await?;
    Ok(tagged(area))
}

/// Deletes an area without units. It can be restored.
///
/// # Errors
/// 409 while a unit is in it.
#[utoipa::path(
    delete,
    path = "/api/v1/areas/{id}",
    operation_id = "deleteArea",
    tag = "Areas",
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
    Id(id): Id<AreaId>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditTree)?;
    hub.store.delete_area(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted area back.
///
/// # Errors
/// 409 if it is not deleted, or its site is.
#[utoipa::path(
    post,
    path = "/api/v1/areas/{id}/restore",
    operation_id = "restoreArea",
    tag = "Areas",
    extensions(("x-deed" = json!("editTree"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = AreaOut),
        ActErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AreaId>,
) -> Result<Tagged<AreaOut>, ApiError> {
    caller.may(Deed::EditTree)?;
    Ok(tagged(hub.store.restore_area(caller.org, id, caller.by()).await?))
}

/// Removes a deleted area for good.
///
/// # Errors
/// 409 if it is not deleted, or while a deleted unit was in it.
#[utoipa::path(
    post,
    path = "/api/v1/areas/{id}/purge",
    operation_id = "purgeArea",
    tag = "Areas",
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
    Id(id): Id<AreaId>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditTree)?;
    hub.store.purge_area(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The id that a body's field refers to.
///
/// # Errors
/// 422 for what is no id.
pub fn reference<T: From<Uuid>>(pointer: &str, text: &str) -> Result<T, ApiError> {
    asked::id(text).map(T::from).ok_or_else(|| unknown(pointer))
}

/// A body's field refers to what is not there, or not the caller's: the same answer.
#[must_use]
pub fn unknown(pointer: &str) -> ApiError {
    ApiError::field(pointer, UNKNOWN_REFERENCE, "there is no such object")
}

/// What the store did not find is what the field refers to.
#[must_use]
pub fn not_there(error: StoreError, pointer: &str) -> ApiError {
    match error {
        StoreError::NotFound => unknown(pointer),
        other => other.into(),
    }
}
