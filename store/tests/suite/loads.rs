//! What actors start from.

use hub_domain::{
    Input, Layer, MilliCelsius, Point, Reading, RuleField, RuleLayer, SourceId, Timestamp, UnitId,
    Version, reading::Channel,
};
use hub_store::{
    StoreError, TransitionCommit, UnitCommit,
    records::{Actor, AlertFilter, NewDevice},
};

use crate::{
    commits::{commit, reading, transition},
    live::Live,
    world::{NOON, World, page},
};

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

async fn rules(world: &World, org: hub_domain::OrgId) {
    let mut layer = Layer::default();
    for (field, value) in [
        (RuleField::HighLimit, 8_000),
        (RuleField::LowLimit, 2_000),
        (RuleField::ConfirmHighShutSecs, 300),
        (RuleField::ExpectedIntervalSecs, 60),
    ] {
        layer.set(field, Some(value)).unwrap();
    }
    world.store.put_rule(org, RuleLayer::Organization, org.0, layer, Actor::Hub).await.unwrap();
}

/// A batch of readings of some of a unit's points, some of them late or sent again.
fn batch(live: &Live, numbers: &mut Numbers, now: Timestamp) -> Vec<Reading> {
    let sources = [SourceId::direct(live.unit.id), SourceId::labelled(live.unit.id, "second")];
    let channels = ["temperature", "probe1", "manual", "board"];
    let count = numbers.below(4) + 1;
    let mut readings: Vec<_> = (0..count)
        .map(|_| {
            let source = sources[usize::try_from(numbers.below(2)).unwrap()];
            let channel =
                Channel::parse(channels[usize::try_from(numbers.below(4)).unwrap()]).unwrap();
            let age = i64::try_from(numbers.below(6) * 30_000).unwrap();
            let milli_c = i32::try_from(numbers.below(12_000)).unwrap() - 1_000;
            let recorded_at = now.plus_millis(-age);
            let mut reading =
                Reading::new(Point { source, channel }, recorded_at, now, MilliCelsius(milli_c));
            reading.battery_percent =
                (numbers.below(3) == 0).then_some(if numbers.below(5) == 0 { 5 } else { 90 });
            if reading.point.channel == Channel::MANUAL {
                reading.sequence = i64::try_from(numbers.below(4)).unwrap();
            }
            reading.door_open = (numbers.below(6) == 0).then_some(numbers.below(2) == 0);
            reading
        })
        .collect();
    readings.sort_by_key(|reading| reading.recorded_at);
    readings
}

pub(crate) async fn a_loaded_unit_folds_to_the_state_before(world: &World) {
    let store = &world.store;
    let (org, site, _) = world.units(3).await;
    rules(world, org).await;
    for seed in 0..4 {
        let mut numbers = Numbers(seed);
        let mut live = Live::all(store, site).await;
        let mut now = NOON.plus_secs(u32::try_from(seed).unwrap() * 100_000);
        for _ in 0..60 {
            now = now.plus_millis(i64::try_from(numbers.below(90_000)).unwrap() + 1);
            world.clock.set(now);
            let index = usize::try_from(numbers.below(3)).unwrap();
            let live = &mut live[index];
            if numbers.below(5) == 0 {
                let second = SourceId::labelled(live.unit.id, "second");
                let at = now.plus_millis(-i64::try_from(numbers.below(90_000)).unwrap());
                let gone = Input::RetireSource { source: second, at };
                let inputs = [Input::Tick, Input::Tick, gone];
                let input = &inputs[usize::try_from(numbers.below(3)).unwrap()];
                live.take(store, std::slice::from_ref(input), now).await.unwrap();
            } else {
                let readings = batch(live, &mut numbers, now);
                live.ingest(store, &readings, now).await.unwrap();
            }
        }
        let again = Live::all(store, site).await;
        for (before, after) in live.iter().zip(&again) {
            assert_eq!(after.unit.state, before.unit.state, "seed {seed}");
            assert_eq!(
                (after.unit.id, after.version),
                (before.unit.id, before.version),
                "seed {seed}"
            );
        }
    }
}

