//! Sites, areas, units and devices.

use hub_domain::{DeviceId, SiteId, UserId};
use hub_store::{
    StoreError,
    records::{Actor, DeviceFilter, Life, NewDevice, PageQuery},
};
use uuid::Uuid;

use crate::world::{NOON, World, all_pages, page};

fn device(name: &str, dev_eui: Option<&str>) -> NewDevice {
    NewDevice { name: name.to_owned(), dev_eui: dev_eui.map(str::to_owned), ..NewDevice::default() }
}

pub(crate) async fn what_was_made_is_read_back_and_audited(world: &World) {
    let store = &world.store;
    let org = world.org().await;
    let by = Actor::User(UserId(Uuid::from_u128(5)));
    let site = store.create_site(org, "Kitchen „Süd“", "Europe/Berlin", by).await.unwrap();
    let area = store.create_area(org, site.id, "Cold store", by).await.unwrap();
    let unit = store.create_unit(org, site.id, Some(area.id), "Fridge 1", None, by).await.unwrap();
    let new = NewDevice {
        unit: Some(unit.id),
        model: Some("dragino/lht65".to_owned()),
        ..device("Probe", None)
    };
    let device = store.create_device(org, new, by).await.unwrap();
    assert_eq!(store.organization(org).await.unwrap().unwrap().id, org);
    assert_eq!(site.created_at, NOON);
    assert_eq!(store.site(org, site.id).await.unwrap(), Some(site.clone()));
    assert_eq!(store.find_site(site.id).await.unwrap(), Some(site.clone()));
    assert_eq!(store.area(org, area.id).await.unwrap(), Some(area.clone()));
    assert_eq!(store.unit(org, unit.id).await.unwrap(), Some(unit.clone()));
    assert_eq!(store.device(org, device.id).await.unwrap(), Some(device.clone()));
    assert_eq!(store.site_of_unit(unit.id).await.unwrap(), Some((org, site.id)));

    let log = store.audit_log(org, page(10)).await.unwrap().items;
    let told: Vec<_> = log.iter().map(|entry| (entry.action.as_str(), entry.object_id)).collect();
    let expected = [
        ("device.created", device.id.0),
        ("unit.created", unit.id.0),
        ("area.created", area.id.0),
        ("site.created", site.id.0),
        ("organization.created", org.0),
    ];
    assert_eq!(told, expected);
    assert!(log[..4].iter().all(|entry| entry.actor == by && entry.at == NOON));
}

pub(crate) async fn nobody_reads_or_builds_on_what_is_anothers(world: &World) {
    let store = &world.store;
    let (org, site, units) = world.units(1).await;
    let area = store.create_area(org, site, "area", Actor::Hub).await.unwrap();
    let new = NewDevice { unit: Some(units[0].id), ..device("d", Some("00000000000000AA")) };
    let sensor = store.create_device(org, new.clone(), Actor::Hub).await.unwrap();
    let other = world.org().await;
    let other_site = world.site(other).await;

    assert_eq!(store.site(other, site).await.unwrap(), None);
    assert_eq!(store.area(other, area.id).await.unwrap(), None);
    assert_eq!(store.unit(other, units[0].id).await.unwrap(), None);
    assert_eq!(store.device(other, sensor.id).await.unwrap(), None);
    assert_eq!(store.device_by_eui(other, "00000000000000AA").await.unwrap(), None);
    assert_eq!(store.resolve_devices(other, &[sensor.id]).await.unwrap(), []);
    assert_eq!(store.resolve_units(other, &[units[0].id]).await.unwrap(), []);
    assert_eq!(store.resolve_units(org, &[units[0].id]).await.unwrap(), [(units[0].id, site)]);
    assert_eq!(store.effective_rule(other, units[0].id).await.unwrap(), None);
    assert_eq!(all_pages(|page| store.units(other, Some(site), Life::Present, page)).await, []);
    let of_unit = DeviceFilter { unit: Some(units[0].id), ..DeviceFilter::default() };
    assert_eq!(
        all_pages(|page| store.devices(other, of_unit.clone(), Life::Present, page)).await,
        []
    );
    assert_eq!(all_pages(|page| store.areas(other, Some(site), Life::Present, page)).await, []);
    assert_eq!(all_pages(|page| store.sites(other, Life::Present, page)).await.len(), 1);

    let not_found = |error| {
        let is_refused = matches!(error, Err(StoreError::NotFound | StoreError::ParentDeleted));
        assert!(is_refused, "{error:?}");
    };
    not_found(store.create_area(other, site, "a", Actor::Hub).await.map(drop));
    not_found(store.create_unit(other, site, None, "u", None, Actor::Hub).await.map(drop));
    not_found(
        store.create_unit(other, other_site, Some(area.id), "u", None, Actor::Hub).await.map(drop),
    );
    not_found(
        store.create_unit(org, site, None, "u", Some("no-such-preset"), Actor::Hub).await.map(drop),
    );
    not_found(store.create_device(other, new, Actor::Hub).await.map(drop));
    not_found(
        store
            .create_site(hub_domain::OrgId(Uuid::from_u128(1)), "s", "UTC", Actor::Hub)
            .await
            .map(drop),
    );
    let second_site = world.site(org).await;
    not_found(
        store.create_unit(org, second_site, Some(area.id), "u", None, Actor::Hub).await.map(drop),
    );
}

