//! From a request to a socket (RFC 6455 §4.2).

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
            SEC_WEBSOCKET_VERSION, UPGRADE,
        },
    },
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    Realtime,
    line::Line,
    session,
    sessions::Seat,
    settings::{RECEIVE_BUFFER, SEND_BUFFER},
};
use crate::http::error::ApiError;

/// The subprotocol that some clients name; the protocol is the same without a name.
const JSON_PROTOCOL: &str = "centrifuge-json";

/// Turns a request into a socket and serves it. 403 for a foreign page, 426 for what is no WebSocket request, 503
/// when there is no room.
pub(crate) async fn connect(State(realtime): State<Realtime>, mut request: Request) -> Response {
    if !realtime.0.settings.origins.allow(request.headers()) {
        return ApiError::WrongOrigin.into_response();
    }
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let Some((upgrade, accept)) = upgrade.zip(accept_key(request.headers())) else {
        let version = [(SEC_WEBSOCKET_VERSION, "13"), (UPGRADE, "websocket")];
        return (version, ApiError::UpgradeRequired).into_response();
    };
    let Some(seat) = realtime.0.sessions.seat() else {
        return ApiError::NoRoom.into_response();
    };
    let answer = switching(&accept, names_json(request.headers()));
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => Box::pin(serve(realtime, seat, upgraded)).await,
            Err(error) => tracing::debug!(%error, "the client left before its socket was open"),
        }
    });
    answer
}

async fn serve(realtime: Realtime, seat: Seat, upgraded: Upgraded) {
    match plain(upgraded) {
        Ok((stream, read)) => {
            tune(&stream);
            let line = Line::new(stream);
            realtime.0.channels.connect(seat.subscriber(), line.wire());
            session::serve(realtime.0, seat, line, read).await;
        }
        Err(upgraded) => {
            session::serve(realtime.0, seat, TokioIo::new(upgraded), Bytes::new()).await
        }
    }
}

/// The bare connection below, so that frames are written to it without a detour; not there behind a wrapper.
fn plain(upgraded: Upgraded) -> Result<(TcpStream, Bytes), Upgraded> {
    let upgraded =
        match hyper_util::server::conn::auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => return Ok((parts.io.into_inner(), parts.read_buf)),
            Err(upgraded) => upgraded,
        };
    let parts = upgraded.downcast::<TokioIo<TcpStream>>()?;
    Ok((parts.io.into_inner(), parts.read_buf))
}

/// Small kernel buffers, and no waiting for more bytes.
fn tune(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let tuned = stream
        .set_nodelay(true)
        .and_then(|()| socket.set_send_buffer_size(SEND_BUFFER))
        .and_then(|()| socket.set_recv_buffer_size(RECEIVE_BUFFER));
    if let Err(error) = tuned {
        tracing::debug!(%error, "a socket's buffers stay as they are");
    }
}

/// The answer to the client's key, if the request is one for a WebSocket.
fn accept_key(headers: &HeaderMap) -> Option<String> {
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24)?;
    let is_asked = has(headers, &CONNECTION, "upgrade")
        && has(headers, &UPGRADE, "websocket")
        && has(headers, &SEC_WEBSOCKET_VERSION, "13");
    is_asked.then(|| derive_accept_key(key.as_bytes()))
}

fn names_json(headers: &HeaderMap) -> bool {
    has(headers, &SEC_WEBSOCKET_PROTOCOL, JSON_PROTOCOL)
}

fn has(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn switching(accept: &str, names_json: bool) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if names_json {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(JSON_PROTOCOL));
    }
    response
}
