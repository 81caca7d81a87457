//! P7: a subscriber has a snapshot, then each later change in order, or is told to take a new snapshot.

use hub_testkit::socket::{Event, Socket};
use serde_json::json;

use super::{BACKENDS, SOON, Story, ago, reading};

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_gets_a_snapshot_and_then_each_change_in_order() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        story.api.ingest(json!([reading(&unit, ago(120), 3.0)])).await;
        let mut socket =
            Socket::connect(&story.hub.socket_url(), &story.token).await.expect("the hub accepts");
        let subscribed =
            socket.subscribe(&format!("site:{}", story.site)).await.expect("a member may");
        let shown = &subscribed["data"]["units"][0];
        assert_eq!(
            (&shown["id"], &shown["temperature"]),
            (&json!(unit), &json!(3.0)),
            "{backend:?}"
        );
        let first = subscribed["offset"].as_u64().unwrap_or(0);
        for step in 0..20_u32 {
            let celsius = f64::from(step) / 10.0 + 1.0;
            story.api.ingest(json!([reading(&unit, ago(100 - i64::from(step)), celsius)])).await;
            let publication = socket.publication_where(SOON, |_| true).await.expect("it is told");
            assert_eq!(publication.offset, first + 1 + u64::from(step));
            assert_eq!(publication.data["unit"]["temperature"], json!(celsius));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_is_committed() {
    for backend in BACKENDS {
        let mut story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        let mut socket =
            Socket::connect(&story.hub.socket_url(), &story.token).await.expect("the hub accepts");
        socket.subscribe(&format!("site:{}", story.site)).await.expect("a member may");
        let sent = tokio::spawn({
            let (api, unit) = (story.api.clone(), unit.clone());
            async move { api.try_ingest(&json!([reading(&unit, ago(1), 9.0)])).await }
        });
        let opened =
            |publication: &hub_testkit::socket::Publication| publication.data["event"] == "opened";
        let publication = socket.publication_where(SOON, opened).await.expect("it is told");
        story.hub.kill9(); // at once: nothing told may be lost
        drop(sent.await);
        story.hub.restart().await.expect("the hub starts again");
        let alerts = story.alerts(&unit, "temperature_high").await;
        assert_eq!(alerts.len(), 1, "{backend:?}");
        assert_eq!(alerts[0]["id"], publication.data["alert"]["id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_a_subscriber_is_told_to_take_a_new_snapshot() {
    let mut story = Story::begin(BACKENDS[0]).await;
    let unit = story.unit("Walk-in", json!({})).await;
    let channel = format!("site:{}", story.site);
    let mut socket =
        Socket::connect(&story.hub.socket_url(), &story.token).await.expect("the hub accepts");
    let before = socket.subscribe(&channel).await.expect("a member may");
    story.api.ingest(json!([reading(&unit, ago(60), 3.0)])).await;
    story.hub.kill9();
    story.hub.restart().await.expect("the hub starts again");
    let mut socket =
        Socket::connect(&story.hub.socket_url(), &story.token).await.expect("the hub accepts");
    let (epoch, offset) =
        (before["epoch"].as_str().expect("an epoch"), before["offset"].as_u64().unwrap_or(0));
    let after = socket.recover(&channel, epoch, offset).await.expect("a member may");
    assert_ne!(after["recovered"], json!(true));
    assert_ne!(after["epoch"], before["epoch"]);
    assert_eq!(after["data"]["units"][0]["temperature"], json!(3.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_reaches_every_dashboard_once() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Walk-in", json!({})).await;
        story.api.ingest(json!([reading(&unit, ago(1), 9.0)])).await;
        let alert = story.alerts(&unit, "temperature_high").await.remove(0);
        let channels = [
            format!("site:{}", story.site),
            format!("unit:{unit}"),
            format!("org:{}", story.organization),
        ];
        let mut sockets = Vec::new();
        for channel in &channels {
            let mut socket = Socket::connect(&story.hub.socket_url(), &story.token)
                .await
                .expect("the hub accepts");
            socket.subscribe(channel).await.expect("a member may");
            sockets.push(socket);
        }
        let path = format!("/api/v1/alerts/{}/acknowledge", alert["id"].as_str().unwrap());
        let empty = json!({});
        let races = (0..10).map(|_| story.api.post(&path, &empty));
        let answers = futures_util::future::join_all(races).await;
        let codes: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        // it is one person who says it ten times
        assert!(codes.iter().all(|code| *code == 200), "{codes:?}");
        for socket in &mut sockets {
            let acknowledged = |publication: &hub_testkit::socket::Publication| {
                publication.data["event"] == "acknowledged"
            };
            let publication =
                socket.publication_where(SOON, acknowledged).await.expect("it is told");
            assert_eq!(publication.data["alert"]["id"], alert["id"], "{backend:?}");
            while let Ok(event) = socket.next_within(std::time::Duration::from_millis(200)).await {
                let doubled =
                    matches!(&event, Event::Publication(p) if p.data["event"] == "acknowledged");
                assert!(!doubled, "told twice: {event:?}");
            }
        }
    }
}
