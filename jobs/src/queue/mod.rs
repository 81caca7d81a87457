//! Queues of jobs and their workers: apalis, by the one way of using it that was seen to be safe.
//!
//! apalis 1.0 keeps jobs in the hub's own database and hands them out. Left to its defaults it also loses them: a
//! worker that goes deaf for half a minute, one that a panic ends for good, jobs that stay with a worker that is
//! dead, retries without a pause. This module is the only one that touches it, and closes each of those ways:
//!
//! - a worker's name is new at every start ([`Queues::run`]), so what a dead one held is taken over;
//! - it is asked for work ten times a second by a timer that cannot be missed (`poll`), and hurried by [`Nudges`];
//! - a job runs in a task of its own (`attempt`): a panic is an error like any other, and neither a slow nor a blocking
//!   job keeps its worker from saying that it lives (`pulse`);
//! - a job that failed is put off *before* apalis hears of it, for apalis itself knows no pause;
//! - a worker that ends, well or badly, is started again and counted (`worker`);
//! - a job is begun only by the worker that holds it, so one that slept while its jobs were taken over does nothing;
//! - what is over is purged after some days (`retention`), for a key is taken as long as its row is there.
//!
//! A job may run twice: its worker may die between the deed and the word. Handlers look again before they act.

mod attempt;
mod gauges;
pub mod names;
mod poll;
mod pulse;
mod retention;
mod rows;
mod spec;
mod worker;

use std::{collections::HashMap, sync::Arc};

use futures_util::FutureExt as _;
use hub_store::queue::JobPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::{attempt::Handler, rows::Rows, worker::Keeper};
pub use self::{
    attempt::Job,
    gauges::Gauges,
    poll::Nudges,
    retention::Retention,
    spec::{Backoff, JobError, Pace, QueueSpec},
};
use crate::Vitals;

/// The workers of a process. They work while [`Queues::run`] is awaited.
pub struct Queues {
    rows: Rows,
    pace: Pace,
    vitals: Vitals,
    nudges: Nudges,
    keepers: Vec<Keeper>,
}

impl std::fmt::Debug for Queues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queues").field("workers", &self.keepers).finish_non_exhaustive()
    }
}

impl Queues {
    /// No workers yet, on these connections. Each worker will show in `vitals`.
    #[must_use]
    pub fn new(pool: JobPool, vitals: Vitals) -> Self {
        let (rows, pace, nudges) = (Rows::new(pool), Pace::default(), Nudges::default());
        Self { rows, pace, vitals, nudges, keepers: Vec::new() }
    }

    /// The same, at another pace. For workers that are added after.
    #[must_use]
    pub fn pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Adds the worker of a queue. `handler` does one attempt at a job; it may be called for one job several times,
    /// and in rare cases twice at once.
    #[must_use]
    pub fn worker<H, F>(mut self, spec: QueueSpec, handler: H) -> Self
    where
        H: Fn(Job) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), JobError>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |job| handler(job).boxed());
        let vital = self.vitals.watch(format!("queue {}", spec.name));
        let nudge = self.nudges.of(&spec.name);
        self.keepers.push(Keeper::new(spec, self.rows.clone(), self.pace, handler, vital, nudge));
        self
    }

    /// Wakes workers of this process. Hand it to who enqueues; a nudge that is lost costs the pace's interval.
    #[must_use]
    pub fn nudges(&self) -> Nudges {
        self.nudges.clone()
    }

    /// Works until `stop`; then takes no new job, waits for those that run, as long as the pace grants, and gives
    /// back what is left.
    pub async fn run(self, stop: CancellationToken) {
        // a task each: a worker fetches whenever its task is woken, so that in one task each would wake all others for ever
        let workers = self.keepers.into_iter().map(|keeper| keeper.keep(stop.clone()));
        workers.collect::<JoinSet<()>>().join_all().await;
    }
}

/// The names of queues and what wakes their workers.
type Wakers = HashMap<String, Arc<futures_util::task::AtomicWaker>>;
