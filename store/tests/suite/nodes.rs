//! The hubs that share a database: who is there, and what was taken over.

use hub_domain::NodeId;
use hub_store::{Node, Store};
use uuid::Uuid;

use crate::{erasure::Database, world::World};

fn node(number: u128, place: &str) -> Node {
    Node {
        id: NodeId(Uuid::from_u128(number)),
        place: place.to_owned(),
        address: Some(format!("http://{place}")),
        secret: format!("secret of {number}"),
        version: "1".to_owned(),
    }
}

async fn seen(store: &Store, node: &Node) -> Vec<Node> {
    store.look_around(node, None).await.unwrap().nodes
}

#[tokio::test]
async fn whoever_is_there_is_seen_and_whoever_is_silent_or_left_is_not() {
    let world = World::on_postgres().await;
    let store = &world.store;
    let (one, two, three) = (node(1, "a:1"), node(2, "a:2"), node(3, "b:1"));
    assert!(store.is_shared());
    assert_eq!(seen(store, &one).await, std::slice::from_ref(&one));
    assert_eq!(seen(store, &two).await, [one.clone(), two.clone()]);
    assert_eq!(seen(store, &three).await, [one.clone(), two.clone(), three.clone()]);

    store.leave(two.id).await.unwrap();
    assert_eq!(seen(store, &three).await, [one.clone(), three.clone()]);
    // the same machine and address: whoever was there is not there any more
    let next = node(4, "b:1");
    assert_eq!(seen(store, &next).await, [one.clone(), next.clone()]);

    let mut rows = Database::of(&world).await;
    rows.run("UPDATE hub_nodes SET seen_at = seen_at - 2500 WHERE place = 'a:1'").await;
    assert_eq!(seen(store, &next).await, [one.clone(), next.clone()]);
    rows.run("UPDATE hub_nodes SET seen_at = seen_at - 500 WHERE place = 'a:1'").await;
    assert_eq!(seen(store, &next).await, std::slice::from_ref(&next));
    assert_eq!(seen(store, &one).await, [one, next], "who speaks again is there again");
}

#[tokio::test]
async fn what_is_taken_over_is_heard_of_by_all() {
    let world = World::on_postgres().await;
    let store = &world.store;
    let (_, site, _) = world.units(1).await;
    let (_, still, _) = world.units(1).await;
    let me = node(1, "a:1");
    store.load_sites(&[still]).await.unwrap();
    let mut rows = Database::of(&world).await;
    rows.run("UPDATE site_owners SET claimed_at = claimed_at - 60000").await;
    let first = store.look_around(&me, None).await.unwrap();
    assert_eq!(first.claims, []);
    let epoch = store.load_sites(&[site]).await.unwrap()[0].owner_epoch;
    let next = store.look_around(&me, Some(first.at)).await.unwrap();
    assert_eq!(next.claims, [(site, epoch)], "and not of what was taken long before");
    assert!(next.at > first.at);
}

#[tokio::test]
async fn whoever_has_a_file_is_alone_with_it() {
    let world = World::on_sqlite().await;
    let me = node(1, "a:1");
    assert!(!world.store.is_shared());
    assert_eq!(seen(&world.store, &node(2, "a:2")).await, [node(2, "a:2")]);
    let around = world.store.look_around(&me, None).await.unwrap();
    assert_eq!((around.nodes, around.claims), (vec![me.clone()], Vec::new()));
    world.store.leave(me.id).await.unwrap();
}
