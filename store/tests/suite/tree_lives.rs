//! Sites, areas and units edited, deleted, brought back and purged.

use hub_domain::{KeyId, Layer, OrgId, RuleField, RuleLayer, SiteId, UnitId};
use hub_store::{
    By, CommitError, Expected, StoreError, TransitionCommit, UnitCommit,
    records::{Actor, AuditEntry, Life, NewDevice, SiteEdit, UnitChore, UnitEdit, UnitFilter},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    commits::{commit, reading, transition},
    world::{NOON, World, all_pages, page},
};

fn named(name: &str) -> UnitEdit {
    UnitEdit { name: Some(name.to_owned()), ..UnitEdit::default() }
}

fn of_preset(preset: &str) -> UnitEdit {
    UnitEdit { preset: Some(Some(preset.to_owned())), ..UnitEdit::default() }
}

fn why() -> Option<String> {
    Some("the shop is closed".to_owned())
}

/// What was done to an object, newest first.
async fn done_to(world: &World, org: OrgId, id: Uuid) -> Vec<AuditEntry> {
    let log = world.store.audit_log(org, page(200)).await.unwrap().items;
    log.into_iter().filter(|entry| entry.object_id == id).collect()
}

async fn delete(world: &World, org: OrgId, unit: UnitId) {
    let site = world.store.unit(org, unit).await.unwrap().unwrap().site;
    world.store.commit(deletion(org, site, unit, 0)).await.unwrap();
}

/// What the actor of a unit that is to be deleted commits.
fn deletion(org: OrgId, site: SiteId, unit: UnitId, expected: i64) -> UnitCommit {
    let deletes = Some(By::from(Actor::Hub).because(why()));
    let transition = TransitionCommit { deletes, ..transition(expected) };
    UnitCommit { transition: Some(transition), ..commit(org, site, unit) }
}

pub(crate) async fn an_edit_is_of_the_edition_it_was_made_for(world: &World) {
    let store = &world.store;
    let (org, site, units) = world.units(1).await;
    let edit = SiteEdit { name: Some("South".to_owned()), ..SiteEdit::default() };
    let some = |versions: &[i64]| Expected::OneOf(versions.to_vec());
    for versions in [some(&[]), some(&[2, 3])] {
        let late = store.edit_site(org, site, versions, &edit, Actor::Hub).await;
        assert!(matches!(late, Err(StoreError::Stale)), "{late:?}");
    }
    let edited = store.edit_site(org, site, some(&[7, 1]), &edit, Actor::Hub).await.unwrap();
    assert_eq!((edited.name.as_str(), edited.edition.version), ("South", 2));
    assert_eq!(edited.edition.updated_at, Some(NOON));
    assert_eq!(edited.timezone, "Europe/Berlin", "what is left out stays");
    let late = store.edit_site(org, site, Some(1), &edit, Actor::Hub).await;
    assert!(matches!(late, Err(StoreError::Stale)), "{late:?}");
    let late = store.edit_unit(org, units[0].id, Some(2), &named("x"), Actor::Hub).await;
    assert!(matches!(late, Err(StoreError::Stale)), "{late:?}");
    let any = store.edit_unit(org, units[0].id, None, &named("x"), Actor::Hub).await.unwrap();
    assert_eq!((any.unit.name.as_str(), any.is_judged_anew), ("x", false));

    let log = done_to(world, org, site.0).await;
    let name = |value: &Option<serde_json::Value>| value.as_ref().unwrap()["name"].clone();
    assert_eq!(log[0].action, "site.updated");
    assert_eq!(name(&log[0].after), "South");
    assert_ne!(name(&log[0].before), "South");
    assert_eq!(name(&log[1].after), name(&log[0].before), "what was made is in the log too");
    assert_eq!(log.len(), 2, "an edit that was refused is in no log");
}

