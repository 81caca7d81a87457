//! Where other nodes ask this one.

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::post,
};

use super::{LARGEST, LOOK, READINGS, RULES, wire};
use crate::{
    app::Hub,
    auth::{is_secret, sha256, token_in},
    http::error::ApiError,
    rule_changes,
};

/// What nodes ask of each other. To whoever does not show this process's own secret, there is nothing here.
pub(crate) fn routes() -> Router<Hub> {
    let routes = Router::new()
        .route(READINGS, post(judge))
        .route(RULES, post(look_at_rules))
        .route(LOOK, post(look_around));
    routes.layer(DefaultBodyLimit::max(LARGEST))
}

/// Refuses whoever is no node, as if there were nothing here.
fn need_node(hub: &Hub, headers: &HeaderMap) -> Result<(), ApiError> {
    let expected = sha256(hub.nodes.me().secret.as_bytes());
    let shown = token_in(headers).unwrap_or_default();
    if is_secret(shown.as_bytes(), &expected) { Ok(()) } else { Err(ApiError::NotFound) }
}

/// Looks which rules were edited elsewhere; answers when the units here are judged by them.
async fn look_at_rules(State(hub): State<Hub>, headers: HeaderMap) -> Result<StatusCode, ApiError> {
    need_node(&hub, &headers)?;
    rule_changes::look(&hub).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Looks who is there; answers when that is known here. A node that is to leave looks after nothing, and for nobody.
async fn look_around(State(hub): State<Hub>, headers: HeaderMap) -> Result<StatusCode, ApiError> {
    need_node(&hub, &headers)?;
    tokio::select! {
        () = hub.nodes.looks.look_anew() => {}
        () = hub.stopping() => {}
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Judges and stores readings that another node took in. A node that is to leave says so: the other one judges them then.
async fn judge(
    State(hub): State<Hub>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    need_node(&hub, &headers)?;
    if hub.is_stopping() {
        return Ok(StatusCode::GONE.into_response());
    }
    let batches = match wire::read_batches(&body) {
        Ok(batches) => batches,
        Err(error) => {
            tracing::warn!(%error, "another node said what cannot be read");
            return Ok(StatusCode::BAD_REQUEST.into_response());
        }
    };
    let answers = hub.units.ingest_here(batches).await;
    let said = wire::write_answers(&answers).map_err(|error| {
        tracing::error!(%error, "answers cannot be told to another node");
        ApiError::Internal
    })?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], said).into_response())
}
