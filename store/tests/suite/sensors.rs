//! Sensors: what each measured when, what a change of one leaves to be done, and whose all of it is.

use hub_domain::{DeviceId, OrgId, Timestamp, UnitId};
use hub_store::{
    StoreError,
    records::{
        Actor, Assignment, CalibrationEdit, DeviceEdit, DeviceFilter, Edition, GatewayEdit, Life,
        MaintenanceWindow, NewCalibration, NewDevice, NewGateway, Settled, Uplink, WindowKind,
    },
};
use uuid::Uuid;

use crate::world::{NOON, World, all_pages};

fn at(minute: u32) -> Timestamp {
    NOON.plus_secs(60 * minute)
}

async fn device(world: &World, org: OrgId, unit: Option<UnitId>, eui: Option<&str>) -> DeviceId {
    let new = NewDevice {
        name: "Sensor".to_owned(),
        dev_eui: eui.map(str::to_owned),
        unit,
        ..NewDevice::default()
    };
    world.store.create_device(org, new, Actor::Hub).await.unwrap().id
}

async fn assignments(world: &World, org: OrgId, device: DeviceId) -> Vec<Assignment> {
    world.store.sensors(org, &[device], &[]).await.unwrap().remove(0).assignments
}

pub(crate) async fn assignments_follow_each_other_and_never_overlap(world: &World) {
    let store = &world.store;
    let (org, _, units) = world.units(2).await;
    let (a, b) = (units[0].id, units[1].id);
    let id = device(world, org, Some(a), None).await;
    world.clock.set(at(100));
    let assign = |unit, from| store.assign_device(org, id, unit, from, Actor::Hub);
    let overlaps = |error| assert!(matches!(error, Err(StoreError::Overlaps)), "{error:?}");

    assert_eq!(assign(Some(b), Some(at(20))).await.unwrap().unit, Some(b));
    assert_eq!(assign(None, Some(at(50))).await.unwrap().unit, None);
    overlaps(assign(Some(a), Some(at(49))).await.map(drop));
    assert_eq!(assign(Some(a), Some(at(70))).await.unwrap().unit, Some(a));
    overlaps(assign(Some(b), Some(at(69))).await.map(drop));
    assert_eq!(assign(Some(a), Some(at(60))).await.unwrap().unit, Some(a));
    let expected = [
        Assignment { unit: a, from: at(60), until: None },
        Assignment { unit: b, from: at(20), until: Some(at(50)) },
        Assignment { unit: a, from: Timestamp::EARLIEST, until: Some(at(20)) },
    ];
    assert_eq!(assignments(world, org, id).await, expected);
    let sensor = store.sensors(org, &[id], &[]).await.unwrap().remove(0);
    let unit_at = |minute| sensor.at(at(minute)).map(|assignment| assignment.unit);
    assert_eq!(
        [0, 19, 20, 49, 50, 59, 60, 99].map(unit_at),
        [Some(a), Some(a), Some(b), Some(b), None, None, Some(a), Some(a)]
    );

    // one that began at that very instant was a mistake
    assert_eq!(assign(Some(b), Some(at(60))).await.unwrap().unit, Some(b));
    assert_eq!(assignments(world, org, id).await.len(), 3);
    assert_eq!(store.sensors(org, &[id], &[]).await.unwrap()[0].at(at(60)).unwrap().unit, b);
    let edit = DeviceEdit { unit: Some(None), ..DeviceEdit::default() };
    store.edit_device(org, id, None, edit, Actor::Hub).await.unwrap();
    assert_eq!(assignments(world, org, id).await[0].until, Some(at(100)));
    assert_eq!(all_pages(|page| store.assignments_of_device(org, id, page)).await.len(), 3);
    assert_eq!(all_pages(|page| store.assignments_of_unit(org, b, page)).await.len(), 2);
}

pub(crate) async fn a_change_is_noted_until_it_is_carried_through(world: &World) {
    let store = &world.store;
    let (org, _, units) = world.units(2).await;
    let id = device(world, org, Some(units[0].id), None).await;
    let chores = store.device_chores(at(0), 10).await.unwrap();
    assert_eq!(chores.iter().map(|chore| chore.device).collect::<Vec<_>>(), [id]);
    world.clock.set(at(5));
    store.assign_device(org, id, Some(units[1].id), None, Actor::Hub).await.unwrap();
    store.finish_chore(chores[0]).await.unwrap();
    assert!(store.device_chores(at(4), 10).await.unwrap().is_empty(), "there was another change");
    let again = store.device_chores(at(5), 10).await.unwrap();
    assert_eq!(again.len(), 1);

    let duties = store.device_duties(org, id).await.unwrap().unwrap();
    let mut told: Vec<_> = duties.units.iter().map(|duty| (duty.unit, duty.left_at)).collect();
    told.sort_unstable();
    let mut expected = vec![(units[0].id, Some(at(5))), (units[1].id, None)];
    expected.sort_unstable();
    assert_eq!(told, expected);
    store.delete_device(org, id, None, Actor::Hub).await.unwrap();
    let duties = store.device_duties(org, id).await.unwrap().unwrap();
    assert!(duties.sensor.assignments.is_empty(), "nothing is read for a deleted sensor");
    assert!(duties.units.iter().all(|duty| duty.left_at.is_some()));
    store.finish_chore(again[0]).await.unwrap();
    assert!(store.device_chores(at(6), 10).await.unwrap().is_empty());
}

