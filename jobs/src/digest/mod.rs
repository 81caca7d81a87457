//! Digests: looks which are due, and counts them.
//!
//! Any number of processes may look: the rows say how far each subscription has come, and whoever moves one on begins its
//! digest in the same transaction. What a digest counted is written with its line in the ledger, from where its message
//! is sent like every other.

mod count;
mod words;

use std::{sync::Arc, time::Duration};

use hub_domain::{Clock, notify::Channel};
use hub_store::{
    Store, StoreError,
    digests::{DIGEST_QUEUE, SettledDigest},
    notify::queue_of,
};
use serde::Deserialize;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Job, JobError, QueueSpec, Queues, Vital, queue::Nudges};

pub(crate) use words::message;

/// How often it is looked whose digest is due: what one is late at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Every so many looks, what the queue has lost is given to it again.
const LOOKS_TO_A_SWEEP: u32 = 30;

/// Digests that are counted at once in one process: each is a pass over the units of its reader.
const AT_ONCE: usize = 2;

/// What begins the digests that are due.
pub struct Digests {
    store: Store,
    clock: Arc<dyn Clock>,
    nudges: Nudges,
    vital: Vital,
}

impl std::fmt::Debug for Digests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Digests").finish_non_exhaustive()
    }
}

/// A job of the queue `digest`.
#[derive(Debug, Deserialize)]
struct DigestJob {
    digest: Uuid,
}

impl Digests {
    /// Begins what is due in this store, and wakes the workers of `nudges` when there is something to count.
    #[must_use]
    pub const fn new(store: Store, clock: Arc<dyn Clock>, nudges: Nudges, vital: Vital) -> Self {
        Self { store, clock, nudges, vital }
    }

    /// Looks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for look in (0..LOOKS_TO_A_SWEEP).cycle() {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            let is_sweep = look == 0;
            match self.look(is_sweep).await {
                Ok(begun) => {
                    self.vital.beat();
                    if begun > 0 {
                        self.nudges.nudge(DIGEST_QUEUE);
                        looks.reset_immediately(); // there may be more than one look brings
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "it cannot be read whose digest is due; tried again");
                }
            }
        }
    }

    async fn look(&self, is_sweep: bool) -> Result<usize, StoreError> {
        if is_sweep {
            let left = self.store.sweep_digests().await?;
            if left > 0 {
                tracing::warn!(left, "digests that the queue had lost were given to it again");
            }
        }
        self.begin_due().await
    }

    /// Begins some of the digests that are due now; gives how many.
    ///
    /// # Errors
    /// When the store does not say what is due. One that cannot be begun keeps no other from it.
    pub async fn begin_due(&self) -> Result<usize, StoreError> {
        let mut begun = 0;
        for due in self.store.due_digests(self.clock.now()).await? {
            let is_begun = match due {
                Ok(due) => self.store.begin_digest(&due, self.clock.now()).await,
                Err(error) => Err(error),
            };
            match is_begun {
                Ok(is_begun) => begun += usize::from(is_begun),
                Err(error) => {
                    tracing::error!(%error, "a digest could not be begun; tried again");
                    metrics::counter!("hub_digests_failed_total").increment(1);
                }
            }
        }
        Ok(begun)
    }
}

/// Adds the workers that count digests.
#[must_use]
pub fn with_digests(queues: Queues, store: &Store) -> Queues {
    let (store, nudges) = (store.clone(), queues.nudges());
    let spec = QueueSpec::new(DIGEST_QUEUE).concurrency(AT_ONCE, 1);
    queues.worker(spec, move |job| run(store.clone(), nudges.clone(), job))
}

/// Counts a digest, and says what becomes of it. Safe to run twice: the row says whether there is anything to count.
async fn run(store: Store, nudges: Nudges, job: Job) -> Result<(), JobError> {
    let DigestJob { digest } = job.args()?;
    let Some(open) = store.open_digest(digest).await.map_err(unasked)? else { return Ok(()) };
    let counted = count::count(&store, &open).await.map_err(unasked)?;
    let settled = store.settle_digest(digest, &counted).await.map_err(unasked)?;
    let outcome = match settled {
        SettledDigest::Queued => {
            nudges.nudge(queue_of(Channel::Email));
            "queued"
        }
        SettledDigest::Skipped => "skipped",
        SettledDigest::Over => return Ok(()),
    };
    metrics::counter!("hub_digests_total", "outcome" => outcome).increment(1);
    Ok(())
}

fn unasked(error: StoreError) -> JobError {
    JobError::Retry(format!("the digest could not be counted: {error}"))
}
