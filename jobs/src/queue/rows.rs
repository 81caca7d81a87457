//! What workers say and ask of the queue's rows beyond what apalis does.

use std::time::Duration;

use hub_store::queue::JobPool;
use sqlx::{PgPool, SqlitePool};

/// The rows of the queue.
#[derive(Clone, Debug)]
pub(super) struct Rows(pub(super) JobPool);

/// Runs one statement that changes rows; gives how many.
macro_rules! change {
    ($rows:ident, $postgres:expr, $sqlite:expr $(, $value:expr)*) => {
        match &$rows.0 {
            JobPool::Postgres(pool) => {
                sqlx::query($postgres)$(.bind($value))*.execute(pool).await?.rows_affected()
            }
            JobPool::Sqlite { writer, .. } => {
                sqlx::query($sqlite)$(.bind($value))*.execute(writer).await?.rows_affected()
            }
        }
    };
}

const HOLDS: &str = "SELECT EXISTS (SELECT 1 FROM apalis.jobs
    WHERE id = $1 AND lock_by = $2 AND status IN ('Queued', 'Running'))";
const HOLDS_SQLITE: &str = "SELECT EXISTS (SELECT 1 FROM Jobs
    WHERE id = $1 AND lock_by = $2 AND status IN ('Queued', 'Running'))";

impl Rows {
    pub(super) fn new(pool: JobPool) -> Self {
        Self(pool)
    }

    /// Whether a worker holds a job: it was fetched by it, and nobody took it over since.
    pub(super) async fn holds(&self, job: &str, worker: &str) -> Result<bool, sqlx::Error> {
        match &self.0 {
            JobPool::Postgres(pool) => holds_on_postgres(pool, job, worker).await,
            JobPool::Sqlite { readers, .. } => holds_on_sqlite(readers, job, worker).await,
        }
    }

    /// Puts a job off that the worker holds. Whole seconds on SQLite, rounded up.
    pub(super) async fn put_off(
        &self,
        job: &str,
        worker: &str,
        pause: Duration,
    ) -> Result<(), sqlx::Error> {
        change!(
            self,
            "UPDATE apalis.jobs SET run_at = now() + $3 * interval '1 second' WHERE id = $1 AND lock_by = $2",
            "UPDATE Jobs SET run_at = CAST(unixepoch('now', 'subsec') + $3 + 0.999 AS INTEGER)
                WHERE id = $1 AND lock_by = $2",
            job,
            worker,
            pause.as_secs_f64()
        );
        Ok(())
    }

    /// Says that a worker lives; false if it is not registered.
    pub(super) async fn beat(&self, worker: &str) -> Result<bool, sqlx::Error> {
        let beaten = change!(
            self,
            "UPDATE apalis.workers SET last_seen = now() WHERE id = $1",
            "UPDATE Workers SET last_seen = unixepoch() WHERE id = $1",
            worker
        );
        Ok(beaten > 0)
    }

    /// Gives back what a worker that ended still holds; how many jobs. An attempt that was under way counts as one.
    pub(super) async fn release(&self, worker: &str) -> Result<u64, sqlx::Error> {
        Ok(change!(
            self,
            "UPDATE apalis.jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL
                WHERE lock_by = $1 AND status IN ('Queued', 'Running')",
            "UPDATE Jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL
                WHERE lock_by = $1 AND status IN ('Queued', 'Running')",
            worker
        ))
    }

    /// Deletes at most `at_once` jobs that ended longer ago than `age`; how many.
    pub(super) async fn purge(&self, age: Duration, at_once: u32) -> Result<u64, sqlx::Error> {
        Ok(change!(
            self,
            "DELETE FROM apalis.jobs WHERE id IN (SELECT id FROM apalis.jobs
                WHERE (status IN ('Done', 'Killed') OR status = 'Failed' AND attempts >= max_attempts)
                    AND COALESCE(done_at, run_at) < now() - $1 * interval '1 second' LIMIT $2)",
            "DELETE FROM Jobs WHERE id IN (SELECT id FROM Jobs
                WHERE (status IN ('Done', 'Killed') OR status = 'Failed' AND attempts >= max_attempts)
                    AND COALESCE(done_at, run_at) < unixepoch() - $1 LIMIT $2)",
            age.as_secs_f64(),
            i64::from(at_once)
        ))
    }

    /// Deletes workers that were not seen for `age` and that no job names any more; how many.
    pub(super) async fn purge_workers(&self, age: Duration) -> Result<u64, sqlx::Error> {
        Ok(change!(
            self,
            "DELETE FROM apalis.workers WHERE last_seen < now() - $1 * interval '1 second'
                AND NOT EXISTS (SELECT 1 FROM apalis.jobs WHERE jobs.lock_by = workers.id)",
            "DELETE FROM Workers WHERE last_seen < unixepoch() - $1
                AND NOT EXISTS (SELECT 1 FROM Jobs WHERE Jobs.lock_by = Workers.id)",
            age.as_secs_f64()
        ))
    }
}

async fn holds_on_postgres(pool: &PgPool, job: &str, worker: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(HOLDS).bind(job).bind(worker).fetch_one(pool).await
}

async fn holds_on_sqlite(pool: &SqlitePool, job: &str, worker: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(HOLDS_SQLITE).bind(job).bind(worker).fetch_one(pool).await
}