pub(crate) async fn what_failed_is_looked_at_after_the_others(world: &World) {
    let store = &world.store;
    let org = world.org().await;
    let first = device(world, org, None, None).await;
    world.clock.set(at(1));
    let second = device(world, org, None, None).await;
    let due = async || {
        let chores = store.device_chores(at(9), 10).await.unwrap();
        chores.iter().map(|chore| chore.device).collect::<Vec<_>>()
    };
    assert_eq!(due().await, [first, second]);
    let failed = store.device_chores(at(9), 1).await.unwrap()[0];
    store.put_off_chore(failed, at(2)).await.unwrap();
    assert_eq!(due().await, [second, first]);
    store.put_off_chore(failed, at(3)).await.unwrap();
    assert_eq!(store.device_chores(at(2), 10).await.unwrap().len(), 2, "it is another note since");
}

pub(crate) async fn what_is_left_to_do_of_a_deleted_organization_waits(world: &World) {
    let store = &world.store;
    let (org, site, units) = world.units(1).await;
    device(world, org, None, None).await;
    store.note_units(org, &[units[0].id], at(0)).await.unwrap();
    let window = MaintenanceWindow {
        id: Uuid::now_v7(),
        org,
        site,
        unit: None,
        alert: None,
        kind: WindowKind::Maintenance,
        starts_at: at(1),
        ends_at: at(60),
        reason: "new door seal".to_owned(),
        begun_at: None,
        ended_at: None,
        created_by: None,
        created_at: at(0),
        edition: Edition::default(),
    };
    store.plan_window(&window, Actor::Hub).await.unwrap();
    let due = async || {
        let devices = store.device_chores(at(9), 10).await.unwrap().len();
        let units = store.unit_chores(at(9), 10).await.unwrap().len();
        (devices, units, store.due_windows(at(9)).await.unwrap().len())
    };
    assert_eq!(due().await, (1, 1, 1));
    store.delete_organization(org, Actor::Hub).await.unwrap();
    assert_eq!(due().await, (0, 0, 0), "nothing of it can be done, and it is in nobody's way");
}

pub(crate) async fn a_unit_that_was_left_at_once_is_told(world: &World) {
    let store = &world.store;
    let (org, _, units) = world.units(3).await;
    let [a, b, c] = [0, 1, 2].map(|index: usize| units[index].id);
    let id = device(world, org, None, None).await;
    let assign = |unit, from| store.assign_device(org, id, unit, Some(from), Actor::Hub);
    world.clock.set(at(50));
    let told = async || {
        let duties = store.device_duties(org, id).await.unwrap().unwrap();
        let mut told: Vec<_> =
            duties.units.iter().map(|duty| (duty.unit, duty.left_at.is_none())).collect();
        told.sort_unstable();
        told
    };
    let sorted = |mut units: Vec<(UnitId, bool)>| {
        units.sort_unstable();
        units
    };
    assign(Some(a), at(10)).await.unwrap();
    assign(Some(b), at(10)).await.unwrap();
    assert_eq!(told().await, sorted(vec![(a, false), (b, true)]), "a slip that was corrected");
    assert_eq!(all_pages(|page| store.assignments_of_unit(org, a, page)).await, []);
    assign(None, at(10)).await.unwrap();
    assert_eq!(told().await, sorted(vec![(a, false), (b, false)]));
    assert_eq!(assignments(world, org, id).await, []);
    // nothing that was a mistake is in the way of what is so
    assign(Some(c), at(5)).await.unwrap();
    assign(Some(c), at(2)).await.unwrap();
    assign(Some(a), at(20)).await.unwrap();
    let expected = [
        Assignment { unit: a, from: at(20), until: None },
        Assignment { unit: c, from: at(2), until: Some(at(20)) },
    ];
    assert_eq!(assignments(world, org, id).await, expected);
    assert_eq!(told().await, sorted(vec![(a, true), (b, false), (c, false)]));
}