pub(crate) async fn lists_come_in_pages(world: &World) {
    let store = &world.store;
    let (org, site, units) = world.units(5).await;
    assert_eq!(all_pages(|page| store.units(org, None, Life::Present, page)).await, units);
    assert_eq!(all_pages(|page| store.units(org, Some(site), Life::Present, page)).await, units);
    assert_eq!(
        all_pages(|page| store.units(org, Some(SiteId(Uuid::nil())), Life::Present, page)).await,
        []
    );
    let first = store.units(org, None, Life::Present, page(5)).await.unwrap();
    assert_eq!((first.items.len(), first.next), (5, None), "a page that holds all has no next");
}

pub(crate) async fn a_cursor_of_nobodys_is_refused(world: &World) {
    let org = world.org().await;
    for cursor in ["!", "AAAA", "\u{e4}"] {
        let page = PageQuery { limit: 2, cursor: Some(cursor.to_owned()) };
        let asked = world.store.sites(org, Life::Present, page.clone()).await;
        assert!(matches!(asked, Err(StoreError::BadCursor)), "{cursor}: {asked:?}");
        let asked = world.store.alerts(org, hub_store::records::AlertFilter::default(), page).await;
        assert!(matches!(asked, Err(StoreError::BadCursor)), "{cursor}: {asked:?}");
    }
}

pub(crate) async fn sensors_are_one_of_their_radio_identity(world: &World) {
    let store = &world.store;
    let (org, other) = (world.org().await, world.org().await);
    let eui = "A84041000181B2C3";
    let made = store.create_device(org, device("one", Some(eui)), Actor::Hub).await.unwrap();
    let again = store.create_device(org, device("two", Some(eui)), Actor::Hub).await;
    assert!(matches!(again, Err(StoreError::Taken("devEui"))));
    store.create_device(other, device("theirs", Some(eui)), Actor::Hub).await.unwrap();
    store.create_device(org, device("wired", None), Actor::Hub).await.unwrap();
    store.create_device(org, device("wired too", None), Actor::Hub).await.unwrap();
    assert_eq!(store.device_by_eui(org, eui).await.unwrap(), Some(made));
}

pub(crate) async fn many_sensors_are_resolved_at_once(world: &World) {
    let org = world.org().await;
    let one = world
        .store
        .create_device(org, device("one", Some("00000000000000AA")), Actor::Hub)
        .await
        .unwrap();
    let two = world
        .store
        .create_device(org, device("two", Some("00000000000000BB")), Actor::Hub)
        .await
        .unwrap();
    let mut ids: Vec<_> = (0..5_998).map(|n| DeviceId(Uuid::from_u128(n))).collect();
    ids.extend([one.id, two.id]);
    let mut found = world.store.resolve_devices(org, &ids).await.unwrap();
    found.sort_by_key(|device| device.id);
    assert_eq!(found, [one.clone(), two.clone()]);
    let euis = ["00000000000000BB", "00000000000000CC", "00000000000000AA"].map(str::to_owned);
    let mut found = world.store.resolve_euis(org, &euis).await.unwrap();
    found.sort_by_key(|device| device.id);
    assert_eq!(found, [one, two]);
}
