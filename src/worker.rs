//! `hub worker`: workers without a hub around them.

use std::time::Duration;

use anyhow::Context as _;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use hub_jobs::Vitals;
use hub_store::Store;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    app,
    cli::ServeArgs,
    config::ConfigError,
    database::open_store,
    http::{health, proxies::Proxies, server},
    telemetry,
    workers::Workers,
};

/// How long the store may take to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// How long probes may take to finish at the end.
const FINISH_WITHIN: Duration = Duration::from_secs(1);
/// So many connections of probes at most.
const MOST_PROBES: usize = 64;
/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a worker may be silent before probes are told.
const SILENT_FOR: Duration = Duration::from_secs(60);

/// What probes are told of.
#[derive(Clone)]
struct Probed {
    store: Store,
    vitals: Vitals,
    metrics: PrometheusHandle,
}

/// Works until `stopped` is ready. Where an address to listen on is said, probes are answered there.
///
/// # Errors
/// When a setting cannot be used, or the database is away.
pub async fn run(args: ServeArgs, stopped: impl Future<Output = ()>) -> anyhow::Result<()> {
    let settings = args.settings.settings()?;
    telemetry::start_logs(&settings.log, settings.log_format)?;
    let listener = if settings.listen_is_said { Some(app::listen(&settings).await?) } else { None };
    let store = open_store(&settings).await?;
    let metrics = telemetry::start_metrics()?;
    let public_url = settings.public_url.clone();
    let public_url = public_url.unwrap_or_else(|| format!("http://{}", settings.listen));
    let workers = Workers::start(&store, &settings, public_url).await?;
    let workers =
        workers.ok_or_else(|| ConfigError("the memory has no queue to work".to_owned()))?;
    let probed = Probed { store: store.clone(), vitals: workers.vitals().clone(), metrics };
    let stop = CancellationToken::new();
    crate::say("working")?;
    let probes = listener.map(|listener| {
        let (router, proxies) = (router(probed), Proxies::new(settings.trusted_proxies));
        tokio::spawn(server::serve(
            listener,
            router,
            proxies,
            MOST_PROBES,
            stop.clone(),
            FINISH_WITHIN,
        ))
    });
    stopped.await;
    tracing::info!("the workers are stopping");
    stop.cancel();
    workers.stop().await;
    if let Some(probes) = probes {
        probes.await.context("probes ended badly")?;
    }
    timeout(CLOSE_WITHIN, store.close()).await.ok(); // what was done is stored
    tracing::info!("the workers have stopped");
    Ok(())
}

fn router(probed: Probed) -> Router {
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(probed)
}

async fn ready(State(probed): State<Probed>) -> Response {
    let store = timeout(PATIENCE, probed.store.ping()).await;
    let silent = probed.vitals.silent(SILENT_FOR);
    let is_ready = matches!(store, Ok(Ok(()))) && silent.is_empty();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if is_ready { "ok" } else { "unavailable" };
    (status, Json(json!({ "status": word, "silent": silent }))).into_response()
}

async fn metrics(State(probed): State<Probed>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], probed.metrics.render()).into_response()
}
