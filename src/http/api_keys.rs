//! Keys for senders of readings.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::{KeyId, SiteId};
use hub_store::records::ApiKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    areas::{not_there, reference, unknown},
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    edition::{IfMatch, Tagged},
    error::ApiError,
    lives::LivesIn,
    openapi::{ById, InOrganization},
    schemas,
    secrets::{RenameIn, RotateIn},
};
use crate::{
    app::Hub,
    auth::{Caller, Deed, keys::FreshKey},
    wire::InstantOut,
};

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApiKeyIn {
    #[schema(schema_with = schemas::name)]
    name: String,
    #[schema(schema_with = schemas::id_or_none)]
    site_id: Option<String>,
}

/// A key without its secret, but for the moment it is made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    name: String,
    #[schema(required, schema_with = schemas::id_or_none)]
    site_id: Option<String>,
    created_at: InstantOut,
    #[schema(required)]
    revoked_at: Option<InstantOut>,
    #[schema(required)]
    last_used_at: Option<InstantOut>,
    /// Until when the secret before the present one is taken too.
    #[schema(required)]
    old_secret_until: Option<InstantOut>,
    #[schema(minimum = 1)]
    version: i64,
    #[schema(required)]
    updated_at: Option<InstantOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl ApiKeyOut {
    fn of(record: ApiKey, key: Option<String>) -> Self {
        Self {
            id: record.id.to_string(),
            name: record.name,
            site_id: record.site.map(|site| site.to_string()),
            created_at: InstantOut(record.created_at),
            revoked_at: record.revoked_at.map(InstantOut),
            last_used_at: record.last_used_at.map(InstantOut),
            old_secret_until: record.previous.map(|previous| InstantOut(previous.until)),
            version: record.version,
            updated_at: record.updated_at.map(InstantOut),
            key,
        }
    }

    fn tagged(record: ApiKey, key: Option<String>) -> Tagged<Self> {
        Tagged { version: record.version, object: Self::of(record, key) }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, rename, revoke))
        .routes(routes!(rotate))
}

/// Makes a key. Its text is in this answer and never again.
///
/// # Errors
/// 403 below admin, 422 for a bad name or a site that is not the caller's.
#[utoipa::path(
    post,
    path = "/api/v1/api-keys",
    operation_id = "createApiKey",
    tag = "API keys",
    params(InOrganization),
    extensions(("x-deed" = json!("editKeys"))),
    request_body = ApiKeyIn,
    responses(
        (status = 201, description = "It was made.", body = ApiKeyOut, headers(("Location" = String, description = "Where it can be read."), ("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<ApiKeyIn>,
) -> Result<Created<ApiKeyOut>, ApiError> {
    caller.may(Deed::EditKeys)?;
    asked::all_good([asked::name("/name", &asked.name)])?;
    let site: Option<SiteId> =
        asked.site_id.as_deref().map(|site| reference("/siteId", site)).transpose()?;
    if let Some(site) = site {
        hub.store.site(caller.org, site).await?.ok_or_else(|| unknown("/siteId"))?;
    }
    let key = FreshKey::new();
    let made = hub
        .store
        .create_api_key(caller.org, key.id, site, &asked.name, key.secret_hash, caller.by())
        .await;
    let record = made.map_err(|error| not_there(error, "/siteId"))?;
    let location = format!("/api/v1/api-keys/{}", record.id);
    Ok(Created { location, object: ApiKeyOut::of(record, Some(key.text)) })
}

/// The keys of the organization; with `deleted=true`, those that were revoked.
///
/// # Errors
/// 403 below admin, 400 for a bad page.
#[utoipa::path(
    get,
    path = "/api/v1/api-keys",
    operation_id = "listApiKeys",
    tag = "API keys",
    params(InOrganization, LivesIn),
    extensions(("x-deed" = json!("editKeys"))),
    responses(
        (status = 200, description = "A page of them.", body = Listed<ApiKeyOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<LivesIn>,
) -> Result<Json<Listed<ApiKeyOut>>, ApiError> {
    caller.may(Deed::EditKeys)?;
    let (life, page) = asked.read()?;
    let keys = hub.store.api_keys(caller.org, life, page).await?;
    Ok(Json(Listed::of(keys, |record| ApiKeyOut::of(record, None))))
}

/// One key, revoked or not.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/api-keys/{id}",
    operation_id = "getApiKey",
    tag = "API keys",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editKeys"))),
    responses(
        (status = 200, description = "As it is now.", body = ApiKeyOut, headers(("ETag" = String, description = "Its edition."))),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<KeyId>,
) -> Result<Tagged<ApiKeyOut>, ApiError> {
    caller.may(Deed::EditKeys)?;
    let record = hub.store.api_key(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    Ok(ApiKeyOut::tagged(record, None))
}

/// Gives a key another name.
///
/// # Errors
/// 403 below admin, 404 for one that is not there or revoked, 412 if it was edited meanwhile, 422 for a bad name.
#[utoipa::path(
    patch,
    path = "/api/v1/api-keys/{id}",
    operation_id = "editApiKey",
    tag = "API keys",
    params(InOrganization, ById, IfMatch),
    extensions(("x-deed" = json!("editKeys"))),
    request_body = RenameIn,
    responses(
        (status = 200, description = "As it is now.", body = ApiKeyOut, headers(("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn rename(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<KeyId>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<RenameIn>,
) -> Result<Tagged<ApiKeyOut>, ApiError> {
    caller.may(Deed::EditKeys)?;
    let present = hub.store.api_key(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    let name = asked.read(present.name)?;
    let edited = hub.store.rename_api_key(caller.org, id, expected, &name, caller.by()).await?;
    Ok(ApiKeyOut::tagged(edited, None))
}

/// Gives a key another secret, whose text is in this answer and never again. The old one is taken too for a while.
///
/// # Errors
/// 403 below admin, 404 for one that is not there or revoked, 422 for a time out of bounds.
#[utoipa::path(
    post,
    path = "/api/v1/api-keys/{id}/rotate",
    operation_id = "rotateApiKey",
    tag = "API keys",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editKeys"))),
    request_body = Option<RotateIn>,
    responses(
        (status = 200, description = "As it is now, with its new text.", body = ApiKeyOut, headers(("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn rotate(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<KeyId>,
    body::OptionalJson(asked): body::OptionalJson<RotateIn>,
) -> Result<Tagged<ApiKeyOut>, ApiError> {
    caller.may(Deed::EditKeys)?;
    let key = FreshKey::of(id);
    let secret = asked.read(key.secret_hash, hub.clock.now())?;
    let rotated = hub.store.rotate_api_key(caller.org, id, secret, caller.by()).await?;
    hub.keys.forget(id).await;
    Ok(ApiKeyOut::tagged(rotated, Some(key.text)))
}

/// Revokes a key. It is refused within 5 s by every process of the hub, and at once by this one.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, or not the caller's.
#[utoipa::path(
    delete,
    path = "/api/v1/api-keys/{id}",
    operation_id = "revokeApiKey",
    tag = "API keys",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editKeys"))),
    responses(
        (status = 204, description = "The key is revoked."),
        ActErrors,
    ),
)]
pub async fn revoke(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<KeyId>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditKeys)?;
    hub.store.revoke_api_key(caller.org, id, caller.by()).await?;
    hub.keys.forget(id).await;
    Ok(StatusCode::NO_CONTENT)
}
