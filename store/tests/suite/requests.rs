//! Keys of requests that must be done once only.

use hub_domain::{Layer, OrgId, RuleLayer};
use hub_store::{By, Made, RequestKey, StoreError, records::Actor};
use uuid::Uuid;

use crate::world::{NOON, World};

const DAY: u32 = 24 * 3600;

fn under(key: &str) -> By {
    let request = RequestKey { caller: Uuid::nil(), key: key.to_owned(), fingerprint: [7; 32] };
    By { request: Some(request), ..By::from(Actor::Hub) }
}

async fn made(world: &World, org: OrgId, key: &str) -> Option<Made> {
    world.store.made_by(org, Uuid::nil(), key).await.unwrap()
}

pub(crate) async fn a_key_tells_what_was_made_and_holds_a_day(world: &World) {
    let store = &world.store;
    let (org, other) = (world.org().await, world.org().await);
    let site = store.create_site(org, "First", "UTC", under("site")).await.unwrap();
    let again = store.create_site(org, "First", "UTC", under("site")).await;
    assert!(matches!(again, Err(StoreError::Repeated)), "{again:?}");
    store.create_site(other, "Theirs", "UTC", under("site")).await.unwrap();
    let put = |key| store.put_rule(org, RuleLayer::Site, site.id.0, Layer::default(), under(key));
    let (rule, _) = put("made").await.unwrap();
    world.clock.set(NOON.plus_secs(3600));
    put("written over").await.unwrap();

    let of = |kind: &str, id, is_new| {
        Some(Made { fingerprint: [7; 32], object_kind: kind.to_owned(), object_id: id, is_new })
    };
    assert_eq!(made(world, org, "site").await, of("site", site.id.0, true));
    assert_eq!(made(world, org, "made").await, of("alert_rule", rule.id.0, true));
    assert_eq!(made(world, org, "written over").await, of("alert_rule", rule.id.0, false));

    let upkeep = async |at| store.upkeep(at).await.unwrap().keys_forgotten;
    assert_eq!(upkeep(NOON.plus_secs(DAY)).await, 0, "a day is not over");
    assert_eq!(upkeep(NOON.plus_secs(DAY).plus_millis(1)).await, 3);
    assert_eq!(made(world, org, "site").await, None);
    assert_eq!(made(world, other, "site").await, None);
    assert_eq!(made(world, org, "written over").await, of("alert_rule", rule.id.0, false));
    store.create_site(org, "First", "UTC", under("site")).await.unwrap();
}
