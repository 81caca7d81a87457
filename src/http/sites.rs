//! Sites: the places of an organization.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::SiteId;
use hub_store::records::{PageQuery, Site, SiteEdit};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
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
    wire::InstantOut,
};

/// A site to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteIn {
    #[schema(schema_with = schemas::name)]
    name: String,
    #[serde(default = "utc")]
    #[schema(schema_with = schemas::timezone)]
    timezone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// An edit of a site. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SitePatch {
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::name)]
    name: Option<String>,
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::timezone)]
    timezone: Option<String>,
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(value_type = bool, required = false)]
    requires_corrective_action: Option<bool>,
}

/// A site.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SiteOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    name: String,
    timezone: String,
    requires_corrective_action: bool,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
}

impl From<Site> for SiteOut {
    fn from(site: Site) -> Self {
        Self {
            id: site.id.to_string(),
            name: site.name,
            timezone: site.timezone,
            requires_corrective_action: site.requires_corrective_action,
            created_at: InstantOut(site.created_at),
            edition: site.edition.into(),
        }
    }
}

/// A site with the tag of its edition.
fn tagged(site: Site) -> Tagged<SiteOut> {
    Tagged { version: site.edition.version, object: site.into() }
}

/// Which sites are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SitesIn {
    #[param(schema_with = schemas::flag)]
    deleted: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
}

/// Which page is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageIn {
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
}

impl PageIn {
    /// The page asked for.
    ///
    /// # Errors
    /// 400 for a bad limit.
    pub fn page(self) -> Result<PageQuery, ApiError> {
        asked::page(self.limit.as_deref(), self.cursor)
    }
}

/// Which page is wanted of a list that goes by something else than ids.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LongPageIn {
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::long_cursor)]
    cursor: Option<String>,
}

impl LongPageIn {
    /// The page asked for.
    ///
    /// # Errors
    /// 400 for a bad limit.
    pub fn page(self) -> Result<PageQuery, ApiError> {
        asked::page(self.limit.as_deref(), self.cursor)
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

/// Makes a site.
///
/// # Errors
/// 403 below admin, 422 for a bad name or zone.
#[utoipa::path(
    post,
    path = "/api/v1/sites",
    operation_id = "createSite",
    tag = "Sites",
    extensions(("x-deed" = json!("editTree"))),
    params(InOrganization),
    request_body = SiteIn,
    responses(
        (status = 201, description = "It was made.", body = SiteOut, headers(("Location" = String, description = "Where it can be read."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<SiteIn>,
) -> Result<Created<SiteOut>, ApiError> {
    caller.may(Deed::EditTree)?;
    asked::all_good([asked::name("/name", &asked.name), zone("/timezone", &asked.timezone)])?;
    let site = hub.store.create_site(caller.org, &asked.name, &asked.timezone, caller.by()).await?;
    Ok(Created { location: format!("/api/v1/sites/{}", site.id), object: site.into() })
}

/// The sites of the organization.
///
/// # Errors
/// 400 for a bad page.
#[utoipa::path(
    get,
    path = "/api/v1/sites",
    operation_id = "listSites",
    tag = "Sites",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, SitesIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<SiteOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<SitesIn>,
) -> Result<Json<Listed<SiteOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let life = asked::life(asked.deleted.as_deref())?;
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    Ok(Json(Listed::of(hub.store.sites(caller.scope(), life, page).await?, SiteOut::from)))
}

/// One site.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/sites/{id}",
    operation_id = "getSite",
    tag = "Sites",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = SiteOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<SiteId>,
) -> Result<Tagged<SiteOut>, ApiError> {
    caller.may(Deed::Read)?;
    let site = hub.store.site(caller.scope(), id).await?.ok_or(ApiError::NotFound)?;
    Ok(tagged(site))
}

/// Edits a site. Its channels show the name within a second.
///
/// # Errors
/// 412 if it was edited since the edition that `If-Match` names, 422 for a bad name or zone.
#[utoipa::path(
    patch,
    path = "/api/v1/sites/{id}",
    operation_id = "editSite",
    tag = "Sites",
    extensions(("x-deed" = json!("editTree"))),
    params(InOrganization, ById, IfMatch),
    request_body = SitePatch,
    responses(
        (status = 200, description = "As it is now.", body = SiteOut),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<SiteId>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<SitePatch>,
) -> Result<Tagged<SiteOut>, ApiError> {
    caller.may(Deed::EditTree)?;
    asked::all_good([
        asked.name.as_deref().map_or(Ok(()), |name| asked::name("/name", name)),
        asked.timezone.as_deref().map_or(Ok(()), |text| zone("/timezone", text)),
    ])?;
    let edit = SiteEdit {
        name: asked.name,
        timezone: asked.timezone,
        requires_corrective_action: asked.requires_corrective_action,
    };
    let site = hub.store.edit_site(caller.org, id, expected, &edit, caller.by()).await?;
    if let Err(error) = hub.units.site_edited(&site).await {
        tracing::warn!(site.id = %id, %error, "an edited site is not shown yet"); // its next start shows it
    }
    Ok(tagged(site))
}

/// Deletes a site without units, areas or gateways. It can be restored.
///
/// # Errors
/// 409 while something is in it.
#[utoipa::path(
    delete,
    path = "/api/v1/sites/{id}",
    operation_id = "deleteSite",
    tag = "Sites",
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
    Id(id): Id<SiteId>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditTree)?;
    hub.store.delete_site(caller.org, id, caller.by()).await?;
    if let Err(error) = hub.units.site_deleted(id).await {
        tracing::warn!(site.id = %id, %error, "a deleted site's channel was not ended");
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a deleted site back.
///
/// # Errors
/// 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/sites/{id}/restore",
    operation_id = "restoreSite",
    tag = "Sites",
    extensions(("x-deed" = json!("editTree"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = SiteOut),
        ActErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<SiteId>,
) -> Result<Tagged<SiteOut>, ApiError> {
    caller.may(Deed::EditTree)?;
    let site = hub.store.restore_site(caller.org, id, caller.by()).await?;
    if let Err(error) = hub.units.site_edited(&site).await {
        tracing::warn!(site.id = %id, %error, "a restored site is not live yet"); // who subscribes starts it
    }
    Ok(tagged(site))
}

/// Removes a deleted site for good, with its rules.
///
/// # Errors
/// 409 if it is not deleted, or while deleted units, areas or other records speak of it.
#[utoipa::path(
    post,
    path = "/api/v1/sites/{id}/purge",
    operation_id = "purgeSite",
    tag = "Sites",
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
    Id(id): Id<SiteId>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditTree)?;
    hub.store.purge_site(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the name of an IANA time zone.
///
/// # Errors
/// 422 with the pointer.
pub fn zone(pointer: &str, text: &str) -> Result<(), FieldError> {
    let unknown = || {
        FieldError::new(
            pointer,
            "bad_timezone",
            "the time zone is no IANA name such as Europe/Berlin",
        )
    };
    text.parse::<chrono_tz::Tz>().map(drop).map_err(|_| unknown())
}
