//! Inspectors' links: some sites, to be read for a while by whoever has the token.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::SiteId;
use hub_store::{
    StoreError,
    records::{InspectorLink, NewInspectorLink},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    error::{ApiError, UNKNOWN_REFERENCE},
    instant,
    openapi::{ById, InOrganization},
    schemas,
    sites::PageIn,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed, inspectors, links::FreshLink},
    wire::InstantOut,
};

/// The longest life of a link, in seconds: a year, of 366 days.
const LONGEST_SECS: u32 = 366 * 24 * 3600;

/// The most sites of one link.
const MOST_SITES: usize = 100;

/// A link to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InspectorLinkIn {
    #[schema(schema_with = schemas::name)]
    name: String,
    /// The sites that it shows, 1 to 100.
    #[schema(value_type = Vec<Uuid>, min_items = 1, max_items = 100)]
    site_ids: Vec<String>,
    /// From when on it is refused: at most a year from now.
    #[schema(schema_with = schemas::instant)]
    expires_at: String,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InspectorLinkOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    name: String,
    /// The sites that it shows.
    #[schema(value_type = Vec<Uuid>)]
    site_ids: Vec<String>,
    /// Who made it.
    #[schema(schema_with = schemas::id_or_none)]
    created_by: Option<String>,
    created_at: InstantOut,
    expires_at: InstantOut,
    revoked_at: Option<InstantOut>,
    /// About when it was last used.
    last_used_at: Option<InstantOut>,
}

/// A link with its token, which is shown once.
#[derive(Serialize, ToSchema)]
pub struct FreshInspectorLinkOut {
    #[serde(flatten)]
    link: InspectorLinkOut,
    /// What the inspector asks with: `Authorization: Bearer fti_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl From<InspectorLink> for InspectorLinkOut {
    fn from(link: InspectorLink) -> Self {
        Self {
            id: link.id.to_string(),
            name: link.name,
            site_ids: link.sites.iter().map(ToString::to_string).collect(),
            created_by: link.created_by.map(|user| user.to_string()),
            created_at: InstantOut(link.created_at),
            expires_at: InstantOut(link.expires_at),
            revoked_at: link.revoked_at.map(InstantOut),
            last_used_at: link.last_used_at.map(InstantOut),
        }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(get, revoke))
}

/// Makes a link to sites. The answer alone has the token.
///
/// # Errors
/// 422 for a bad name or instant, or a site that is not there.
#[utoipa::path(
    post,
    path = "/api/v1/inspector-links",
    operation_id = "createInspectorLink",
    tag = "Inspector links",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization),
    request_body = InspectorLinkIn,
    responses(
        (status = 201, description = "It was made.", body = FreshInspectorLinkOut, headers(("Location" = String, description = "Where it can be read."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<InspectorLinkIn>,
) -> Result<Created<FreshInspectorLinkOut>, ApiError> {
    caller.may(Deed::EditMembers)?;
    let fresh = FreshLink::new(Uuid::now_v7());
    let wanted = wanted(&hub, asked, &fresh)?;
    let made = hub.store.create_inspector_link(caller.org, wanted, caller.by()).await;
    let link = made.map_err(|error| match error {
        StoreError::NotFound => no_such_site(),
        error => error.into(),
    })?;
    let location = format!("/api/v1/inspector-links/{}", link.id);
    let object =
        FreshInspectorLinkOut { link: link.into(), token: Some(inspectors::token(&fresh)) };
    Ok(Created { location, object })
}

/// The links of the organization.
///
/// # Errors
/// 400 for a bad page.
#[utoipa::path(
    get,
    path = "/api/v1/inspector-links",
    operation_id = "listInspectorLinks",
    tag = "Inspector links",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization, PageIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<InspectorLinkOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(page): Query<PageIn>,
) -> Result<Json<Listed<InspectorLinkOut>>, ApiError> {
    caller.may(Deed::EditMembers)?;
    let links = hub.store.inspector_links(caller.org, page.page()?).await?;
    Ok(Json(Listed::of(links, InspectorLinkOut::from)))
}

/// One link.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/inspector-links/{id}",
    operation_id = "getInspectorLink",
    tag = "Inspector links",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = InspectorLinkOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Json<InspectorLinkOut>, ApiError> {
    caller.may(Deed::EditMembers)?;
    let link = hub.store.inspector_link(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    Ok(Json(link.into()))
}

/// Revokes a link: it is refused from now on, within 5 s everywhere.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    delete,
    path = "/api/v1/inspector-links/{id}",
    operation_id = "revokeInspectorLink",
    tag = "Inspector links",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization, ById),
    responses(
        (status = 204, description = "It is revoked."),
        ActErrors,
    ),
)]
pub async fn revoke(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditMembers)?;
    hub.store.revoke_inspector_link(caller.org, id, caller.by()).await?;
    hub.inspectors.forget(id).await;
    Ok(StatusCode::NO_CONTENT)
}

fn wanted(
    hub: &Hub,
    asked: InspectorLinkIn,
    fresh: &FreshLink,
) -> Result<NewInspectorLink, ApiError> {
    asked::all_good([asked::name("/name", &asked.name)])?;
    if !(1..=MOST_SITES).contains(&asked.site_ids.len()) {
        let said = "a link is to 1 to 100 sites";
        return Err(ApiError::field("/siteIds", "bad_sites", said));
    }
    let sites: Option<Vec<SiteId>> =
        asked.site_ids.iter().map(|text| asked::id(text).map(SiteId)).collect();
    let now = hub.clock.now();
    let expires_at = instant::parse(&asked.expires_at)
        .filter(|at| *at > now && *at <= now.plus_secs(LONGEST_SECS))
        .ok_or_else(|| {
            let said = "must be an RFC 3339 instant with an offset, at most a year from now";
            ApiError::field("/expiresAt", "bad_instant", said)
        })?;
    Ok(NewInspectorLink {
        id: fresh.id,
        name: asked.name,
        secret_hash: fresh.secret_hash,
        sites: sites.ok_or_else(no_such_site)?,
        expires_at,
    })
}

fn no_such_site() -> ApiError {
    ApiError::field("/siteIds", UNKNOWN_REFERENCE, "there is no such object")
}
