//! Jobs, written in the transaction of what they follow from.

use std::borrow::Cow;

use hub_domain::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use serde::Serialize;
use sqlx::{PgConnection, SqliteConnection};
use ulid::Ulid;
use uuid::Uuid;

use crate::{Store, StoreError, open::ask_database, sql::Sql};

/// A job that is to be done.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// A new id; as text a ULID, which is what apalis reads. One of UUIDv7 keeps jobs of one instant in line.
    pub id: Uuid,
    /// The queue, as its worker names it.
    pub queue: Cow<'static, str>,
    /// What makes it one: a second job of the same queue and key is none, until the first one's row is purged, days
    /// after it ended. So a job that is wanted again needs another key, `intent:generation`.
    pub key: String,
    /// What the handler gets: ids, never rows, and no address of a person.
    pub payload: serde_json::Value,
    /// Not before this instant (whole seconds, rounded up, on SQLite); `None` is at once by the database's own clock.
    pub run_at: Option<Timestamp>,
    /// Higher goes first. 0 is usual.
    pub priority: i32,
    /// After so many attempts it is a dead letter; at least 1.
    pub max_attempts: u16,
}

impl NewJob {
    /// A job to be done at once, with usual priority and 8 attempts.
    #[must_use]
    pub fn new(
        id: Uuid,
        queue: impl Into<Cow<'static, str>>,
        key: impl Into<String>,
        payload: serde_json::Value,
    ) -> Self {
        let (queue, key) = (queue.into(), key.into());
        Self { id, queue, key, payload, run_at: None, priority: 0, max_attempts: 8 }
    }

    /// The same, with this priority.
    #[must_use]
    pub fn priority(self, priority: i32) -> Self {
        Self { priority, ..self }
    }

    /// The same, with so many attempts.
    #[must_use]
    pub fn max_attempts(self, max_attempts: u16) -> Self {
        Self { max_attempts, ..self }
    }

    /// The same, not before an instant.
    #[must_use]
    pub fn run_at(self, run_at: Timestamp) -> Self {
        Self { run_at: Some(run_at), ..self }
    }
}

/// A job as the statements below read it.
#[derive(Serialize)]
struct Row<'a> {
    id: String,
    queue: &'a str,
    key: &'a str,
    payload: String,
    run_at: Option<i64>,
    priority: i32,
    max_attempts: u16,
}

impl<'a> Row<'a> {
    fn of(job: &'a NewJob) -> Self {
        Self {
            id: Ulid::from(job.id.as_u128()).to_string(),
            queue: &job.queue,
            key: &job.key,
            payload: job.payload.to_string(),
            run_at: job.run_at.map(Timestamp::as_millis),
            priority: job.priority,
            max_attempts: job.max_attempts.max(1),
        }
    }
}

/// A key that is there already is no error, which on PostgreSQL would spoil the transaction around it. Rows go in by
/// their keys: two transactions that insert the same ones then wait for each other in one order.
const ON_POSTGRES: &str = "
INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, idempotency_key)
SELECT new.id, new.queue, convert_to(new.payload, 'UTF8'), 'Pending', 0, new.max_attempts,
    COALESCE(to_timestamp(new.run_at / 1000.0), now()), new.priority, new.key
FROM json_to_recordset($1::json) AS new
    (id TEXT, queue TEXT, key TEXT, payload TEXT, run_at FLOAT8, priority INTEGER, max_attempts INTEGER)
ORDER BY new.queue, new.key
ON CONFLICT DO NOTHING";

const ON_SQLITE: &str = "
INSERT INTO Jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, metadata, idempotency_key)
SELECT value ->> 'id', value ->> 'queue', CAST(value ->> 'payload' AS BLOB), 'Pending', 0, value ->> 'max_attempts',
    COALESCE(((value ->> 'run_at') + 999) / 1000, unixepoch()), value ->> 'priority', '{}', value ->> 'key'
FROM json_each(?1) WHERE TRUE
ON CONFLICT DO NOTHING";

fn text_of(jobs: &[NewJob]) -> Result<String, serde_json::Error> {
    serde_json::to_string(&jobs.iter().map(Row::of).collect::<Vec<_>>())
}

fn unencodable(error: serde_json::Error) -> sqlx::Error {
    sqlx::Error::Encode(Box::new(error))
}

/// Writes jobs within a transaction; gives how many of them were new.
pub(crate) async fn enqueue(
    change: &impl ConnectionTrait,
    jobs: &[NewJob],
) -> Result<u64, StoreError> {
    if jobs.is_empty() {
        return Ok(0);
    }
    let backend = change.get_database_backend();
    let sql = if backend == DatabaseBackend::Postgres { ON_POSTGRES } else { ON_SQLITE };
    let text = text_of(jobs).map_err(unencodable)?;
    let insert = Statement::from_sql_and_values(backend, sql, [text.into()]);
    Ok(change.execute_raw(insert).await?.rows_affected())
}

/// Writes jobs within a transaction of PostgreSQL; gives how many of them were new.
///
/// # Errors
/// When the database refuses.
pub async fn enqueue_on_postgres(
    change: &mut PgConnection,
    jobs: &[NewJob],
) -> Result<u64, sqlx::Error> {
    if jobs.is_empty() {
        return Ok(0);
    }
    let text = text_of(jobs).map_err(unencodable)?;
    Ok(sqlx::query(ON_POSTGRES).bind(text).execute(change).await?.rows_affected())
}

/// Writes jobs within a transaction of SQLite; gives how many of them were new.
///
/// # Errors
/// When the database refuses.
pub async fn enqueue_on_sqlite(
    change: &mut SqliteConnection,
    jobs: &[NewJob],
) -> Result<u64, sqlx::Error> {
    if jobs.is_empty() {
        return Ok(0);
    }
    let text = text_of(jobs).map_err(unencodable)?;
    Ok(sqlx::query(ON_SQLITE).bind(text).execute(change).await?.rows_affected())
}

impl Store {
    /// Writes jobs in a transaction of their own; gives how many of them were new.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn enqueue(&self, jobs: &[NewJob]) -> Result<u64, StoreError> {
        ask_database!(self, enqueue(jobs))
    }
}

impl Sql {
    async fn enqueue(&self, jobs: &[NewJob]) -> Result<u64, StoreError> {
        enqueue(self.changes(), jobs).await
    }
}
