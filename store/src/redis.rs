//! Redis, by which the hubs of one database tell each other: words on channels, heard by whoever listens just then.
//!
//! Nothing is kept there, and whatever is lost there is in the database (ADR 15).

mod subscriptions;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fred::{
    clients::Client,
    interfaces::{ClientLike as _, EventInterface as _, PubsubInterface as _},
    types::{
        Builder, RespVersion,
        config::{Config, ReconnectPolicy, UnresponsiveConfig},
    },
};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};

use subscriptions::Wish;

/// The most messages that wait to be taken in, and commands that wait to be sent.
const WAITING_MOST: usize = 16_384;

/// How often a node speaks to itself by way of Redis, to know that it hears.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// It has not heard itself for so long: what others say is not heard either.
const SILENT: Duration = Duration::from_millis(1_600);

/// After so long a silence it connects anew: a server that hangs is not noticed otherwise.
const RECONNECTS_AFTER: Duration = Duration::from_secs(4);

/// How long a command may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// How long whoever wishes to hear a channel waits for it.
const LISTENS_WITHIN: Duration = Duration::from_millis(500);

/// What addresses begin with.
const SCHEMES: [&str; 6] =
    ["redis", "rediss", "redis-sentinel", "rediss-sentinel", "redis-cluster", "rediss-cluster"];

/// The pauses between tries to connect, in milliseconds.
const TRIES_EVERY: (u32, u32) = (50, 1_000);

/// It could not be said, or the address is none.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RedisError(#[from] fred::error::Error);

/// What comes from Redis.
#[derive(Debug)]
pub enum Heard<'a> {
    /// What was said on a channel.
    Words {
        /// The channel.
        channel: &'a str,
        /// What was said.
        words: &'a [u8],
    },
    /// So many messages came faster than they were taken in, and are lost.
    Lost(u64),
}

/// A connection to one server, to whichever its Sentinels name, or to a cluster, made again as often as need be.
pub struct Redis {
    client: Client,
    beats: String,
    wishes: mpsc::UnboundedSender<Wish>,
    wished: Mutex<Option<mpsc::UnboundedReceiver<Wish>>>,
    /// When it last heard itself.
    heard: Mutex<Option<Instant>>,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("is_heard", &self.is_heard()).finish_non_exhaustive()
    }
}

impl Redis {
    /// The server at an address: `redis://` and `rediss://` for one, `redis-sentinel://` and `redis-cluster://` with their kin.
    /// `beats` is a channel of this process alone. It connects as it [runs](Self::run), and whenever the server is there.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(url: &str, beats: String) -> Result<Self, RedisError> {
        let mut config = Config::from_url(url)?;
        config.fail_fast = false; // a hub starts without Redis
        config.version = RespVersion::RESP3; // one connection may both hear and say
        let (least, most) = TRIES_EVERY;
        let client = Builder::from_config(config)
            .with_connection_config(|config| {
                config.connection_timeout = ANSWERS_WITHIN;
                config.internal_command_timeout = ANSWERS_WITHIN;
                config.max_command_attempts = 1;
                config.max_command_buffer_len = WAITING_MOST;
                config.unresponsive = UnresponsiveConfig {
                    max_timeout: Some(2 * ANSWERS_WITHIN),
                    interval: ANSWERS_WITHIN,
                };
                config.tcp.nodelay = Some(true);
            })
            .with_performance_config(|config| {
                config.default_command_timeout = ANSWERS_WITHIN;
                config.broadcast_channel_capacity = WAITING_MOST;
            })
            .set_policy(ReconnectPolicy::new_exponential(0, least, most, 2))
            .build()?;
        let (wishes, wished) = mpsc::unbounded_channel();
        let wished = Mutex::new(Some(wished));
        Ok(Self { client, beats, wishes, wished, heard: Mutex::default() })
    }

    /// Whether an address is one.
    #[must_use]
    pub fn is_address(url: &str) -> bool {
        let is_known = url.split_once("://").is_some_and(|(scheme, _)| SCHEMES.contains(&scheme));
        is_known && Config::from_url(url).is_ok()
    }

    /// Stays connected and hears what is listened to, until it is aborted.
    ///
    /// # Panics
    /// When it runs already.
    pub async fn run(self: Arc<Self>, take_in: impl Fn(Heard<'_>) + Send + 'static) {
        let wished = self.wished.lock().unwrap_or_else(PoisonError::into_inner).take();
        let wished = wished.expect("it runs once");
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&self).receive(take_in));
        tasks.spawn(Arc::clone(&self).subscribe(wished));
        tasks.spawn(Arc::clone(&self).beat());
        self.client.connect();
        tasks.join_next().await;
        tracing::error!("Redis is not heard any more; dashboards of other nodes' sites are late");
        tasks.shutdown().await;
    }

    /// Says something on a channel; to the shard alone that has it, where Redis is a cluster.
    ///
    /// # Errors
    /// When it is not known whether anybody heard it.
    pub async fn say(&self, channel: &str, words: &[u8]) -> Result<(), RedisError> {
        if self.client.is_clustered() {
            Ok(self.client.spublish(channel, words).await?)
        } else {
            Ok(self.client.publish(channel, words).await?)
        }
    }

    /// Begins to listen to a channel. Ready when it does, or when it is not known how long that takes.
    pub fn listen(&self, channel: String) -> impl Future<Output = ()> + Send + '_ {
        let (listens, ready) = oneshot::channel();
        let is_asked = self.wishes.send(Wish::Listen(channel, listens)).is_ok();
        async move {
            if is_asked && self.is_connected() {
                tokio::time::timeout(LISTENS_WITHIN, ready).await.ok();
            }
        }
    }

    /// Listens to a channel no more.
    pub fn leave(&self, channel: String) {
        self.wishes.send(Wish::Leave(channel)).ok(); // it has ended
    }

    /// Whether there is a connection, of which it is not known whether it is good for anything.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.is_connected()
    }

    /// Whether what others say is certainly heard here now.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.silent_for().is_some_and(|silent| silent < SILENT)
    }

    async fn receive(self: Arc<Self>, take_in: impl Fn(Heard<'_>) + Send) {
        let mut messages = self.client.message_rx();
        loop {
            match messages.recv().await {
                Ok(message) if *message.channel == *self.beats => self.heard_itself(),
                Ok(message) => {
                    let words = message.value.as_bytes().unwrap_or_default();
                    take_in(Heard::Words { channel: &message.channel, words });
                }
                Err(RecvError::Lagged(messages)) => take_in(Heard::Lost(messages)),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Speaks to itself, and connects anew where it does not hear itself for long though it is connected.
    async fn beat(self: Arc<Self>) {
        let mut beats = tokio::time::interval(BEAT_EVERY);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut reconnected = Instant::now();
        loop {
            beats.tick().await;
            if !self.is_connected() {
                continue;
            }
            let is_silent = self.silent_for().is_none_or(|silent| silent >= RECONNECTS_AFTER);
            if is_silent && reconnected.elapsed() >= RECONNECTS_AFTER {
                tracing::warn!("Redis is silent; connecting anew");
                reconnected = Instant::now();
                self.client.force_reconnection().await.ok(); // tried again by its own policy
            }
            self.say(&self.beats, &[]).await.ok(); // not heard then
        }
    }

    fn heard_itself(&self) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.is_none_or(|at| at.elapsed() >= SILENT) {
            tracing::info!("Redis is there: what other nodes tell is heard");
        }
        *heard = Some(Instant::now());
    }

    /// How long it has not heard itself; `None` if it never has.
    fn silent_for(&self) -> Option<Duration> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }
}
