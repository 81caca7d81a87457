//! One socket's life: read commands, write replies and whatever its outbox holds, keep the clocks.
//!
//! What dies with it is its place in the register and its subscriptions; the client comes back and resumes.

use std::{io::ErrorKind, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hub_actors::channel::{Outgoing, Subscriber};
use hub_domain::{Timestamp, UserId};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{Role, WebSocketConfig},
    },
};
use uuid::Uuid;

use super::{
    Shared,
    budget::{Allowance, Budget},
    clocks::Clocks,
    codes::{Close, Refused},
    command::{self, ConnectIn, Method, RefreshIn, Said},
    leaving,
    outlet::Outlet,
    reply::{self, ConnectOut, EmptyOut, GreetingOut, Replies},
    sessions::Seat,
    settings::{BATCH_BYTES, IDENTIFIED_WITHIN, LARGEST_INBOUND, READ_BUFFER},
};
use crate::auth::{Identity, TokenError};

/// Replies past this size leave before the rest of their inbound frame is answered.
const REPLY_BYTES: usize = 64 * 1024;

/// How long the answer to the other side's close may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// A socket that is being served.
pub(crate) struct Session<S> {
    pub(super) shared: Arc<Shared>,
    pub(super) seat: Seat,
    pub(super) replies: Replies,
    pub(super) user: Option<UserId>,
    pub(super) client: Uuid,
    socket: WebSocketStream<S>,
    outlet: Outlet,
    batch: Vec<Outgoing>,
    budget: Budget,
    clocks: Clocks,
}

