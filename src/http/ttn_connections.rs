//! Connections of The Things Stack: where its webhooks may come in.

use axum::{Json, extract::State};
use hub_store::records::{TtnConnection, UnclaimedDevice};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    error::ApiError,
    sites::PageIn,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed, fresh_secret, sha256},
    ttn::SECRET_HEADER,
    wire::InstantOut,
};

/// A connection to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionIn {
    name: String,
}

/// A connection without its secret, but for the moment it is made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionOut {
    id: String,
    name: String,
    path: String,
    header: &'static str,
    created_at: InstantOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl ConnectionOut {
    fn of(connection: TtnConnection, secret: Option<String>) -> Self {
        Self {
            id: connection.id.to_string(),
            name: connection.name,
            path: format!("/api/integrations/ttn/{}", connection.id),
            header: SECRET_HEADER,
            created_at: InstantOut(connection.created_at),
            secret,
        }
    }
}

/// A sensor that was heard and belongs to no device.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnclaimedOut {
    dev_eui: String,
    first_seen_at: InstantOut,
    last_seen_at: InstantOut,
    frames: i64,
}

impl From<UnclaimedDevice> for UnclaimedOut {
    fn from(heard: UnclaimedDevice) -> Self {
        Self {
            dev_eui: heard.dev_eui,
            first_seen_at: InstantOut(heard.first_seen_at),
            last_seen_at: InstantOut(heard.last_seen_at),
            frames: heard.frames,
        }
    }
}

/// Makes a connection. Its secret is in this answer and never again.
///
/// # Errors
/// 403 below admin, 422 for a bad name.
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<ConnectionIn>,
) -> Result<Created<ConnectionOut>, ApiError> {
    caller.may(Deed::EditDevices)?;
    asked::all_good([asked::name("/name", &asked.name)])?;
    let secret = fresh_secret();
    let hash = sha256(secret.as_bytes());
    let made =
        hub.store.create_ttn_connection(caller.org, &asked.name, hash, caller.actor()).await?;
    let location = format!("/api/v1/ttn-connections/{}", made.id);
    Ok(Created { location, object: ConnectionOut::of(made, Some(secret)) })
}

/// The connections of the organization.
///
/// # Errors
/// 400 for a bad page.
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(page): Query<PageIn>,
) -> Result<Json<Listed<ConnectionOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let page = hub.store.ttn_connections(caller.org, page.page()?).await?;
    Ok(Json(Listed::of(page, |connection| ConnectionOut::of(connection, None))))
}

/// One connection.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Json<ConnectionOut>, ApiError> {
    caller.may(Deed::Read)?;
    let found = hub.store.ttn_connection(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    Ok(Json(ConnectionOut::of(found, None)))
}

/// Sensors that the organization's connections heard and that are no device yet.
///
/// # Errors
/// 400 for a bad page.
pub async fn unclaimed(
    State(hub): State<Hub>,
    caller: Caller,
    Query(page): Query<PageIn>,
) -> Result<Json<Listed<UnclaimedOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let page = hub.store.unclaimed_devices(caller.org, page.page()?).await?;
    Ok(Json(Listed::of(page, UnclaimedOut::from)))
}
