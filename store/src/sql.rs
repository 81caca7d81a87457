//! The two databases: their pools, how they are opened, and what is checked before either is trusted.

use std::{
    path::PathBuf,
    str::FromStr as _,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use hub_domain::OrgId;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction,
    EntityTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    SqliteTransactionMode, SqlxPostgresConnector, SqlxSqliteConnector, TransactionOptions,
    TransactionTrait as _,
};
use sqlx::{
    Connection as _, Executor as _, PgConnection, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use uuid::Uuid;

use crate::{
    OpenError, StoreError, cursor,
    fenced::Fenced,
    mint::Mint,
    pooled, pooler,
    records::{AuditEntry, Page, PageQuery},
    requests,
    writer::Writer,
};

/// How long to wait for a connection before saying that there is none.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(2);

/// How long another process may hold SQLite's write lock before we say that the store is away.
const BUSY_WITHIN: Duration = Duration::from_secs(5);

/// So many connections at most are the workers' own, so that a full queue leaves the others theirs.
const JOB_CONNECTIONS: u32 = 8;

/// A store in a database.
pub(crate) struct Sql {
    /// For questions across organizations.
    pub(crate) db: DatabaseConnection,
    /// For what is within one. On PostgreSQL as a role that sees no other's rows.
    pub(crate) fenced: Fenced,
    /// Whether that goes by an address of its own, a pooler's.
    pub(crate) is_pooled: bool,
    /// For changes across organizations: on SQLite its one writing connection.
    changes: DatabaseConnection,
    pub(crate) pools: Pools,
    pub(crate) writer: Writer,
    /// Held by who erases: one organization goes at a time.
    pub(crate) erasing: tokio::sync::Mutex<()>,
    /// Whether plans bind here: on a hub that has billing.
    pub(crate) binds_plans: AtomicBool,
}

/// The pools below.
#[derive(Clone)]
pub(crate) enum Pools {
    Postgres { pool: PgPool, jobs: PgPool, options: Box<PgConnectOptions> },
    Sqlite { readers: SqlitePool, writer: SqlitePool, file: PathBuf },
}

/// How many connections each pool has at most on PostgreSQL.
struct Sizes {
    across: u32,
    fenced: u32,
    jobs: u32,
}

impl Sizes {
    fn of(max_connections: u32) -> Self {
        Self {
            across: max_connections.max(4) / 2,
            fenced: max_connections.max(2),
            jobs: max_connections.clamp(4, JOB_CONNECTIONS),
        }
    }

    /// With the writer's two, and two in passing: for migrations and their lock, for upkeep and an erasure.
    const fn all(&self) -> u32 {
        self.across + self.fenced + self.jobs + 2 + 2
    }
}

impl Sql {
    /// Opens a PostgreSQL; `pooled` is another address of it, for what is within one organization.
    pub(crate) async fn open_postgres(
        url: &str,
        pooled: Option<&str>,
        max_connections: u32,
        mint: Arc<Mint>,
    ) -> Result<Self, OpenError> {
        let options = postgres_options(url)?;
        let sizes = Sizes::of(max_connections);
        let at_the_address = sizes.all() - if pooled.is_some() { sizes.fenced } else { 0 };
        check_postgres(&options, at_the_address).await?;
        let pool = session_pool(sizes.across, &options, AS_WRITER);
        let jobs = session_pool(sizes.jobs, &options, AS_WRITER);
        let fenced = match pooled {
            None => session_pool(sizes.fenced, &options, AS_API),
            Some(url) => {
                let by_pooler = postgres_options(url)?;
                pooled::refuse_unfit(&options, &by_pooler, ACQUIRE_WITHIN).await?;
                // no session is told anything: it is whose ever comes next
                postgres_pool(sizes.fenced).connect_lazy_with(by_pooler)
            }
        };
        let db = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
        let writer = Writer::on_postgres(&options, &mint);
        let pools = Pools::Postgres { pool, jobs, options: Box::new(options) };
        Ok(Self {
            changes: db.clone(),
            db,
            fenced: Fenced::on_postgres(fenced),
            is_pooled: pooled.is_some(),
            pools,
            writer,
            erasing: tokio::sync::Mutex::default(),
            binds_plans: AtomicBool::new(false),
        })
    }

    /// Opens a SQLite file, which is made if it is not there.
    pub(crate) async fn open_sqlite(
        url: &str,
        max_connections: u32,
        mint: Arc<Mint>,
    ) -> Result<Self, OpenError> {
        let options = sqlite_options(url)?;
        let file = options.get_filename().to_owned();
        let unreachable =
            |error: sqlx::Error| OpenError::Unreachable(format!("{}: {error}", file.display()));
        // one writer: SQLite has one write lock, and waiting for it in line is fair, polling for it is not
        let writer = sqlite_pool(1).connect_with(options.clone()).await.map_err(unreachable)?;
        check_sqlite(&writer).await?;
        let readers = sqlite_pool(max_connections.max(1));
        let readers = readers
            .connect_with(options.pragma("query_only", "ON").pragma("cache_size", "-16384"))
            .await
            .map_err(unreachable)?;
        let db = SqlxSqliteConnector::from_sqlx_sqlite_pool(readers.clone());
        let changes = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer.clone());
        let queue = Writer::on_sqlite(writer.clone(), mint);
        Ok(Self {
            fenced: Fenced::on_sqlite(db.clone(), changes.clone()),
            is_pooled: false,
            db,
            changes,
            pools: Pools::Sqlite { readers, writer, file },
            writer: queue,
            erasing: tokio::sync::Mutex::default(),
            binds_plans: AtomicBool::new(false),
        })
    }

    /// Begins a change across organizations. What it reads stays so until it ends.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        begin_change(&self.changes).await
    }

    /// Begins a change within one organization.
    pub(crate) async fn begin_of(&self, org: OrgId) -> Result<DatabaseTransaction, StoreError> {
        self.fenced.change(org).await
    }

    /// Begins to ask within one organization.
    pub(crate) async fn of(&self, org: OrgId) -> Result<DatabaseTransaction, StoreError> {
        self.fenced.ask(org).await
    }

    /// The connections that may write, for single statements.
    pub(crate) const fn changes(&self) -> &DatabaseConnection {
        &self.changes
    }

    /// Closes every connection.
    pub(crate) async fn close(&self) {
        self.writer.close().await;
        self.fenced.close().await;
        match &self.pools {
            Pools::Postgres { pool, jobs, .. } => {
                pool.close().await;
                jobs.close().await;
            }
            Pools::Sqlite { readers, writer, .. } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

/// In which order a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Oldest first.
    Up,
    /// Newest first.
    Down,
}

/// A page of `query` by `id`.
pub(crate) async fn page<E, R>(
    db: &impl ConnectionTrait,
    query: Select<E>,
    id: E::Column,
    order: Order,
    id_of: impl Fn(&E::Model) -> Uuid + Send,
    page: &PageQuery,
) -> Result<Page<R>, StoreError>
where
    E: EntityTrait,
    R: TryFrom<E::Model, Error = StoreError>,
{
    let from = cursor::id_after(page)?;
    let (query, from) = match order {
        Order::Up => (query.order_by_asc(id), from.map(|from| id.gt(from))),
        Order::Down => (query.order_by_desc(id), from.map(|from| id.lt(from))),
    };
    let query = from.into_iter().fold(query, |query, from| query.filter(from));
    let rows = query.limit(one_more(page)).all(db).await?;
    records(cursor::cut(rows, page, |row| cursor::of_id(id_of(row))))
}

/// How many rows tell whether there is another page.
pub(crate) fn one_more(page: &PageQuery) -> u64 {
    u64::try_from(cursor::limit(page)).unwrap_or(u64::MAX - 1) + 1
}

/// A page of records from one of rows.
pub(crate) fn records<M, R: TryFrom<M, Error = StoreError>>(
    page: Page<M>,
) -> Result<Page<R>, StoreError> {
    let items = page.items.into_iter().map(R::try_from).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

/// Writes an audit row within a change, and keeps the key of the request that made it, if it has one.
pub(crate) async fn audit(
    change: &DatabaseTransaction,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    use crate::entity::audit_entry;
    audit_entry::Entity::insert(audit_entry::ActiveModel::from(entry))
        .exec_without_returning(change)
        .await?;
    match &entry.request {
        Some(key) => requests::keep(change, key, entry).await,
        None => Ok(()),
    }
}

/// Writes several audit rows within a change.
pub(crate) async fn audit_all(
    change: &DatabaseTransaction,
    entries: &[AuditEntry],
) -> Result<(), StoreError> {
    for entry in entries {
        audit(change, entry).await?;
    }
    Ok(())
}

/// Begins a change. On SQLite it has the one write lock from the beginning.
pub(crate) async fn begin_change(
    db: &DatabaseConnection,
) -> Result<DatabaseTransaction, StoreError> {
    let is_sqlite = db.get_database_backend() == DatabaseBackend::Sqlite;
    let sqlite_transaction_mode = is_sqlite.then_some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() };
    Ok(db.begin_with_options(options).await?)
}

/// The options of an address. Floats go in binary, and PgBouncer refuses a setting that it does not know.
fn postgres_options(url: &str) -> Result<PgConnectOptions, OpenError> {
    let options =
        PgConnectOptions::from_str(url).map_err(|error| OpenError::BadUrl(error.to_string()))?;
    Ok(options.application_name("freshtrack-hub").extra_float_digits(None))
}

fn postgres_pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_WITHIN)
}