pub(crate) async fn what_holds_something_is_not_deleted(world: &World) {
    let store = &world.store;
    let org = world.org().await;
    let site = world.site(org).await;
    let area = store.create_area(org, site, "Cold store", Actor::Hub).await.unwrap();
    let unit = store.create_unit(org, site, Some(area.id), "Unit", None, Actor::Hub).await.unwrap();
    let refused = |error| matches!(error, Err(StoreError::InUse(_)));
    assert!(refused(store.delete_site(org, site, Actor::Hub).await));
    assert!(refused(store.delete_area(org, area.id, Actor::Hub).await));
    delete(world, org, unit.id).await;
    assert!(refused(store.delete_site(org, site, Actor::Hub).await), "the area is in it");
    store.delete_area(org, area.id, Actor::Hub).await.unwrap();
    store.delete_site(org, site, Actor::Hub).await.unwrap();
    let again = store.delete_site(org, site, Actor::Hub).await;
    assert!(matches!(again, Err(StoreError::NotFound)));
    assert_eq!(store.site(org, site).await.unwrap(), None);
    assert_eq!(all_pages(|page| store.sites(org, Life::Deleted, page)).await.len(), 1);
    // nothing is put into what is deleted
    let built = store.create_unit(org, site, None, "Unit", None, Actor::Hub).await;
    assert!(matches!(built, Err(StoreError::NotFound)), "{built:?}");
    let built = store.create_area(org, site, "Area", Actor::Hub).await;
    assert!(matches!(built, Err(StoreError::NotFound)), "{built:?}");
    let other = world.org().await;
    let foreign = store.restore_site(other, site, Actor::Hub).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)));
    assert_eq!(store.restore_site(org, site, Actor::Hub).await.unwrap().edition.version, 3);
    let twice = store.restore_site(org, site, Actor::Hub).await;
    assert!(matches!(twice, Err(StoreError::NotDeleted)));
}

pub(crate) async fn a_unit_is_deleted_only_as_its_actor_left_it(world: &World) {
    let store = &world.store;
    let (org, site, units) = world.units(2).await;
    let unit = units[0].id;
    let moved = UnitCommit { transition: Some(transition(0)), ..commit(org, site, unit) };
    store.submit(moved).await.unwrap();
    let late = store.commit(deletion(org, site, unit, 0)).await;
    assert!(matches!(late, Err(CommitError::Conflict(_))), "another moved it: {late:?}");
    assert!(store.site_of_unit(unit).await.unwrap().is_some(), "nothing of it was written");
    // both in one group: what is said of the neighbour is written
    let neighbour =
        UnitCommit { transition: Some(transition(0)), ..commit(org, site, units[1].id) };
    let pending = [store.submit(deletion(org, site, unit, 1)), store.submit(neighbour)];
    for outcome in pending {
        outcome.await.unwrap();
    }
    assert_eq!(store.site_of_unit(units[1].id).await.unwrap(), Some((org, site)));
    assert_eq!(store.site_of_unit(unit).await.unwrap(), None);
    assert!(store.load_unit(unit, 0).await.unwrap().is_none());
    // what another process has decided on the version it knows comes to nothing
    let other = world.second_store().await;
    let moved = UnitCommit { transition: Some(transition(1)), ..commit(org, site, unit) };
    let outcome = other.submit(moved).await;
    assert!(matches!(outcome, Err(CommitError::Conflict(of)) if of == unit), "{outcome:?}");
    other.close().await;
    let log = done_to(world, org, unit.0).await;
    let said =
        |value: &Option<serde_json::Value>, name: &str| value.as_ref().unwrap()[name].clone();
    assert_eq!((log[0].action.as_str(), &log[0].reason), ("unit.deleted", &why()));
    assert_eq!(log[0].actor, Actor::Hub);
    assert_eq!(said(&log[0].before, "deletedAt"), json!(null));
    assert_eq!(said(&log[0].after, "deletedAt"), json!(NOON.as_millis()));
    assert_eq!(said(&log[0].after, "version"), json!(2));
    assert_eq!(said(&log[0].after, "name"), said(&log[0].before, "name"));
    let gone = all_pages(|page| store.units(org, UnitFilter::default(), Life::Deleted, page)).await;
    assert_eq!((gone.len(), gone[0].edition.version), (1, 2), "{gone:?}");
    assert_eq!(gone[0].edition.deleted_at, Some(NOON));
    // one that is deleted already is not there to be deleted
    let twice = store.commit(deletion(org, site, unit, 2)).await;
    assert!(matches!(twice, Err(CommitError::Conflict(of)) if of == unit), "{twice:?}");
}