pub(crate) async fn late_readings_are_not_judged_again(world: &World) {
    let (org, site, units) = world.units(1).await;
    let mut live = Live::all(&world.store, site).await.pop().unwrap();
    let at = |secs| NOON.plus_secs(secs);
    for (recorded, arrived) in [(0, 0), (100, 100), (50, 130), (200, 200), (150, 230)] {
        let reading = reading(units[0].id, at(recorded), 4_000);
        live.ingest(&world.store, &[reading], at(arrived)).await.unwrap();
    }
    let loaded = world.store.load_sites(&[site]).await.unwrap().pop().unwrap().units.pop().unwrap();
    let since: Vec<_> = loaded.since.iter().map(|reading| reading.recorded_at).collect();
    assert_eq!(since, [at(100), at(200)], "the first made the checkpoint, two were late");
    assert_eq!(world.count_readings(org, units[0].id).await, 5);
}

pub(crate) async fn the_newest_judged_reading_of_a_point_is_found(world: &World) {
    let (org, site, units) = world.units(2).await;
    let unit = units[0].id;
    let at = |secs| reading(unit, NOON.plus_secs(secs), 4_000);
    let point = at(0).point;
    let other = Point { channel: Channel::MANUAL, ..point.clone() };
    let asked = [other.clone(), point.clone()];
    let newest = async || world.store.newest_judged(unit, &asked).await.unwrap();
    assert_eq!(newest().await, []);
    let fresh = vec![at(0), Reading { sequence: 7, ..at(50) }, at(50)];
    let past = vec![at(90), Reading { point: other, ..at(20) }];
    world.store.commit(UnitCommit { fresh, past, ..commit(org, site, unit) }).await.unwrap();
    let fresh = vec![Reading { point: point.clone(), ..reading(units[1].id, NOON, 1_000) }];
    let elsewhere = UnitCommit { fresh, ..commit(org, site, units[1].id) };
    world.store.commit(elsewhere).await.unwrap();
    assert_eq!(newest().await, [Reading { sequence: 7, ..at(50) }], "late ones were not judged");
}

pub(crate) async fn a_site_is_loaded_with_all_it_has(world: &World) {
    let store = &world.store;
    let (org, site, units) = world.units(2).await;
    rules(world, org).await;
    let empty = world.site(org).await;
    let device =
        NewDevice { name: "d".to_owned(), unit: Some(units[0].id), ..NewDevice::default() };
    store.create_device(org, device, Actor::Hub).await.unwrap();
    let mut live = Live::all(store, site).await;
    let hot = live[0].reading(NOON, 20_000);
    live[0].ingest(store, &[hot], NOON).await.unwrap();

    let mut loaded = store.load_sites(&[empty, site, hub_domain::SiteId(org.0)]).await.unwrap();
    loaded.sort_by_key(|loaded| loaded.units.len());
    assert_eq!(loaded.len(), 2, "a site that is not there is left out");
    assert_eq!((loaded[0].site.id, loaded[0].owner_epoch, loaded[0].alerts.len()), (empty, 1, 0));
    let full = &loaded[1];
    assert_eq!((full.site.id, full.owner_epoch), (site, 2));
    assert_eq!(full.units.iter().map(|unit| unit.record.clone()).collect::<Vec<_>>(), units);
    assert_eq!(
        full.alerts,
        store.alerts(org, AlertFilter::default(), page(9)).await.unwrap().items
    );
    assert_eq!(full.alerts.len(), 1);
    assert_eq!((full.units[0].version, full.units[1].version), (Version(1), Version(0)));
    assert_eq!(
        (full.units[0].rule_version, full.units[0].rule.high_limit),
        (1, Some(MilliCelsius(8_000)))
    );
    assert_eq!(store.all_sites().await.unwrap(), [site]);
}

