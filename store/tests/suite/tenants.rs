//! Organizations, people and keys.

use hub_domain::{KeyId, Timestamp, UserId};
use hub_store::{
    StoreError,
    records::{Actor, Life, Role, SigningKey},
};
use uuid::Uuid;

use crate::world::{NOON, World, all_pages, page};

pub(crate) async fn people_and_their_roles(world: &World) {
    let store = &world.store;
    let (one, other) = (world.org().await, world.org().await);
    let user = store.create_user("Ada@Example.com", "Ada", Some("$argon2id$…")).await.unwrap();
    assert_eq!(user.email, "ada@example.com");
    assert_eq!(store.user_by_email("ADA@example.com").await.unwrap(), Some(user.clone()));
    assert_eq!(store.user(user.id).await.unwrap(), Some(user.clone()));
    assert_eq!(store.membership(one, user.id).await.unwrap(), None);

    store.set_membership(one, user.id, Role::Viewer).await.unwrap();
    store.set_membership(one, user.id, Role::Owner).await.unwrap();
    store.set_membership(other, user.id, Role::Staff).await.unwrap();
    assert_eq!(store.membership(one, user.id).await.unwrap(), Some(Role::Owner));
    let roles: Vec<_> = store
        .memberships(user.id)
        .await
        .unwrap()
        .iter()
        .map(|m| (m.organization.id, m.role))
        .collect();
    assert_eq!(roles, [(one, Role::Owner), (other, Role::Staff)]);

    store.remove_membership(one, user.id).await.unwrap();
    store.remove_membership(one, user.id).await.unwrap();
    assert_eq!(store.membership(one, user.id).await.unwrap(), None);
    let nobody = UserId(Uuid::from_u128(1));
    assert!(matches!(
        store.set_membership(one, nobody, Role::Staff).await,
        Err(StoreError::NotFound)
    ));
    let actions: Vec<_> =
        store.audit_log(one, page(10)).await.unwrap().items.into_iter().map(|e| e.action).collect();
    assert_eq!(
        actions,
        ["membership.removed", "membership.set", "membership.set", "organization.created"]
    );
}

pub(crate) async fn an_address_or_subject_is_one_persons(world: &World) {
    let store = &world.store;
    let ada = store.create_user("ada@example.com", "Ada", None).await.unwrap();
    let bob = store.create_user("bob@example.com", "Bob", None).await.unwrap();
    assert!(matches!(
        store.create_user("ADA@example.com", "Eve", None).await,
        Err(StoreError::Taken("email"))
    ));
    store.link_subject(ada.id, "https://idp", "1").await.unwrap();
    for subject in ["1", "2"] {
        let again = store.link_subject(ada.id, "https://idp", subject).await;
        assert!(matches!(again, Err(StoreError::Taken("subject"))), "a person has one: {again:?}");
    }
    assert!(matches!(
        store.link_subject(bob.id, "https://idp", "1").await,
        Err(StoreError::Taken("subject"))
    ));
    assert_eq!(
        store.user_by_subject("https://idp", "1").await.unwrap().map(|u| u.id),
        Some(ada.id)
    );
    assert_eq!(store.user_by_subject("https://other", "1").await.unwrap(), None);
}

pub(crate) async fn signing_keys_come_back_oldest_first(world: &World) {
    let key = |kid: &str, at: i64| SigningKey {
        kid: kid.to_owned(),
        pkcs8: vec![0, 255, 7],
        created_at: Timestamp::from_millis(at),
    };
    world.store.add_signing_key(key("b", 2)).await.unwrap();
    world.store.add_signing_key(key("c", 1)).await.unwrap();
    assert!(matches!(
        world.store.add_signing_key(key("b", 3)).await,
        Err(StoreError::Taken("kid"))
    ));
    assert!(world.store.signing_keys().await.unwrap() == [key("c", 1), key("b", 2)]);
}

pub(crate) async fn keys_are_revoked_once_and_touched_in_minutes(world: &World) {
    let store = &world.store;
    let (org, other) = (world.org().await, world.org().await);
    let (site, foreign) = (world.site(org).await, world.site(other).await);
    let id = KeyId(Uuid::from_u128(9));
    let key =
        store.create_api_key(org, id, Some(site), "ingest", [7; 32], Actor::Hub).await.unwrap();
    assert_eq!(store.find_api_key(id).await.unwrap(), Some(key.clone()));
    assert_eq!(store.api_key(org, id).await.unwrap(), Some(key));
    assert_eq!(store.api_key(other, id).await.unwrap(), None);
    let again = store.create_api_key(org, id, None, "again", [0; 32], Actor::Hub).await;
    assert!(matches!(again, Err(StoreError::Taken("id"))));
    let elsewhere = store.create_api_key(
        org,
        KeyId(Uuid::from_u128(10)),
        Some(foreign),
        "x",
        [0; 32],
        Actor::Hub,
    );
    assert!(
        matches!(elsewhere.await, Err(StoreError::NotFound)),
        "a site of another organization is none"
    );

    store.touch_api_key(id, NOON.plus_millis(61_234)).await.unwrap();
    store.touch_api_key(id, NOON.plus_millis(59_999)).await.unwrap();
    let used_at = store.find_api_key(id).await.unwrap().unwrap().last_used_at;
    assert_eq!(used_at, Some(NOON.plus_millis(60_000)), "whole minutes, and never back");

    assert!(matches!(store.revoke_api_key(other, id, Actor::Hub).await, Err(StoreError::NotFound)));
    store.revoke_api_key(org, id, Actor::Hub).await.unwrap();
    world.clock.set(NOON.plus_secs(5));
    store.revoke_api_key(org, id, Actor::Hub).await.unwrap();
    assert_eq!(store.find_api_key(id).await.unwrap().unwrap().revoked_at, Some(NOON));
    let keys = all_pages(|page| store.api_keys(org, Life::Deleted, page)).await;
    assert_eq!(keys.iter().map(|key| key.id).collect::<Vec<_>>(), [id]);
}

pub(crate) async fn webhook_connections_are_found_by_their_id(world: &World) {
    let store = &world.store;
    let (org, other) = (world.org().await, world.org().await);
    let made = store.create_ttn_connection(org, "ttn", [3; 32], Actor::Hub).await.unwrap();
    assert_eq!(store.find_ttn_connection(made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(store.ttn_connection(org, made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(store.ttn_connection(other, made.id).await.unwrap(), None);
    assert_eq!(all_pages(|page| store.ttn_connections(org, Life::Present, page)).await, [made]);
    assert_eq!(all_pages(|page| store.ttn_connections(other, Life::Present, page)).await, []);
}
