//! What is heard on open sockets by somebody who is taken out, or becomes somebody else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use hub_testkit::{
    api::Api,
    hub::HubProcess,
    postgres::PrivatePostgres,
    socket::{Event, Socket},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{BACKENDS, World, ago, delete, set_role};

/// How long a socket is heard on after the removal.
const HEARD_FOR: Duration = Duration::from_secs(3);

/// Publishes without a pause until it is told to stop.
fn publishing(api: Api, unit: String) -> (Arc<AtomicBool>, JoinHandle<u32>) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let task = tokio::spawn(async move {
        let mut sent = 0;
        while !stopped.load(Ordering::Relaxed) {
            sent += 1;
            let celsius = f64::from(sent % 100) / 100.0;
            api.ingest(json!([{ "unitId": unit, "temperature": celsius, "recordedAt": ago(0) }]))
                .await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sent
    });
    (stop, task)
}

/// Hears on a socket until `HEARD_FOR` is over; gives when the last publication came, and the push that ended it.
async fn last_heard(socket: &mut Socket, since: Instant) -> (Option<Duration>, Option<Value>) {
    let (mut last, mut end) = (None, None);
    while let Some(left) = HEARD_FOR.checked_sub(since.elapsed()) {
        match socket.next_within(left).await {
            Ok(Event::Publication(_)) => last = Some(since.elapsed()),
            Ok(Event::Other(push)) if push["push"].get("unsubscribe").is_some() => end = Some(push),
            Ok(Event::Other(_)) => {}
            Ok(Event::Closed(_)) | Err(_) => break,
        }
    }
    (last, end)
}

/// Waits for a publication, so that it is sure that the socket is heard on.
async fn hears(socket: &mut Socket) {
    socket.publication_where(Duration::from_secs(10), |_| true).await.expect("it is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_members_open_socket_gets_its_last_event_within_a_second() {
    for backend in BACKENDS {
        let world = World::begin(backend).await;
        let site = world.owner.create_site("Kitchen").await;
        let unit = world.owner.create_unit(&site, "Unit").await;
        let member = world.member("viewer").await;
        let channel = format!("site:{site}");
        let url = world.hub.socket_url();
        let mut theirs = Socket::connect(&url, &member.token).await.unwrap();
        theirs.subscribe(&channel).await.unwrap();
        let mut owners = Socket::connect(&url, &world.made.token).await.unwrap();
        owners.subscribe(&channel).await.unwrap();
        let (stop, publisher) = publishing(world.owner.clone(), unit);
        hears(&mut theirs).await;
        let path = format!("/api/v1/members/{}", member.id);
        assert_eq!(delete(&world.owner, &path).await.status, 204);
        let removed = Instant::now();
        let (last, end) = last_heard(&mut theirs, removed).await;
        assert!(last.is_none_or(|last| last <= Duration::from_secs(1)), "{backend:?}: {last:?}");
        assert_eq!(end.expect("it is told")["push"]["unsubscribe"]["code"], 2000, "{backend:?}");
        hears(&mut owners).await;
        stop.store(true, Ordering::Relaxed);
        assert!(publisher.await.unwrap() > 50, "readings kept coming");
        let again = theirs.command("subscribe", json!({ "channel": channel })).await.unwrap();
        assert_eq!(again["error"]["code"], 103, "{again}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_by_another_process_reaches_the_socket_within_a_second() {
    let url = PrivatePostgres::shared().create_database();
    let start = || HubProcess::builder(env!("CARGO_BIN_EXE_hub")).database_url(url.clone()).start();
    let one = start().await.unwrap();
    let (made, owner) = one.owner("Acme").await.unwrap();
    let world = World { hub: one, made, owner, database: url.clone() };
    let member = world.member("staff").await;
    let site = world.owner.create_site("Kitchen").await;
    let unit = world.owner.create_unit(&site, "Unit").await;
    let other = start().await.unwrap();
    let there = other.api().with_token(&world.made.token).with_key(&world.made.api_key);
    let mut socket = Socket::connect(&other.socket_url(), &member.token).await.unwrap();
    socket.subscribe(&format!("site:{site}")).await.unwrap();
    let (stop, publisher) = publishing(there, unit);
    hears(&mut socket).await;
    assert_eq!(delete(&world.owner, &format!("/api/v1/members/{}", member.id)).await.status, 204);
    let (last, end) = last_heard(&mut socket, Instant::now()).await;
    assert!(last.is_none_or(|last| last <= Duration::from_secs(1)), "last event after {last:?}");
    assert!(end.is_some(), "it is told that it ended");
    stop.store(true, Ordering::Relaxed);
    assert!(publisher.await.unwrap() > 50, "readings kept coming");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_role_ends_what_is_heard_so_that_it_is_judged_anew() {
    let world = World::begin(super::Backend::Sqlite).await;
    let site = world.owner.create_site("Kitchen").await;
    let member = world.member("staff").await;
    let mut socket = Socket::connect(&world.hub.socket_url(), &member.token).await.unwrap();
    let channel = format!("site:{site}");
    socket.subscribe(&channel).await.unwrap();
    assert_eq!(set_role(&world.owner, &member.id, "viewer").await.status, 200);
    let (_, end) = last_heard(&mut socket, Instant::now()).await;
    let code = end.expect("it is told")["push"]["unsubscribe"]["code"].as_u64().unwrap();
    assert!(code >= 2500, "the client subscribes again: {code}");
    socket.subscribe(&channel).await.expect("a viewer may hear");
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_of_a_deleted_organization_hear_nothing_more() {
    for backend in BACKENDS {
        let world = World::begin(backend).await;
        let site = world.owner.create_site("Kitchen").await;
        let unit = world.owner.create_unit(&site, "Unit").await;
        let member = world.member("viewer").await;
        let mut socket = Socket::connect(&world.hub.socket_url(), &member.token).await.unwrap();
        socket.subscribe(&format!("org:{}", world.made.organization_id)).await.unwrap();
        socket.subscribe(&format!("unit:{unit}")).await.unwrap();
        let path = format!("/api/v1/organizations/{}", world.made.organization_id);
        assert_eq!(delete(&world.owner, &path).await.status, 204);
        let (_, end) = last_heard(&mut socket, Instant::now()).await;
        assert!(end.is_some(), "{backend:?}");
        let again = socket.command("subscribe", json!({ "channel": format!("unit:{unit}") })).await;
        assert_eq!(again.unwrap()["error"]["code"], 103);
    }
}
