//! One attempt at a job.

use std::{sync::Arc, time::Duration};

use apalis::prelude::{AbortError, BoxDynError, Task};
use futures_util::future::BoxFuture;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{JobError, QueueSpec, rows::Rows};
use crate::vitals::Vital;

/// What does one attempt.
pub(super) type Handler =
    Arc<dyn Fn(Job) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync>;

/// A job in the hands of its handler.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id, a ULID as text.
    pub id: String,
    /// The queue.
    pub queue: String,
    /// What makes it one, as it was enqueued.
    pub key: Option<String>,
    /// Which attempt this is, from 1 on.
    pub attempt: u32,
    /// How many there are at most.
    pub max_attempts: u32,
    payload: Vec<u8>,
    worker: String,
    rows: Rows,
}

impl Job {
    /// What it says, as the handler understands it.
    ///
    /// # Errors
    /// [`JobError::GiveUp`] where it says something else: no later attempt would understand it either.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, JobError> {
        serde_json::from_slice(&self.payload)
            .map_err(|error| JobError::GiveUp(format!("the job cannot be read: {error}")))
    }

    /// Whether this is its last attempt: failing now makes it a dead letter.
    #[must_use]
    pub const fn is_last_attempt(&self) -> bool {
        self.attempt >= self.max_attempts
    }

    /// Whether our worker still holds the job. A process that slept for a while (stopped, swapped, moved to another
    /// machine) may find that another has taken it over; a handler asks right before what cannot be taken back.
    ///
    /// # Errors
    /// [`JobError::Retry`] when the database does not say.
    pub async fn is_still_ours(&self) -> Result<bool, JobError> {
        let held = self.rows.holds(&self.id, &self.worker).await;
        held.map_err(|error| JobError::Retry(format!("the queue does not answer: {error}")))
    }
}

/// What the attempts of one worker have in common.
#[derive(Clone)]
pub(super) struct Attempts {
    pub(super) spec: Arc<QueueSpec>,
    pub(super) worker: String,
    pub(super) rows: Rows,
    pub(super) handler: Handler,
    pub(super) vital: Vital,
    pub(super) rate: Option<Arc<DefaultDirectRateLimiter>>,
    /// The attempts that run.
    pub(super) running: TaskTracker,
    /// Ends them.
    pub(super) cut: CancellationToken,
}

/// The rate of a queue in this process: in a second as many as it says, none saved up beyond them.
pub(super) fn rate_of(spec: &QueueSpec) -> Option<Arc<DefaultDirectRateLimiter>> {
    let per_second = std::num::NonZeroU32::new(spec.per_second?)?;
    Some(Arc::new(RateLimiter::direct(Quota::per_second(per_second))))
}

impl Attempts {
    /// Does one attempt at what was fetched, and says to apalis how it ended.
    pub(super) async fn at(self, task: Task<Vec<u8>>) -> Result<(), BoxDynError> {
        let job = self.job_of(task);
        let _busy = self.vital.busy();
        if job.attempt > job.max_attempts {
            // it was taken over again and again: whoever has it in hands dies of it
            self.count("given_up");
            return Err(AbortError::new("its worker ended during every attempt").into());
        }
        if let Some(rate) = &self.rate {
            rate.until_ready().await;
        }
        match self.rows.holds(&job.id, &self.worker).await {
            Ok(true) => self.ended(&job, self.run(job.clone()).await).await,
            Ok(false) => {
                self.count("taken_over");
                Ok(()) // apalis' word of it reaches nothing: another holds the job now
            }
            Err(error) => self.failed(&job, error.to_string(), None).await,
        }
    }

    fn job_of(&self, task: Task<Vec<u8>>) -> Job {
        let (payload, about) = task.take();
        let whole = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Job {
            id: about.task_id().map(ToString::to_string).unwrap_or_default(),
            queue: self.spec.name.clone(),
            key: about.idempotency_key().map(str::to_owned),
            attempt: whole(about.attempt()),
            max_attempts: whole(about.max_attempts().unwrap_or(1)),
            payload,
            worker: self.worker.clone(),
            rows: self.rows.clone(),
        }
    }

    /// Runs the handler in a task of its own, which a panic ends alone and which may block.
    async fn run(&self, job: Job) -> Result<(), JobError> {
        let (handler, cut, limit) =
            (Arc::clone(&self.handler), self.cut.clone(), self.spec.time_limit);
        let attempt = async move {
            tokio::select! {
                ended = tokio::time::timeout(limit, handler(job)) => {
                    ended.unwrap_or_else(|_| Err(JobError::Retry("took too long".to_owned())))
                }
                () = cut.cancelled() => Err(JobError::Retry("the hub stopped".to_owned())),
            }
        };
        let begun = Instant::now();
        let ended = self.running.spawn(attempt).await;
        metrics::histogram!("hub_queue_attempt_seconds", "queue" => self.spec.name.clone())
            .record(begun.elapsed().as_secs_f64());
        ended.unwrap_or_else(|error| Err(JobError::Retry(said(error))))
    }

    async fn ended(&self, job: &Job, ended: Result<(), JobError>) -> Result<(), BoxDynError> {
        match ended {
            Ok(()) => {
                self.count("done");
                Ok(())
            }
            Err(JobError::Retry(reason)) => self.failed(job, reason, None).await,
            Err(JobError::RetryAfter(reason, pause)) => self.failed(job, reason, Some(pause)).await,
            Err(JobError::GiveUp(reason)) => {
                self.count("given_up");
                tracing::warn!(queue = job.queue, job.id, job.attempt, "a job is given up");
                Err(AbortError::new(reason).into())
            }
        }
    }

    /// Puts the job off, then says that it failed: apalis would have it again within milliseconds.
    async fn failed(
        &self,
        job: &Job,
        reason: String,
        at_least: Option<Duration>,
    ) -> Result<(), BoxDynError> {
        self.count(if job.is_last_attempt() { "exhausted" } else { "retried" });
        tracing::debug!(queue = job.queue, job.id, job.attempt, "an attempt failed");
        let pause = self.spec.backoff.after(job.attempt.max(1), &job.id);
        let pause = pause.max(at_least.unwrap_or_default());
        if let Err(error) = self.rows.put_off(&job.id, &self.worker, pause).await {
            tracing::warn!(%error, queue = job.queue, job.id, "a failed job could not be put off");
            tokio::time::sleep(pause.min(Duration::from_secs(5))).await;
        }
        Err(reason.into())
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!(
            "hub_queue_attempts_total", "queue" => self.spec.name.clone(), "outcome" => outcome
        )
        .increment(1);
    }
}

/// What a task that did not end well said.
fn said(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "was cancelled".to_owned() };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    format!("panicked: {}", text.or_else(|| panic.downcast_ref().copied()).unwrap_or("no word"))
}
