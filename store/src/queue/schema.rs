//! The queue's own tables: apalis makes them, and what of them does not suit the hub is put right here.

use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use sqlx::{
    Executor as _, PgPool, SqlitePool,
    migrate::{MigrateError, Migrator},
};

use crate::StoreError;

/// Who may do what with the queue: those who answer people may promise a job and see none.
///
/// The trigger that apalis puts on its table asks for a lock of the whole server at each commit, which costs
/// thirty-two clients two thirds of their commits; workers look by themselves ten times a second instead.
const FIT_POSTGRES: &str = "
GRANT USAGE ON SCHEMA apalis TO hub_api, hub_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON apalis.jobs, apalis.workers TO hub_writer;
GRANT INSERT ON apalis.jobs TO hub_api;
CREATE INDEX IF NOT EXISTS hub_unfinished ON apalis.jobs (job_type, status) WHERE status <> 'Done';
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_trigger
        WHERE tgrelid = 'apalis.jobs'::regclass AND tgname = 'notify_workers' AND tgenabled <> 'D')
    THEN
        ALTER TABLE apalis.jobs DISABLE TRIGGER notify_workers;
    END IF;
END
$$";

/// Statistics that make SQLite find a finished job by its id. Without any it goes through all that the worker ever
/// finished, so that ten thousand jobs take minutes; and an `ANALYZE` of tables that are empty yet says nothing.
const FIT_SQLITE: &str = "
ANALYZE Jobs;
DELETE FROM sqlite_stat1 WHERE tbl = 'Jobs' AND idx = 'LIdx';
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('Jobs', 'LIdx', '1000000 500000');
INSERT INTO sqlite_stat1 (tbl, idx, stat)
    SELECT 'Jobs', name, '1000000 1' FROM pragma_index_list('Jobs')
    WHERE origin IN ('pk', 'u')
        AND NOT EXISTS (SELECT 1 FROM sqlite_stat1 WHERE tbl = 'Jobs' AND idx = name);
ANALYZE sqlite_schema;";

/// Brings the queue's tables up to date, as the owner of the others.
pub(crate) async fn migrate_postgres(pool: &PgPool) -> Result<(), StoreError> {
    PostgresStorage::migrations().run(pool).await.map_err(migrating)?;
    pool.execute(sqlx::raw_sql(FIT_POSTGRES)).await?;
    Ok(())
}

/// The same on SQLite. apalis has a `setup` that does it too, and turns `synchronous` off for the whole pool.
pub(crate) async fn migrate_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    SqliteStorage::migrations().run(pool).await.map_err(migrating)?;
    tune_sqlite(pool).await
}

/// Renews the statistics that the queue's statements need.
pub(crate) async fn tune_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    pool.execute(sqlx::raw_sql(FIT_SQLITE)).await?;
    Ok(())
}

/// What of the queue's schema is still to be made on PostgreSQL.
pub(crate) async fn pending_on_postgres(pool: &PgPool) -> Result<Vec<String>, StoreError> {
    let is_there: bool =
        sqlx::query_scalar("SELECT to_regclass('apalis._sqlx_migrations') IS NOT NULL")
            .fetch_one(pool)
            .await?;
    let done: Vec<i64> = if is_there {
        sqlx::query_scalar("SELECT version FROM apalis._sqlx_migrations").fetch_all(pool).await?
    } else {
        Vec::new()
    };
    Ok(missing(&PostgresStorage::migrations(), &done))
}

/// What of the queue's schema is still to be made on SQLite.
pub(crate) async fn pending_on_sqlite(pool: &SqlitePool) -> Result<Vec<String>, StoreError> {
    const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations')";
    let is_there: bool = sqlx::query_scalar(IS_THERE).fetch_one(pool).await?;
    let done: Vec<i64> = if is_there {
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations").fetch_all(pool).await?
    } else {
        Vec::new()
    };
    Ok(missing(&SqliteStorage::migrations(), &done))
}

fn missing(all: &Migrator, done: &[i64]) -> Vec<String> {
    all.iter()
        .filter(|migration| !done.contains(&migration.version))
        .map(|migration| format!("queue {}", migration.description))
        .collect()
}

fn migrating(error: MigrateError) -> StoreError {
    StoreError::Unavailable(format!("schema of the queue: {error}"))
}