/// Connections as one of the hub's two roles, each with a session of its own.
fn session_pool(connections: u32, options: &PgConnectOptions, role: &'static str) -> PgPool {
    postgres_pool(connections)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(PIN_SESSION).await?;
                connection.execute(role).await.map(drop)
            })
        })
        .connect_lazy_with(options.clone())
}

/// Makes a connection work as the role that answers people: it sees the rows of one organization.
const AS_API: &str = "SET ROLE hub_api";

/// Makes a connection work as the role whose transactions span organizations: single statements go by it.
const AS_WRITER: &str = "SET ROLE hub_writer";

fn sqlite_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_WITHIN + BUSY_WITHIN)
        .idle_timeout(None)
        .max_lifetime(None)
}

/// The options of an address. `synchronous=…` in it is passed on, to be refused by [`check_sqlite`] if unsafe.
fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, OpenError> {
    let (url, synchronous) = match url.split_once("?synchronous=") {
        Some((url, level)) => (url, level),
        None => (url, "full"),
    };
    let synchronous =
        SqliteSynchronous::from_str(synchronous).map_err(|e| OpenError::BadUrl(e.to_string()))?;
    let options =
        SqliteConnectOptions::from_str(url).map_err(|e| OpenError::BadUrl(e.to_string()))?;
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(OpenError::BadUrl(
            "a SQLite in memory keeps nothing; `memory:` says so".to_owned(),
        ));
    }
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(BUSY_WITHIN)
        .pragma("temp_store", "memory")
        // a group touches one leaf for each of its units: they must fit, or each is read again for the next group
        .pragma("cache_size", "-65536")
        // and they are written over and over: the longer the log, the fewer times to the file itself
        .pragma("wal_autocheckpoint", "8192");
    Ok(options)
}

