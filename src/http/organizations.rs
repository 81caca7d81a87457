//! The life of an organization: those of the caller, the present one, its deletion, return and erasure.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use hub_domain::OrgId;
use hub_store::{
    StoreError,
    records::{Life, Organization, PageQuery},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::{ActErrors, ReadErrors, SignedInErrors, WriteErrors},
    asked::{self, Id, Listed, Query},
    body,
    edition::{self, EditionOut, IfMatch, Tagged},
    error::ApiError,
    openapi::{ById, InOrganization},
    schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed, caller::SignedIn},
    wire::InstantOut,
};

/// An organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    name: String,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
}

/// An edit of an organization.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationPatch {
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::name)]
    name: Option<String>,
}

/// The word that an erasure takes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureIn {
    /// The exact name of the organization.
    name: String,
}

/// An erasure that was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErasureOut {
    #[schema(schema_with = schemas::id)]
    organization_id: String,
    requested_at: InstantOut,
}

/// Which organizations are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrganizationsIn {
    /// Those that were deleted and are the caller's to restore, instead of those that are there.
    #[param(schema_with = schemas::flag)]
    deleted: Option<String>,
}

impl From<Organization> for OrganizationOut {
    fn from(organization: Organization) -> Self {
        Self {
            id: organization.id.to_string(),
            name: organization.name,
            created_at: InstantOut(organization.created_at),
            edition: organization.edition.into(),
        }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, edit, delete))
        .routes(routes!(restore))
        .routes(routes!(erase))
}

/// The caller's organizations.
///
/// # Errors
/// 400 for a bad query.
#[utoipa::path(
    get,
    path = "/api/v1/organizations",
    operation_id = "listOrganizations",
    tag = "Organizations",
    params(OrganizationsIn),
    responses(
        (status = 200, description = "All of them.", body = Listed<OrganizationOut>),
        (status = 400, description = "The query cannot be read.", body = super::error::Problem, content_type = "application/problem+json"),
        SignedInErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: SignedIn,
    Query(asked): Query<OrganizationsIn>,
) -> Result<Json<Listed<OrganizationOut>>, ApiError> {
    let organizations: Vec<Organization> = match asked::life(asked.deleted.as_deref())? {
        Life::Present => caller.memberships.into_iter().map(|place| place.organization).collect(),
        Life::Deleted => hub.store.deleted_organizations(caller.identity.user).await?,
    };
    Ok(Json(Listed::whole(organizations.into_iter().map(OrganizationOut::from).collect())))
}

/// The caller's present organization.
///
/// # Errors
/// 404 for any other.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{id}",
    operation_id = "getOrganization",
    tag = "Organizations",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = OrganizationOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<OrgId>,
) -> Result<Tagged<OrganizationOut>, ApiError> {
    caller.may(Deed::Read)?;
    present(&caller, id)?;
    let organization = hub.store.organization(id).await?.ok_or(ApiError::NotFound)?;
    Ok(tagged(organization))
}

/// Renames the caller's present organization.
///
/// # Errors
/// 412 if it was edited since the edition that `If-Match` names, 422 for a bad name.
#[utoipa::path(
    patch,
    path = "/api/v1/organizations/{id}",
    operation_id = "editOrganization",
    tag = "Organizations",
    extensions(("x-deed" = json!("editOrganization"))),
    params(InOrganization, ById, IfMatch),
    request_body = OrganizationPatch,
    responses(
        (status = 200, description = "As it is now.", body = OrganizationOut),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<OrgId>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<OrganizationPatch>,
) -> Result<Tagged<OrganizationOut>, ApiError> {
    present(&caller, id)?;
    caller.may(Deed::EditOrganization)?;
    if let Some(name) = &asked.name {
        asked::all_good([asked::name("/name", name)])?;
    }
    let store = &hub.store;
    let renamed =
        store.rename_organization(id, expected, asked.name.as_deref(), caller.by()).await?;
    Ok(tagged(renamed))
}

