//! The HTTP interface: one file for each resource, one table of errors, one accept loop.

pub mod alerts;
pub mod api_keys;
pub mod areas;
pub mod asked;
pub mod board;
pub mod body;
pub mod created;
pub mod devices;
pub mod error;
pub mod fields;
pub mod health;
pub mod ingest;
pub mod instant;
pub mod layers;
pub mod linger;
pub mod organizations;
pub mod presets;
pub mod readings;
pub mod rules;
pub mod server;
pub mod sessions;
pub mod sites;
pub mod ttn_connections;
pub mod units;

use axum::{
    Router,
    http::{
        HeaderName, HeaderValue, Method,
        header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
    },
    middleware,
    response::IntoResponse as _,
    routing::{get, post},
};
use tower_http::{
    compression::{
        CompressionLayer, Predicate as _,
        predicate::{DefaultPredicate, SizeAbove},
    },
    cors::CorsLayer,
};

use crate::{app::Hub, ttn, ws};

/// Shorter answers are not compressed, in bytes.
const COMPRESSED_FROM: u64 = 1024;

/// Everything that the hub answers.
pub fn router(hub: Hub, origins: &[HeaderValue]) -> Router {
    let compressed = CompressionLayer::new()
        .compress_when(DefaultPredicate::new().and(SizeAbove::new(COMPRESSED_FROM)));
    let open = Router::new()
        .merge(tree())
        .merge(people())
        .merge(operations())
        .fallback(board::serve)
        .layer(compressed);
    open.merge(senders())
        .method_not_allowed_fallback(|| async { error::ApiError::MethodNotAllowed.into_response() })
        .layer(cors(origins))
        .with_state(hub.clone())
        .merge(ws::routes(hub.realtime.clone()))
        .layer(middleware::from_fn(layers::around))
}

/// What senders use: answers are short and many, so nothing is done to them.
fn senders() -> Router<Hub> {
    Router::new()
        .route("/api/ingest/readings", post(ingest::post))
        .route("/api/integrations/ttn/{connection}", post(ttn::webhook))
}

fn people() -> Router<Hub> {
    Router::new()
        .route("/api/v1/auth/sign-in", post(sessions::sign_in))
        .route("/api/v1/auth/refresh", post(sessions::refresh))
        .route("/api/v1/me", get(sessions::me))
        .route("/api/v1/organizations", get(organizations::list))
        .route("/.well-known/jwks.json", get(sessions::jwks))
        .route("/api/demo", get(board::demo))
}

fn tree() -> Router<Hub> {
    Router::new()
        .route("/api/v1/sites", post(sites::create).get(sites::list))
        .route("/api/v1/sites/{id}", get(sites::get))
        .route("/api/v1/areas", post(areas::create).get(areas::list))
        .route("/api/v1/areas/{id}", get(areas::get))
        .route("/api/v1/units", post(units::create).get(units::list))
        .route("/api/v1/units/{id}", get(units::get))
        .route("/api/v1/units/{id}/readings", get(readings::list))
        .route("/api/v1/units/{id}/frames", get(readings::frames))
        .route("/api/v1/units/{id}/effective-rule", get(rules::effective))
        .route("/api/v1/devices", post(devices::create).get(devices::list))
        .route("/api/v1/devices/{id}", get(devices::get))
        .route("/api/v1/unclaimed-devices", get(ttn_connections::unclaimed))
        .route("/api/v1/api-keys", post(api_keys::create).get(api_keys::list))
        .route("/api/v1/api-keys/{id}", get(api_keys::get).delete(api_keys::revoke))
        .route("/api/v1/ttn-connections", post(ttn_connections::create).get(ttn_connections::list))
        .route("/api/v1/ttn-connections/{id}", get(ttn_connections::get))
        .route("/api/v1/presets", get(presets::list))
        .route("/api/v1/rule-fields", get(rules::fields))
        .route("/api/v1/alert-rules", post(rules::put).get(rules::list))
        .route("/api/v1/alert-rules/{id}", get(rules::get))
        .route("/api/v1/alerts", get(alerts::list))
        .route("/api/v1/alerts/{id}", get(alerts::get))
        .route("/api/v1/alerts/{id}/acknowledge", post(alerts::acknowledge))
        .route("/api/v1/alerts/{id}/resolve", post(alerts::resolve))
}

fn operations() -> Router<Hub> {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
}

/// Pages of other origins may call only if they are listed.
fn cors(origins: &[HeaderValue]) -> CorsLayer {
    let headers =
        ["x-organization-id", "x-stack-access-token", "x-api-key"].map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(headers.into_iter().chain([AUTHORIZATION, CONTENT_TYPE]).collect::<Vec<_>>())
        .expose_headers([RETRY_AFTER, HeaderName::from_static("x-request-id")])
}