/// Refuses a SQLite that would lose a commit with the power.
async fn check_sqlite(pool: &SqlitePool) -> Result<(), OpenError> {
    let unreachable = |error: sqlx::Error| OpenError::Unreachable(error.to_string());
    let level: i64 =
        sqlx::query_scalar("PRAGMA synchronous").fetch_one(pool).await.map_err(unreachable)?;
    let journal: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await.map_err(unreachable)?;
    if level < 2 {
        return Err(OpenError::Unsafe(format!(
            "the SQLite database runs with synchronous = {level}, so a power cut may lose readings that were \
             acknowledged; it must be FULL (2)"
        )));
    }
    if journal != "wal" {
        return Err(OpenError::Unsafe(format!(
            "the SQLite database runs with journal_mode = {journal} where WAL is needed; is its folder on a network drive?"
        )));
    }
    Ok(())
}

/// Refuses a PostgreSQL that would lose a commit with the power, by its own, the role's or the database's settings; and one
/// that is reached through a pooler that keeps no sessions.
async fn check_postgres(options: &PgConnectOptions, connections: u32) -> Result<(), OpenError> {
    let connect = tokio::time::timeout(ACQUIRE_WITHIN, PgConnection::connect_with(options)).await;
    let mut connection = match connect {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Err(OpenError::Unreachable(error.to_string())),
        Err(_) => return Err(OpenError::Unreachable("no answer within 2 s".to_owned())),
    };
    // first: the settings are asked by statements that are prepared
    pooler::refuse_without_sessions(&mut connection, options, ACQUIRE_WITHIN, connections).await?;
    let unsafe_setting = unsafe_setting(&mut connection).await;
    connection.close().await.ok();
    match unsafe_setting {
        Ok(None) => Ok(()),
        Ok(Some(setting)) => Err(OpenError::Unsafe(format!(
            "PostgreSQL runs with {setting} = off for this role and database, so a crash may lose readings that were \
             acknowledged; set it on: ALTER SYSTEM, ALTER ROLE or ALTER DATABASE … SET {setting} = on"
        ))),
        Err(error) => Err(pooler::why(error)),
    }
}

/// Makes the setting that was found safe this session's own, which outranks what is set behind our back later. And has the
/// server end a transaction in which nothing is said for ten seconds: a process that was stopped in the middle of one, or
/// cut off, would hold its rows against all others for as long as its line seems to be there.
pub(crate) const PIN_SESSION: &str = "
SELECT set_config('synchronous_commit', current_setting('synchronous_commit'), false),
    set_config('idle_in_transaction_session_timeout', '10s', false)";

/// The setting that makes commits on this connection unsafe, if one does.
pub(crate) async fn unsafe_setting(
    connection: &mut PgConnection,
) -> Result<Option<&'static str>, sqlx::Error> {
    let commit: String =
        sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&mut *connection).await?;
    let fsync: String = sqlx::query_scalar("SHOW fsync").fetch_one(&mut *connection).await?;
    Ok(match (commit.as_str(), fsync.as_str()) {
        ("off", _) => Some("synchronous_commit"),
        (_, "off") => Some("fsync"),
        _ => None,
    })
}
