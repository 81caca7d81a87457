//! The HTTP interface: one file for each resource, one table of errors, one accept loop.

#![expect(
    unused_qualifications,
    reason = "the code that utoipa's macros write names traits in full"
)]

pub mod accept_invitation;
pub mod account;
pub mod addresses;
pub mod alerts;
pub mod answers;
pub mod api_keys;
pub mod areas;
pub mod asked;
pub mod assignments;
pub mod audit;
pub mod billing;
pub mod billing_shown;
pub mod board;
pub mod body;
pub mod calibrations;
pub mod contacts;
pub mod corrective_actions;
pub mod created;
pub mod devices;
pub mod digest_plans;
pub mod digests;
pub mod door_events;
pub mod edition;
pub mod effective_rules;
pub mod error;
pub mod exports;
pub mod extracts;
pub mod fields;
pub mod follow;
pub mod gateways;
pub mod health;
pub mod history;
pub mod idempotency;
pub mod ingest;
pub mod inspector_links;
pub mod instant;
pub mod invitations;
pub mod layers;
pub mod ledger;
pub mod linger;
pub mod lives;
pub mod mail_accounts;
pub mod mail_acknowledge;
pub mod mail_pages;
pub mod mail_unsubscribe;
pub mod maintenance;
pub mod manual_logs;
pub mod measures;
pub mod member_links;
pub mod members;
pub mod once;
pub mod openapi;
pub mod organizations;
pub mod phones;
mod plan_checks;
pub mod plans;
pub mod platform;
pub mod policies;
pub mod presets;
pub mod proxies;
pub mod queues;
pub mod readings;
pub mod recipients;
pub mod recorded;
pub mod relations;
pub mod rule_layers;
pub mod rule_versions;
pub mod rules;
pub mod schemas;
pub mod scopes;
pub mod second_factor;
pub mod secrets;
pub mod server;
pub mod sessions;
pub mod sheets;
pub mod sites;
pub mod stripe_webhook;
pub mod telnyx_webhook;
pub mod ttn_connections;
pub mod ttn_webhook;
pub mod unclaimed;
pub mod unit_lives;
pub mod units;
pub mod whole;

use axum::{
    Router,
    http::{
        HeaderName, HeaderValue, Method,
        header::{
            AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_MATCH, LOCATION, RETRY_AFTER,
        },
    },
    middleware,
    response::IntoResponse as _,
};
use tower_http::{
    compression::{
        CompressionLayer, Predicate as _,
        predicate::{DefaultPredicate, SizeAbove},
    },
    cors::CorsLayer,
};
use utoipa_axum::router::OpenApiRouter;

use self::idempotency::Replayer;
use crate::{app::Hub, auth::caller::REASON_HEADER, nodes, ws};

/// Shorter answers are not compressed, in bytes.
const COMPRESSED_FROM: u64 = 1024;

/// Everything that the hub answers.
pub fn router(hub: Hub, origins: &[HeaderValue]) -> Router {
    let outside = layers::Outside { is_https: hub.public_url.starts_with("https://") };
    let compressed = CompressionLayer::new()
        .compress_when(DefaultPredicate::new().and(SizeAbove::new(COMPRESSED_FROM)));
    let open = once_only(Router::from(tree().merge(people())), &hub)
        .merge(Router::from(operations()))
        .merge(openapi::page())
        .fallback(board::serve)
        .layer(compressed);
    open.merge(Router::from(senders()))
        .merge(nodes::door::routes())
        .merge(ws::event_routes(hub.realtime.clone()))
        .method_not_allowed_fallback(|| async { error::ApiError::MethodNotAllowed.into_response() })
        .layer(cors(origins))
        .with_state(hub.clone())
        .merge(ws::routes(hub.realtime.clone()))
        .layer(middleware::from_fn_with_state(outside, layers::around))
}

/// The routes with what keeps a creating request from being done twice.
fn once_only(routes: Router<Hub>, hub: &Hub) -> Router<Hub> {
    let replayer = Replayer { hub: hub.clone(), routes: routes.clone().with_state(hub.clone()) };
    routes.layer(middleware::from_fn_with_state(replayer, idempotency::around))
}

/// What senders use: answers are short and many, so nothing is done to them.
fn senders() -> OpenApiRouter<Hub> {
    ingest::routes()
        .merge(ttn_webhook::routes())
        .merge(stripe_webhook::routes())
        .merge(telnyx_webhook::routes())
}

fn people() -> OpenApiRouter<Hub> {
    sessions::routes()
        .merge(account::routes())
        .merge(second_factor::routes())
        .merge(accept_invitation::routes())
        .merge(member_links::routes())
        .merge(platform::routes())
        .merge(queues::routes())
        .merge(organizations::routes())
        .merge(members::routes())
        .merge(invitations::routes())
        .merge(inspector_links::routes())
        .merge(mail_accounts::routes())
        .merge(mail_acknowledge::routes())
        .merge(mail_unsubscribe::routes())
        .merge(board::routes())
}

fn tree() -> OpenApiRouter<Hub> {
    sites::routes()
        .merge(areas::routes())
        .merge(units::routes())
        .merge(readings::routes())
        .merge(history::routes())
        .merge(exports::routes())
        .merge(devices::routes())
        .merge(assignments::routes())
        .merge(gateways::routes())
        .merge(calibrations::routes())
        .merge(unclaimed::routes())
        .merge(api_keys::routes())
        .merge(ttn_connections::routes())
        .merge(presets::routes())
        .merge(rules::routes())
        .merge(effective_rules::routes())
        .merge(rule_versions::routes())
        .merge(contacts::routes())
        .merge(phones::routes())
        .merge(ledger::routes())
        .merge(recipients::routes())
        .merge(policies::routes())
        .merge(digests::routes())
        .merge(audit::routes())
        .merge(billing::routes())
        .merge(alerts::routes())
        .merge(manual_logs::routes())
        .merge(door_events::routes())
        .merge(corrective_actions::routes())
        .merge(maintenance::routes())
}

fn operations() -> OpenApiRouter<Hub> {
    health::routes().merge(openapi::routes())
}

/// Pages of other origins may call only if they are listed.
fn cors(origins: &[HeaderValue]) -> CorsLayer {
    let named = [
        "x-organization-id",
        "x-stack-access-token",
        "x-api-key",
        "last-event-id",
        idempotency::KEY_HEADER,
        REASON_HEADER,
    ];
    let taken = named.map(HeaderName::from_static).into_iter();
    let shown = ["x-request-id", idempotency::REPLAYED_HEADER].map(HeaderName::from_static);
    let standard = [RETRY_AFTER, ETAG, LOCATION, CONTENT_DISPOSITION];
    CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers(taken.chain([AUTHORIZATION, CONTENT_TYPE, IF_MATCH]).collect::<Vec<_>>())
        .expose_headers(shown.into_iter().chain(standard).collect::<Vec<_>>())
}
