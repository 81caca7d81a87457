//! Two trees on one store, as of two processes: each has its share of the sites, and they ask each other.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use hub_actors::{Peers, ReadingFate, UnitAnswer, UnitBatch, Units, UnitsSettings};
use hub_domain::{AlertKind, NodeId, SiteId, Status, UnitId, placement};
use hub_store::records::{Actor, AlertFilter, AlertRecord, PageQuery};
use uuid::Uuid;

use crate::world::World;

const OURS: NodeId = NodeId(Uuid::from_u128(1));
const THEIRS: NodeId = NodeId(Uuid::from_u128(2));

/// So many that each node has some: that one has none would be one chance in a million.
const SITES: usize = 20;

/// The line to the other tree.
#[derive(Default)]
struct Line {
    other: OnceLock<Units>,
    is_cut: AtomicBool,
}

impl Peers for Line {
    fn ingest(
        &self,
        node: NodeId,
        batches: Vec<UnitBatch>,
    ) -> BoxFuture<'_, Option<Vec<UnitAnswer>>> {
        assert_eq!(node, THEIRS);
        Box::pin(async move {
            let other = self.other.get().filter(|_| !self.is_cut.load(Ordering::SeqCst))?;
            Some(other.ingest_here(batches).await)
        })
    }
}

/// Two trees that know of each other.
struct Pair {
    world: World,
    theirs: Units,
    line: Arc<Line>,
    places: Vec<(SiteId, UnitId)>,
}

impl Pair {
    async fn begin() -> Self {
        let line = Arc::<Line>::default();
        let peers: Arc<dyn Peers> = line.clone();
        let of = |node, peers| UnitsSettings {
            node: Some(node),
            nodes: vec![OURS, THEIRS],
            peers,
            ..UnitsSettings::default()
        };
        let world = World::with(of(OURS, Some(peers))).await;
        let theirs = world.another_tree(&of(THEIRS, None)).await;
        line.other.set(theirs.clone()).ok().unwrap();
        let mut places = vec![(world.site, world.unit)];
        for _ in 1..SITES {
            let site = world.store.create_site(world.org, "Kitchen", "UTC", Actor::Hub).await;
            let site = site.unwrap().id;
            let unit = world.store.create_unit(world.org, site, None, "Walk-in", None, Actor::Hub);
            places.push((site, unit.await.unwrap().id));
        }
        let pair = Self { world, theirs, line, places };
        pair.meet_anew().await;
        pair
    }

    /// As if each had seen the other come just now.
    async fn meet_anew(&self) {
        meet(&self.theirs, vec![THEIRS]).await;
        meet(&self.world.units, vec![OURS]).await;
        meet(&self.theirs, vec![OURS, THEIRS]).await;
        meet(&self.world.units, vec![OURS, THEIRS]).await;
    }

    fn of(&self, node: NodeId) -> impl Iterator<Item = (SiteId, UnitId)> {
        let is_its = move |site| placement::home(site, &[OURS, THEIRS]) == Some(node);
        self.places.iter().copied().filter(move |(site, _)| is_its(*site))
    }

    fn live(&self) -> [usize; 2] {
        [self.world.units.stats().live_sites, self.theirs.stats().live_sites]
    }

    /// The alarms of heat at a unit.
    async fn of_heat(&self, unit: UnitId) -> Vec<AlertRecord> {
        let kind = Some(AlertKind::TemperatureHigh);
        let filter = AlertFilter { unit: Some(unit), kind, ..AlertFilter::default() };
        let page = PageQuery { limit: 200, cursor: None };
        self.world.store.alerts(self.world.org, filter, page).await.unwrap().items
    }

    async fn send(&self, unit: UnitId, milli_celsius: i32) {
        let readings = vec![self.world.reading(unit, milli_celsius)];
        let answer = self.world.units.ingest(vec![UnitBatch { unit, readings }]).await.remove(0);
        assert_eq!(answer, Ok(vec![ReadingFate::Accepted]));
    }
}

