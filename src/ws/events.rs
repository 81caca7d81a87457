//! Server-sent events: `GET /connection/sse?channel=…`, one channel for readers of plain HTTP.
//!
//! What is published is what sockets get, from the same outbox and under the same bounds. Each event's id is its place
//! in the channel, so that a reader that comes back with `Last-Event-ID` gets what it missed.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderName,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::stream;
use hub_actors::channel::{ChannelName, Epoch, Outgoing, Position, Start, Subscription};
use rand::RngExt as _;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Realtime,
    codes::{Close, Refused, ended_reason},
    encode::{PublicationOut, SnapshotOut, append, pushed, write},
    hearing::Hearing,
    reply::{epoch_text, position},
    sessions::{Seat, Unsubscribed},
    settings::{BATCH_BYTES, IDENTIFIED_WITHIN},
};
use crate::{
    auth::token_in,
    http::{asked::Query, error::ApiError},
};

/// After so long without an event a comment is written: proxies see that the line is in use, and a reader that is gone
/// without a word is noticed.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// How long a reader is asked to wait before it comes back, in milliseconds; readers that left together come back apart.
const COME_BACK_MILLIS: std::ops::Range<u32> = 500..3_000;

/// The reader's last place, as it was told.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What is asked for.
#[derive(Deserialize)]
pub(crate) struct Asked {
    channel: String,
}

/// Answers with a channel's events until the reader leaves, its token expires, or it may no longer hear them. 401 and 403
/// as anywhere, 404 for a channel that is not there or somebody else's, 429 when they have too many, 503 when there is
/// no room.
pub(crate) async fn listen(
    State(realtime): State<Realtime>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let shared = &realtime.0;
    if !shared.settings.origins.allow(&headers) {
        return Err(ApiError::WrongOrigin);
    }
    let token = token_in(&headers).ok_or(ApiError::Unauthorized)?;
    let identity = timeout(IDENTIFIED_WITHIN, shared.access.identify(token)).await;
    let identity = identity.map_err(|_| ApiError::Unavailable)??;
    let seat = shared.sessions.seat().ok_or(ApiError::NoRoom)?;
    if !seat.sign_in(&identity) {
        return Err(ApiError::NoRoom);
    }
    let channel: ChannelName = asked.channel.parse().map_err(|_| ApiError::NotFound)?;
    let hearing = Hearing::new(shared, &seat, identity.user);
    let begun = hearing.begin(channel, last_place(&headers)).await.map_err(refused)?;
    let left = u64::try_from(identity.expires_at.millis_since(shared.clock.now())).unwrap_or(0);
    let events = Events {
        first: Some(first(&begun)),
        epoch: begun.position.epoch,
        expires_at: Instant::now() + Duration::from_millis(left),
        is_over: false,
        seat,
    };
    let body = Body::from_stream(stream::unfold(events, async |mut events| {
        events.next().await.map(|bytes| (Ok::<_, Infallible>(bytes), events))
    }));
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    // a proxy that collects what it passes on would keep alarms back
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, unbuffered, body).into_response())
}

fn refused(unsubscribed: Unsubscribed) -> ApiError {
    match unsubscribed {
        Unsubscribed::Refused(Refused::PermissionDenied | Refused::UnknownChannel) => {
            ApiError::NotFound // one that is not theirs is as one that does not exist
        }
        Unsubscribed::TooMany => ApiError::NoRoom,
        Unsubscribed::Refused(_) | Unsubscribed::Again | Unsubscribed::NotLive => {
            ApiError::Unavailable
        }
    }
}

/// `<epoch>:<offset>`, as ids of events are written here. What is none of ours says nothing.
fn last_place(headers: &HeaderMap) -> Option<Position> {
    let (epoch, offset) = headers.get(LAST_EVENT_ID)?.to_str().ok()?.split_once(':')?;
    position(epoch, offset.parse().ok()?)
}

/// One reader's events.
struct Events {
    seat: Seat,
    epoch: Epoch,
    expires_at: Instant,
    first: Option<Bytes>,
    is_over: bool,
}

impl Events {
    /// What comes next, some events at once if they wait; `None` after the last.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.is_over {
            return None;
        }
        let comment_at = Instant::now() + COMMENT_EVERY;
        loop {
            tokio::select! {
                () = self.seat.subscriber().filled() => {
                    let waiting = self.waiting();
                    if !waiting.is_empty() {
                        return Some(waiting.into());
                    }
                }
                () = sleep_until(comment_at) => return Some(Bytes::from_static(b":\n\n")),
                () = sleep_until(self.expires_at) => return Some(self.end(Close::EXPIRED).into()),
            }
        }
    }

    fn waiting(&mut self) -> Vec<u8> {
        if let Some(code) = self.seat.subscriber().close_code() {
            return self.end(Close::of(code));
        }
        let (mut batch, mut bytes) = (Vec::new(), Vec::new());
        self.seat.subscriber().take(BATCH_BYTES, &mut batch);
        for outgoing in batch {
            match outgoing {
                Outgoing::Frame(frame) => {
                    let (data, offset) = pushed(&frame);
                    event(&mut bytes, self.epoch, offset, |bytes| bytes.extend_from_slice(data));
                }
                Outgoing::Ended(channel, code) => {
                    self.seat.ended(channel);
                    self.is_over = true;
                    end(&mut bytes, code, ended_reason(code));
                }
            }
        }
        bytes
    }

    fn end(&mut self, close: Close) -> Vec<u8> {
        metrics::counter!("hub_sockets_closed_total", "code" => close.0.to_string()).increment(1);
        self.is_over = true;
        let mut bytes = Vec::new();
        end(&mut bytes, close.0, close.1);
        bytes
    }
}

/// What a reader starts from: what it missed, else a snapshot.
fn first(begun: &Subscription) -> Bytes {
    let Position { epoch, offset } = begun.position;
    let mut bytes = Vec::new();
    let come_back = rand::rng().random_range(COME_BACK_MILLIS);
    append(&mut bytes, format_args!("retry: {come_back}\n\n"));
    match &begun.start {
        Start::Resumed(missed) => {
            for publication in missed {
                let data = PublicationOut::from(publication).data;
                event(&mut bytes, epoch, publication.offset, |bytes| write(bytes, &data));
            }
        }
        Start::Snapshot(snapshot) => {
            bytes.extend_from_slice(b"event: snapshot\n");
            let data = SnapshotOut::from(snapshot);
            event(&mut bytes, epoch, offset, |bytes| write(bytes, &data));
        }
    }
    bytes.into()
}

/// An event with its place. Data is JSON without line breaks, so that it is one line.
fn event(bytes: &mut Vec<u8>, epoch: Epoch, offset: u64, data: impl FnOnce(&mut Vec<u8>)) {
    append(bytes, format_args!("id: {}:{offset}\ndata: ", epoch_text(epoch)));
    data(bytes);
    bytes.extend_from_slice(b"\n\n");
}

/// The last event: why there are no more.
fn end(bytes: &mut Vec<u8>, code: u16, reason: &str) {
    append(
        bytes,
        format_args!("event: end\ndata: {{\"code\":{code},\"reason\":\"{reason}\"}}\n\n"),
    );
}
