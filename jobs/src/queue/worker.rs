//! A worker, kept alive.

use std::{sync::Arc, time::Duration};

use apalis::prelude::{
    BackendExt as _, Codec, EventListenerExt as _, WorkerBuilder, WorkerContext, WorkerError,
};
use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use futures_util::task::AtomicWaker;
use governor::DefaultDirectRateLimiter;
use hub_store::queue::JobPool;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::limit::ConcurrencyLimitLayer;
use uuid::Uuid;

use super::{
    Pace, QueueSpec,
    attempt::{Attempts, Handler, rate_of},
    poll::Steady,
    pulse::Pulse,
    rows::Rows,
};
use crate::vitals::Vital;

/// The longest pause before a worker is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A worker that lived so long had a good start: the next pause is the first again.
const GOOD_LIFE: Duration = Duration::from_secs(30);

/// How long a handler that was told to end may take for that.
const CUT_WITHIN: Duration = Duration::from_secs(1);

/// Keeps the worker of one queue.
pub(super) struct Keeper {
    spec: Arc<QueueSpec>,
    rows: Rows,
    pace: Pace,
    handler: Handler,
    vital: Vital,
    nudge: Arc<AtomicWaker>,
    rate: Option<Arc<DefaultDirectRateLimiter>>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Keeper {
    pub(super) fn new(
        spec: QueueSpec,
        rows: Rows,
        pace: Pace,
        handler: Handler,
        vital: Vital,
        nudge: Arc<AtomicWaker>,
    ) -> Self {
        let rate = rate_of(&spec);
        Self { spec: Arc::new(spec), rows, pace, handler, vital, nudge, rate }
    }

    /// Starts the worker, again whenever it ends, until `stop`.
    pub(super) async fn keep(self, stop: CancellationToken) {
        let mut pause = self.pace.restart_after;
        while !stop.is_cancelled() {
            let born = Instant::now();
            self.live(&stop).await;
            if stop.is_cancelled() {
                break;
            }
            metrics::counter!("hub_queue_restarts_total", "queue" => self.spec.name.clone())
                .increment(1);
            if born.elapsed() > GOOD_LIFE {
                pause = self.pace.restart_after;
            }
            tokio::select! { () = sleep(pause) => {}, () = stop.cancelled() => {} }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One life of the worker, under a name that nobody had before.
    async fn live(&self, stop: &CancellationToken) {
        let name = name_of(&self.spec.name);
        let attempts = self.attempts(&name);
        let (running, cut) = (attempts.running.clone(), attempts.cut.clone());
        let pulse = Pulse::start(self.rows.clone(), name.clone(), self.pace.beat_every);
        self.work(&name, attempts, stop).await;
        running.close();
        // a stop has waited for them already; a worker that ended leaves them running
        let patience = if stop.is_cancelled() { Duration::ZERO } else { self.pace.drain_within };
        if timeout(patience, running.wait()).await.is_err() {
            cut.cancel();
        }
        let is_idle = timeout(CUT_WITHIN, running.wait()).await.is_ok();
        drop(pulse); // what still runs, blocking, is taken over in its time
        if is_idle {
            self.give_back(&name).await;
        }
    }

    fn attempts(&self, worker: &str) -> Attempts {
        Attempts {
            spec: Arc::clone(&self.spec),
            worker: worker.to_owned(),
            rows: self.rows.clone(),
            handler: Arc::clone(&self.handler),
            vital: self.vital.clone(),
            rate: self.rate.clone(),
            running: TaskTracker::new(),
            cut: CancellationToken::new(),
        }
    }

    /// Works until the worker ends or is stopped; then until what runs is told to apalis, if that comes in time.
    async fn work(&self, name: &str, attempts: Attempts, stop: &CancellationToken) {
        let context = WorkerContext::new(name);
        let worker = self.worker(&context, attempts);
        let mut worker = std::pin::pin!(worker);
        let ended = tokio::select! {
            ended = &mut worker => ended,
            () = stop.cancelled() => {
                if context.stop().is_err() {
                    return; // it had not begun
                }
                timeout(self.pace.drain_within, worker).await.unwrap_or(Ok(()))
            }
        };
        match ended {
            Err(error) => tracing::warn!(%error, queue = self.spec.name, "a worker ended"),
            Ok(()) if !stop.is_cancelled() => {
                tracing::warn!(queue = self.spec.name, "a worker ended without a word");
            }
            Ok(()) => {}
        }
    }

    async fn worker(&self, context: &WorkerContext, attempts: Attempts) -> Result<(), WorkerError> {
        let handler = tower::service_fn(move |task| attempts.clone().at(task));
        let room = ConcurrencyLimitLayer::new(self.spec.concurrency);
        let steady = Steady::new(self.pace.look_every, Arc::clone(&self.nudge), self.vital.clone());
        // its words would name what a handler said, which no log may have
        let unsaid = |_: &WorkerContext, _: &apalis::prelude::Event| {};
        macro_rules! run {
            ($storage:expr, $config:expr) => {{
                let config = $config
                    .queue(&self.spec.name)
                    .batch_size(self.spec.batch)
                    .heartbeat_interval(self.pace.beat_every)
                    .missed_heartbeats(self.pace.missed_beats as usize)
                    .lock_tasks(false); // it would take back a job that another has taken over
                let backend = $storage.with_config(config).with_codec(Bytes);
                let backend = backend.poll_with_strategy(steady);
                let builder = WorkerBuilder::new(context).backend(backend);
                let worker = builder.layer(room).on_event(unsaid).build(handler);
                Box::pin(worker.run()).await
            }};
        }
        match &self.rows.0 {
            JobPool::Postgres(pool) => {
                run!(PostgresStorage::<Vec<u8>>::new(pool), apalis_postgres::Config::default())
            }
            JobPool::Sqlite { writer, .. } => {
                run!(SqliteStorage::<Vec<u8>>::new(writer), apalis_sqlite::Config::default())
            }
        }
    }

    async fn give_back(&self, name: &str) {
        match self.rows.release(name).await {
            Ok(0) => {}
            Ok(jobs) => {
                tracing::info!(
                    queue = self.spec.name,
                    jobs,
                    "jobs of a worker that ended go to others"
                );
            }
            Err(error) => {
                tracing::warn!(%error, "jobs of a worker that ended are taken over in their time");
            }
        }
    }
}

/// A name that no worker had before: one that came back under its old name would hold for ever what it held when it
/// was killed, or, on SQLite, be refused.
fn name_of(queue: &str) -> String {
    format!("{queue}@{}-{}", std::process::id(), Uuid::new_v4().simple())
}

/// Leaves a job as it is: one that cannot be read is its handler's matter, where apalis would end the worker.
struct Bytes;

impl Codec<Vec<u8>> for Bytes {
    type Error = std::convert::Infallible;
    type Compact = Vec<u8>;

    fn encode(&self, job: &Vec<u8>) -> Result<Vec<u8>, Self::Error> {
        Ok(job.clone())
    }

    fn decode(&self, job: &Vec<u8>) -> Result<Vec<u8>, Self::Error> {
        Ok(job.clone())
    }
}
