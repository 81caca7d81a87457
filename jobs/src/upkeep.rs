//! Keeps the store in shape: months ahead of the readings, statistics behind them, no keys of old requests.

use std::{sync::Arc, time::Duration};

use hub_domain::Clock;
use hub_store::Store;
use tokio::task::JoinHandle;

/// How often upkeep runs. Partitions are made months ahead, so a day without a run is no matter.
const INTERVAL: Duration = Duration::from_secs(3600);
/// The pause after a run that failed.
const RETRY: Duration = Duration::from_secs(60);

/// The running upkeep of a process. Ends when dropped; a run under way is a transaction and may be cut at any
/// instant.
#[derive(Debug)]
pub struct Upkeep(JoinHandle<()>);

impl Upkeep {
    /// Starts upkeep: at once, then every hour.
    #[must_use]
    pub fn start(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self(tokio::spawn(run(store, clock)))
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(store: Store, clock: Arc<dyn Clock>) {
    loop {
        let pause = match store.upkeep(clock.now()).await {
            Ok(report) => {
                tracing::debug!(?report, "upkeep is done");
                INTERVAL
            }
            Err(error) => {
                tracing::error!(%error, "upkeep failed and is tried again");
                RETRY
            }
        };
        tokio::time::sleep(pause).await;
    }
}
