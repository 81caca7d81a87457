//! Dead letters: jobs that came to nothing, until somebody tries them again or they are purged.

use hub_domain::Timestamp;
use sea_orm::{ConnectionTrait as _, FromQueryResult, Statement};
use ulid::Ulid;
use uuid::Uuid;

use crate::{
    Store, StoreError, cursor,
    open::ask_database,
    records::{Page, PageQuery},
    sql::{Pools, Sql, one_more},
};

/// A job that came to nothing: given up, or out of attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The job.
    pub id: Uuid,
    /// Its queue.
    pub queue: String,
    /// What made it one.
    pub key: Option<String>,
    /// How often it was attempted.
    pub attempts: u32,
    /// How often it might have been.
    pub max_attempts: u32,
    /// What the last attempt said.
    pub last_error: Option<String>,
    /// When it ended, whole seconds on SQLite.
    pub ended_at: Timestamp,
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    queue: String,
    key: Option<String>,
    attempts: i32,
    max_attempts: i32,
    last_error: Option<String>,
    ended_at: i64,
}

impl TryFrom<Row> for DeadLetter {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = Ulid::from_string(&row.id)
            .map_err(|_| StoreError::Corrupt("the id of a job is no ULID".to_owned()))?;
        let whole = |number: i32| u32::try_from(number).unwrap_or_default();
        Ok(Self {
            id: Uuid::from_u128(id.into()),
            queue: row.queue,
            key: row.key,
            attempts: whole(row.attempts),
            max_attempts: whole(row.max_attempts),
            last_error: row.last_error.map(|said| own_words(&said)),
            ended_at: Timestamp::from_millis(row.ended_at),
        })
    }
}

/// What the handler said, without what apalis puts before it.
fn own_words(said: &str) -> String {
    said.strip_prefix("AbortError: ").unwrap_or(said).to_owned()
}

/// Ids are compared by their bytes, not by the order of some language.
const LIST_ON_POSTGRES: &str = r#"
SELECT id, job_type AS queue, idempotency_key AS key, attempts, max_attempts, last_result ->> 'Err' AS last_error,
    CAST(extract(epoch FROM COALESCE(done_at, run_at)) * 1000 AS BIGINT) AS ended_at
FROM apalis.jobs
WHERE (status = 'Killed' OR status = 'Failed' AND attempts >= max_attempts)
    AND ($1::text IS NULL OR job_type = $1) AND ($2::text IS NULL OR id COLLATE "C" < $2)
ORDER BY id COLLATE "C" DESC LIMIT $3"#;

const LIST_ON_SQLITE: &str = "
SELECT id, job_type AS queue, idempotency_key AS key, attempts, max_attempts, last_result ->> 'Err' AS last_error,
    COALESCE(done_at, run_at) * 1000 AS ended_at
FROM Jobs
WHERE (status = 'Killed' OR status = 'Failed' AND attempts >= max_attempts)
    AND (?1 IS NULL OR job_type = ?1) AND (?2 IS NULL OR id < ?2)
ORDER BY id DESC LIMIT ?3";

/// It begins anew: every attempt is before it.
const RETRY_ON_POSTGRES: &str = "
UPDATE apalis.jobs
SET status = 'Pending', attempts = 0, run_at = now(), done_at = NULL, lock_at = NULL, lock_by = NULL
WHERE id = $1 AND (status = 'Killed' OR status = 'Failed' AND attempts >= max_attempts)
RETURNING job_type AS queue";

const RETRY_ON_SQLITE: &str = "
UPDATE Jobs
SET status = 'Pending', attempts = 0, run_at = unixepoch(), done_at = NULL, lock_at = NULL, lock_by = NULL
WHERE id = ?1 AND (status = 'Killed' OR status = 'Failed' AND attempts >= max_attempts)
RETURNING job_type AS queue";

impl Store {
    /// Dead letters of a queue, or of all, newest job first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn dead_letters(
        &self,
        queue: Option<&str>,
        page: PageQuery,
    ) -> Result<Page<DeadLetter>, StoreError> {
        ask_database!(self, dead_letters(queue, &page))
    }

    /// Has a dead letter tried again, as if it were new; gives its queue.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is none of that id: it is tried again already, or was purged.
    pub async fn retry_dead_letter(&self, id: Uuid) -> Result<String, StoreError> {
        ask_database!(self, retry_dead_letter(id))
    }
}

impl Sql {
    async fn dead_letters(
        &self,
        queue: Option<&str>,
        page: &PageQuery,
    ) -> Result<Page<DeadLetter>, StoreError> {
        let after = cursor::id_after(page)?.map(text_of);
        let limit = i64::try_from(one_more(page)).unwrap_or(i64::MAX);
        let values = [queue.map(str::to_owned).into(), after.into(), limit.into()];
        let sql = self.either(LIST_ON_POSTGRES, LIST_ON_SQLITE);
        let list = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        let rows = Row::find_by_statement(list).all(&self.db).await?;
        let items: Result<Vec<_>, _> = rows.into_iter().map(DeadLetter::try_from).collect();
        Ok(cursor::cut(items?, page, |letter| cursor::of_id(letter.id)))
    }

    async fn retry_dead_letter(&self, id: Uuid) -> Result<String, StoreError> {
        let db = self.changes();
        let sql = self.either(RETRY_ON_POSTGRES, RETRY_ON_SQLITE);
        let retry =
            Statement::from_sql_and_values(db.get_database_backend(), sql, [text_of(id).into()]);
        let row = db.query_one_raw(retry).await?.ok_or(StoreError::NotFound)?;
        Ok(row.try_get("", "queue")?)
    }

    /// The statement for the database that this is.
    pub(super) const fn either(
        &self,
        postgres: &'static str,
        sqlite: &'static str,
    ) -> &'static str {
        match self.pools {
            Pools::Postgres { .. } => postgres,
            Pools::Sqlite { .. } => sqlite,
        }
    }
}

/// A job's id as apalis writes it.
fn text_of(id: Uuid) -> String {
    Ulid::from(id.as_u128()).to_string()
}
