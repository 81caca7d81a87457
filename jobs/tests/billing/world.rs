//! A store of its own for each test, a clock that is set by hand, and organizations with readings.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use hub_billing::{Billing, BillingSettings, Prices};
use hub_domain::{
    Clock, MilliCelsius, OrgId, Point, Reading, SiteId, SourceId, Timestamp, UnitId, UtcDay,
    reading::Channel,
};
use hub_jobs::billing::PROVIDER;
use hub_store::{
    OpenOptions, Store, UnitCommit,
    records::{Actor, NewWebhookEvent},
};
use hub_testkit::{contract_mock::ContractMock, postgres::PrivatePostgres};
use serde_json::{Value, json};
use tempfile::TempDir;

/// 2026-11-20T12:00:00Z.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_795_176_000_000);

/// The secret of the webhooks.
const SECRET: &str = "whsec_jobs";

/// A clock that is set by hand.
#[derive(Debug)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn set(&self, at: Timestamp) {
        self.0.store(at.as_millis(), Ordering::Relaxed);
    }

    pub(crate) fn forward(&self, secs: i64) {
        self.0.fetch_add(secs * 1_000, Ordering::Relaxed);
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
    numbers: AtomicU64,
    _folder: Option<TempDir>,
}

/// An organization with a unit.
#[derive(Clone, Copy)]
pub(crate) struct Customer {
    pub(crate) org: OrgId,
    site: SiteId,
    unit: UnitId,
}

impl World {
    pub(crate) async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("hub.db").display());
        Self::open(url, Some(folder)).await
    }

    pub(crate) async fn on_postgres() -> Self {
        Self::open(PrivatePostgres::shared().create_database(), None).await
    }

    async fn open(url: String, folder: Option<TempDir>) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(NOON.as_millis())));
        let options = OpenOptions { url, max_connections: 4, clock: Arc::clone(&clock) as _ };
        let store = Store::open(options).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, clock, numbers: AtomicU64::new(0), _folder: folder }
    }

    pub(crate) fn today(&self) -> UtcDay {
        UtcDay::of(self.clock.now())
    }

    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// An organization that tries the hub out since now.
    pub(crate) async fn customer(&self) -> Customer {
        let store = &self.store;
        let name = format!("organization {}", self.number());
        let org = store.create_organization(&name, Actor::Hub).await.unwrap().id;
        let site = store.create_site(org, "Site", "UTC", Actor::Hub).await.unwrap().id;
        let unit = store.create_unit(org, site, None, "Unit", None, Actor::Hub).await.unwrap().id;
        store.billing_account(org).await.unwrap();
        Customer { org, site, unit }
    }

    /// So many readings of a day, a minute apart, of one sensor of that name; a second batch continues the first.
    pub(crate) async fn readings(
        &self,
        of: Customer,
        day: UtcDay,
        sensor: &str,
        minutes: std::ops::Range<u32>,
    ) {
        let source = SourceId::labelled(of.unit, sensor);
        let reading = |minute: u32| {
            let at = day.begins_at().plus_secs(minute * 60);
            let point = Point { source, channel: Channel::TEMPERATURE };
            Reading::new(point, at, self.clock.now(), MilliCelsius(4_000))
        };
        let Customer { org, site, unit } = of;
        let (fresh, past) = (minutes.map(reading).collect(), Vec::new());
        let commit = UnitCommit { org, site, unit, owner_epoch: 0, fresh, past, transition: None };
        self.store.commit(commit).await.unwrap();
    }

    /// Stores an event that speaks of a subscription, as the endpoint does; says whether it is new.
    pub(crate) async fn told(&self, id: &str, kind: &str, object: Value) -> bool {
        let event = json!({ "id": id, "type": kind, "created": 1_795_000_000, "data": { "object": object } });
        let event = NewWebhookEvent {
            id: id.to_owned(),
            kind: kind.to_owned(),
            body: event.to_string(),
            occurred_at: self.clock.now(),
        };
        self.store.keep_webhook(PROVIDER, event, self.clock.now()).await.unwrap()
    }
}

/// Stripe, which has one subscription of `org` in that state; `None` where its documents are not at hand.
pub(crate) async fn stripe(org: OrgId, status: &str) -> Option<(ContractMock, Billing)> {
    let made = NOON.as_millis() / 1_000;
    let shown = json!({
        "id": "sub_1", "customer": "cus_1", "status": status, "created": made, "metadata": { "org_id": org.to_string() },
        "trial_end": made + 86_400, "ended_at": made + 7_200, "cancel_at": null, "cancel_at_period_end": false,
        "items": { "object": "list", "data": [{
            "id": "si_1", "object": "subscription_item", "current_period_end": made + 2_592_000,
            "price": { "id": "price_2", "object": "price" },
        }] },
    });
    let mock = ContractMock::stripe_showing("subscription", &shown).await?;
    let billing = Billing::new(BillingSettings {
        key: "sk_test_jobs".into(),
        webhook_secrets: vec![SECRET.into()],
        url: Some(mock.url()),
        prices: Prices::parse("starter=price_1,pro=price_2,haccp=price_3").unwrap(),
    });
    Some((mock, billing.unwrap()))
}

/// What an event says of that subscription.
pub(crate) fn subscription(status: &str) -> Value {
    json!({ "object": "subscription", "id": "sub_1", "customer": "cus_1", "status": status })
}
