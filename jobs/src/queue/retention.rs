//! What is over goes, after a while.

use std::time::Duration;

use hub_store::Store;
use tokio::task::JoinHandle;

use super::rows::Rows;

/// How long a job that is over is kept. Its key is taken as long.
const KEPT: Duration = Duration::from_secs(14 * 24 * 3600);
/// How long a worker that is gone is kept on record.
const WORKERS_KEPT: Duration = Duration::from_secs(3600);
/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(600);
/// So many go in one transaction, so that nobody waits long behind it.
const AT_ONCE: u32 = 1000;

/// The running retention of a process. Ends when dropped; every step of it is one transaction.
#[derive(Debug)]
pub struct Retention(JoinHandle<()>);

impl Retention {
    /// Starts it: at once, then every ten minutes. `None` for the memory, which has no queue.
    #[must_use]
    pub fn start(store: &Store) -> Option<Self> {
        let rows = Rows::new(store.job_pool()?);
        let store = store.clone();
        Some(Self(tokio::spawn(async move {
            loop {
                if let Err(error) = purge(&store, &rows, KEPT).await {
                    tracing::warn!(%error, "old jobs could not be purged and are tried again");
                }
                tokio::time::sleep(INTERVAL).await;
            }
        })))
    }

    /// Purges once what ended longer ago than `age`; gives how many jobs.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn purge(store: &Store, age: Duration) -> Result<u64, hub_store::StoreError> {
        match store.job_pool() {
            Some(pool) => purge(store, &Rows::new(pool), age).await,
            None => Ok(0),
        }
    }
}

impl Drop for Retention {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn purge(store: &Store, rows: &Rows, age: Duration) -> Result<u64, hub_store::StoreError> {
    let mut purged = 0;
    loop {
        let gone = rows.purge(age, AT_ONCE).await?;
        purged += gone;
        if gone < AT_ONCE.into() {
            break;
        }
    }
    rows.purge_workers(WORKERS_KEPT).await?;
    store.tune_queue().await?;
    Ok(purged)
}
