//! A small client for the hub's realtime socket, for tests that look at single frames.
//!
//! The official SDKs are the judges of the protocol; this one is for what they hide: raw frames, exact positions, a
//! reader that stops reading.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long an answer or a push may take where the caller names no time.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// One connection.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    waiting: VecDeque<Value>,
    last_id: u64,
    answers_pings: bool,
}

/// One publication of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// The channel.
    pub channel: String,
    /// Its position in the channel.
    pub offset: u64,
    /// What was published.
    pub data: Value,
}

/// What came next on a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A publication.
    Publication(Publication),
    /// Another push of the server, or a reply that nobody waits for.
    Other(Value),
    /// The server closed with this code.
    Closed(u16),
}

impl Socket {
    /// Opens a connection and sends nothing.
    ///
    /// # Errors
    /// When the server does not upgrade it.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        Self::open_from(url, None).await
    }

    /// Opens a connection with an `Origin`, as a browser would.
    ///
    /// # Errors
    /// When the server does not upgrade it.
    pub async fn open_from(url: &str, origin: Option<&str>) -> anyhow::Result<Self> {
        let mut request = url.into_client_request()?;
        if let Some(origin) = origin {
            request.headers_mut().insert("Origin", origin.parse()?);
        }
        let (stream, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(Self { stream, waiting: VecDeque::new(), last_id: 0, answers_pings: true })
    }

    /// Opens a connection and signs in.
    ///
    /// # Errors
    /// When the token is refused.
    pub async fn connect(url: &str, token: &str) -> anyhow::Result<Self> {
        let mut socket = Self::open(url).await?;
        let reply = socket.command("connect", json!({ "token": token })).await?;
        ensure!(reply.get("connect").is_some(), "connect was refused: {reply}");
        Ok(socket)
    }

    /// Leaves the server's pings unanswered from now on.
    pub const fn ignore_pings(&mut self) {
        self.answers_pings = false;
    }

    /// Subscribes afresh and gives the `subscribe` object of the reply: snapshot, epoch, offset.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn subscribe(&mut self, channel: &str) -> anyhow::Result<Value> {
        self.subscribe_with(json!({ "channel": channel })).await
    }

    /// Subscribes to take up after a position, and gives the `subscribe` object of the reply.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn recover(
        &mut self,
        channel: &str,
        epoch: &str,
        offset: u64,
    ) -> anyhow::Result<Value> {
        self.subscribe_with(
            json!({ "channel": channel, "recover": true, "epoch": epoch, "offset": offset }),
        )
        .await
    }

    async fn subscribe_with(&mut self, request: Value) -> anyhow::Result<Value> {
        let mut reply = self.command("subscribe", request).await?;
        ensure!(reply.get("subscribe").is_some(), "subscribe was refused: {reply}");
        Ok(reply["subscribe"].take())
    }

    /// Sends a command and gives the whole reply with its `id`, `error` included. Pushes that come first are kept.
    ///
    /// # Errors
    /// When the connection ends or no reply comes in time.
    pub async fn command(&mut self, name: &str, request: Value) -> anyhow::Result<Value> {
        self.last_id += 1;
        let id = self.last_id;
        let mut command = json!({ "id": id });
        command[name] = request;
        self.send_text(command.to_string()).await?;
        tokio::time::timeout(PATIENCE, self.reply_to(id)).await.context("no reply in time")?
    }

    async fn reply_to(&mut self, id: u64) -> anyhow::Result<Value> {
        let mut passed = VecDeque::new();
        let reply = loop {
            match self.next_object().await {
                Ok(object) if object["id"] == id => break Ok(object),
                Ok(object) => passed.push_back(object),
                Err(closed) => bail!("closed with {}", closed?),
            }
        };
        passed.append(&mut self.waiting);
        self.waiting = passed;
        reply
    }

    /// Sends a text frame as it stands.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn send_text(&mut self, text: impl Into<String>) -> anyhow::Result<()> {
        self.send_frame(Message::Text(text.into().into())).await
    }

    /// Sends any frame.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn send_frame(&mut self, frame: Message) -> anyhow::Result<()> {
        self.stream.send(frame).await.context("the connection has ended")
    }

    /// What comes next, within [`PATIENCE`].
    ///
    /// # Errors
    /// When nothing comes in time, or the connection breaks without a close frame.
    pub async fn next(&mut self) -> anyhow::Result<Event> {
        self.next_within(PATIENCE).await
    }

    /// What comes next, within `within`.
    ///
    /// # Errors
    /// When nothing comes in time, or the connection breaks without a close frame.
    pub async fn next_within(&mut self, within: Duration) -> anyhow::Result<Event> {
        let object = tokio::time::timeout(within, self.next_object())
            .await
            .context("nothing came in time")?;
        match object {
            Ok(object) => {
                Ok(publication_in(&object).map_or(Event::Other(object), Event::Publication))
            }
            Err(closed) => Ok(Event::Closed(closed?)),
        }
    }

    /// The next publication that `wanted` takes; the ones before it are passed over.
    ///
    /// # Errors
    /// When none comes within `within`, or the connection ends.
    pub async fn publication_where(
        &mut self,
        within: Duration,
        wanted: impl Fn(&Publication) -> bool,
    ) -> anyhow::Result<Publication> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            match self
                .next_within(deadline.saturating_duration_since(tokio::time::Instant::now()))
                .await?
            {
                Event::Publication(publication) if wanted(&publication) => return Ok(publication),
                Event::Closed(code) => bail!("closed with {code}"),
                _ => {}
            }
        }
    }

    /// Waits for the server to close, passing over all else, and gives the code.
    ///
    /// # Errors
    /// When it does not within `within`, or breaks the connection without a close frame.
    pub async fn closed(&mut self, within: Duration) -> anyhow::Result<u16> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if let Event::Closed(code) = self.next_within(left).await? {
                return Ok(code);
            }
        }
    }

    /// Closes in an orderly way.
    pub async fn close(mut self) {
        self.stream.close(None).await.ok(); // the server may be gone
    }

    /// The next JSON object that is no ping; `Err` holds the close code, or why there is none.
    async fn next_object(&mut self) -> Result<Value, anyhow::Result<u16>> {
        loop {
            if let Some(object) = self.waiting.pop_front() {
                return Ok(object);
            }
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => self.take_in(&text).await.map_err(Err)?,
                Some(Ok(Message::Close(frame))) => {
                    return Err(Ok(frame.map_or(1005, |frame| frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Err(error.into())),
                None => {
                    return Err(Err(anyhow::anyhow!("the connection ended without a close frame")));
                }
            }
        }
    }

    async fn take_in(&mut self, text: &str) -> anyhow::Result<()> {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let object: Value =
                serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))?;
            if object != json!({}) {
                self.waiting.push_back(object);
            } else if self.answers_pings {
                self.send_text("{}").await?;
            }
        }
        Ok(())
    }
}

/// The publications in the `subscribe` object of a recovering reply.
#[must_use]
pub fn recovered(channel: &str, reply: &Value) -> Vec<Publication> {
    let missed = reply["publications"].as_array().into_iter().flatten();
    missed.map(|publication| publication_of(channel, publication)).collect()
}

fn publication_in(object: &Value) -> Option<Publication> {
    let push = object.get("push")?;
    Some(publication_of(push["channel"].as_str()?, push.get("pub")?))
}

fn publication_of(channel: &str, publication: &Value) -> Publication {
    let offset = publication["offset"].as_u64().unwrap_or_default();
    Publication { channel: channel.to_owned(), offset, data: publication["data"].clone() }
}
