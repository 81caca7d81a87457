//! Opening, closing and looking after a store.

use std::{sync::Arc, time::Duration};

use hub_domain::{Clock, OrgId, Timestamp};
use uuid::Uuid;

use crate::{
    By, CommitError, Committed, OpenError, PendingCommit, StoreError, UnitCommit,
    audit::Deed,
    memory::{Fault, Memory},
    mint::Mint,
    records::{AuditEntry, StoreCounts, UpkeepReport},
    sql::{Pools, Sql},
};

/// Asks whichever backend there is.
macro_rules! ask {
    ($store:ident, $method:ident($($argument:expr),*)) => {
        match $store.backend() {
            $crate::open::Backend::Memory(memory) => memory.$method($($argument),*),
            $crate::open::Backend::Sql(sql) => {
                tokio::time::timeout($crate::open::ASK_WITHIN, sql.$method($($argument),*))
                    .await
                    .unwrap_or_else(|_| Err($crate::StoreError::Unavailable("no answer in time".to_owned())))
            }
        }
    };
}
pub(crate) use ask;

/// The same for work that may take as long as it takes.
macro_rules! ask_patiently {
    ($store:ident, $method:ident($($argument:expr),*)) => {
        match $store.backend() {
            $crate::open::Backend::Memory(memory) => memory.$method($($argument),*),
            $crate::open::Backend::Sql(sql) => sql.$method($($argument),*).await,
        }
    };
}

/// Asks the database. What people configure and record is not kept in memory, which serves tests of actors alone.
macro_rules! ask_database {
    ($store:ident, $method:ident$(::<$generic:ty>)?($($argument:expr),*)) => {
        match $store.backend() {
            $crate::open::Backend::Memory(_) => {
                Err($crate::StoreError::Unavailable("the memory keeps none of that".to_owned()))
            }
            $crate::open::Backend::Sql(sql) => {
                tokio::time::timeout($crate::open::ASK_WITHIN, sql.$method$(::<$generic>)?($($argument),*))
                    .await
                    .unwrap_or_else(|_| Err($crate::StoreError::Unavailable("no answer in time".to_owned())))
            }
        }
    };
}
pub(crate) use ask_database;

/// How long a question may take. A connection that was cut off says nothing at all, and whoever asked, perhaps the
/// root of all actors, must not wait for ever.
pub(crate) const ASK_WITHIN: Duration = Duration::from_secs(30);

/// How a store is opened.
#[derive(Clone)]
pub struct OpenOptions {
    /// `sqlite:///path/hub.db`, `postgres://…` or `memory:`.
    pub url: String,
    /// At most so many connections for questions.
    pub max_connections: u32,
    /// Tells the time for `created_at` and the like.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // the address may hold a password
        f.debug_struct("OpenOptions")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// What the hub remembers. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    backend: Backend,
    mint: Arc<Mint>,
}

/// Where it is kept.
pub(crate) enum Backend {
    Memory(Box<Memory>),
    Sql(Box<Sql>),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend_name()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a store and starts its writer. Does not migrate.
    ///
    /// # Errors
    /// When the address is bad, the database cannot be reached, or it would not keep what it says it keeps.
    pub async fn open(options: OpenOptions) -> Result<Self, OpenError> {
        Self::open_by(options, None).await
    }

    /// The same with another address of a PostgreSQL, over which goes what is asked and changed within one organization: a
    /// pooler's, which may give each transaction another session.
    ///
    /// # Errors
    /// As [`Store::open`], and when that address leads elsewhere or to a pooler that does not carry the hub's statements.
    pub async fn open_by(options: OpenOptions, pooled: Option<&str>) -> Result<Self, OpenError> {
        let OpenOptions { url, max_connections, clock } = options;
        let mint = Arc::new(Mint::new(clock));
        let its_mint = Arc::clone(&mint);
        let backend = match url.split_once(':') {
            Some(("memory", _)) => Backend::Memory(Box::new(Memory::new(its_mint))),
            Some(("sqlite", _)) => {
                Backend::Sql(Box::new(Sql::open_sqlite(&url, max_connections, its_mint).await?))
            }
            Some(("postgres" | "postgresql", _)) => {
                let opened = Sql::open_postgres(&url, pooled, max_connections, its_mint);
                Backend::Sql(Box::new(opened.await?))
            }
            _ => {
                return Err(OpenError::BadUrl(
                    "it must begin with sqlite:, postgres: or memory:".to_owned(),
                ));
            }
        };
        Ok(Self(Arc::new(Inner { backend, mint })))
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.0.backend
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.mint.now()
    }

