//! The board: the built page, carried in the binary.

use axum::{
    Json,
    extract::State,
    http::{
        HeaderName, HeaderValue, Method, StatusCode, Uri,
        header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rust_embed::{EmbeddedFile, RustEmbed};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{answers::DemoErrors, error::ApiError};
use crate::app::Hub;

#[derive(RustEmbed)]
#[folder = "web-demo/dist"]
#[allow_missing = true]
struct Board;

/// Shown in place of a board that was not built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>FreshTrack Hub</title>\
    <h1>FreshTrack Hub is running</h1><p>The board was not built into this binary. Build it with \
    <code>cargo xtask demo</code>, or in <code>web-demo/</code> with <code>npm ci &amp;&amp; npm run build</code>, \
    and build the hub again.</p></html>";

/// How to sign in to a demonstration.
#[derive(Debug, Serialize, ToSchema)]
pub struct DemoOut {
    email: String,
    password: String,
    note: String,
}

/// Answers whatever no other route took: a file of the board, or 404.
pub async fn serve(method: Method, uri: Uri, headers: axum::http::HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let is_board =
        !["api", "health", "connection", "metrics", ".well-known"].contains(&first_part(path));
    if !is_board {
        return ApiError::NotFound.into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return ([(ALLOW, "GET, HEAD")], ApiError::MethodNotAllowed).into_response();
    }
    let name = if path.is_empty() { "index.html" } else { path };
    match Board::get(name) {
        Some(file) => answer(name, file, headers.get(IF_NONE_MATCH)),
        None if path.is_empty() => {
            ([(CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response()
        }
        None => ApiError::NotFound.into_response(),
    }
}

fn first_part(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

fn answer(name: &str, file: EmbeddedFile, known: Option<&HeaderValue>) -> Response {
    let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&file.metadata.sha256_hash()[..12]));
    let kept = if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    if known.is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response();
    }
    let kind = file.metadata.mimetype();
    let kind =
        if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind.to_owned() };
    let headers: [(HeaderName, String); 3] =
        [(CONTENT_TYPE, kind), (CACHE_CONTROL, kept.to_owned()), (ETAG, etag)];
    (headers, file.data).into_response()
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(demo))
}

/// How to sign in to a demonstration. There only: 404 on every other hub.
///
/// # Errors
/// 404 outside demo mode.
#[utoipa::path(
    get,
    path = "/api/demo",
    operation_id = "getDemo",
    tag = "Sign-in",
    security(()),
    responses(
        (status = 200, description = "The demonstration's own account.", body = DemoOut),
        DemoErrors,
    ),
)]
pub async fn demo(State(hub): State<Hub>) -> Result<Json<DemoOut>, ApiError> {
    let demo = hub.demo.as_ref().ok_or(ApiError::NotFound)?;
    Ok(Json(DemoOut {
        email: demo.email.clone(),
        password: demo.password.clone(),
        note: demo.note.clone(),
    }))
}
