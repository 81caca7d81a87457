//! For operators: is it there, can it work, how is it doing.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use hub_actors::Bus as _;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::{InternalErrors, OpenErrors, PROBLEM_TYPE},
    schemas,
};
use crate::{app::Hub, bus::RedisBus};

/// A commit that has waited longer than this means that the writer is stuck.
const STALLED: Duration = Duration::from_secs(5);
/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process is there.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveOut {
    status: &'static str,
}

/// The hub can work, by what keeps its data.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadyOut {
    status: &'static str,
    store: &'static str,
    /// Where there is a Redis: whether other hubs are heard by it. Without it dashboards of their sites are half a second late.
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<&'static str>,
}

/// A problem like any other, but for `status`, which says in a word what probes look for.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotReadyOut {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[schema(schema_with = schemas::any_value)]
    status: &'static str,
    code: &'static str,
    detail: &'static str,
    #[schema(required = false)]
    reason: &'static str,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready)).routes(routes!(metrics))
}

/// The process is there.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "getLiveness",
    tag = "Operations",
    security(()),
    responses(
        (status = 200, description = "It is there.", body = LiveOut),
        OpenErrors,
    ),
)]
pub async fn live() -> Json<LiveOut> {
    Json(LiveOut { status: "ok" })
}

/// The hub can work: its store answers and its writer gets on.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "getReadiness",
    tag = "Operations",
    security(()),
    responses(
        (status = 200, description = "It can work.", body = ReadyOut),
        (status = 503, description = "It cannot, and why.", body = NotReadyOut, content_type = PROBLEM_TYPE),
        InternalErrors,
    ),
)]
pub async fn ready(State(hub): State<Hub>) -> Response {
    let reason = match timeout(PATIENCE, hub.store.ping()).await {
        Err(_) => Some("the store does not answer in time"),
        Ok(Err(_)) => Some("the store does not answer"),
        Ok(Ok(())) => {
            let stalled = hub.store.writer_stalled_for().is_some_and(|waited| waited > STALLED);
            stalled.then_some("the store's writer is stalled")
        }
    };
    let reason = if hub.is_stopping() { Some("the hub is stopping") } else { reason };
    match reason {
        None => {
            let said = |bus: &Arc<RedisBus>| if bus.is_heard() { "ok" } else { "away" };
            let (store, redis) = (hub.store.backend_name(), hub.bus.as_ref().map(said));
            Json(ReadyOut { status: "ok", store, redis }).into_response()
        }
        Some(reason) => unready(reason),
    }
}

fn unready(reason: &'static str) -> Response {
    let problem = NotReadyOut {
        kind: "urn:freshtrack:problem:unavailable",
        title: "Unavailable",
        status: "unavailable",
        code: "unavailable",
        detail: reason,
        reason,
    };
    let headers = [(CONTENT_TYPE, PROBLEM_TYPE), (RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, Json(problem)).into_response()
}

/// Numbers for Prometheus, without sign-in. They are of the hub as a whole, all organizations together: none of them names
/// one. `docs/API.md` says what that tells a stranger.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "getMetrics",
    tag = "Operations",
    security(()),
    responses(
        (status = 200, description = "In the text format of Prometheus.", body = String, content_type = "text/plain"),
        OpenErrors,
    ),
)]
pub async fn metrics(State(hub): State<Hub>) -> Response {
    let stats = hub.units.stats();
    gauge("hub_live_units", stats.live_units);
    gauge("hub_live_sites", stats.live_sites);
    gauge("hub_quarantined_units", stats.quarantined);
    gauge("hub_readings_in_flight", stats.in_flight);
    gauge("hub_open_sockets", hub.realtime.sessions().open());
    if let Some(bus) = &hub.bus {
        gauge("hub_bus_heard", usize::from(bus.is_heard()));
    }
    let stalled = hub.store.writer_stalled_for().unwrap_or_default();
    metrics::gauge!("hub_writer_stalled_seconds").set(stalled.as_secs_f64());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], hub.metrics.render()).into_response()
}

fn gauge(name: &'static str, value: usize) {
    metrics::gauge!(name).set(f64::from(u32::try_from(value).unwrap_or(u32::MAX)));
}