pub(crate) async fn a_unit_that_comes_back_is_told_what_it_missed(world: &World) {
    let store = &world.store;
    let (org, _, units) = world.units(2).await;
    let (unit, other) = (units[0].id, units[1].id);
    let device = async |unit| {
        let new = NewDevice { name: "Probe".to_owned(), unit, ..NewDevice::default() };
        store.create_device(org, new, Actor::Hub).await.unwrap().id
    };
    let [its, moved, left, _others] = [
        device(Some(unit)).await,
        device(Some(unit)).await,
        device(Some(unit)).await,
        device(Some(other)).await,
    ];
    let at = |secs| NOON.plus_secs(secs);
    world.clock.set(at(10));
    store.assign_device(org, left, None, None, Actor::Hub).await.unwrap();
    world.clock.set(at(20));
    delete(world, org, unit).await;
    world.clock.set(at(30));
    store.assign_device(org, moved, Some(other), None, Actor::Hub).await.unwrap();
    for chore in store.device_chores(at(99), 10).await.unwrap() {
        store.finish_chore(chore).await.unwrap();
    }
    assert_eq!(store.unit_chores(at(99), 10).await.unwrap(), []);
    world.clock.set(at(40));
    store.restore_unit(org, unit, Actor::Hub).await.unwrap();
    let mut noted: Vec<_> =
        store.device_chores(at(99), 10).await.unwrap().iter().map(|chore| chore.device).collect();
    noted.sort_unstable();
    let mut expected = vec![its, moved];
    expected.sort_unstable();
    assert_eq!(noted, expected, "those that measured it while it was deleted");

    let first = UnitChore { org, unit, due_at: at(40) };
    assert_eq!(store.unit_chores(at(39), 10).await.unwrap(), []);
    assert_eq!(store.unit_chores(at(40), 10).await.unwrap(), [first]);
    // it could not be told, nor could its neighbour
    store.note_units(org, &[unit, other], at(45)).await.unwrap();
    store.finish_unit_chore(first).await.unwrap();
    store.note_units(org, &[], at(45)).await.unwrap();
    let noted = store.unit_chores(at(45), 10).await.unwrap();
    assert_eq!(noted.len(), 2, "it was noted again since");
    for chore in noted {
        store.finish_unit_chore(chore).await.unwrap();
    }
    assert_eq!(store.unit_chores(at(99), 10).await.unwrap(), []);
}

pub(crate) async fn a_unit_comes_back_only_to_what_is_there(world: &World) {
    let store = &world.store;
    let org = world.org().await;
    let site = world.site(org).await;
    let area = store.create_area(org, site, "Cold store", Actor::Hub).await.unwrap();
    let unit = store.create_unit(org, site, Some(area.id), "Unit", None, Actor::Hub).await.unwrap();
    let alive = store.restore_unit(org, unit.id, Actor::Hub).await;
    assert!(matches!(alive, Err(StoreError::NotDeleted)));
    delete(world, org, unit.id).await;
    store.delete_area(org, area.id, Actor::Hub).await.unwrap();
    let no_area = store.restore_unit(org, unit.id, Actor::Hub).await;
    assert!(matches!(no_area, Err(StoreError::ParentDeleted)), "{no_area:?}");
    store.delete_site(org, site, Actor::Hub).await.unwrap();
    let no_site = store.restore_area(org, area.id, Actor::Hub).await;
    assert!(matches!(no_site, Err(StoreError::ParentDeleted)), "{no_site:?}");
    store.restore_site(org, site, Actor::Hub).await.unwrap();
    store.restore_area(org, area.id, Actor::Hub).await.unwrap();
    let back = store.restore_unit(org, unit.id, Actor::Hub).await.unwrap();
    assert_eq!((back.area, back.edition.deleted_at), (Some(area.id), None));
    assert_eq!(store.site_of_unit(unit.id).await.unwrap(), Some((org, site)));
}

pub(crate) async fn a_preset_is_held_against_the_rules(world: &World) {
    let store = &world.store;
    let (org, _, units) = world.units(1).await;
    let unit = units[0].id;
    let version =
        |org| async move { store.effective_rule(org, unit).await.unwrap().unwrap().version };
    let before = version(org).await;
    let edited =
        store.edit_unit(org, unit, Some(1), &of_preset("us.cold.reachin"), Actor::Hub).await;
    assert!(edited.unwrap().is_judged_anew);
    assert_eq!(version(org).await, before + 1);
    let same = store.edit_unit(org, unit, Some(2), &of_preset("us.cold.reachin"), Actor::Hub).await;
    assert!(!same.unwrap().is_judged_anew);
    assert_eq!(version(org).await, before + 1, "the same preset is no new rule");

    let (other_org, other_site, others) = world.units(1).await;
    let mut layer = Layer::default();
    layer.set(RuleField::LowLimit, Some(30_000)).unwrap();
    layer.set(RuleField::HighCeiling, None).unwrap();
    store.put_rule(other_org, RuleLayer::Site, other_site.0, layer, Actor::Hub).await.unwrap();
    let refused = store
        .edit_unit(other_org, others[0].id, None, &of_preset("us.cold.reachin"), Actor::Hub)
        .await;
    assert!(matches!(refused, Err(StoreError::RuleContradiction { .. })), "{refused:?}");
    let unit = store.unit(other_org, others[0].id).await.unwrap().unwrap();
    assert_eq!((unit.preset, unit.edition.version), (None, 1), "nothing of it was written");
}