pub(crate) async fn what_is_claimed_is_noted_as_nobodys_no_more(world: &World) {
    let store = &world.store;
    let (org, other) = (world.org().await, world.org().await);
    let unclaimed = async |org| all_pages(|page| store.unclaimed_devices(org, page)).await.len();
    let id = device(world, org, None, Some("A84041000181B2C4")).await;
    for of in [org, other] {
        // a frame that was taken in before the claim and is noted after it
        store.note_unclaimed(of, "A84041000181B2C4", at(0), true).await.unwrap();
    }
    assert_eq!((unclaimed(org).await, unclaimed(other).await), (0, 1));
    store.delete_device(org, id, None, Actor::Hub).await.unwrap();
    store.note_unclaimed(org, "A84041000181B2C4", at(1), true).await.unwrap();
    assert_eq!(unclaimed(org).await, 1, "it is nobody's again");
    let chore = store.device_chores(at(9), 1).await.unwrap()[0];
    store.finish_chore(chore).await.unwrap();
    assert_eq!((unclaimed(org).await, unclaimed(other).await), (1, 1), "of a deleted one it stays");
}

pub(crate) async fn the_earliest_of_the_newest_calibrations_is_owed(world: &World) {
    let store = &world.store;
    let (org, _, units) = world.units(1).await;
    let unit = units[0].id;
    let ids =
        [device(world, org, Some(unit), None).await, device(world, org, Some(unit), None).await];
    let calibration = |device, performed, due: Option<u32>| NewCalibration {
        device,
        performed_at: at(performed),
        performed_by: "Lab".to_owned(),
        deviation: None,
        certificate: None,
        note: None,
        due_at: due.map(at),
    };
    let owed = async || {
        let duties = store.device_duties(org, ids[0]).await.unwrap().unwrap();
        duties.units[0].calibration_due_at
    };
    let make = |new| store.create_calibration(org, new, Actor::Hub);
    assert_eq!(owed().await, None);
    make(calibration(ids[0], 10, Some(100))).await.unwrap();
    assert_eq!(owed().await, Some(at(100)));
    let later = make(calibration(ids[0], 20, Some(300))).await.unwrap();
    assert_eq!(owed().await, Some(at(300)), "the newest of a sensor counts");
    make(calibration(ids[1], 5, Some(200))).await.unwrap();
    assert_eq!(owed().await, Some(at(200)), "the earliest of the unit's sensors");
    make(calibration(ids[1], 6, None)).await.unwrap();
    assert_eq!(owed().await, Some(at(300)));
    assert_eq!(store.delete_calibration(org, later.id, None, Actor::Hub).await.unwrap(), ids[0]);
    assert_eq!(owed().await, Some(at(100)));
}

pub(crate) async fn a_gateway_is_noted_once_a_minute(world: &World) {
    let (store, org) = (&world.store, world.org().await);
    let gateway = NewGateway {
        name: "Roof".to_owned(),
        gateway_eui: Some("B827EBFFFE000001".to_owned()),
        site: None,
    };
    let id = store.create_gateway(org, gateway, Actor::Hub).await.unwrap().id;
    for (secs, seen) in [(0, 0), (59, 0), (60, 60), (30, 60)] {
        store.note_gateway(org, "B827EBFFFE000001", NOON.plus_secs(secs)).await.unwrap();
        let gateway = store.gateway(org, id).await.unwrap().unwrap();
        assert_eq!(
            (gateway.last_seen_at, gateway.edition.version),
            (Some(NOON.plus_secs(seen)), 1)
        );
    }
}

pub(crate) async fn a_sensor_is_claimed_once_with_its_frames(world: &World) {
    let store = &world.store;
    let (org, _, units) = world.units(1).await;
    let uplink = |f_cnt: u32| Uplink {
        org,
        dev_eui: "AA".to_owned(),
        session: "s".to_owned(),
        f_cnt: f_cnt.into(),
        payload_hash: [0; 32],
        f_port: None,
        payload: Vec::new(),
        decoded_payload: None,
        model: None,
        recorded_at: at(f_cnt),
        received_at: at(f_cnt).plus_secs(1),
        rssi_dbm: None,
        is_decoded: false,
        unit: None,
    };
    for f_cnt in 0..5 {
        world.clock.set(at(f_cnt));
        store.keep_uplink(&uplink(f_cnt)).await.unwrap();
        store.note_unclaimed(org, "AA", at(f_cnt).plus_secs(1), true).await.unwrap();
    }
    let new = NewDevice {
        name: "Mine".to_owned(),
        dev_eui: Some("AA".to_owned()),
        unit: Some(units[0].id),
        ..NewDevice::default()
    };
    let claim = || store.claim_device(org, new.clone(), None, Actor::Hub);
    let (one, other) = tokio::join!(claim(), claim());
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
    assert!([&one, &other].iter().any(|claim| matches!(claim, Err(StoreError::Taken("devEui")))));
    let id = one.or(other).unwrap().id;
    assert_eq!(assignments(world, org, id).await[0].from, at(0), "when it first spoke");

    let kept = store.unsettled_uplinks(org, "AA", None, 3).await.unwrap();
    let counters: Vec<_> = kept.iter().map(|(_, frame)| frame.f_cnt).collect();
    assert_eq!(counters, [0, 1, 2]);
    let settled: Vec<_> = kept
        .iter()
        .map(|(id, _)| Settled { id: *id, unit: Some(units[0].id), is_decoded: true })
        .collect();
    store.settle_uplinks(org, &settled).await.unwrap();
    let rest = store.unsettled_uplinks(org, "AA", Some(kept[2].0), 10).await.unwrap();
    assert_eq!(rest.len(), 2);
    assert_eq!(store.unsettled_uplinks(org, "AA", None, 10).await.unwrap(), rest);
    assert_eq!(all_pages(|page| store.uplinks_of_unit(org, units[0].id, page)).await.len(), 3);
}

