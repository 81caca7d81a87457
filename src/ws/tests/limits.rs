//! Bounds: channels, commands, sockets, and readers that do not keep up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hub_actors::channel::{ChannelSettings, OutboxBounds};
use hub_testkit::{
    socket::{Event, Socket},
    wait,
};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::fixture::*;
use crate::ws::SocketSettings;

#[tokio::test]
async fn subscriptions_beyond_the_limit_are_refused_however_many() {
    let settings = SocketSettings { channels_per_socket: 2, ..SocketSettings::default() };
    let fixture = fixture_with(settings, ChannelSettings::default()).await;
    let (mut socket, _) = fixture.listening("ann").await;
    socket.subscribe(&format!("unit:{}", Uuid::from_u128(1))).await.unwrap();
    const MANY: u64 = 5_000;
    let lines = |ids: std::ops::Range<u64>| {
        let line = |id| {
            format!("{{\"id\":{id},\"subscribe\":{{\"channel\":\"unit:{}\"}}}}", Uuid::from_u128(2))
        };
        ids.map(line).collect::<Vec<_>>().join("\n")
    };
    for from in (0..MANY).step_by(500) {
        socket.send_text(lines(1_000 + from..1_500 + from)).await.unwrap();
    }
    for id in 1_000..1_000 + MANY {
        let Event::Other(reply) = socket.next().await.unwrap() else { panic!("no reply") };
        assert_eq!((reply["id"].as_u64(), error_code(&reply)), (Some(id), 106));
    }
    fixture.publish(1, 4);
    socket.publication_where(SOON, |p| p.data["unit"]["seq"] == 4).await.unwrap();
}

#[tokio::test]
async fn a_flood_of_commands_is_refused_and_then_closed() {
    let fixture = fixture().await;
    let mut socket = fixture.socket("ann").await;
    let lines: Vec<String> =
        (1..=1_000).map(|id| format!("{{\"id\":{id},\"rpc\":{{}}}}")).collect();
    let lines = lines.join("\n");
    socket.send_text(lines.clone()).await.unwrap();
    let mut refused = 0;
    for _ in 0..1_000 {
        let Event::Other(reply) = socket.next().await.unwrap() else { panic!("no reply") };
        refused += u32::from(error_code(&reply) == 111);
    }
    assert!(refused > 0, "1,000 commands at once are too many");
    for _ in 0..15 {
        if socket.send_text(lines.clone()).await.is_err() {
            break; // closed already
        }
    }
    assert_eq!(socket.closed(SOON).await.unwrap(), 3501);
}

#[tokio::test]
async fn one_user_or_organization_has_only_so_many_sockets() {
    let settings = SocketSettings {
        sockets_per_user: 2,
        sockets_per_organization: 3,
        ..SocketSettings::default()
    };
    let fixture = fixture_with(settings, ChannelSettings::default()).await;
    let (first, _) = fixture.listening("ann").await;
    let _second = fixture.listening("ann").await;
    let mut third = Socket::open(&fixture.url()).await.unwrap();
    third.send_text(json!({ "id": 1, "connect": { "token": "ann" } }).to_string()).await.unwrap();
    assert_eq!(third.closed(SOON).await.unwrap(), 3504);

    let _bob = fixture.listening("bob").await;
    let mut another = fixture.socket("bob").await;
    another
        .send_text(json!({ "id": 2, "subscribe": { "channel": site_channel() } }).to_string())
        .await
        .unwrap();
    assert_eq!(another.closed(SOON).await.unwrap(), 3504);

    first.close().await;
    let again = || async { Socket::connect(&fixture.url(), "ann").await.ok() };
    wait::until("a place is free again", SOON, again).await;
}

#[tokio::test]
async fn all_that_is_published_arrives_in_order_with_those_who_read() {
    const SEQS: u64 = 20_000;
    let fixture = fixture().await;
    let (mut socket, _) = fixture.listening("ann").await;
    let channels = fixture.channels.clone();
    let publisher = tokio::task::spawn_blocking(move || {
        for seq in 1..=SEQS {
            channels.publish(hub_actors::UnitUpdate {
                shown: shown(1 + u128::from(seq % 3), seq),
                alerts: vec![],
            });
        }
    });
    let mut last = 0;
    while last < SEQS {
        let Event::Publication(publication) = socket.next().await.unwrap() else {
            panic!("no publication")
        };
        assert!(publication.offset > last, "{} after {last}", publication.offset);
        assert_eq!(publication.data["unit"]["seq"], publication.offset);
        last = publication.offset;
    }
    publisher.await.unwrap();
}