pub(crate) async fn a_purged_unit_leaves_nothing_but_its_audit(world: &World) {
    let store = &world.store;
    let (org, site, units) = world.units(2).await;
    let (gone, kept) = (units[0].id, units[1].id);
    for unit in [gone, kept] {
        // more than a purge takes away at a time
        let fresh = (0..5_200).map(|n| reading(unit, NOON.plus_secs(n), 4_000)).collect();
        store.submit(UnitCommit { fresh, ..commit(org, site, unit) }).await.unwrap();
    }
    put_rule(world, org, gone).await;
    let alive = store.purge_unit(org, gone, Actor::Hub).await;
    assert!(matches!(alive, Err(StoreError::NotDeleted)), "{alive:?}");
    delete(world, org, gone).await;
    let foreign = store.purge_unit(world.org().await, gone, Actor::Hub).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
    store.purge_unit(org, gone, Actor::Hub).await.unwrap();
    assert_eq!(world.count_readings(org, gone).await, 0);
    assert_eq!(world.count_readings(org, kept).await, 5_000, "a page of the other's");
    let deleted = all_pages(|page| store.units(org, None, Life::Deleted, page)).await;
    assert_eq!(deleted, []);
    let again = store.purge_unit(org, gone, Actor::Hub).await;
    assert!(matches!(again, Err(StoreError::NotFound)));
    let actions: Vec<_> =
        done_to(world, org, gone.0).await.into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, ["unit.purged", "unit.purge_requested", "unit.deleted", "unit.created"]);
    let purged = done_to(world, org, gone.0).await.remove(0);
    let detail: serde_json::Value = serde_json::from_str(&purged.detail).unwrap();
    assert_eq!(detail["removed"]["readings"], 5_200);
    assert_eq!(detail["removed"]["alert_rules"], 1);
    assert_eq!(detail["rules"][0]["layer"], json!({ "highLimit": 8_000 }), "{detail}");
    assert_eq!(detail["policies"], json!([]));
}

pub(crate) async fn a_unit_whose_purge_was_broken_off_does_not_come_back(world: &World) {
    let store = &world.store;
    let (org, site, units) = world.units(5).await;
    let mut units = units.iter().map(|unit| unit.id);
    // one that is not done before we look
    let (unit, log) = loop {
        let unit = units.next().expect("no purge was broken off");
        break_off_a_purge(world, org, site, unit).await;
        let log = done_to(world, org, unit.0).await;
        if log[0].action != "unit.purged" {
            break (unit, log);
        }
    };
    assert_eq!((log[0].action.as_str(), &log[0].reason), ("unit.purge_requested", &why()));
    let back = store.restore_unit(org, unit, Actor::Hub).await;
    assert!(matches!(back, Err(StoreError::BeingPurged)), "{back:?}");
    assert_eq!(done_to(world, org, unit.0).await.len(), log.len(), "nothing was brought back");
    store.purge_unit(org, unit, Actor::Hub).await.unwrap();
    let log = done_to(world, org, unit.0).await;
    let asked = log.iter().filter(|entry| entry.action == "unit.purge_requested").count();
    assert_eq!((log[0].action.as_str(), asked), ("unit.purged", 1));
}

/// Begins to purge a deleted unit, and goes away while its readings go, which takes the rest of the purge along.
async fn break_off_a_purge(world: &World, org: OrgId, site: SiteId, unit: UnitId) {
    for batch in 0..4 {
        let at = |n: u32| NOON.plus_secs(batch * 5_000 + n);
        let fresh = (0..5_000).map(|n| reading(unit, at(n), 4_000)).collect();
        world.store.submit(UnitCommit { fresh, ..commit(org, site, unit) }).await.unwrap();
    }
    delete(world, org, unit).await;
    let purge = world.store.purge_unit(org, unit, By::from(Actor::Hub).because(why()));
    let is_under_way = async { while done_to(world, org, unit.0).await.len() < 3 {} };
    tokio::select! { done = purge => done.unwrap(), () = is_under_way => {} }
}

async fn put_rule(world: &World, org: OrgId, unit: UnitId) {
    let mut layer = Layer::default();
    layer.set(RuleField::HighLimit, Some(8_000)).unwrap();
    world.store.put_rule(org, RuleLayer::Unit, unit.0, layer, Actor::Hub).await.unwrap();
}

