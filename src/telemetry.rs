//! Logs and numbers: tracing to standard error, metrics for Prometheus.

use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::subscriber::set_global_default;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// How often the metrics recorder folds what it has gathered.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Upper bounds, in seconds, of the histogram of answer times.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Sends logs to standard error, as `filter` says (`info`, `hub=debug,warn`, …).
///
/// # Errors
/// When the filter cannot be read, or logs were started before.
pub fn start_logs(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).context("the log filter cannot be read")?;
    // a log that cannot be written (a full disk, a closed pipe) must cost no more than the log: by itself the
    // subscriber complains on standard error, and ends the task when that fails too
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    // not by its `init`, which also takes what others say through `log`: some of those say every frame and header that
    // they see, with the secrets in them
    let started = match format {
        LogFormat::Text => set_global_default(logs.with_ansi(false).finish()),
        LogFormat::Json => set_global_default(logs.json().finish()),
    };
    started.map_err(|error| anyhow::anyhow!("logs cannot be started: {error}"))
}

/// Starts to gather metrics. They are rendered by the handle.
///
/// # Errors
/// When another recorder was there first.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .install_recorder()
        .context("metrics cannot be started")?;
    let folded = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            folded.run_upkeep();
        }
    });
    Ok(handle)
}
