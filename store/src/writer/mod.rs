//! The group-commit writer: a task that writes whatever is queued in one transaction, and answers each. PostgreSQL has
//! two such lines, each with a connection of its own and half of the units: while the one waits for its flush, the
//! other's statements run. SQLite has one writing connection, and so one line.
//!
//! It waits for nothing but work: while one group is being written the next one gathers. The queue has no bound of
//! its own; who queues bounds what is in flight. Its death costs the answers of what was queued, which are then
//! [`CommitError::Unknown`].

mod attempt;
mod deletion;
mod group;
mod postgres;
mod sqlite;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{SqlitePool, postgres::PgConnectOptions};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{CommitError, Committed, PendingCommit, UnitCommit, mint::Mint};
pub(crate) use deletion::deleted;
use group::GroupWriter;

/// A commit in the queue.
struct Queued {
    commit: UnitCommit,
    queued_at: Instant,
    answer: oneshot::Sender<Result<Committed, CommitError>>,
}

impl Queued {
    fn answer(self, outcome: Result<Committed, CommitError>) {
        self.answer.send(outcome).ok(); // who asked may be gone; what is committed stays
    }
}

enum Message {
    Commit(Box<Queued>),
    /// Everything queued before is done when this is answered.
    Settle(oneshot::Sender<()>),
    Close,
}

/// Lines on PostgreSQL: two keep one core of it busy through the flushes.
const POSTGRES_LINES: usize = 2;

/// The near end of the writer.
pub(crate) struct Writer(Vec<Line>);

/// The near end of one line. A unit's commits all go through one, in order.
struct Line {
    queue: mpsc::UnboundedSender<Message>,
    waiting: Arc<Waiting>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What is queued and not answered.
struct Waiting {
    begun: Instant,
    commits: AtomicU64,
    /// When the oldest of them was queued, in microseconds since `begun`.
    oldest: AtomicU64,
}

impl Waiting {
    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.begun).as_micros()).unwrap_or(u64::MAX)
    }

    fn queue(&self, at: Instant) {
        if self.commits.fetch_add(1, Ordering::Relaxed) == 0 {
            self.note_oldest(at);
        }
    }

    fn note_oldest(&self, at: Instant) {
        self.oldest.store(self.micros(at), Ordering::Relaxed);
    }

    fn answer(&self, commits: usize) {
        self.commits.fetch_sub(u64::try_from(commits).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn stalled_for(&self) -> Option<Duration> {
        if self.commits.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let oldest = Duration::from_micros(self.oldest.load(Ordering::Relaxed));
        Some(self.begun.elapsed().saturating_sub(oldest))
    }
}

impl Writer {
    /// A writer with connections of its own, which it makes again whenever they are lost.
    pub(crate) fn on_postgres(options: &PgConnectOptions, mint: &Arc<Mint>) -> Self {
        let session = || postgres::PostgresSession::new(options.clone());
        Self((0..POSTGRES_LINES).map(|_| Line::start(session(), Arc::clone(mint))).collect())
    }

    /// A writer that takes the one writing connection for each group.
    pub(crate) fn on_sqlite(pool: SqlitePool, mint: Arc<Mint>) -> Self {
        Self(vec![Line::start(sqlite::SqliteSession::new(pool), mint)])
    }

    /// Queues a commit.
    pub(crate) fn submit(&self, commit: UnitCommit) -> PendingCommit {
        let lines = u128::try_from(self.0.len()).unwrap_or(1);
        let line = usize::try_from(commit.unit.0.as_u128() % lines).unwrap_or(0);
        self.0[line].submit(commit)
    }

    /// How long the oldest commit without an answer has waited.
    pub(crate) fn stalled_for(&self) -> Option<Duration> {
        self.0.iter().filter_map(Line::stalled_for).max()
    }

    /// Waits until everything queued before is done.
    pub(crate) async fn settle(&self) {
        for line in &self.0 {
            line.settle().await;
        }
    }

    /// Finishes what is queued, and takes no more.
    pub(crate) async fn close(&self) {
        for line in &self.0 {
            line.close().await;
        }
    }
}

impl Line {
    fn start<S: attempt::Session + 'static>(session: S, mint: Arc<Mint>) -> Self {
        let (queue, messages) = mpsc::unbounded_channel();
        let waiting = Arc::new(Waiting {
            begun: Instant::now(),
            commits: AtomicU64::new(0),
            oldest: AtomicU64::new(0),
        });
        let writer = GroupWriter::new(session, mint, messages, Arc::clone(&waiting));
        let task = Mutex::new(Some(tokio::spawn(writer.run())));
        Self { queue, waiting, task }
    }

    fn submit(&self, commit: UnitCommit) -> PendingCommit {
        let (answer, outcome) = oneshot::channel();
        let queued_at = Instant::now();
        self.waiting.queue(queued_at);
        let queued = Box::new(Queued { commit, queued_at, answer });
        if let Err(mpsc::error::SendError(Message::Commit(queued))) =
            self.queue.send(Message::Commit(queued))
        {
            self.waiting.answer(1);
            queued.answer(Err(CommitError::Unavailable("the store is closed".to_owned())));
        }
        PendingCommit(outcome)
    }

    fn stalled_for(&self) -> Option<Duration> {
        self.waiting.stalled_for()
    }

    async fn settle(&self) {
        let (answer, settled) = oneshot::channel();
        if self.queue.send(Message::Settle(answer)).is_ok() {
            settled.await.ok();
        }
    }

    async fn close(&self) {
        self.queue.send(Message::Close).ok();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.await.ok();
        }
    }
}
