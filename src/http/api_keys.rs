//! Keys for senders of readings.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::{KeyId, SiteId};
use hub_store::records::ApiKey;
use serde::{Deserialize, Serialize};

use super::{
    areas::{not_there, reference, unknown},
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    error::ApiError,
    sites::PageIn,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed, keys::FreshKey},
    wire::InstantOut,
};

/// A key to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApiKeyIn {
    name: String,
    site_id: Option<String>,
}

/// A key without its secret, but for the moment it is made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyOut {
    id: String,
    name: String,
    site_id: Option<String>,
    created_at: InstantOut,
    revoked_at: Option<InstantOut>,
    last_used_at: Option<InstantOut>,
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
            key,
        }
    }
}

/// Makes a key. Its text is in this answer and never again.
///
/// # Errors
/// 403 below admin, 422 for a bad name or a site that is not the caller's.
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
        .create_api_key(caller.org, key.id, site, &asked.name, key.secret_hash, caller.actor())
        .await;
    let record = made.map_err(|error| not_there(error, "/siteId"))?;
    let location = format!("/api/v1/api-keys/{}", record.id);
    Ok(Created { location, object: ApiKeyOut::of(record, Some(key.text)) })
}

/// The keys of the organization.
///
/// # Errors
/// 403 below admin, 400 for a bad page.
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(page): Query<PageIn>,
) -> Result<Json<Listed<ApiKeyOut>>, ApiError> {
    caller.may(Deed::EditKeys)?;
    let keys = hub.store.api_keys(caller.org, page.page()?).await?;
    Ok(Json(Listed::of(keys, |record| ApiKeyOut::of(record, None))))
}

/// One key.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, or not the caller's.
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<KeyId>,
) -> Result<Json<ApiKeyOut>, ApiError> {
    caller.may(Deed::EditKeys)?;
    let record = hub.store.api_key(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    Ok(Json(ApiKeyOut::of(record, None)))
}

/// Revokes a key. It is refused within 5 s by every process of the hub, and at once by this one.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, or not the caller's.
pub async fn revoke(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<KeyId>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditKeys)?;
    hub.store.revoke_api_key(caller.org, id, caller.actor()).await?;
    hub.keys.forget(id).await;
    Ok(StatusCode::NO_CONTENT)
}