#[tokio::test]
async fn a_reader_that_stops_is_closed_with_3008_and_the_others_do_not_notice() {
    let settings =
        SocketSettings { write_within: Duration::from_secs(1), ..SocketSettings::default() };
    let fixture = fixture_with(settings, ChannelSettings::default()).await;
    let (mut stuck, _) = fixture.listening("ann").await;
    let (mut reading, _) = fixture.listening("bob").await;
    let begun = Instant::now();
    let mut seq = 0;
    let mut worst = Duration::ZERO;
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    while fixture.realtime.sessions().open() == 2 {
        pace.tick().await;
        assert!(begun.elapsed() < Duration::from_secs(10), "the stuck reader is still there");
        for _ in 0..8 {
            seq += 1; // about 8 KiB each time, 400 KiB a second
            fixture.publish_alert(u128::from(seq), 1 + u128::from(seq % 3), seq);
        }
        let sent = Instant::now();
        reading.publication_where(SOON, |p| p.data["unit"]["seq"] == seq).await.unwrap();
        worst = worst.max(sent.elapsed());
        assert!(fixture.channels.stats().outbox_bytes <= 1 << 20);
    }
    assert!(worst < Duration::from_secs(2), "another reader waited {worst:?}");
    assert_eq!(stuck.closed(SOON).await.unwrap(), 3008);
}

#[tokio::test]
async fn a_slow_reader_gets_every_alert_and_the_newest_of_each_unit() {
    let outbox = OutboxBounds { soft_frames: 8, hard_frames: 100_000, hard_bytes: 64 << 20 };
    let settings =
        SocketSettings { write_within: Duration::from_secs(60), ..SocketSettings::default() };
    let fixture =
        fixture_with(settings, ChannelSettings { outbox, ..ChannelSettings::default() }).await;
    let (mut slow, _) = fixture.listening("ann").await;
    const SEQS: u64 = 30_000;
    const EVERY: u64 = 100;
    for seq in 1..=SEQS {
        if seq % EVERY == 0 {
            fixture.publish_alert(u128::from(seq), 1 + u128::from(seq % 3), seq);
        } else {
            fixture.publish(1 + u128::from(seq % 3), seq);
        }
        if seq % 1_000 == 0 {
            tokio::task::yield_now().await; // the session tries to write
        }
    }
    let (mut alerts, mut units, mut last) = (0, 0, 0);
    let mut newest = [0; 3];
    while newest.iter().max() != Some(&SEQS) {
        let Event::Publication(publication) = slow.next().await.unwrap() else {
            panic!("no publication")
        };
        assert!(publication.offset > last);
        last = publication.offset;
        if publication.data["type"] == "alert" {
            alerts += 1;
        } else {
            let seq = publication.data["unit"]["seq"].as_u64().unwrap();
            newest[usize::try_from(seq % 3).unwrap()] = seq;
            units += 1;
        }
    }
    assert_eq!(alerts, SEQS / EVERY);
    newest.sort_unstable();
    assert_eq!(newest, [SEQS - 2, SEQS - 1, SEQS]);
    assert!(units < SEQS, "{units}");
    assert!(fixture.channels.stats().conflated > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_pongs_come_between_whole_publications() {
    const ALERTS: u64 = 10_000;
    let outbox = OutboxBounds { soft_frames: 100_000, hard_frames: 100_000, hard_bytes: 64 << 20 };
    let settings = ChannelSettings { outbox, ..ChannelSettings::default() };
    let fixture = fixture_with(SocketSettings::default(), settings).await;
    let (mut socket, _) = fixture.listening("ann").await;
    let fixture = Arc::new(fixture);
    let publishing = Arc::clone(&fixture);
    let publisher = tokio::spawn(async move {
        for seq in 1..=ALERTS {
            publishing.publish_alert(u128::from(seq), 1 + u128::from(seq % 3), seq);
            if seq % 40 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let (mut last, mut asked, mut answered) = (0, 0, 0);
    while last < 2 * ALERTS || answered < asked {
        match socket.next().await.unwrap() {
            Event::Publication(publication) => {
                assert_eq!(publication.offset, last + 1);
                last = publication.offset;
            }
            Event::Other(reply) => {
                answered += 1;
                assert_eq!(reply["id"], 1_000 + answered);
            }
            Event::Closed(code) => panic!("closed with {code:?} after {last}"),
        }
        if last % 30 == 0 && last < 2 * ALERTS {
            asked += 1;
            let ask = format!("{{\"id\":{},\"ping\":{{}}}}", 1_000 + asked);
            socket.send_text(ask).await.unwrap();
            socket.send_frame(Message::Ping("x".into())).await.unwrap();
        }
        if last % 1_500 == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await; // what is sent no longer fits
        }
    }
    publisher.await.unwrap();
    assert!(asked > 100);
}