pub(crate) async fn what_is_peeked_at_stays_with_whoever_has_it(world: &World) {
    let store = &world.store;
    let (org, site, units) = world.units(2).await;
    rules(world, org).await;
    let mut live = Live::all(store, site).await;
    let (hot, hotter) =
        (live[0].reading(NOON, 20_000), live[0].reading(NOON.plus_secs(60), 21_000));
    live[0].ingest(store, &[hot], NOON).await.unwrap();

    let mut peeked = store.peek_sites(&[site, hub_domain::SiteId(org.0)]).await.unwrap();
    assert_eq!(peeked.len(), 1, "a site that is not there is left out");
    let peeked = peeked.remove(0);
    assert_eq!(peeked.units.iter().map(|unit| unit.record.clone()).collect::<Vec<_>>(), units);
    assert_eq!(peeked.alerts.len(), 1);
    let one = store.peek_unit(units[0].id).await.unwrap().unwrap();
    assert_eq!((one.version, &one.state), (peeked.units[0].version, &peeked.units[0].state));
    assert!(store.peek_unit(UnitId(site.0)).await.unwrap().is_none());

    live[0].ingest(store, &[hotter], NOON.plus_secs(60)).await.unwrap();
    let loaded = store.load_sites(&[site]).await.unwrap().remove(0);
    assert_eq!(loaded.owner_epoch, peeked.owner_epoch + 1, "of the two only this takes it over");
}

pub(crate) async fn a_unit_is_loaded_under_the_present_epoch_only(world: &World) {
    let (_, site, units) = world.units(2).await;
    let epoch = world.store.load_sites(&[site]).await.unwrap()[0].owner_epoch;
    let loaded = world.store.load_unit(units[1].id, epoch).await.unwrap().unwrap();
    assert_eq!(loaded.record, units[1]);
    assert!(matches!(
        world.store.load_unit(units[1].id, epoch - 1).await,
        Err(StoreError::NotOwner)
    ));
    assert!(world.store.load_unit(UnitId(site.0), epoch).await.unwrap().is_none());
    assert_eq!(world.store.site_of_unit(UnitId(site.0)).await.unwrap(), None);
}

pub(crate) async fn sites_that_are_due_are_found(world: &World) {
    let (org, site, units) = world.units(2).await;
    world.units(1).await;
    let wake = |expected, wake_at| UnitCommit {
        transition: Some(TransitionCommit { wake_at, ..transition(expected) }),
        ..commit(org, site, units[1].id)
    };
    let due = async |at| world.store.due_sites(at).await.unwrap();
    assert_eq!(due(Timestamp::LATEST).await, []);
    world.store.commit(wake(0, Some(NOON))).await.unwrap();
    assert_eq!(due(NOON.plus_millis(-1)).await, []);
    assert_eq!(due(NOON).await, [site]);
    world.store.commit(wake(1, None)).await.unwrap();
    assert_eq!(due(Timestamp::LATEST).await, []);
}

pub(crate) async fn many_sites_are_loaded_at_once(world: &World) {
    let org = world.org().await;
    let mut sites = Vec::new();
    for _ in 0..40 {
        let site = world.site(org).await;
        let unit = world.unit(org, site).await;
        let fresh = vec![reading(unit.id, NOON, 4_000)];
        world.store.commit(UnitCommit { fresh, ..commit(org, site, unit.id) }).await.unwrap();
        sites.push(site);
    }
    // one that is asked for twice is claimed once
    let asked: Vec<_> = sites.iter().chain(&sites[..3]).copied().collect();
    let mut loaded = world.store.load_sites(&asked).await.unwrap();
    loaded.sort_by_key(|loaded| loaded.site.id);
    assert_eq!(loaded.iter().map(|loaded| loaded.site.id).collect::<Vec<_>>(), sites);
    assert!(loaded.iter().all(|loaded| loaded.owner_epoch == 1 && loaded.units.len() == 1));
}
