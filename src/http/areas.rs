//! Areas: parts of sites.

use axum::{Json, extract::State};
use hub_domain::{AreaId, SiteId};
use hub_store::{StoreError, records::Area};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    error::ApiError,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// An area to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AreaIn {
    site_id: String,
    name: String,
}

/// An area.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AreaOut {
    id: String,
    site_id: String,
    name: String,
    created_at: InstantOut,
}

impl From<Area> for AreaOut {
    fn from(area: Area) -> Self {
        let created_at = InstantOut(area.created_at);
        Self {
            id: area.id.to_string(),
            site_id: area.site.to_string(),
            name: area.name,
            created_at,
        }
    }
}

/// Which areas are wanted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AreasIn {
    site_id: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Makes an area.
///
/// # Errors
/// 403 below admin, 422 for a bad name or a site that is not the caller's.
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<AreaIn>,
) -> Result<Created<AreaOut>, ApiError> {
    caller.may(Deed::EditTree)?;
    asked::all_good([asked::name("/name", &asked.name)])?;
    let site: SiteId = reference("/siteId", &asked.site_id)?;
    let made = hub.store.create_area(caller.org, site, &asked.name, caller.actor()).await;
    let area = made.map_err(|error| not_there(error, "/siteId"))?;
    Ok(Created { location: format!("/api/v1/areas/{}", area.id), object: area.into() })
}

/// The areas of the organization or of one site.
///
/// # Errors
/// 400 for a bad page or filter.
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<AreasIn>,
) -> Result<Json<Listed<AreaOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let site = asked::query_id("siteId", asked.site_id.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    Ok(Json(Listed::of(hub.store.areas(caller.org, site, page).await?, AreaOut::from)))
}

/// One area.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<AreaId>,
) -> Result<Json<AreaOut>, ApiError> {
    caller.may(Deed::Read)?;
    let area = hub.store.area(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    Ok(Json(area.into()))
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
    ApiError::field(pointer, "unknown_reference", "there is no such object")
}

/// What the store did not find is what the field refers to.
#[must_use]
pub fn not_there(error: StoreError, pointer: &str) -> ApiError {
    match error {
        StoreError::NotFound => unknown(pointer),
        other => other.into(),
    }
}
