//! Connections of The Things Stack: where its webhooks may come in.

use axum::{Json, extract::State, http::StatusCode};
use hub_store::records::TtnConnection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    edition::{EditionOut, IfMatch, Tagged},
    error::ApiError,
    lives::LivesIn,
    openapi::{ById, InOrganization},
    schemas,
    secrets::{RenameIn, RotateIn},
};
use crate::{
    app::Hub,
    auth::{Caller, Deed, fresh_secret, sha256},
    ttn::SECRET_HEADER,
    wire::InstantOut,
};

/// A connection to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionIn {
    #[schema(schema_with = schemas::name)]
    name: String,
}

/// A connection without its secret, but for the moment it is made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    name: String,
    path: String,
    header: &'static str,
    created_at: InstantOut,
    /// Until when the secret before the present one is taken too.
    #[schema(required)]
    old_secret_until: Option<InstantOut>,
    #[serde(flatten)]
    edition: EditionOut,
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
            old_secret_until: connection.previous.map(|previous| InstantOut(previous.until)),
            edition: connection.edition.into(),
            secret,
        }
    }

    fn tagged(connection: TtnConnection, secret: Option<String>) -> Tagged<Self> {
        Tagged { version: connection.edition.version, object: Self::of(connection, secret) }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, rename, delete))
        .routes(routes!(restore))
        .routes(routes!(purge))
        .routes(routes!(rotate))
}

/// Makes a connection. Its secret is in this answer and never again.
///
/// # Errors
/// 403 below admin, 422 for a bad name.
#[utoipa::path(
    post,
    path = "/api/v1/ttn-connections",
    operation_id = "createTtnConnection",
    tag = "The Things Stack",
    params(InOrganization),
    extensions(("x-deed" = json!("editKeys"))),
    request_body = ConnectionIn,
    responses(
        (status = 201, description = "It was made.", body = ConnectionOut, headers(("Location" = String, description = "Where it can be read."), ("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<ConnectionIn>,
) -> Result<Created<ConnectionOut>, ApiError> {
    caller.may(Deed::EditKeys)?;
    asked::all_good([asked::name("/name", &asked.name)])?;
    let secret = fresh_secret();
    let hash = sha256(secret.as_bytes());
    let made = hub.store.create_ttn_connection(caller.org, &asked.name, hash, caller.by()).await?;
    let location = format!("/api/v1/ttn-connections/{}", made.id);
    Ok(Created { location, object: ConnectionOut::of(made, Some(secret)) })
}

/// The connections of the organization.
///
/// # Errors
/// 403 below admin, 400 for a bad page.
#[utoipa::path(
    get,
    path = "/api/v1/ttn-connections",
    operation_id = "listTtnConnections",
    tag = "The Things Stack",
    params(InOrganization, LivesIn),
    extensions(("x-deed" = json!("editKeys"))),
    responses(
        (status = 200, description = "A page of them.", body = Listed<ConnectionOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<LivesIn>,
) -> Result<Json<Listed<ConnectionOut>>, ApiError> {
    caller.may(Deed::EditKeys)?;
    let (life, page) = asked.read()?;
    let page = hub.store.ttn_connections(caller.org, life, page).await?;
    Ok(Json(Listed::of(page, |connection| ConnectionOut::of(connection, None))))
}

/// One connection.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/ttn-connections/{id}",
    operation_id = "getTtnConnection",
    tag = "The Things Stack",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editKeys"))),
    responses(
        (status = 200, description = "As it is now.", body = ConnectionOut, headers(("ETag" = String, description = "Its edition."))),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<ConnectionOut>, ApiError> {
    caller.may(Deed::EditKeys)?;
    let found = hub.store.ttn_connection(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    Ok(ConnectionOut::tagged(found, None))
}

/// Gives a connection another name.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, 412 if it was edited meanwhile, 422 for a bad name.
#[utoipa::path(
    patch,
    path = "/api/v1/ttn-connections/{id}",
    operation_id = "editTtnConnection",
    tag = "The Things Stack",
    params(InOrganization, ById, IfMatch),
    extensions(("x-deed" = json!("editKeys"))),
    request_body = RenameIn,
    responses(
        (status = 200, description = "As it is now.", body = ConnectionOut, headers(("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn rename(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<RenameIn>,
) -> Result<Tagged<ConnectionOut>, ApiError> {
    caller.may(Deed::EditKeys)?;
    let present = hub.store.ttn_connection(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    let (name, by) = (asked.read(present.name)?, caller.by());
    let edited = hub.store.rename_ttn_connection(caller.org, id, expected, &name, by).await?;
    Ok(ConnectionOut::tagged(edited, None))
}

/// Deletes a connection. What comes in by it is refused from now on.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, or not the caller's.
#[utoipa::path(
    delete,
    path = "/api/v1/ttn-connections/{id}",
    operation_id = "deleteTtnConnection",
    tag = "The Things Stack",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editKeys"))),
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
    caller.may(Deed::EditKeys)?;
    hub.store.delete_ttn_connection(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a connection back, with its secret.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/ttn-connections/{id}/restore",
    operation_id = "restoreTtnConnection",
    tag = "The Things Stack",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editKeys"))),
    responses(
        (status = 200, description = "As it is now.", body = ConnectionOut, headers(("ETag" = String, description = "Its edition."))),
        ActErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<ConnectionOut>, ApiError> {
    caller.may(Deed::EditKeys)?;
    let restored = hub.store.restore_ttn_connection(caller.org, id, caller.by()).await?;
    Ok(ConnectionOut::tagged(restored, None))
}

/// Deletes a deleted connection for good.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/ttn-connections/{id}/purge",
    operation_id = "purgeTtnConnection",
    tag = "The Things Stack",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editKeys"))),
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
    caller.may(Deed::EditKeys)?;
    hub.store.purge_ttn_connection(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a connection another secret, which is in this answer and never again. The old one is taken too for a while.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, 422 for a time out of bounds.
#[utoipa::path(
    post,
    path = "/api/v1/ttn-connections/{id}/rotate-secret",
    operation_id = "rotateTtnSecret",
    tag = "The Things Stack",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editKeys"))),
    request_body = Option<RotateIn>,
    responses(
        (status = 200, description = "As it is now, with its new secret.", body = ConnectionOut, headers(("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn rotate(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    body::OptionalJson(asked): body::OptionalJson<RotateIn>,
) -> Result<Tagged<ConnectionOut>, ApiError> {
    caller.may(Deed::EditKeys)?;
    let secret = fresh_secret();
    let fresh = asked.read(sha256(secret.as_bytes()), hub.clock.now())?;
    let rotated = hub.store.rotate_ttn_connection(caller.org, id, fresh, caller.by()).await?;
    Ok(ConnectionOut::tagged(rotated, Some(secret)))
}
