//! Server-sent events, read as a plain HTTP reader does.

use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use serde_json::Value;
use tokio::time::timeout;

use super::fixture::*;
use crate::ws::SocketSettings;

/// One event as it came.
#[derive(Debug, Default, PartialEq)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

/// An open answer.
struct Reader<S> {
    bytes: S,
    text: String,
}

async fn ask(
    fixture: &Fixture,
    channel: &str,
    token: &str,
    last: Option<&str>,
) -> reqwest::Response {
    let url = format!("http://{}/connection/sse?channel={channel}", fixture.address);
    let mut request = reqwest::Client::new().get(url).bearer_auth(token);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    request.send().await.unwrap()
}

async fn read(
    fixture: &Fixture,
    token: &str,
    last: Option<&str>,
) -> Reader<impl Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin> {
    let answer = ask(fixture, &site_channel(), token, last).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    Reader { bytes: answer.bytes_stream(), text: String::new() }
}

impl<S: Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin> Reader<S> {
    /// The next event; `None` when the answer ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let mut event = Event::default();
                for line in block.lines() {
                    match line.split_once(": ") {
                        Some(("event", name)) => event.name = name.to_owned(),
                        Some(("id", id)) => event.id = id.to_owned(),
                        Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                        Some(("retry", millis)) => assert!(millis.parse::<u32>().is_ok()),
                        _ => assert_eq!(line, ":"),
                    }
                }
                if event != Event::default() {
                    return Some(event);
                }
            }
            let bytes = timeout(SOON, self.bytes.next()).await.expect("something comes")?;
            self.text += std::str::from_utf8(&bytes.unwrap()).unwrap();
        }
    }
}

fn temperature_of(event: &Event) -> (&Value, &Value) {
    (&event.data["type"], &event.data["unit"]["seq"])
}

#[tokio::test]
async fn a_reader_starts_from_a_snapshot_and_gets_each_change_in_order() {
    let fixture = fixture().await;
    let mut reader = read(&fixture, "ann", None).await;
    let snapshot = reader.next().await.unwrap();
    assert_eq!((snapshot.name.as_str(), &snapshot.data["type"]), ("snapshot", &"site".into()));
    assert_eq!(snapshot.data["units"].as_array().unwrap().len(), 3);
    let (mut socket, _) = fixture.listening("ann").await;
    for seq in 1..=50 {
        fixture.publish(1, seq);
    }
    for seq in 1..=50_u64 {
        let event = reader.next().await.unwrap();
        let published = socket.publication_where(SOON, |_| true).await.unwrap();
        assert_eq!(temperature_of(&event), (&"unit".into(), &seq.into()));
        assert_eq!(event.data, published.data, "sockets and readers get the same");
        assert!(event.id.ends_with(&format!(":{}", published.offset)), "{}", event.id);
    }
}

#[tokio::test]
async fn who_comes_back_with_the_last_id_gets_what_was_missed() {
    let fixture = fixture().await;
    let mut reader = read(&fixture, "ann", None).await;
    let snapshot = reader.next().await.unwrap();
    drop(reader);
    for seq in 1..=20 {
        fixture.publish(1, seq);
    }
    let mut reader = read(&fixture, "ann", Some(&snapshot.id)).await;
    let mut last = String::new();
    for seq in 1..=20_u64 {
        let event = reader.next().await.unwrap();
        assert_eq!(temperature_of(&event).1, &Value::from(seq));
        last = event.id;
    }
    let (epoch, _) = last.split_once(':').unwrap();
    for unknown in ["", "x", "0000000000000001:3", &format!("{epoch}:999"), &format!("{epoch}:-1")]
    {
        let mut reader = read(&fixture, "ann", Some(unknown)).await;
        assert_eq!(reader.next().await.unwrap().name, "snapshot", "{unknown}");
    }
}

#[tokio::test]
async fn who_may_not_hear_it_is_told_what_who_asks_for_nothing_is_told() {
    let fixture = fixture().await;
    let foreign = format!("site:{}", FOREIGN_SITE.0);
    let nowhere = format!("site:{}", uuid::Uuid::now_v7());
    for (channel, token, status) in [
        (foreign.as_str(), "ann", 404),
        (&nowhere, "ann", 404),
        ("site:x", "ann", 404),
        ("", "ann", 404),
        (&site_channel(), "nobody", 401),
    ] {
        let answer = ask(&fixture, channel, token, None).await;
        assert_eq!(answer.status(), status, "{channel}");
    }
    let url = format!("http://{}/connection/sse", fixture.address);
    let client = reqwest::Client::new();
    let asked = async |query: &str| {
        let request = client.get(format!("{url}{query}")).bearer_auth("ann");
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(asked("").await, 400);
    assert_eq!(client.get(format!("{url}?channel={foreign}")).send().await.unwrap().status(), 401);
    assert_eq!(fixture.realtime.sessions().open(), 0);
}

#[tokio::test]
async fn a_removed_member_hears_the_end_and_nothing_more() {
    let fixture = fixture().await;
    let mut reader = read(&fixture, "ann", None).await;
    reader.next().await.unwrap();
    fixture.publish(1, 1);
    fixture.access.members.lock().unwrap().remove(&(ANN, ORG));
    fixture.realtime.sessions().revoke(ORG, ANN);
    fixture.publish(1, 2);
    let last = loop {
        let event = reader.next().await.unwrap();
        if event.name == "end" {
            break event;
        }
        assert_eq!(temperature_of(&event).1, &Value::from(1));
    };
    assert_eq!(last.data["code"], 2000);
    assert_eq!(reader.next().await, None);
    assert_eq!(ask(&fixture, &site_channel(), "ann", None).await.status(), 404);
}

#[tokio::test]
async fn it_ends_with_its_token_and_with_the_hub() {
    let fixture = fixture().await;
    let mut short = read(&fixture, "ann for 1", None).await;
    let mut long = read(&fixture, "bob", None).await;
    short.next().await.unwrap();
    long.next().await.unwrap();
    let last = short.next().await.unwrap();
    assert_eq!((last.name.as_str(), &last.data["code"]), ("end", &3005.into()));
    assert_eq!(short.next().await, None);
    fixture.realtime.sessions().close_all(Duration::from_secs(5)).await;
    let last = long.next().await.unwrap();
    assert_eq!((last.name.as_str(), &last.data["code"]), ("end", &3001.into()));
    assert_eq!(long.next().await, None);
    assert_eq!(fixture.realtime.sessions().open(), 0);
}

#[tokio::test]
async fn a_reader_that_leaves_gives_its_place_back() {
    let settings = SocketSettings { sockets_per_user: 1, ..SocketSettings::default() };
    let fixture = fixture_with(settings, hub_actors::channel::ChannelSettings::default()).await;
    let mut reader = read(&fixture, "ann", None).await;
    reader.next().await.unwrap();
    assert_eq!(ask(&fixture, &site_channel(), "ann", None).await.status(), 503);
    drop(reader);
    let free = async || (fixture.realtime.sessions().open() == 0).then_some(());
    hub_testkit::wait::until("the place to be free", SOON, free).await;
    read(&fixture, "ann", None).await.next().await.unwrap();
}
