//! The protocol as `docs/PROTOCOL.md` has it.

use std::time::Duration;

use hub_actors::channel::{ChannelName, ChannelSettings};
use hub_domain::UnitId;
use hub_testkit::socket::{Event, Socket};
use serde_json::{Value, json};
use uuid::Uuid;

use super::fixture::*;
use crate::ws::{Origins, SocketSettings};

#[tokio::test]
async fn connect_answers_with_what_an_sdk_needs() {
    let fixture = fixture().await;
    let mut socket = Socket::open(&fixture.url()).await.unwrap();
    let reply = socket
        .command("connect", json!({ "token": "ann", "name": "js", "data": null }))
        .await
        .unwrap();
    let connect = &reply["connect"];
    assert_eq!((connect["ping"].as_u64(), connect["pong"].as_bool()), (Some(25), Some(true)));
    assert_eq!((connect["expires"].as_bool(), connect["ttl"].as_i64()), (Some(true), Some(3600)));
    for field in ["client", "version", "session", "node"] {
        assert!(connect[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {reply}");
    }
}

#[tokio::test]
async fn a_subscriber_gets_the_snapshot_and_then_each_change() {
    let fixture = fixture().await;
    fixture.publish_alert(50, 1, 1);
    let (mut socket, reply) = fixture.listening("ann").await;
    assert_eq!(reply["offset"], 2);
    assert_eq!((&reply["recoverable"], &reply["positioned"]), (&json!(true), &json!(true)));
    assert!(reply.get("was_recovering").is_none() && reply.get("publications").is_none());
    let data = &reply["data"];
    assert_eq!(data["type"], "site");
    assert_eq!(data["site"], json!({ "id": Uuid::from_u128(2), "name": "Kitchen" }));
    assert_eq!(data["units"].as_array().map(Vec::len), Some(3));
    assert_eq!(data["units"][0]["status"], "excursion");
    assert_eq!(data["alerts"][0]["kind"], "temperature_high");

    fixture.publish(2, 7);
    let Event::Publication(publication) = socket.next().await.unwrap() else {
        panic!("no publication")
    };
    assert_eq!((&*publication.channel, publication.offset), (&*site_channel(), 3));
    let unit = json!({
        "id": Uuid::from_u128(2), "siteId": Uuid::from_u128(2), "name": "Walk-in \"1\" <ä>", "status": "ok",
        "thermal": "ok", "link": "online", "door": "unknown", "manualLog": "not_due", "mode": "normal",
        "temperature": 4.25, "humidity": null, "recordedAt": "2026-11-20T08:00:00.000Z",
        "receivedAt": "2026-11-20T08:00:00.000Z", "highLimit": 8.0, "lowLimit": 2.0, "confirmAt": null,
        "openAlerts": 0, "seq": 7,
    });
    assert_eq!(
        publication.data,
        json!({ "type": "unit", "unit": unit, "t": 1_795_161_600_000_000_000_i64 })
    );

    fixture.publish_alert(51, 3, 1);
    let Event::Publication(publication) = socket.next().await.unwrap() else {
        panic!("no publication")
    };
    assert_eq!(publication.data["event"], "opened");
    let alert = json!({
        "id": Uuid::from_u128(51), "unitId": Uuid::from_u128(3), "siteId": Uuid::from_u128(2),
        "kind": "temperature_high", "severity": "warning", "status": "active",
        "openedAt": "2026-11-20T08:00:00.000Z", "confirmedAt": null, "acknowledgedAt": null, "acknowledgedBy": null,
        "resolvedAt": null, "resolution": null, "temperature": 9.4, "limit": 8.0, "peak": 9.4, "ruleVersion": 3,
    });
    assert_eq!(publication.data["alert"], alert);
}

#[tokio::test]
async fn units_and_organizations_have_channels_too() {
    let fixture = fixture().await;
    fixture.publish_alert(50, 1, 1);
    let mut socket = fixture.socket("ann").await;
    let unit = ChannelName::Unit(UnitId(Uuid::from_u128(1))).to_string();
    let reply = socket.subscribe(&unit).await.unwrap();
    assert_eq!(
        (&reply["data"]["type"], &reply["data"]["unit"]["seq"]),
        (&json!("unit"), &json!(1))
    );
    let org = ChannelName::Organization(ORG).to_string();
    let reply = socket.subscribe(&org).await.unwrap();
    assert_eq!(reply["data"]["organization"], json!({ "id": ORG.0, "name": "Acme" }));
    let sites = reply["data"]["sites"].as_array().unwrap();
    assert_eq!(sites.len(), 2, "the sleeping site was woken");
    let counts = json!({ "ok": 2, "excursion": 1 });
    assert_eq!(
        (&sites[0]["counts"], &sites[0]["worst"], &sites[0]["openAlerts"]),
        (&counts, &json!("excursion"), &json!(1))
    );

    fixture.publish_alert(51, 2, 1);
    let alert = socket
        .publication_where(SOON, |p| p.channel == org && p.data["type"] == "alert")
        .await
        .unwrap();
    assert_eq!(alert.data["alert"]["id"], json!(Uuid::from_u128(51)));
    let wanted = |p: &hub_testkit::socket::Publication| p.data["site"]["openAlerts"] == 2;
    let summary = socket.publication_where(SOON, wanted).await.unwrap();
    assert_eq!(summary.data["site"]["counts"], json!({ "ok": 1, "excursion": 2 }));
}

#[tokio::test]
async fn a_sleeping_site_is_woken_by_a_subscription() {
    let fixture = fixture().await;
    let mut socket = fixture.socket("ann").await;
    let channel = ChannelName::Site(SLEEPING_SITE).to_string();
    let reply = socket.subscribe(&channel).await.unwrap();
    assert_eq!((&reply["offset"], &reply["data"]["units"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn refusals_have_their_codes() {
    let fixture = fixture().await;
    let mut socket = fixture.socket("ann").await;
    for channel in ["", "x", "site:1", "SITE:00000000-0000-0000-0000-000000000002", "public:news"] {
        assert_eq!(error_code(&subscribing(&mut socket, channel).await), 102, "{channel}");
    }
    let nobodys = format!("site:{}", Uuid::from_u128(99));
    let foreign = ChannelName::Site(FOREIGN_SITE).to_string();
    let foreign_org = ChannelName::Organization(FOREIGN_ORG).to_string();
    for channel in [&nobodys, &foreign, &foreign_org, &format!("unit:{}", Uuid::from_u128(98))] {
        assert_eq!(error_code(&subscribing(&mut socket, channel).await), 103, "{channel}");
    }
    socket.subscribe(&site_channel()).await.unwrap();
    assert_eq!(error_code(&subscribing(&mut socket, &site_channel()).await), 105);
    for (method, request, code) in [
        ("publish", json!({ "channel": site_channel(), "data": {} }), 103),
        ("presence", json!({ "channel": site_channel() }), 104),
        ("presence_stats", json!({}), 104),
        ("rpc", json!({}), 104),
        ("sub_refresh", json!({}), 104),
        ("nonsense", json!({}), 104),
        ("subscribe", json!({ "channel": 5 }), 107),
        ("history", json!({ "channel": foreign }), 103),
        ("history", json!({ "channel": "x" }), 102),
    ] {
        assert_eq!(error_code(&socket.command(method, request).await.unwrap()), code, "{method}");
    }
    let reply = socket.command("ping", json!({})).await.unwrap();
    assert_eq!(reply["ping"], json!({}));
    let mut stranger = fixture.socket("stranger").await;
    assert_eq!(error_code(&subscribing(&mut stranger, &site_channel()).await), 103);
}

#[tokio::test]
async fn tokens_that_are_not_good_end_as_the_sdks_expect() {
    let fixture = fixture().await;
    for token in ["", "forged"] {
        let mut socket = Socket::open(&fixture.url()).await.unwrap();
        socket
            .send_text(json!({ "id": 1, "connect": { "token": token } }).to_string())
            .await
            .unwrap();
        assert_eq!(socket.closed(SOON).await.unwrap(), 3500, "{token}");
    }
    let mut socket = Socket::open(&fixture.url()).await.unwrap();
    let reply = socket.command("connect", json!({ "token": "expired" })).await.unwrap();
    assert_eq!(error_code(&reply), 109);
    for token in ["away", "too new"] {
        let reply = socket.command("connect", json!({ "token": token })).await.unwrap();
        assert_eq!((error_code(&reply), &reply["error"]["temporary"]), (100, &json!(true)));
    }
    let reply = socket.command("connect", json!({ "token": "ann" })).await.unwrap();
    assert!(reply["connect"].is_object(), "a fresh token is taken on the same socket");
}

#[tokio::test]
async fn a_socket_whose_token_was_ended_is_closed_and_may_come_back() {
    let fixture = fixture().await;
    let mut idle = fixture.socket("ann").await;
    let (mut listening, _) = fixture.listening("bob").await;
    fixture.access.generation.store(1, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(idle.closed(SOON).await.unwrap(), 3005);
    assert_eq!(listening.closed(SOON).await.unwrap(), 3005);
}

#[tokio::test]
async fn what_is_no_protocol_is_closed_with_3501() {
    let fixture = fixture().await;
    for text in ["", "{}", "\n\n"] {
        let mut socket = Socket::open(&fixture.url()).await.unwrap();
        socket.send_text(text).await.unwrap();
        let reply = socket.command("connect", json!({ "token": "ann" })).await.unwrap();
        assert!(reply["connect"].is_object(), "{text:?} is harmless");
    }
    let first = json!({ "id": 1, "subscribe": { "channel": site_channel() } }).to_string();
    for text in ["hello", "[]", "{\"id\":1", "{\"id\":0,\"ping\":{}}", "{\"connect\":{}}", &first] {
        let mut socket = Socket::open(&fixture.url()).await.unwrap();
        socket.send_text(text).await.unwrap();
        assert_eq!(socket.closed(SOON).await.unwrap(), 3501, "{text}");
    }
    let mut socket = fixture.socket("ann").await;
    socket.send_text(json!({ "id": 9, "connect": { "token": "ann" } }).to_string()).await.unwrap();
    assert_eq!(socket.closed(SOON).await.unwrap(), 3501, "a second connect");
}

#[tokio::test]
async fn commands_of_one_frame_are_answered_in_one_frame() {
    let fixture = fixture().await;
    let mut socket = fixture.socket("ann").await;
    let channel = site_channel();
    let batch = format!(
        "{{\"id\":21,\"ping\":{{}}}}\n{{\"id\":22,\"subscribe\":{{\"channel\":\"{channel}\"}}}}\n{{\"id\":23,\"unsubscribe\":{{\"channel\":\"{channel}\"}}}}"
    );
    socket.send_text(batch).await.unwrap();
    for id in 21..=23 {
        let Event::Other(reply) = socket.next().await.unwrap() else { panic!("no reply") };
        assert_eq!(reply["id"], id);
        assert!(reply.get("error").is_none(), "{reply}");
    }
    fixture.publish(1, 1);
    assert_eq!(socket.command("ping", json!({})).await.unwrap()["ping"], json!({}));
    let reply = socket.command("unsubscribe", json!({ "channel": channel })).await.unwrap();
    assert_eq!(reply["unsubscribe"], json!({}), "to end what has ended is no error");
}

#[tokio::test]
async fn a_socket_without_a_connect_is_stale() {
    let settings =
        SocketSettings { connect_within: Duration::from_millis(50), ..SocketSettings::default() };
    let fixture = fixture_with(settings, ChannelSettings::default()).await;
    let mut socket = Socket::open(&fixture.url()).await.unwrap();
    assert_eq!(socket.closed(SOON).await.unwrap(), 3502);
}

#[tokio::test]
async fn an_unanswered_ping_ends_the_socket_and_an_answered_one_does_not() {
    let (ping_every, pong_within) = (Duration::from_millis(60), Duration::from_millis(40));
    let settings = SocketSettings { ping_every, pong_within, ..SocketSettings::default() };
    let fixture = fixture_with(settings, ChannelSettings::default()).await;
    let (mut polite, _) = fixture.listening("ann").await;
    let mut mute = fixture.socket("ann").await;
    mute.ignore_pings();
    let polite = tokio::spawn(async move {
        polite.publication_where(SOON, |p| p.data["unit"]["seq"] == 9).await
    });
    assert_eq!(mute.closed(SOON).await.unwrap(), 3012);
    tokio::time::sleep(ping_every * 5).await; // several pings are answered meanwhile
    fixture.publish(1, 9);
    polite.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_expired_connection_is_closed_and_a_refreshed_one_lives() {
    let settings =
        SocketSettings { expiry_grace: Duration::from_millis(50), ..SocketSettings::default() };
    let fixture = fixture_with(settings, ChannelSettings::default()).await;
    let mut kept = fixture.socket("ann for 1").await;
    let reply = kept.command("refresh", json!({ "token": "ann for 60" })).await.unwrap();
    assert_eq!(
        (&reply["refresh"]["ttl"], &reply["refresh"]["expires"]),
        (&json!(60), &json!(true))
    );
    let reply = kept.command("refresh", json!({ "token": "expired" })).await.unwrap();
    assert_eq!(error_code(&reply), 109);
    let mut left = fixture.socket("ann for 1").await;
    assert_eq!(left.closed(SOON).await.unwrap(), 3005);
    assert_eq!(kept.command("ping", json!({})).await.unwrap()["ping"], json!({}));
    for token in ["bob", "forged"] {
        let mut socket = fixture.socket("ann").await;
        socket
            .send_text(json!({ "id": 5, "refresh": { "token": token } }).to_string())
            .await
            .unwrap();
        assert_eq!(socket.closed(SOON).await.unwrap(), 3500, "{token}");
    }
}

#[tokio::test]
async fn a_member_who_was_removed_elsewhere_hears_no_more() {
    let fixture = fixture().await;
    let (mut ann, _) = fixture.listening("ann").await;
    let (mut bob, _) = fixture.listening("bob").await;
    fixture.access.members.lock().unwrap().remove(&(ANN, ORG));
    let Event::Other(push) = ann.next().await.unwrap() else { panic!("an event before the end") };
    assert_eq!(push["push"]["unsubscribe"]["code"], 2000, "{push}");
    fixture.publish(1, 1);
    bob.publication_where(SOON, |p| p.data["unit"]["seq"] == 1).await.unwrap();
}

#[tokio::test]
async fn a_removed_member_hears_no_more_and_others_do() {
    let fixture = fixture().await;
    let (mut ann, _) = fixture.listening("ann").await;
    let (mut bob, _) = fixture.listening("bob").await;
    let org = ChannelName::Organization(ORG).to_string();
    ann.subscribe(&org).await.unwrap();
    fixture.access.members.lock().unwrap().remove(&(ANN, ORG));
    fixture.realtime.sessions().revoke(ORG, ANN);
    fixture.publish(1, 1);
    let mut ended = Vec::new();
    for _ in 0..2 {
        let Event::Other(push) = ann.next().await.unwrap() else {
            panic!("an event after the end")
        };
        assert_eq!(push["push"]["unsubscribe"]["code"], 2000, "{push}");
        ended.push(push["push"]["channel"].as_str().unwrap().to_owned());
    }
    ended.sort();
    assert_eq!(ended, [org, site_channel()]);
    assert_eq!(
        error_code(&subscribing(&mut ann, &site_channel()).await),
        103,
        "judged anew at once"
    );
    bob.publication_where(SOON, |p| p.data["unit"]["seq"] == 1).await.unwrap();
}

#[tokio::test]
async fn a_changed_role_subscribes_again() {
    let fixture = fixture().await;
    let (mut ann, _) = fixture.listening("ann").await;
    fixture.realtime.sessions().role_changed(ORG, ANN);
    let Event::Other(push) = ann.next().await.unwrap() else { panic!("no push") };
    assert_eq!(push["push"]["unsubscribe"]["code"], 2500);
    ann.subscribe(&site_channel()).await.unwrap();
    fixture.publish(1, 3);
    ann.publication_where(SOON, |p| p.data["unit"]["seq"] == 3).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_says_so_and_asks_to_come_back() {
    let fixture = fixture().await;
    let (mut ann, _) = fixture.listening("ann").await;
    let idle = Socket::open(&fixture.url()).await.unwrap();
    let sessions = fixture.realtime.sessions().clone();
    let closing = tokio::spawn(async move { sessions.close_all(SOON).await });
    let Event::Other(push) = ann.next().await.unwrap() else { panic!("no push") };
    let expected = json!({ "push": { "disconnect": { "code": 3001, "reason": "shutdown", "reconnect": true } } });
    assert_eq!(push, expected);
    assert_eq!(ann.closed(SOON).await.unwrap(), 3001);
    closing.await.unwrap();
    assert_eq!(fixture.realtime.sessions().open(), 0);
    assert!(Socket::open(&fixture.url()).await.is_err(), "no new sockets while it ends");
    drop(idle);
}

#[tokio::test]
async fn only_listed_origins_are_upgraded() {
    let origins = Origins::listed(["https://board.example.com"]).unwrap();
    let settings = SocketSettings { origins, ..SocketSettings::default() };
    let fixture = fixture_with(settings, ChannelSettings::default()).await;
    for (origin, is_allowed) in [
        (None, true),
        (Some("https://board.example.com"), true),
        (Some("https://board.example.com.evil.test"), false),
        (Some("null"), false),
    ] {
        assert_eq!(
            Socket::open_from(&fixture.url(), origin).await.is_ok(),
            is_allowed,
            "{origin:?}"
        );
    }
    let own = format!("http://{}", fixture.address);
    let open = fixture_with(SocketSettings::default(), ChannelSettings::default()).await;
    assert!(
        Socket::open_from(&open.url(), Some(&format!("http://{}", open.address))).await.is_ok()
    );
    assert!(Socket::open_from(&open.url(), Some(&own)).await.is_err());
}

#[tokio::test]
async fn history_is_there_for_members() {
    let fixture = fixture().await;
    let mut socket = fixture.socket("ann").await;
    (1..=5).for_each(|seq| fixture.publish(1, seq));
    let ask = |request: Value| {
        let mut request = request;
        request["channel"] = json!(site_channel());
        request
    };
    let all = socket.command("history", ask(json!({ "limit": -1 }))).await.unwrap();
    assert_eq!(all["history"]["publications"].as_array().map(Vec::len), Some(5));
    assert_eq!(all["history"]["offset"], 5);
    let epoch = all["history"]["epoch"].clone();
    let some = socket
        .command("history", ask(json!({ "limit": 2, "since": { "epoch": epoch, "offset": 1 } })))
        .await;
    let some = some.unwrap();
    let offsets: Vec<_> = some["history"]["publications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["offset"].clone())
        .collect();
    assert_eq!(offsets, [json!(2), json!(3)]);
    let newest =
        socket.command("history", ask(json!({ "limit": 1, "reverse": true }))).await.unwrap();
    assert_eq!(newest["history"]["publications"][0]["offset"], 5);
    let none = socket.command("history", ask(json!({}))).await.unwrap();
    assert_eq!(none["history"]["publications"], json!([]));
    let lost = socket
        .command("history", ask(json!({ "since": { "epoch": "_", "offset": 1 } })))
        .await
        .unwrap();
    assert_eq!(error_code(&lost), 112);
}
