//! A store of its own for each test, and a clock that stands still until it is told.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use hub_domain::{Clock, OrgId, SiteId, Timestamp, UnitId};
use hub_store::{
    OpenOptions, Store,
    records::{Actor, Page, PageQuery, UnitRecord},
};
use hub_testkit::postgres::PrivatePostgres;
use tempfile::TempDir;

/// 2026-11-20T12:00:00Z.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_795_176_000_000);

/// A clock that is set by hand.
#[derive(Debug)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn at(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.as_millis()))
    }

    pub(crate) fn set(&self, at: Timestamp) {
        self.0.store(at.as_millis(), Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A store and what belongs to it.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) url: String,
    names: AtomicU64,
    _folder: Option<TempDir>,
}

impl World {
    pub(crate) async fn in_memory() -> Self {
        Self::open("memory:".to_owned(), None).await
    }

    pub(crate) async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("hub.db").display());
        Self::open(url, Some(folder)).await
    }

    pub(crate) async fn on_postgres() -> Self {
        let url = PrivatePostgres::shared()
            .create_database_like("store", |url| on_a_thread(migrated(url.to_owned())));
        Self::open(url, None).await
    }

    async fn open(url: String, folder: Option<TempDir>) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(NOON.as_millis())));
        let store = Store::open(options(&url, Arc::clone(&clock))).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, clock, url, names: AtomicU64::new(0), _folder: folder }
    }

    /// Another process's view of the same database.
    pub(crate) async fn second_store(&self) -> Store {
        Store::open(options(&self.url, Arc::clone(&self.clock))).await.unwrap()
    }

    pub(crate) fn name(&self, what: &str) -> String {
        format!("{what} {}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) async fn org(&self) -> OrgId {
        self.store.create_organization(&self.name("organization"), Actor::Hub).await.unwrap().id
    }

    pub(crate) async fn site(&self, org: OrgId) -> SiteId {
        self.store
            .create_site(org, &self.name("site"), "Europe/Berlin", Actor::Hub)
            .await
            .unwrap()
            .id
    }

    pub(crate) async fn unit(&self, org: OrgId, site: SiteId) -> UnitRecord {
        self.store.create_unit(org, site, None, &self.name("unit"), None, Actor::Hub).await.unwrap()
    }

    /// An organization with one site and `count` units there.
    pub(crate) async fn units(&self, count: usize) -> (OrgId, SiteId, Vec<UnitRecord>) {
        let org = self.org().await;
        let site = self.site(org).await;
        let mut units = Vec::with_capacity(count);
        for _ in 0..count {
            units.push(self.unit(org, site).await);
        }
        (org, site, units)
    }

    /// How many readings are stored of a unit.
    pub(crate) async fn count_readings(&self, org: OrgId, unit: UnitId) -> usize {
        let span = (Timestamp::EARLIEST, Timestamp::LATEST);
        self.store.readings(org, unit, span.0, span.1, page(5_000)).await.unwrap().items.len()
    }
}

pub(crate) fn options(url: &str, clock: Arc<HandClock>) -> OpenOptions {
    OpenOptions { url: url.to_owned(), max_connections: 4, clock }
}

pub(crate) fn page(limit: u16) -> PageQuery {
    PageQuery { limit, cursor: None }
}

/// Every item of a list, two at a time.
pub(crate) async fn all_pages<T, F>(mut ask: impl FnMut(PageQuery) -> F) -> Vec<T>
where
    F: Future<Output = Result<Page<T>, hub_store::StoreError>>,
{
    let (mut items, mut cursor) = (Vec::new(), None);
    loop {
        let page = ask(PageQuery { limit: 2, cursor }).await.unwrap();
        assert!(page.items.len() <= 2);
        items.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return items;
        }
    }
}

async fn migrated(url: String) {
    let clock = Arc::new(HandClock(AtomicI64::new(NOON.as_millis())));
    let store = Store::open(options(&url, clock)).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
}

/// Runs a future to its end on a thread of its own, from within another run time.
pub(crate) fn on_a_thread<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let run = || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}
