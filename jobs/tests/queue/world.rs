//! A store of its own for each test, with workers on it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hub_domain::{Clock, Timestamp};
use hub_jobs::{QueueSpec, Queues, Vitals, queue::Pace};
use hub_store::{
    OpenOptions, Store,
    queue::{JobPool, NewJob},
};
use hub_testkit::postgres::PrivatePostgres;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{diary::Diary, process::Process};

/// The queue of the tests.
pub(crate) const QUEUE: &str = "trial";

/// Signs of life each second, three of which may be missed: a test need not wait for fifteen seconds.
pub(crate) fn quick() -> Pace {
    Pace { beat_every: Duration::from_secs(1), ..Pace::default() }
}

/// Pauses of a second, two, four …
pub(crate) fn spec() -> QueueSpec {
    let backoff = hub_jobs::queue::Backoff { first: Duration::from_secs(1), ..Default::default() };
    QueueSpec::new(QUEUE).backoff(backoff)
}

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap())
    }
}

/// This instant, and some seconds.
pub(crate) fn in_secs(secs: i64) -> Timestamp {
    Timestamp::from_millis(SystemClock.now().as_millis() + secs * 1000)
}

/// A store, a diary, and what belongs to them.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) diary: Diary,
    keys: AtomicU64,
    folder: TempDir,
}

impl World {
    pub(crate) async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("hub.db").display());
        Self::open(url, folder).await
    }

    pub(crate) async fn on_postgres() -> Self {
        let url = tokio::task::spawn_blocking(|| PrivatePostgres::shared().create_database());
        Self::open(url.await.unwrap(), tempfile::tempdir().unwrap()).await
    }

    async fn open(url: String, folder: TempDir) -> Self {
        let store = open(&url).await;
        store.migrate().await.unwrap();
        let diary = Diary::at(folder.path().join("diary"));
        Self { store, url, diary, keys: AtomicU64::new(0), folder }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite")
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A job under a key of its own.
    pub(crate) fn job(&self, payload: Value) -> NewJob {
        let key = format!("key {}", self.keys.fetch_add(1, Ordering::Relaxed));
        NewJob::new(Uuid::now_v7(), QUEUE, key, payload)
    }

    /// Enqueues a job; gives its key.
    pub(crate) async fn enqueue(&self, job: NewJob) -> String {
        assert_eq!(self.store.enqueue(std::slice::from_ref(&job)).await.unwrap(), 1);
        job.key
    }

    /// Workers of this process that do what a job's payload says.
    pub(crate) fn works(&self, spec: QueueSpec, pace: Pace) -> Working {
        Working::start(&self.store, &self.diary, spec, pace)
    }

    /// Stops a process where it holds nobody up. In the middle of a write to SQLite it would hold the file against all others
    /// for as long as it sleeps, which is a matter of SQLite and none of the queue.
    pub(crate) async fn pause(&self, process: &Process) {
        loop {
            process.pause();
            if self.is_writable().await {
                return;
            }
            process.resume();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn is_writable(&self) -> bool {
        let JobPool::Sqlite { writer, .. } = self.store.job_pool().unwrap() else { return true };
        let write = sqlx::query("DELETE FROM jobs WHERE 1 = 0").execute(&writer);
        let written = tokio::time::timeout(Duration::from_millis(300), write).await;
        written.is_ok_and(|written| written.is_ok())
    }

    /// One value of one row of the queue's tables; `sql` names them as PostgreSQL does.
    pub(crate) async fn ask(&self, sql: &str) -> String {
        match self.store.job_pool().unwrap() {
            JobPool::Postgres(pool) => {
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(&pool).await
            }
            JobPool::Sqlite { writer, .. } => {
                let sql = sql.replace("apalis.", "").replace("::text", "");
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&writer).await
            }
        }
        .unwrap()
    }

    /// Changes rows of the queue's tables.
    pub(crate) async fn change(&self, sql: &str) {
        match self.store.job_pool().unwrap() {
            JobPool::Postgres(pool) => {
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&pool).await.unwrap();
            }
            JobPool::Sqlite { writer, .. } => {
                let sql = sql.replace("apalis.", "");
                sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&writer).await.unwrap();
            }
        }
    }

    /// A job's `status attempts/max_attempts`.
    pub(crate) async fn state_of(&self, key: &str) -> String {
        self.ask(&format!(
            "SELECT status || ' ' || attempts || '/' || max_attempts FROM apalis.jobs WHERE idempotency_key = '{key}'"
        ))
        .await
    }

    /// Waits until a job's state is this.
    #[track_caller]
    pub(crate) fn becomes(
        &self,
        key: &str,
        state: &str,
        within: Duration,
    ) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let until = tokio::time::Instant::now() + within;
            loop {
                let is = self.state_of(key).await;
                if is == state {
                    return;
                }
                let lines = self.diary.lines();
                assert!(
                    tokio::time::Instant::now() < until,
                    "{at}: {key} is {is}, not {state}, after {within:?}; {lines:#?}"
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

pub(crate) async fn open(url: &str) -> Store {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Store::open(OpenOptions { url: url.to_owned(), max_connections: 4, clock }).await.unwrap()
}

/// Workers that run until they are stopped.
pub(crate) struct Working {
    pub(crate) nudges: hub_jobs::queue::Nudges,
    pub(crate) vitals: Vitals,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Working {
    pub(crate) fn start(store: &Store, diary: &Diary, spec: QueueSpec, pace: Pace) -> Self {
        let (diary, vitals) = (diary.clone(), Vitals::default());
        let queues = Queues::new(store.job_pool().unwrap(), vitals.clone()).pace(pace);
        let queues = queues.worker(spec, move |job| crate::diary::obey(job, diary.clone()));
        let (nudges, stop) = (queues.nudges(), CancellationToken::new());
        let running = tokio::spawn(queues.run(stop.clone()));
        Self { nudges, vitals, stop, running }
    }

    /// Stops them and waits until they have.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}
