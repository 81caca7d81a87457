//! Coming back: exactly what was missed, or a reset.

use hub_actors::channel::{ChannelSettings, HistoryBounds};
use hub_testkit::socket::recovered;
use serde_json::json;

use super::fixture::*;
use crate::ws::SocketSettings;

#[tokio::test]
async fn a_client_that_left_at_any_offset_gets_exactly_what_it_missed() {
    const PUBLISHED: u64 = 1_000;
    let fixture = fixture().await;
    let (mut first, reply) = fixture.listening("ann").await;
    let epoch = reply["epoch"].as_str().unwrap().to_owned();
    (1..=PUBLISHED).for_each(|seq| fixture.publish(1 + u128::from(seq % 3), seq));
    first.publication_where(SOON, |p| p.offset == PUBLISHED).await.unwrap();
    let mut socket = fixture.socket("ann").await;
    for offset in 0..=PUBLISHED {
        if offset % 80 == 79 {
            socket.close().await; // a fresh budget of commands
            socket = fixture.socket("ann").await;
        }
        let reply = socket.recover(&site_channel(), &epoch, offset).await.unwrap();
        assert_eq!((&reply["was_recovering"], &reply["recovered"]), (&json!(true), &json!(true)));
        assert!(reply.get("data").is_none(), "who recovers needs no snapshot");
        let missed = recovered(&site_channel(), &reply);
        assert!(missed.iter().map(|p| p.offset).eq(offset + 1..=PUBLISHED), "at {offset}");
        assert!(missed.iter().all(|p| p.data["unit"]["seq"] == p.offset));
        socket.command("unsubscribe", json!({ "channel": site_channel() })).await.unwrap();
    }
    for wrong in ["_", "", "0000000000000000"] {
        let reply = socket.recover(&site_channel(), wrong, PUBLISHED).await.unwrap();
        assert_eq!(
            (&reply["was_recovering"], &reply["recovered"]),
            (&json!(true), &json!(false)),
            "{wrong}"
        );
        assert_eq!(reply["data"]["type"], "site");
        socket.command("unsubscribe", json!({ "channel": site_channel() })).await.unwrap();
    }
}

#[tokio::test]
async fn what_the_history_no_longer_has_is_a_reset_and_never_a_gap() {
    let history = HistoryBounds { len: 10, secs: 300 };
    let channels = ChannelSettings { history, ..ChannelSettings::default() };
    let fixture = fixture_with(SocketSettings::default(), channels).await;
    let (_first, reply) = fixture.listening("ann").await;
    let epoch = reply["epoch"].as_str().unwrap().to_owned();
    (1..=30).for_each(|seq| fixture.publish(1, seq));
    let mut socket = fixture.socket("ann").await;
    for offset in [0, 5, 19, 20, 29, 30, 31] {
        let reply = socket.recover(&site_channel(), &epoch, offset).await.unwrap();
        let is_kept = (20..=30).contains(&offset);
        assert_eq!(reply["recovered"], json!(is_kept), "{offset}");
        assert_eq!(reply.get("data").is_some(), !is_kept);
        assert_eq!(reply["offset"], 30);
        socket.command("unsubscribe", json!({ "channel": site_channel() })).await.unwrap();
    }
    let rejecting = json!({ "channel": site_channel(), "recover": true, "epoch": epoch, "offset": 5, "flag": 2 });
    let reply = socket.command("subscribe", rejecting).await.unwrap();
    assert_eq!(error_code(&reply), 112);
    socket.subscribe(&site_channel()).await.unwrap();
}

#[tokio::test]
async fn a_reset_reaches_the_client_as_an_unsubscribe_and_it_gets_a_new_epoch() {
    let fixture = fixture().await;
    let (mut socket, reply) = fixture.listening("ann").await;
    fixture.channels.restore_unit(shown(1, 1), vec![alert(50, 1)]); // which nobody was told of
    let hub_testkit::socket::Event::Other(push) = socket.next().await.unwrap() else {
        panic!("no push")
    };
    assert_eq!(push["push"]["unsubscribe"]["code"], 2500);
    let epoch = reply["epoch"].as_str().unwrap();
    let again = socket.recover(&site_channel(), epoch, 0).await.unwrap();
    assert_eq!(again["recovered"], false);
    assert_ne!(again["epoch"], reply["epoch"]);
}