/// What a session goes on with.
enum Step {
    /// Something waits in its outbox, or it is to end.
    Filled,
    /// The other side said something, or is gone.
    Received(Option<Result<Message, Error>>),
    /// A clock has run out.
    Due,
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The other side is gone.
    Gone,
    /// This side closes.
    Close(Close),
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// Serves a socket until it ends.
pub(crate) async fn serve<S>(shared: Arc<Shared>, seat: Seat, stream: S, already_read: Bytes)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0) // nothing but pongs and answers to a close goes that way
        .max_write_buffer_size(4 * 1024)
        .max_message_size(Some(LARGEST_INBOUND))
        .max_frame_size(Some(LARGEST_INBOUND));
    let read = already_read.to_vec();
    drop(already_read); // a slice of the handshake's buffer, which is far larger
    let socket =
        WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
    let now = Instant::now();
    let clocks = Clocks::new(now + shared.settings.connect_within);
    let mut session = Session {
        budget: Budget::new(shared.settings.commands_per_sec, now),
        shared,
        seat,
        replies: Replies::default(),
        user: None,
        client: Uuid::now_v7(),
        socket,
        outlet: Outlet::default(),
        batch: Vec::new(),
        clocks,
    };
    let end = loop {
        if let Err(end) = session.step().await {
            break end;
        }
    };
    if let End::Close(close) = end {
        let Session { seat, outlet, mut socket, .. } = session;
        leaving::leave(seat, outlet, socket.get_mut(), close).await;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn step(&mut self) -> Result<(), End> {
        let step = tokio::select! {
            () = self.seat.subscriber().filled() => Step::Filled,
            message = self.socket.next() => Step::Received(message),
            () = self.clocks.due() => Step::Due,
        };
        // until all is written that this makes: a push must not overtake a reply, nor be written into the middle of one
        let rest = self.seat.subscriber().hold();
        self.outlet.finish(rest);
        match step {
            Step::Filled => {}
            Step::Received(message) => self.received(message).await?,
            Step::Due => self.keep_time()?,
        }
        if let Some(code) = self.seat.subscriber().close_code() {
            return Err(Close::of(code).into());
        }
        self.write_out().await?;
        self.seat.subscriber().release();
        Ok(())
    }

    /// Writes the replies, then a batch of the outbox.
    ///
    /// What follows a reply leaves in the reply's own frame: the JavaScript SDK settles the lines of one frame in
    /// order, but takes two frames that arrive in one packet at once, so that a push would overtake the reply
    /// with the publications before it.
    async fn write_out(&mut self) -> Result<(), End> {
        self.seat.subscriber().take(BATCH_BYTES, &mut self.batch);
        for outgoing in self.batch.drain(..) {
            let frame = match outgoing {
                Outgoing::Frame(frame) => frame,
                Outgoing::Ended(channel, code) => {
                    self.seat.ended(channel);
                    reply::ended(channel, code)
                }
            };
            if self.replies.is_empty() {
                self.outlet.put(frame);
            } else {
                self.replies.follow(&frame);
            }
        }
        if let Some(frame) = self.replies.take() {
            self.outlet.put(frame);
        }
        if self.batch.capacity() > 8 {
            self.batch = Vec::new(); // an idle socket keeps nothing
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), End> {
        if self.outlet.is_empty() {
            return Ok(());
        }
        let within = self.shared.settings.write_within;
        let write = self.outlet.write(self.socket.get_mut(), within);
        let written = unless_closed(self.seat.subscriber(), write).await?;
        written.map_err(|error| {
            if error.kind() == ErrorKind::TimedOut { Close::SLOW.into() } else { End::Gone }
        })
    }

    /// Has the answer to a ping or a close on its way before anything else is written: it must not come into the middle of a frame.
    async fn answer(&mut self) -> Result<(), End> {
        self.flush().await?;
        let flush = timeout(self.shared.settings.write_within, self.socket.flush());
        let answered = unless_closed(self.seat.subscriber(), flush).await?;
        answered.map_err(|_| Close::SLOW)?.map_err(|_| End::Gone)
    }

    async fn received(&mut self, message: Option<Result<Message, Error>>) -> Result<(), End> {
        match message {
            Some(Ok(Message::Text(text))) => self.lines(&text).await,
            Some(Ok(Message::Binary(_))) => Err(Close::UNSUPPORTED.into()),
            Some(Ok(Message::Close(_))) => {
                timeout(CLOSE_WITHIN, self.answer()).await.ok();
                Err(End::Gone)
            }
            Some(Ok(Message::Ping(_))) => self.answer().await,
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(end_of(&error)),
            None => Err(End::Gone),
        }
    }

    async fn lines(&mut self, text: &str) -> Result<(), End> {
        for line in text.split('\n').map(str::trim).filter(|line| !line.is_empty()) {
            match command::read(line) {
                Said::Pong => self.clocks.answered(),
                Said::Message => {}
                Said::Nonsense => return Err(Close::BAD_REQUEST.into()),
                Said::Command(id, method) => self.command(id, method).await?,
            }
            if self.replies.len() > REPLY_BYTES {
                self.outlet.put(self.replies.take().unwrap_or_default());
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn command(&mut self, id: u64, method: Method) -> Result<(), End> {
        match (self.user, method) {
            (None, Method::Connect(request)) => self.connect(id, request).await,
            (None, _) | (Some(_), Method::Connect(_)) => Err(Close::BAD_REQUEST.into()),
            (Some(_), Method::Ping) => {
                self.replies.answer(id, "ping", &EmptyOut {});
                Ok(())
            }
            (Some(_), Method::Subscribe(Ok(_))) if self.is_full() => {
                self.replies.refuse(id, Refused::LimitExceeded);
                Ok(())
            }
            (Some(user), method) => match self.budget.take(Instant::now()) {
                Allowance::Granted => self.granted(user, id, method).await,
                Allowance::Refused => {
                    self.replies.refuse(id, Refused::TooManyRequests);
                    Ok(())
                }
                Allowance::Abusive => Err(Close::BAD_REQUEST.into()),
            },
        }
    }

    async fn granted(&mut self, user: UserId, id: u64, method: Method) -> Result<(), End> {
        let answered = match method {
            Method::Subscribe(request) => self.subscribe(user, id, request).await?,
            Method::Unsubscribe(request) => self.unsubscribe(id, request),
            Method::Refresh(request) => self.refresh(user, id, request).await?,
            Method::History(request) => self.history(user, id, request).await,
            Method::Publish => Err(Refused::PermissionDenied),
            Method::Connect(_) | Method::Ping | Method::Unknown => Err(Refused::MethodNotFound),
        };
        if let Err(refused) = answered {
            self.replies.refuse(id, refused);
        }
        Ok(())
    }

    async fn connect(&mut self, id: u64, request: Result<ConnectIn, Refused>) -> Result<(), End> {
        let token = request.map_err(|_| Close::BAD_REQUEST)?.token;
        let identity = match self.identify(&token).await? {
            Ok(identity) => identity,
            Err(refused) => {
                self.replies.refuse(id, refused);
                return Ok(());
            }
        };
        if !self.seat.sign_in(&identity) {
            return Err(Close::CONNECTION_LIMIT.into());
        }
        self.user = Some(identity.user);
        self.clocks.connected(&self.shared.settings, self.client.as_bytes()[15]);
        self.expire_with(&identity);
        let client = self.client.to_string();
        let ping = self.shared.settings.ping_every.as_secs();
        let greeting = GreetingOut { ping, pong: true, session: &client, node: &self.shared.node };
        self.replies.answer(id, "connect", &self.standing(&client, &identity, Some(greeting)));
        Ok(())
    }

    async fn refresh(
        &mut self,
        user: UserId,
        id: u64,
        request: Result<RefreshIn, Refused>,
    ) -> Result<Result<(), Refused>, End> {
        let token = match request {
            Ok(request) => request.token,
            Err(refused) => return Ok(Err(refused)),
        };
        let identity = match self.identify(&token).await? {
            Ok(identity) if identity.user == user => identity,
            Ok(_) => return Err(Close::INVALID_TOKEN.into()),
            Err(refused) => return Ok(Err(refused)),
        };
        self.seat.renew(&identity);
        self.expire_with(&identity);
        let client = self.client.to_string();
        self.replies.answer(id, "refresh", &self.standing(&client, &identity, None));
        Ok(Ok(()))
    }

    /// Whose token this is. An invalid one ends the socket; one that has expired, or that nobody could look up, or whose
    /// key its issuer may just have made, is answered.
    async fn identify(&mut self, token: &str) -> Result<Result<Identity, Refused>, End> {
        match timeout(IDENTIFIED_WITHIN, self.shared.access.identify(token)).await {
            Ok(Ok(identity)) => Ok(Ok(identity)),
            Ok(Err(TokenError::Expired)) => Ok(Err(Refused::TokenExpired)),
            Ok(Err(TokenError::Unavailable | TokenError::UnknownKey)) | Err(_) => {
                Ok(Err(Refused::Internal))
            }
            Ok(Err(TokenError::Invalid | TokenError::NoAccount)) => {
                Err(Close::INVALID_TOKEN.into())
            }
        }
    }

    fn standing<'a>(
        &self,
        client: &'a str,
        identity: &Identity,
        greeting: Option<GreetingOut<'a>>,
    ) -> ConnectOut<'a> {
        let ttl = (millis_left(identity, self.shared.clock.now()) / 1000).max(1);
        ConnectOut { client, version: env!("CARGO_PKG_VERSION"), expires: true, ttl, greeting }
    }

    /// Counts from now on how long the token holds.
    fn expire_with(&mut self, identity: &Identity) {
        let left = millis_left(identity, self.shared.clock.now()).max(0).cast_unsigned();
        self.clocks.expire_in(Duration::from_millis(left) + self.shared.settings.expiry_grace);
    }

    fn keep_time(&mut self) -> Result<(), End> {
        if self.clocks.ring(&self.shared.settings)? {
            self.outlet.put(reply::ping());
        }
        Ok(())
    }
}

/// Does something that may wait for the reader, unless the session is to end meanwhile.
async fn unless_closed<T>(
    subscriber: &Subscriber,
    work: impl Future<Output = T>,
) -> Result<T, End> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            // more waits, which changes nothing, or this session is to end
            () = subscriber.filled() => if let Some(code) = subscriber.close_code() {
                return Err(Close::of(code).into());
            },
        }
    }
}

fn millis_left(identity: &Identity, now: Timestamp) -> i64 {
    identity.expires_at.millis_since(now)
}

fn end_of(error: &Error) -> End {
    match error {
        Error::Capacity(_) => Close::TOO_BIG.into(),
        Error::Utf8(_) => Close::BAD_UTF8.into(),
        Error::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => End::Gone,
        Error::Protocol(_) => Close::PROTOCOL.into(),
        Error::WriteBufferFull(_) => Close::SLOW.into(),
        _ => End::Gone,
    }
}
