//! A tree on the memory store, with one unit, under a paused clock.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hub_actors::{
    AskError, Channels, ReadingFate, ShownUnit, UnitBatch, Units, UnitsSettings,
    channel::{ChannelName, ChannelSettings, Encoder, News},
};
use hub_domain::{
    AlertEventKind, AlertId, AlertKind, Channel, Clock, Layer, MilliCelsius, OrgId, Point, Reading,
    RuleField, RuleLayer, SiteId, SourceId, Timestamp, UnitId, UserId,
};
use hub_store::{
    OpenOptions, Store,
    records::{Actor, AlertFilter, AlertRecord, PageQuery},
};
use tokio::time::Instant;
use uuid::Uuid;

/// Who acknowledges.
pub(crate) const PERSON: UserId = UserId(Uuid::from_u128(7));
/// When the paused clock starts: 2026-01-01T00:00:00Z.
const BEGAN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Tells tokio's own time, so that timers and `now` agree.
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        BEGAN.plus_millis(i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

/// Nobody listens here, so nothing is encoded.
struct Mute;

impl Encoder for Mute {
    fn data(&self, _news: &News, _at_nanos: i64) -> Bytes {
        Bytes::new()
    }

    fn push(&self, _channel: ChannelName, _offset: u64, _data: &[u8]) -> Bytes {
        Bytes::new()
    }
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) units: Units,
    pub(crate) org: OrgId,
    pub(crate) site: SiteId,
    pub(crate) unit: UnitId,
    pub(crate) clock: Arc<dyn Clock>,
    settings: UnitsSettings,
}

impl World {
    pub(crate) async fn begin() -> Self {
        Self::with(UnitsSettings::default()).await
    }

    pub(crate) async fn with(settings: UnitsSettings) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(PausedClock(Instant::now()));
        let options = OpenOptions {
            url: "memory:".to_owned(),
            max_connections: 1,
            clock: Arc::clone(&clock),
        };
        let store = Store::open(options).await.unwrap();
        let org = store.create_organization("Memory", Actor::Hub).await.unwrap().id;
        let site = store.create_site(org, "Kitchen", "UTC", Actor::Hub).await.unwrap().id;
        let unit =
            store.create_unit(org, site, None, "Walk-in", None, Actor::Hub).await.unwrap().id;
        let mut layer = Layer::default();
        layer.set(RuleField::LowLimit, Some(0)).unwrap();
        layer.set(RuleField::HighLimit, Some(5_000)).unwrap();
        store.put_rule(org, RuleLayer::Organization, org.0, layer, Actor::Hub).await.unwrap();
        let units = start(&store, &clock, &settings).await;
        Self { store, units, org, site, unit, clock, settings }
    }

    /// Ends the tree, lets time pass, and starts another on the same store.
    pub(crate) async fn stop_for(self, secs: u32) -> Self {
        self.units.stop(Duration::from_secs(5)).await;
        tokio::time::sleep(Duration::from_secs(secs.into())).await;
        let units = start(&self.store, &self.clock, &self.settings).await;
        Self { units, ..self }
    }

    /// One more tree on the same store, as if of another process.
    pub(crate) async fn another_tree(&self, settings: &UnitsSettings) -> Units {
        start(&self.store, &self.clock, settings).await
    }

    pub(crate) async fn sleep(&self, secs: u32) {
        tokio::time::sleep(Duration::from_secs(secs.into())).await;
        // lets whatever was woken at this very instant have its turn
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    pub(crate) async fn another_unit(&self) -> UnitId {
        self.store
            .create_unit(self.org, self.site, None, "Another", None, Actor::Hub)
            .await
            .unwrap()
            .id
    }

    pub(crate) fn reading(&self, unit: UnitId, milli_celsius: i32) -> Reading {
        let point = Point { source: SourceId::direct(unit), channel: Channel::TEMPERATURE };
        Reading::new(point, self.clock.now(), Timestamp::default(), MilliCelsius(milli_celsius))
    }

    pub(crate) async fn try_ingest(
        &self,
        milli_celsius: i32,
    ) -> Result<Vec<ReadingFate>, AskError> {
        let batch =
            UnitBatch { unit: self.unit, readings: vec![self.reading(self.unit, milli_celsius)] };
        self.units.ingest(vec![batch]).await.remove(0)
    }

    #[track_caller]
    pub(crate) fn ingest(&self, milli_celsius: i32) -> impl Future<Output = ()> + '_ {
        let place = std::panic::Location::caller();
        async move {
            let fates = self.try_ingest(milli_celsius).await;
            assert_eq!(fates, Ok(vec![ReadingFate::Accepted]), "at {place}");
        }
    }

    pub(crate) async fn show(&self) -> ShownUnit {
        self.units.show(self.unit).await.unwrap()
    }

    pub(crate) async fn alerts(&self, kind: AlertKind) -> Vec<AlertRecord> {
        let filter =
            AlertFilter { unit: Some(self.unit), kind: Some(kind), ..AlertFilter::default() };
        let page = PageQuery { limit: 200, cursor: None };
        self.store.alerts(self.org, filter, page).await.unwrap().items
    }

    pub(crate) async fn wait_for(
        &self,
        kind: AlertKind,
        is_so: impl Fn(&[AlertRecord]) -> bool,
    ) -> Vec<AlertRecord> {
        for _ in 0..1_000 {
            let alerts = self.alerts(kind).await;
            if is_so(&alerts) {
                return alerts;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the alerts are {:?}", self.alerts(kind).await);
    }

    pub(crate) async fn events(&self, alert: AlertId) -> Vec<AlertEventKind> {
        let events = self.store.alert_events(self.org, alert).await.unwrap();
        events.into_iter().map(|event| event.event).collect()
    }

    pub(crate) async fn stored(&self) -> usize {
        let page = PageQuery { limit: 200, cursor: None };
        let (from, to) = (Timestamp::EARLIEST, Timestamp::LATEST);
        self.store.readings(self.org, self.unit, from, to, page).await.unwrap().items.len()
    }

    pub(crate) async fn set_rule(
        &self,
        layer: RuleLayer,
        scope: Uuid,
        said: &[(RuleField, Option<i64>)],
    ) {
        let mut rule = Layer::default();
        said.iter().for_each(|(field, value)| rule.set(*field, *value).unwrap());
        self.store.put_rule(self.org, layer, scope, rule, Actor::Hub).await.unwrap();
    }
}

async fn start(store: &Store, clock: &Arc<dyn Clock>, settings: &UnitsSettings) -> Units {
    let channels = Channels::new(Arc::new(Mute), Arc::new(|| 0), ChannelSettings::default());
    Units::start(store.clone(), Arc::clone(clock), channels, settings.clone()).await.unwrap()
}