    /// A new id and its instant. Ids sort by when they were minted.
    pub(crate) fn mint(&self) -> (Uuid, Timestamp) {
        let now = self.now();
        (self.0.mint.id(now), now)
    }

    /// The audit row of something that is about to be done.
    pub(crate) fn entry(
        &self,
        org: OrgId,
        by: impl Into<By>,
        action: &'static str,
        object_kind: &'static str,
        object_id: Uuid,
        detail: &serde_json::Value,
    ) -> AuditEntry {
        let (id, at) = self.mint();
        let By { actor, reason, impersonation, request } = by.into();
        let deed = Deed { org, actor, action, object_kind, object_id };
        let entry = deed.entry(id, at, detail.to_string());
        AuditEntry { reason, impersonation, request, ..entry }
    }

    /// Waits until what is queued now is done.
    pub(crate) async fn settle(&self) {
        if let Backend::Sql(sql) = self.backend() {
            sql.writer.settle().await;
        }
    }

    /// Brings the schema up to date. Several at once wait for each other; all done is nothing to do.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn migrate(&self) -> Result<(), StoreError> {
        ask_patiently!(self, migrate())?;
        self.upkeep(self.now()).await.map(drop)
    }

    /// The names of the migrations that are still to be run.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        ask_patiently!(self, pending_migrations())
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        ask!(self, ping())
    }

    /// How long the oldest commit that is not answered yet has waited; `None` if there is none.
    #[must_use]
    pub fn writer_stalled_for(&self) -> Option<Duration> {
        match self.backend() {
            Backend::Memory(_) => None,
            Backend::Sql(sql) => sql.writer.stalled_for(),
        }
    }

    /// `sqlite`, `postgres` or `memory`.
    #[must_use]
    pub fn backend_name(&self) -> &'static str {
        match self.backend() {
            Backend::Memory(_) => "memory",
            Backend::Sql(sql) => match sql.pools {
                Pools::Postgres { .. } => "postgres",
                Pools::Sqlite { .. } => "sqlite",
            },
        }
    }

    /// Finishes what is queued, then closes every connection. Commits after that are `Unavailable`.
    pub async fn close(&self) {
        if let Backend::Sql(sql) = self.backend() {
            sql.close().await;
        }
    }

    /// Does what must be done now and then: partitions of readings ahead, statistics, keys of old requests.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn upkeep(&self, now: Timestamp) -> Result<UpkeepReport, StoreError> {
        ask_patiently!(self, upkeep(now))
    }

    /// How much there is of what is worth watching.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn counts(&self) -> Result<StoreCounts, StoreError> {
        ask!(self, counts())
    }

    /// Queues a unit's commit and does not wait. Commits of one unit are done in the order they were queued; when
    /// one fails, those of its unit that are queued behind it fail alike.
    #[must_use]
    pub fn submit(&self, commit: UnitCommit) -> PendingCommit {
        match self.backend() {
            Backend::Memory(memory) => memory.submit(&commit),
            Backend::Sql(sql) => sql.writer.submit(commit),
        }
    }

    /// Makes the memory store do `fault` instead of the next commit that has none before it; databases fail by
    /// themselves, and there this does nothing.
    pub fn inject(&self, fault: Fault) {
        if let Backend::Memory(memory) = self.backend() {
            memory.inject(fault);
        }
    }

    /// Makes a unit's commit durable: [`Store::submit`], awaited.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn commit(&self, commit: UnitCommit) -> Result<Committed, CommitError> {
        self.submit(commit).await
    }
}