pub(crate) async fn nobody_touches_sensors_of_another(world: &World) {
    let store = &world.store;
    let (org, site, units) = world.units(1).await;
    let other = world.org().await;
    let id = device(world, org, Some(units[0].id), Some("AA")).await;
    let new = NewCalibration {
        device: id,
        performed_at: at(0),
        performed_by: "Lab".to_owned(),
        deviation: None,
        certificate: None,
        note: None,
        due_at: None,
    };
    let calibration = store.create_calibration(org, new.clone(), Actor::Hub).await.unwrap().id;
    let gateway = NewGateway { name: "Roof".to_owned(), site: Some(site), gateway_eui: None };
    let roof = store.create_gateway(org, gateway.clone(), Actor::Hub).await.unwrap().id;
    store.note_unclaimed(org, "BB", at(0), true).await.unwrap();

    let not_found = |error| assert!(matches!(error, Err(StoreError::NotFound)), "{error:?}");
    not_found(store.assign_device(other, id, None, None, Actor::Hub).await.map(drop));
    let theirs = device(world, other, None, None).await;
    let unit = Some(units[0].id);
    not_found(store.assign_device(other, theirs, unit, None, Actor::Hub).await.map(drop));
    let edit = DeviceEdit::default();
    not_found(store.edit_device(other, id, None, edit, Actor::Hub).await.map(drop));
    not_found(store.delete_device(other, id, None, Actor::Hub).await);
    not_found(store.restore_device(other, id, Actor::Hub).await.map(drop));
    not_found(store.purge_device(other, id, Actor::Hub).await);
    not_found(store.create_calibration(other, new, Actor::Hub).await.map(drop));
    let edit = CalibrationEdit::default();
    not_found(store.edit_calibration(other, calibration, None, edit, Actor::Hub).await.map(drop));
    not_found(store.delete_calibration(other, calibration, None, Actor::Hub).await.map(drop));
    not_found(store.create_gateway(other, gateway, Actor::Hub).await.map(drop));
    let edit = GatewayEdit::default();
    not_found(store.edit_gateway(other, roof, None, edit, Actor::Hub).await.map(drop));
    not_found(store.delete_gateway(other, roof, None, Actor::Hub).await);
    not_found(store.forget_unclaimed(other, "BB", Actor::Hub).await);
    let claim =
        NewDevice { name: "x".to_owned(), dev_eui: Some("BB".to_owned()), ..NewDevice::default() };
    not_found(store.claim_device(other, claim, None, Actor::Hub).await.map(drop));

    assert_eq!(store.sensors(other, &[id], &["AA".to_owned()]).await.unwrap(), []);
    assert_eq!(store.device_duties(other, id).await.unwrap(), None);
    assert_eq!(store.calibration(other, calibration).await.unwrap(), None);
    assert_eq!(store.gateway(other, Uuid::nil()).await.unwrap(), None);
    assert_eq!(store.gateway(other, roof).await.unwrap(), None);
    assert_eq!(all_pages(|page| store.assignments_of_device(other, id, page)).await, []);
    assert_eq!(all_pages(|page| store.assignments_of_unit(other, units[0].id, page)).await, []);
    for life in [Life::Present, Life::Deleted] {
        assert_eq!(all_pages(|page| store.calibrations(other, Some(id), life, page)).await, []);
        assert_eq!(all_pages(|page| store.gateways(other, Some(site), life, page)).await, []);
        let of_unit = DeviceFilter { unit, ..DeviceFilter::default() };
        assert_eq!(all_pages(|page| store.devices(other, of_unit.clone(), life, page)).await, []);
    }
    assert_eq!(assignments(world, org, id).await.len(), 1, "nothing was changed");
}
