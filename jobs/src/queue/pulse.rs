//! Signs of life of a worker.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::rows::Rows;

/// Says at an interval that a worker lives, until it is dropped.
///
/// apalis does that itself, but within the worker: not while fetched jobs wait for a free place, and not while a stop
/// waits for jobs that run. Those would be taken over from a worker that has them well in hand.
pub(super) struct Pulse(JoinHandle<()>);

impl Pulse {
    pub(super) fn start(rows: Rows, worker: String, every: Duration) -> Self {
        Self(tokio::spawn(beat(rows, worker, every)))
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn beat(rows: Rows, worker: String, every: Duration) {
    loop {
        let pause = match rows.beat(&worker).await {
            Ok(true) => every,
            Ok(false) => every.min(Duration::from_millis(500)), // not registered yet
            Err(error) => {
                tracing::warn!(%error, "a worker's sign of life failed");
                every.min(Duration::from_secs(1))
            }
        };
        tokio::time::sleep(pause).await;
    }
}
