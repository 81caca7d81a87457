//! Frames that no honest client sends.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hub_testkit::{socket::Socket, wait};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

use super::fixture::*;

/// A connection after its handshake.
async fn raw(fixture: &Fixture) -> TcpStream {
    let mut stream = TcpStream::connect(&fixture.address).await.unwrap();
    let key = STANDARD.encode([7; 16]);
    let request = format!(
        "GET /connection/websocket HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | u8::try_from(len).unwrap()),
        len @ 126..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]); // a mask of zeros leaves the payload readable
    frame.extend_from_slice(payload);
    frame
}

/// The code in the close frame, which is the last thing that comes.
async fn close_code(stream: &mut TcpStream) -> u16 {
    let mut all = Vec::new();
    timeout(SOON, stream.read_to_end(&mut all)).await.expect("the server closes").unwrap();
    let at = all.iter().position(|byte| *byte == 0x88).expect("a close frame");
    u16::from_be_bytes([all[at + 2], all[at + 3]])
}

async fn code_after(fixture: &Fixture, frames: &[Vec<u8>]) -> u16 {
    let mut stream = raw(fixture).await;
    for frame in frames {
        if stream.write_all(frame).await.is_err() {
            break; // closed already
        }
    }
    close_code(&mut stream).await
}

#[tokio::test]
async fn each_broken_frame_has_its_code_and_the_server_lives() {
    let fixture = fixture().await;
    let text = b"{\"id\":1,\"ping\":{}}".to_vec();
    let unmasked = [vec![0x81, 18], text.clone()].concat();
    let cases: Vec<(&str, Vec<Vec<u8>>, u16)> = vec![
        ("too long a frame", vec![masked(0x81, &vec![b' '; 65 * 1024])], 1009),
        ("a length of 2^62", vec![vec![0x81, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], 1009),
        (
            "endless fragments",
            [vec![masked(0x01, b"x")], vec![masked(0x00, &[b' '; 1000]); 80]].concat(),
            1009,
        ),
        ("bad UTF-8", vec![masked(0x81, b"{\"id\":\xFF}")], 1007),
        ("bad UTF-8 over fragments", vec![masked(0x01, b"\xC3"), masked(0x80, b"\x28")], 1007),
        ("unmasked", vec![unmasked], 1002),
        ("a reserved opcode", vec![masked(0x83, b"x")], 1002),
        ("a reserved bit", vec![masked(0xC1, b"x")], 1002),
        ("a long ping", vec![masked(0x89, &[0; 126])], 1002),
        ("a fragmented ping", vec![masked(0x09, b"x")], 1002),
        ("a continuation of nothing", vec![masked(0x80, b"x")], 1002),
        ("a binary frame", vec![masked(0x82, &text)], 1003),
        ("no JSON", vec![masked(0x81, b"hello")], 3501),
        ("deep JSON", vec![masked(0x81, "[".repeat(60_000).as_bytes())], 3501),
    ];
    for (what, frames, code) in cases {
        assert_eq!(code_after(&fixture, &frames).await, code, "{what}");
    }
    let none_left = || async { (fixture.realtime.sessions().open() == 0).then_some(()) };
    wait::until("all of them are gone", SOON, none_left).await;
    fixture.socket("ann").await;
}

#[tokio::test]
async fn an_orderly_close_is_answered() {
    let fixture = fixture().await;
    let mut stream = raw(&fixture).await;
    stream.write_all(&masked(0x88, &1000_u16.to_be_bytes())).await.unwrap();
    assert_eq!(close_code(&mut stream).await, 1000);
}

#[tokio::test]
async fn many_pings_are_harmless() {
    let fixture = fixture().await;
    let (mut socket, _) = fixture.listening("ann").await;
    for _ in 0..10_000 {
        socket.send_frame(Message::Ping("x".into())).await.unwrap();
    }
    fixture.publish(1, 5);
    socket.publication_where(SOON, |p| p.data["unit"]["seq"] == 5).await.unwrap();
    for id in 1..=10_000 {
        socket.send_text(format!("{{\"id\":{id},\"ping\":{{}}}}")).await.unwrap();
    }
    fixture.publish(1, 6);
    socket.publication_where(SOON, |p| p.data["unit"]["seq"] == 6).await.unwrap();
}

#[tokio::test]
async fn what_is_no_websocket_request_is_told_so() {
    let fixture = fixture().await;
    let mut stream = TcpStream::connect(&fixture.address).await.unwrap();
    let request = "GET /connection/websocket HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert!(answer.contains("sec-websocket-version: 13"), "{answer}");
}

/// Handshakes, sends nothing, or half a frame: the time for a connect ends them all.
#[tokio::test]
async fn half_a_frame_holds_nothing_up() {
    let settings = crate::ws::SocketSettings {
        connect_within: Duration::from_millis(50),
        ..Default::default()
    };
    let fixture = fixture_with(settings, Default::default()).await;
    let mut stream = raw(&fixture).await;
    stream.write_all(&[0x81, 0xFE, 0x10]).await.unwrap();
    assert_eq!(close_code(&mut stream).await, 3502);
}

#[tokio::test]
async fn a_client_that_vanishes_is_forgotten() {
    let fixture = fixture().await;
    let (socket, _) = fixture.listening("ann").await;
    assert_eq!(fixture.channels.stats().subscriptions, 1);
    drop(socket);
    let left = || async { (fixture.channels.stats().subscriptions == 0).then_some(()) };
    wait::until("its subscription is gone", SOON, left).await;
    fixture.publish(1, 1);
    assert_eq!(fixture.channels.stats().deliveries, 0);
    let socket: Socket = fixture.socket("ann").await;
    drop((socket, json!(null)));
}
