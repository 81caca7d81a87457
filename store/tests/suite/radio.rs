//! Radio frames.

use hub_domain::{OrgId, Timestamp, UnitId};
use hub_store::{
    StoreError,
    records::{Actor, NewDevice, Uplink},
};

use crate::world::{NOON, World, all_pages};

fn uplink(org: OrgId, f_cnt: i64) -> Uplink {
    Uplink {
        org,
        dev_eui: "A84041000181B2C3".to_owned(),
        session: "AY3x".to_owned(),
        f_cnt,
        payload_hash: [0; 32],
        f_port: Some(2),
        payload: vec![0, 255, 1],
        decoded_payload: Some("{\"TempC_SHT\":4.5}".to_owned()),
        model: None,
        recorded_at: NOON,
        received_at: NOON.plus_millis(17),
        rssi_dbm: None,
        is_decoded: false,
        unit: None,
    }
}

pub(crate) async fn a_frame_is_kept_once_with_its_best_signal(world: &World) {
    let (store, org) = (&world.store, world.org().await);
    let first = uplink(org, 0);
    let kept = store.keep_uplink(&first).await.unwrap();
    assert_eq!((kept.uplink, kept.is_new, kept.is_settled), (first.clone(), true, false));
    for (rssi_dbm, best) in [(Some(-90), -90), (Some(-100), -90), (Some(-80), -80), (None, -80)] {
        // another gateway's copy: its other content does not count
        let copy = Uplink { rssi_dbm, recorded_at: NOON.plus_secs(1), ..first.clone() };
        let kept = store.keep_uplink(&copy).await.unwrap();
        let expected = Uplink { rssi_dbm: Some(best), ..first.clone() };
        assert_eq!((kept.uplink, kept.is_new, kept.is_settled), (expected, false, false));
    }
    store.settle_uplink(&first, None, true).await.unwrap();
    let kept = store.keep_uplink(&first).await.unwrap();
    assert!(kept.is_settled && kept.uplink.is_decoded);
    assert!(
        store.keep_uplink(&uplink(world.org().await, 0)).await.unwrap().is_new,
        "another tenant's is another"
    );
    let nowhere = uplink(OrgId(uuid::Uuid::nil()), 0);
    assert!(matches!(store.keep_uplink(&nowhere).await, Err(StoreError::NotFound)));
    assert!(matches!(
        store.settle_uplink(&uplink(org, 9), None, true).await,
        Err(StoreError::NotFound)
    ));
}

pub(crate) async fn frames_without_a_session_are_told_apart_by_their_payload(world: &World) {
    let org = world.org().await;
    let frame =
        |hash| Uplink { session: String::new(), payload_hash: [hash; 32], ..uplink(org, 7) };
    assert!(world.store.keep_uplink(&frame(1)).await.unwrap().is_new);
    assert!(world.store.keep_uplink(&frame(2)).await.unwrap().is_new);
    assert!(!world.store.keep_uplink(&frame(1)).await.unwrap().is_new);
    assert_eq!(world.store.counts().await.unwrap().undecoded_uplinks, 2);
}

pub(crate) async fn frames_of_a_unit_come_newest_first(world: &World) {
    let store = &world.store;
    let (org, _, units) = world.units(1).await;
    let unit = units[0].id;
    for f_cnt in 0..5 {
        world.clock.set(NOON.plus_secs(60 * u32::try_from(f_cnt).unwrap()));
        store.keep_uplink(&uplink(org, f_cnt)).await.unwrap();
        store.settle_uplink(&uplink(org, f_cnt), Some(unit), true).await.unwrap();
    }
    let counters = |frames: Vec<Uplink>| frames.iter().map(|frame| frame.f_cnt).collect::<Vec<_>>();
    assert_eq!(
        counters(all_pages(|page| store.uplinks_of_unit(org, unit, page)).await),
        [4, 3, 2, 1, 0]
    );
    let other = world.org().await;
    assert_eq!(
        counters(all_pages(|page| store.uplinks_of_unit(other, unit, page)).await),
        [0_i64; 0]
    );
    assert_eq!(
        counters(all_pages(|page| store.uplinks_of_unit(org, UnitId(org.0), page)).await),
        [0_i64; 0]
    );
}

pub(crate) async fn unclaimed_sensors_are_counted_until_they_are_registered(world: &World) {
    let (store, org) = (&world.store, world.org().await);
    let at = |secs| NOON.plus_secs(secs);
    for (dev_eui, at, is_new) in [
        ("BB", at(9), true),
        ("AA", at(5), true),
        ("AA", at(8), false),
        ("AA", at(2), true),
        ("CC", at(1), true),
    ] {
        store.note_unclaimed(org, dev_eui, at, is_new).await.unwrap();
    }
    let told = all_pages(|page| store.unclaimed_devices(org, page)).await;
    let told: Vec<(&str, Timestamp, Timestamp, i64)> = told
        .iter()
        .map(|d| (d.dev_eui.as_str(), d.first_seen_at, d.last_seen_at, d.frames))
        .collect();
    assert_eq!(told, [("AA", at(2), at(8), 2), ("BB", at(9), at(9), 1), ("CC", at(1), at(1), 1)]);
    let device = NewDevice {
        name: "mine".to_owned(),
        dev_eui: Some("AA".to_owned()),
        ..NewDevice::default()
    };
    store.create_device(org, device, Actor::Hub).await.unwrap();
    assert_eq!(all_pages(|page| store.unclaimed_devices(org, page)).await.len(), 2);
    assert_eq!(
        all_pages(|page| store.unclaimed_devices(OrgId(uuid::Uuid::nil()), page)).await.len(),
        0
    );
}
