//! How much there is in each queue.

use sea_orm::{FromQueryResult, Statement};

use crate::{Store, StoreError, open::ask_database, sql::Sql};

/// How much there is in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueCount {
    /// Its name.
    pub queue: String,
    /// Jobs that nobody has begun, or that wait for their next attempt.
    pub waiting: u64,
    /// Jobs that a worker holds.
    pub in_hand: u64,
    /// Dead letters.
    pub dead: u64,
    /// How long the oldest job that is due has waited since, in seconds; `None` where none is.
    pub oldest_secs: Option<u64>,
}

#[derive(FromQueryResult)]
struct Row {
    queue: String,
    waiting: i64,
    in_hand: i64,
    dead: i64,
    oldest: Option<i64>,
}

impl From<Row> for QueueCount {
    fn from(row: Row) -> Self {
        let whole = |number: i64| u64::try_from(number).unwrap_or_default();
        let (waiting, in_hand, dead) = (whole(row.waiting), whole(row.in_hand), whole(row.dead));
        Self { queue: row.queue, waiting, in_hand, dead, oldest_secs: row.oldest.map(whole) }
    }
}

/// What is done is left out before it is counted: an index has the rest.
const ON_POSTGRES: &str = "
SELECT job_type AS queue,
    count(*) FILTER (WHERE status = 'Pending' OR status = 'Failed' AND attempts < max_attempts) AS waiting,
    count(*) FILTER (WHERE status IN ('Queued', 'Running')) AS in_hand,
    count(*) FILTER (WHERE status = 'Killed' OR status = 'Failed' AND attempts >= max_attempts) AS dead,
    CAST(extract(epoch FROM now() - min(run_at) FILTER (WHERE run_at < now()
        AND (status = 'Pending' OR status = 'Failed' AND attempts < max_attempts))) AS BIGINT) AS oldest
FROM apalis.jobs WHERE status <> 'Done' GROUP BY job_type ORDER BY job_type";

const ON_SQLITE: &str = "
SELECT job_type AS queue,
    count(*) FILTER (WHERE status = 'Pending' OR status = 'Failed' AND attempts < max_attempts) AS waiting,
    count(*) FILTER (WHERE status IN ('Queued', 'Running')) AS in_hand,
    count(*) FILTER (WHERE status = 'Killed' OR status = 'Failed' AND attempts >= max_attempts) AS dead,
    unixepoch() - min(run_at) FILTER (WHERE run_at <= unixepoch()
        AND (status = 'Pending' OR status = 'Failed' AND attempts < max_attempts)) AS oldest
FROM Jobs WHERE status IN ('Pending', 'Queued', 'Running', 'Failed', 'Killed') GROUP BY job_type ORDER BY job_type";

impl Store {
    /// How much there is in each queue that has something, by name.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn queue_counts(&self) -> Result<Vec<QueueCount>, StoreError> {
        ask_database!(self, queue_counts())
    }
}

impl Sql {
    async fn queue_counts(&self) -> Result<Vec<QueueCount>, StoreError> {
        let sql = self.either(ON_POSTGRES, ON_SQLITE);
        let count = Statement::from_string(self.db.get_database_backend(), sql);
        let rows = Row::find_by_statement(count).all(&self.db).await?;
        Ok(rows.into_iter().map(QueueCount::from).collect())
    }
}
