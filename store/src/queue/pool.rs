//! The connections that workers use.

use sqlx::{PgPool, SqlitePool};

use super::tune_sqlite;
use crate::{
    Store, StoreError,
    open::Backend,
    sql::{Pools, Sql},
};

/// The connections that workers of the queue use. Closed with the store.
#[derive(Clone, Debug)]
pub enum JobPool {
    /// A bounded pool of the workers' own, as the role whose transactions span organizations. It must lead to the
    /// server itself: workers register under a session lock, which a pooler of transactions would break.
    Postgres(PgPool),
    /// The store's one writing connection, and those that only read: SQLite has one write lock, and a second
    /// connection that writes would meet the first one's `SQLITE_BUSY`.
    Sqlite {
        /// The one that writes.
        writer: SqlitePool,
        /// Those that read.
        readers: SqlitePool,
    },
}

impl Store {
    /// The connections for workers of the queue; `None` for the memory, which has no queue.
    #[must_use]
    pub fn job_pool(&self) -> Option<JobPool> {
        match self.backend() {
            Backend::Memory(_) => None,
            Backend::Sql(sql) => Some(sql.job_pool()),
        }
    }

    /// Renews the statistics that the queue's statements need, after many rows came or went. PostgreSQL does it by
    /// itself.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn tune_queue(&self) -> Result<(), StoreError> {
        match self.job_pool() {
            Some(JobPool::Sqlite { writer, .. }) => tune_sqlite(&writer).await,
            Some(JobPool::Postgres(_)) | None => Ok(()),
        }
    }
}

impl Sql {
    fn job_pool(&self) -> JobPool {
        match &self.pools {
            Pools::Postgres { jobs, .. } => JobPool::Postgres(jobs.clone()),
            Pools::Sqlite { readers, writer, .. } => {
                JobPool::Sqlite { writer: writer.clone(), readers: readers.clone() }
            }
        }
    }
}