pub(crate) async fn a_purge_takes_a_site_with_its_rules(world: &World) {
    let store = &world.store;
    let (org, site, units) = world.units(1).await;
    let area = store.create_area(org, site, "Area", Actor::Hub).await.unwrap();
    let mut layer = Layer::default();
    layer.set(RuleField::HighLimit, Some(8_000)).unwrap();
    store.put_rule(org, RuleLayer::Site, site.0, layer, Actor::Hub).await.unwrap();
    delete(world, org, units[0].id).await;
    store.delete_area(org, area.id, Actor::Hub).await.unwrap();
    let [revoked, live, wide] = [(1, Some(site)), (2, Some(site)), (3, None)].map(|(n, site)| {
        let id = KeyId(Uuid::now_v7());
        (id, store.create_api_key(org, id, site, "key", [n; 32], Actor::Hub))
    });
    for made in [revoked.1, live.1, wide.1] {
        made.await.unwrap();
    }
    let [revoked, live, wide] = [revoked.0, live.0, wide.0];
    store.revoke_api_key(org, revoked, Actor::Hub).await.unwrap();
    store.revoke_api_key(org, wide, Actor::Hub).await.unwrap();
    store.delete_site(org, site, Actor::Hub).await.unwrap();
    let purge = async || store.purge_site(org, site, By::from(Actor::Hub).because(why())).await;
    let held = purge().await;
    assert!(matches!(held, Err(StoreError::InUse(_))), "{held:?}");
    store.purge_unit(org, units[0].id, Actor::Hub).await.unwrap();
    store.purge_area(org, area.id, Actor::Hub).await.unwrap();
    let held = purge().await;
    assert!(matches!(held, Err(StoreError::InUse(_))), "a key sends for it still: {held:?}");
    let key = store.api_key(org, revoked).await.unwrap().unwrap();
    assert_eq!(key.site, Some(site), "nothing is done by halves");
    store.revoke_api_key(org, live, Actor::Hub).await.unwrap();
    purge().await.unwrap();
    for key in [revoked, live] {
        assert_eq!(store.api_key(org, key).await.unwrap(), None);
        let purged = done_to(world, org, key.0).await.remove(0);
        assert_eq!((purged.action.as_str(), purged.reason), ("api_key.purged", why()));
        let before = purged.before.unwrap();
        assert_eq!((&before["siteId"], &before["name"]), (&json!(site.0), &json!("key")));
        assert!(before.get("secretHash").is_none() && purged.after.is_none());
    }
    assert!(store.api_key(org, wide).await.unwrap().is_some(), "of no site, it stays");
    let purged = done_to(world, org, site.0).await.remove(0);
    let detail: serde_json::Value = serde_json::from_str(&purged.detail).unwrap();
    assert_eq!(detail["rules"][0]["layer"], json!({ "highLimit": 8_000 }), "{detail}");
    assert_eq!(all_pages(|page| store.sites(org, Life::Deleted, page)).await, []);
    assert_eq!(store.load_sites(&[site]).await.unwrap().len(), 0);
}

pub(crate) async fn units_are_found_by_their_names(world: &World) {
    let store = &world.store;
    let org = world.org().await;
    let site = world.site(org).await;
    let area = store.create_area(org, site, "Area", Actor::Hub).await.unwrap();
    let names = ["Walk-in 1", "walk-in 2", "100 % frozen", "100 x frozen", "Kühlhaus"];
    for (n, name) in names.into_iter().enumerate() {
        let area = (n == 0).then_some(area.id);
        store.create_unit(org, site, area, name, None, Actor::Hub).await.unwrap();
    }
    let found = |filter: UnitFilter| async move {
        let units = all_pages(|page| store.units(org, filter.clone(), Life::Present, page)).await;
        units.into_iter().map(|unit| unit.name).collect::<Vec<_>>()
    };
    let with = |name: &str| UnitFilter { name: Some(name.to_owned()), ..UnitFilter::default() };
    assert_eq!(found(with("WALK")).await, ["Walk-in 1", "walk-in 2"]);
    assert_eq!(found(with("100 %")).await, ["100 % frozen"], "no sign is a wild card");
    assert_eq!(found(with("ühl")).await, ["Kühlhaus"]);
    assert_eq!(found(with("_")).await, Vec::<String>::new());
    let in_area = UnitFilter { area: Some(area.id), ..UnitFilter::default() };
    assert_eq!(found(in_area).await, ["Walk-in 1"]);
    let elsewhere = UnitFilter { site: Some(SiteId(Uuid::nil())), ..with("walk") };
    assert_eq!(found(elsewhere).await, Vec::<String>::new());
}
