//! The schema, and what must be done to a database now and then.

use std::{fs::File, ops::Range, path::PathBuf};

use chrono::{DateTime, Datelike as _, Months, NaiveDate, Utc};
use hub_domain::Timestamp;
use hub_migrations::{Migrator, MigratorTrait as _};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseConnection, DbErr, EntityTrait,
    PaginatorTrait as _, QueryFilter as _, Select, SqlxPostgresConnector, Statement,
};
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{
    StoreError,
    entity::{alert, device, organization, site, unit, uplink},
    queue,
    records::{StoreCounts, UpkeepReport},
    sql::{Pools, Sql},
};

/// The advisory lock under which one hub at a time migrates: "hub" and a number of ours.
const MIGRATION_LOCK: i64 = 0x6875_6200_0001;

/// How many rows go at once, so that no request waits long for the one that deletes.
const AT_ONCE: u32 = 1000;

/// So many times at most in one upkeep; what is left goes with the next.
const TIMES: u32 = 1000;

/// How many months of readings have a partition before the present one, and after it.
const MONTHS: Range<i32> = -2..4;

impl Sql {
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        match &self.pools {
            Pools::Postgres { options, .. } => migrate_postgres(options).await,
            Pools::Sqlite { file, writer, .. } => {
                let lock = lock_file(file.with_added_extension("migrating")).await?;
                let done = self.migrate_file(writer).await;
                drop(lock);
                done
            }
        }
    }

    async fn migrate_file(&self, writer: &SqlitePool) -> Result<(), StoreError> {
        Migrator::up(self.changes(), None).await?;
        queue::migrate_sqlite(writer).await
    }

    pub(crate) async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        match &self.pools {
            // as the owner: before the first migration there are no other roles
            Pools::Postgres { options, .. } => {
                let pool = owners(options).await?;
                let db = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
                let pending = pending(&db).await;
                let of_queue = queue::pending_on_postgres(&pool).await;
                pool.close().await;
                Ok([pending?, of_queue?].concat())
            }
            Pools::Sqlite { readers, .. } => {
                Ok([pending(&self.db).await?, queue::pending_on_sqlite(readers).await?].concat())
            }
        }
    }

    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.db.execute_unprepared("SELECT 1").await?;
        if self.is_pooled { self.fenced.ping().await } else { Ok(()) }
    }

    pub(crate) async fn upkeep(&self, now: Timestamp) -> Result<UpkeepReport, StoreError> {
        let partitions_created = match &self.pools {
            Pools::Postgres { options, .. } => {
                let pool = owners(options).await?;
                let made = make_partitions(&pool, now).await;
                pool.close().await;
                made?
            }
            Pools::Sqlite { writer, .. } => {
                self.changes().execute_unprepared("PRAGMA optimize").await?;
                queue::tune_sqlite(writer).await?;
                Vec::new()
            }
        };
        let keys_forgotten = self.forget_keys(now).await?;
        let tokens_forgotten = self.forget_tokens(now).await?;
        self.forget_account_mails(now).await?;
        Ok(UpkeepReport { partitions_created, keys_forgotten, tokens_forgotten })
    }

    /// Deletes what `some` deletes of before an instant, as often as there is more; gives how many rows. Its values are
    /// the instant and how many rows to delete at most.
    pub(crate) async fn forget_bit_by_bit(
        &self,
        some: &str,
        until: i64,
    ) -> Result<u64, StoreError> {
        let db = self.changes();
        let mut forgotten = 0;
        for _ in 0..TIMES {
            let values = [until.into(), AT_ONCE.into()];
            let some = Statement::from_sql_and_values(db.get_database_backend(), some, values);
            let gone = db.execute_raw(some).await?.rows_affected();
            forgotten += gone;
            if gone < AT_ONCE.into() {
                break;
            }
        }
        Ok(forgotten)
    }

    pub(crate) async fn counts(&self) -> Result<StoreCounts, StoreError> {
        let unresolved = alert::Entity::find().filter(alert::Column::ResolvedAt.is_null());
        let undecoded = uplink::Entity::find().filter(uplink::Column::IsDecoded.eq(false));
        Ok(StoreCounts {
            organizations: self.count(organization::Entity::find()).await?,
            sites: self
                .count(site::Entity::find().filter(site::Column::DeletedAt.is_null()))
                .await?,
            units: self
                .count(unit::Entity::find().filter(unit::Column::DeletedAt.is_null()))
                .await?,
            devices: self
                .count(device::Entity::find().filter(device::Column::DeletedAt.is_null()))
                .await?,
            unresolved_alerts: self.count(unresolved).await?,
            undecoded_uplinks: self.count(undecoded).await?,
        })
    }

    async fn count<E: EntityTrait>(&self, query: Select<E>) -> Result<u64, DbErr>
    where
        E::Model: Send + Sync,
    {
        query.count(&self.db).await
    }
}