/// Has a tree see who is there, and settle.
async fn meet(units: &Units, nodes: Vec<NodeId>) {
    if units.meet(nodes) {
        units.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_tree_has_its_share_and_all_of_it_when_it_is_alone() {
    let pair = Pair::begin().await;
    let shares = [pair.of(OURS).count(), pair.of(THEIRS).count()];
    assert!(shares.iter().all(|share| *share > 0));
    assert_eq!(pair.live(), shares);
    meet(&pair.world.units, vec![OURS]).await;
    assert_eq!(pair.live()[0], SITES);
    meet(&pair.world.units, vec![OURS, THEIRS]).await;
    assert_eq!(pair.live()[0], shares[0]);
}

#[tokio::test(start_paused = true)]
async fn a_tree_that_is_to_leave_hands_on_what_it_is_still_asked() {
    let pair = Pair::begin().await;
    let (_, unit) = pair.of(OURS).next().unwrap();
    meet(&pair.theirs, vec![THEIRS]).await;
    meet(&pair.world.units, vec![THEIRS]).await;
    assert_eq!(pair.live(), [0, SITES]);
    pair.send(unit, 9_000).await;
    assert_eq!(pair.live(), [0, SITES], "nothing was taken back for it");
    assert_eq!(pair.theirs.show(unit).await.unwrap().view.status, Status::Excursion);

    // though the other does not know yet
    meet(&pair.theirs, vec![OURS, THEIRS]).await;
    pair.world.sleep(1).await;
    pair.send(unit, 9_100).await;
    assert_eq!(pair.live()[0], 0);
    assert_eq!(pair.theirs.show(unit).await.unwrap().view.temperature.unwrap().0, 9_100);
}

#[tokio::test(start_paused = true)]
async fn a_reading_of_anothers_unit_is_judged_there_and_by_us_where_nobody_answers() {
    let pair = Pair::begin().await;
    let shares = pair.live();
    let (site, unit) = pair.of(THEIRS).next().unwrap();
    pair.send(unit, 9_000).await;
    assert_eq!(pair.live(), shares, "nothing was taken for it");
    assert_eq!(pair.theirs.show(unit).await.unwrap().view.status, Status::Excursion);
    assert_eq!(pair.world.units.show(unit).await.unwrap().view.status, Status::Excursion);
    assert_eq!(pair.live(), shares, "nor for looking at it");

    pair.line.is_cut.store(true, Ordering::SeqCst);
    pair.world.sleep(1).await;
    pair.send(unit, 9_100).await;
    assert_eq!(pair.live(), [shares[0] + 1, shares[1]]);
    let shown = pair.world.units.show(unit).await.unwrap();
    assert_eq!(shown.view.temperature.unwrap().0, 9_100);

    // it hears that it was taken over, and lets go
    let epoch = pair.world.store.peek_sites(&[site]).await.unwrap()[0].owner_epoch;
    pair.theirs.taken_over(&[(site, epoch)]).await;
    assert_eq!(pair.live(), [shares[0] + 1, shares[1] - 1]);
    pair.theirs.taken_over(&[(site, epoch)]).await;
    assert_eq!(pair.live(), [shares[0] + 1, shares[1] - 1], "once");

    // the alarm is due once, whoever looks after it
    pair.line.is_cut.store(false, Ordering::SeqCst);
    pair.meet_anew().await;
    assert_eq!(pair.live(), shares);
    pair.world.sleep(11 * 60).await;
    let of_heat = pair.of_heat(unit).await;
    assert_eq!(of_heat.len(), 1, "{of_heat:?}");
    assert_eq!(of_heat[0].confirmed_at, Some(of_heat[0].opened_at.plus_secs(10 * 60)));
}

#[tokio::test(start_paused = true)]
async fn what_is_heard_of_anothers_site_is_what_is_stored() {
    let pair = Pair::begin().await;
    let shares = pair.live();
    let (site, unit) = pair.of(THEIRS).next().unwrap();
    pair.world.units.hear(site).await.unwrap();
    for milli_celsius in [3_000, 4_000] {
        pair.world.sleep(60).await;
        pair.send(unit, milli_celsius).await;
        pair.world.sleep(1).await; // it is looked twice a second
        let shown = pair.world.units.show(unit).await.unwrap();
        assert_eq!(shown.view.temperature.unwrap().0, milli_celsius);
    }
    assert_eq!(pair.live(), shares, "it stays where it is");
    let before = pair.world.store.peek_sites(&[site]).await.unwrap()[0].owner_epoch;
    pair.world.units.hear(site).await.unwrap();
    assert_eq!(pair.world.store.peek_sites(&[site]).await.unwrap()[0].owner_epoch, before);
}

#[tokio::test(start_paused = true)]
async fn what_is_neglected_where_it_belongs_is_seen_to_elsewhere() {
    let pair = Pair::begin().await;
    let (_, unit) = pair.of(THEIRS).next().unwrap();
    pair.send(unit, 9_000).await;
    // it says that it is there and does nothing any more
    pair.theirs.stop(Duration::from_secs(1)).await;
    pair.line.is_cut.store(true, Ordering::SeqCst);
    pair.world.sleep(10 * 60 + 60).await;
    let alert = pair.of_heat(unit).await.remove(0);
    assert_eq!(alert.confirmed_at, Some(alert.opened_at.plus_secs(10 * 60)));
}