/// Deletes the caller's present organization.
///
/// From then on it is as if it did not exist: its members find nothing, its keys, connections and links are refused, its
/// units are judged no more, its sockets hear nothing. An owner can restore it.
///
/// # Errors
/// 403 below owner, 409 while its subscription goes on: that is ended in the billing portal.
#[utoipa::path(
    delete,
    path = "/api/v1/organizations/{id}",
    operation_id = "deleteOrganization",
    tag = "Organizations",
    extensions(("x-deed" = json!("own"))),
    params(InOrganization, ById),
    responses(
        (status = 204, description = "It is deleted."),
        ActErrors,
    ),
)]
pub async fn delete(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<OrgId>,
) -> Result<StatusCode, ApiError> {
    present(&caller, id)?;
    caller.may(Deed::Own)?;
    hub.store.delete_organization(id, caller.by()).await?;
    hub.realtime.sessions().revoke_all(id);
    tokio::spawn(let_go(hub, id));
    Ok(StatusCode::NO_CONTENT)
}

/// Ends what runs here for a deleted organization. Other processes find out with their next commit for it, which is
/// refused.
async fn let_go(hub: Hub, org: OrgId) {
    let mut page = PageQuery { limit: 200, cursor: None };
    loop {
        let Ok(sites) = hub.store.sites(org, Life::Present, page).await else { return };
        for site in sites.items {
            hub.units.site_deleted(site.id).await.ok(); // it commits nothing, in any case
        }
        let Some(next) = sites.next else { return };
        page = PageQuery { limit: 200, cursor: Some(next) };
    }
}

/// Brings a deleted organization back; only an owner of it can.
///
/// # Errors
/// 404 for anybody else and once its erasure was asked for, 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{id}/restore",
    operation_id = "restoreOrganization",
    tag = "Organizations",
    extensions(("x-deed" = json!("own"))),
    params(ById),
    responses(
        (status = 200, description = "As it is now.", body = OrganizationOut),
        ActErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: SignedIn,
    headers: HeaderMap,
    Id(id): Id<OrgId>,
) -> Result<Tagged<OrganizationOut>, ApiError> {
    not_deleted(&caller, id)?;
    let user = caller.identity.user;
    let by = caller.by(&headers)?;
    Ok(tagged(hub.store.restore_organization(id, user, by).await?))
}

/// Erases a deleted organization for good, readings and audit log included, and the people who are in no other. There
/// is no way back.
///
/// # Errors
/// 404 for anybody but an owner, 409 if it is not deleted, 422 if the name is not its own.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{id}/erasure",
    operation_id = "eraseOrganization",
    tag = "Organizations",
    extensions(("x-deed" = json!("own"))),
    params(ById),
    request_body = ErasureIn,
    responses(
        (status = 202, description = "It is being erased.", body = ErasureOut),
        WriteErrors,
    ),
)]
pub async fn erase(
    State(hub): State<Hub>,
    caller: SignedIn,
    headers: HeaderMap,
    Id(id): Id<OrgId>,
    body::Json(asked): body::Json<ErasureIn>,
) -> Result<Response, ApiError> {
    not_deleted(&caller, id)?;
    let user = caller.identity.user;
    let by = caller.by(&headers)?;
    let erasure = match hub.store.request_erasure(id, &asked.name, user, by).await {
        Err(StoreError::Stale) => {
            let said = "this is not the organization's name";
            return Err(ApiError::field("/name", "wrong_name", said));
        }
        erasure => erasure?,
    };
    hub.erase_soon();
    let erasure = ErasureOut {
        organization_id: id.to_string(),
        requested_at: InstantOut(erasure.requested_at),
    };
    Ok((StatusCode::ACCEPTED, Json(erasure)).into_response())
}

fn tagged(organization: Organization) -> Tagged<OrganizationOut> {
    Tagged { version: organization.edition.version, object: organization.into() }
}

/// Any organization but the caller's present one is as one that does not exist.
fn present(caller: &Caller, id: OrgId) -> Result<(), ApiError> {
    if caller.org == id { Ok(()) } else { Err(ApiError::NotFound) }
}

/// Goes on unless the organization is there: an owner of it is told so.
fn not_deleted(caller: &SignedIn, id: OrgId) -> Result<(), ApiError> {
    match caller.memberships.iter().find(|place| place.organization.id == id) {
        Some(place) if place.role >= Deed::Own.takes() => Err(ApiError::NotDeleted),
        Some(_) => Err(ApiError::Forbidden(Deed::Own.takes())),
        None => Ok(()),
    }
}