/// Migrates under an advisory lock, on connections of its own: a migration may take longer than any question.
async fn migrate_postgres(options: &PgConnectOptions) -> Result<(), StoreError> {
    let mut lock = PgConnection::connect_with(options).await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut lock).await?;
    let pool = owners(options).await?;
    let done = migrate_as_owner(&pool).await;
    pool.close().await;
    lock.close().await?; // and the lock goes with it
    done
}

async fn migrate_as_owner(pool: &PgPool) -> Result<(), StoreError> {
    Migrator::up(&SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone()), None).await?;
    queue::migrate_postgres(pool).await
}

/// The names of the migrations that are still to be run.
async fn pending(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let pending = Migrator::get_pending_migrations_read_only(db).await?;
    Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
}

/// A connection as the role that owns the tables.
async fn owners(options: &PgConnectOptions) -> Result<PgPool, StoreError> {
    Ok(PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?)
}

/// Waits for the lock on a file beside the database: SQLite has none that outlasts a transaction.
async fn lock_file(path: PathBuf) -> Result<File, StoreError> {
    let lock = move || {
        let file = File::create(path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    let locked = tokio::task::spawn_blocking(lock)
        .await
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    locked.map_err(|error| StoreError::Unavailable(format!("lock of the migrations: {error}")))
}

/// Asks the catalog itself: what the server remembers of a name that was not there may be older than the lock.
const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM pg_class
    WHERE relname = $1 AND relnamespace = current_schema()::regnamespace)";

/// Makes the partitions of readings around `now` that are not there; gives their names.
async fn make_partitions(pool: &PgPool, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let mut made = Vec::new();
    for month in MONTHS.filter_map(|offset| month_of(now, offset)) {
        let name = format!("readings_{}", month.format("%Y_%m"));
        let is_there: bool = sqlx::query_scalar(IS_THERE).bind(&name).fetch_one(pool).await?;
        if !is_there && make_partition(pool, &name, month).await? {
            made.push(name);
        }
    }
    Ok(made)
}

/// The first day of the month `offset` months from `now`'s.
fn month_of(now: Timestamp, offset: i32) -> Option<NaiveDate> {
    let now: DateTime<Utc> = DateTime::from_timestamp_millis(now.as_millis())?;
    let first = now.date_naive().with_day(1)?;
    let months = Months::new(offset.unsigned_abs());
    if offset < 0 { first.checked_sub_months(months) } else { first.checked_add_months(months) }
}

fn millis_of(day: NaiveDate) -> i64 {
    day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis()
}

/// Makes one partition. Rows of its month that came before it lie in the default partition and are moved over, in
/// the same transaction. False if somebody else made it meanwhile.
async fn make_partition(pool: &PgPool, name: &str, month: NaiveDate) -> Result<bool, StoreError> {
    let (from, to) = (millis_of(month), millis_of(month + Months::new(1)));
    let mut change = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MIGRATION_LOCK + 1)
        .execute(&mut *change)
        .await?;
    let is_there: bool = sqlx::query_scalar(IS_THERE).bind(name).fetch_one(&mut *change).await?;
    if is_there {
        return Ok(false);
    }
    // only digits of ours are filled in
    let make = format!(
        // waiting for the lock behind a long question, it would itself hold up every insert
        "SET LOCAL lock_timeout = '2s';
        LOCK TABLE readings IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE {name} (LIKE readings INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        WITH moved AS (DELETE FROM readings_default WHERE recorded_at >= {from} AND recorded_at < {to} RETURNING *)
            INSERT INTO {name} SELECT * FROM moved;
        ALTER TABLE readings ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({to});"
    );
    change.execute(sqlx::raw_sql(AssertSqlSafe(make))).await?;
    change.commit().await?;
    tracing::info!(partition = name, "made a partition of readings");
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_the_calendar_in_utc() {
        let at = Timestamp::from_millis(1_798_761_599_999); // 2026-12-31T23:59:59.999Z
        let names = MONTHS
            .filter_map(|offset| month_of(at, offset))
            .map(|month| month.format("%Y_%m").to_string());
        assert_eq!(
            names.collect::<Vec<_>>(),
            ["2026_10", "2026_11", "2026_12", "2027_01", "2027_02", "2027_03"]
        );
        assert_eq!(millis_of(month_of(at, 1).unwrap()), 1_798_761_600_000);
    }
}
