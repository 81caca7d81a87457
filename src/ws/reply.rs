//! Replies and the server's own pushes. All replies to one inbound frame leave in one outbound frame.

use bytes::Bytes;
use hub_actors::channel::{ChannelName, Epoch, Position};
use serde::Serialize;

use super::{
    codes::{Close, Refused, ended_reason},
    encode::{PublicationOut, SnapshotOut, append, write},
    frame,
};

/// Replies that wait for the end of the inbound frame, one a line.
#[derive(Debug, Default)]
pub(crate) struct Replies(Vec<u8>);

/// The answer to `connect`, and without its last three fields to `refresh`.
#[derive(Debug, Serialize)]
pub(crate) struct ConnectOut<'a> {
    pub(crate) client: &'a str,
    pub(crate) version: &'static str,
    pub(crate) expires: bool,
    pub(crate) ttl: i64,
    #[serde(flatten)]
    pub(crate) greeting: Option<GreetingOut<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct GreetingOut<'a> {
    pub(crate) ping: u64,
    pub(crate) pong: bool,
    pub(crate) session: &'a str,
    pub(crate) node: &'a str,
}

/// The answer to `subscribe`.
#[derive(Debug, Serialize)]
pub(crate) struct SubscribeOut<'a> {
    pub(crate) recoverable: bool,
    pub(crate) positioned: bool,
    pub(crate) epoch: String,
    pub(crate) offset: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) was_recovering: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recovered: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) publications: Option<Vec<PublicationOut<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<SnapshotOut<'a>>,
}

/// The answer to `history`.
#[derive(Debug, Serialize)]
pub(crate) struct HistoryOut<'a> {
    pub(crate) publications: Vec<PublicationOut<'a>>,
    pub(crate) epoch: String,
    pub(crate) offset: u64,
}

/// The answer that says nothing: `{}`.
#[derive(Debug, Serialize)]
pub(crate) struct EmptyOut {}

#[derive(Serialize)]
struct ErrorOut {
    code: u32,
    message: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    temporary: bool,
}

impl Replies {
    /// Adds the answer to command `id`.
    pub(crate) fn answer(&mut self, id: u64, method: &str, answer: &impl Serialize) {
        self.line(|bytes| {
            append(bytes, format_args!(r#"{{"id":{id},"{method}":"#));
            write(bytes, answer);
            bytes.push(b'}');
        });
    }

    /// Adds a refusal of command `id`.
    pub(crate) fn refuse(&mut self, id: u64, refused: Refused) {
        let (code, message, temporary) =
            (refused.code(), refused.message(), refused.is_temporary());
        self.answer(id, "error", &ErrorOut { code, message, temporary });
    }

    fn line(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.0.is_empty() {
            self.0.push(b'\n');
        }
        write(&mut self.0);
    }

    /// Adds what a finished text frame says, behind the answers.
    pub(crate) fn follow(&mut self, push: &[u8]) {
        self.line(|bytes| bytes.extend_from_slice(frame::payload(push)));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How much waits.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// All that waits as one frame.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        if self.0.is_empty() {
            return None;
        }
        let lines = std::mem::take(&mut self.0);
        Some(frame::text(lines.len(), |bytes| bytes.extend_from_slice(&lines)))
    }
}

/// The server's ping.
pub(crate) fn ping() -> Bytes {
    Bytes::from_static(b"\x81\x02{}")
}

/// Tells that a subscription has ended.
pub(crate) fn ended(channel: ChannelName, code: u16) -> Bytes {
    let reason = ended_reason(code);
    frame::text(128, |bytes| {
        append(bytes, format_args!(r#"{{"push":{{"channel":"{channel}","unsubscribe":{{"#));
        append(bytes, format_args!(r#""code":{code},"reason":"{reason}"}}}}}}"#));
    })
}

/// Tells that the socket will be closed.
pub(crate) fn disconnect(close: Close) -> Bytes {
    let (Close(code, reason), reconnect) = (close, close.comes_back());
    frame::text(96, |bytes| {
        append(
            bytes,
            format_args!(r#"{{"push":{{"disconnect":{{"code":{code},"reason":"{reason}","#),
        );
        append(bytes, format_args!(r#""reconnect":{reconnect}}}}}}}"#));
    })
}

/// An epoch as clients see it.
pub(crate) fn epoch_text(epoch: Epoch) -> String {
    format!("{:016x}", epoch.0)
}

/// The position that a client names; `None` if no channel here can ever have issued it.
pub(crate) fn position(epoch: &str, offset: u64) -> Option<Position> {
    let number = u64::from_str_radix(epoch, 16).ok().map(Epoch)?;
    (epoch_text(number) == epoch).then_some(Position { epoch: number, offset })
}

#[cfg(test)]
mod tests {
    use hub_domain::SiteId;

    use super::*;

    #[test]
    fn replies_of_one_frame_are_lines() {
        let mut replies = Replies::default();
        assert_eq!(replies.take(), None);
        replies.answer(1, "ping", &EmptyOut {});
        replies.refuse(2, Refused::TooManyRequests);
        replies.refuse(3, Refused::UnknownChannel);
        let frame = replies.take().unwrap();
        let text = std::str::from_utf8(&frame[4..]).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                r#"{"id":1,"ping":{}}"#,
                r#"{"id":2,"error":{"code":111,"message":"too many requests","temporary":true}}"#,
                r#"{"id":3,"error":{"code":102,"message":"unknown channel"}}"#,
            ]
        );
        assert_eq!(replies.take(), None);
    }

    #[test]
    fn pushes_of_the_server_are_json() {
        let channel = ChannelName::Site(SiteId(uuid::Uuid::nil()));
        let body = |frame: Bytes| serde_json::from_slice::<serde_json::Value>(&frame[2..]).unwrap();
        assert_eq!(body(ping()), serde_json::json!({}));
        assert_eq!(body(disconnect(Close::SHUTDOWN))["push"]["disconnect"]["reconnect"], true);
        let ended = ended(channel, 2500);
        let at = ended.iter().position(|b| *b == b'{').unwrap();
        let ended: serde_json::Value = serde_json::from_slice(&ended[at..]).unwrap();
        assert_eq!(ended["push"]["unsubscribe"]["code"], 2500);
        assert_eq!(ended["push"]["channel"], channel.to_string());
    }

    #[test]
    fn only_an_epoch_as_it_is_written_here_is_one() {
        for number in [0, 1, u64::MAX, 0xDEAD_BEEF] {
            let text = epoch_text(Epoch(number));
            assert_eq!(position(&text, 7), Some(Position { epoch: Epoch(number), offset: 7 }));
        }
        for text in ["", "_", "+0000000000000001", "1", "000000000000000G", "00000000000000AB"] {
            assert_eq!(position(text, 7), None, "{text}");
        }
    }
}
