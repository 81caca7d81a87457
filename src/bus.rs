//! What this hub publishes of its sites is told to the other hubs of its database by Redis, and shown there within
//! milliseconds.
//!
//! It carries hints alone (ADR 15): whatever it loses is found by the looks at the database that go on beside it
//! (`actors/src/units/followers.rs`), and while Redis is away there are only those.

mod wire;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use hub_actors::{Bus, Told, Units};
use hub_domain::{NodeId, SiteId};
use hub_store::redis::{Heard, Redis, RedisError};
use tokio::sync::mpsc;

/// The most that waits to be told; of more, the database tells. A storm of 10,000 units fits.
const WAITING_MOST: usize = 16_384;

/// The most that is taken up at once. What comes while that is under way goes together next, so that under load messages
/// are few and without it nothing waits.
const TOGETHER: usize = 1_024;

/// The bus, on Redis.
#[derive(Debug)]
pub struct RedisBus {
    redis: Arc<Redis>,
    told: mpsc::Sender<Told>,
    telling: Mutex<Option<mpsc::Receiver<Told>>>,
    /// Whether there are other nodes to be told.
    has_others: AtomicBool,
}

impl RedisBus {
    /// The bus of this node, by the Redis at an address.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn new(url: &str, me: NodeId) -> Result<Self, RedisError> {
        let redis = Arc::new(Redis::new(url, format!("hub:1:beat:{me}"))?);
        let (told, telling) = mpsc::channel(WAITING_MOST);
        let (telling, has_others) = (Mutex::new(Some(telling)), AtomicBool::new(false));
        Ok(Self { redis, told, telling, has_others })
    }

    /// Takes note whether other nodes are there: what nobody hears is not told.
    pub fn has_others(&self, has_others: bool) {
        self.has_others.store(has_others, Ordering::Relaxed);
    }

    /// Carries what is told, both ways, until it is aborted.
    ///
    /// # Panics
    /// When it runs already.
    pub async fn run(self: Arc<Self>, units: Units) {
        let telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner).take();
        let telling = telling.expect("a bus runs once");
        let hearing = Arc::clone(&self.redis).run(move |heard| take_in(&heard, &units));
        tokio::join!(hearing, self.publish(telling));
    }

    /// Tells what is to be told, what is of one site in one message.
    async fn publish(&self, mut told: mpsc::Receiver<Told>) {
        let mut taken = Vec::with_capacity(TOGETHER);
        while told.recv_many(&mut taken, TOGETHER).await > 0 {
            let news = taken.len() as u64;
            let mut sites: BTreeMap<SiteId, Vec<Told>> = BTreeMap::new();
            taken.drain(..).for_each(|told| sites.entry(told.site()).or_default().push(told));
            if !self.redis.is_connected() {
                metrics::counter!("hub_bus_dropped_total").increment(news);
                continue;
            }
            let said = sites.iter().map(|(site, told)| self.say_of(*site, told));
            let failed = join_all(said).await.into_iter().filter(Result::is_err).count();
            metrics::counter!("hub_bus_told_total").increment(news);
            metrics::counter!("hub_bus_failures_total").increment(failed as u64);
        }
    }

    async fn say_of(&self, site: SiteId, told: &[Told]) -> anyhow::Result<()> {
        Ok(self.redis.say(&channel_of(site), &wire::write(told)?).await?)
    }
}

/// The channel of a site. Its number rises when what is said there changes.
fn channel_of(site: SiteId) -> String {
    format!("hub:1:site:{site}")
}

fn take_in(heard: &Heard<'_>, units: &Units) {
    match heard {
        Heard::Words { channel, words } => match wire::read(words) {
            Ok(told) => told.into_iter().for_each(|told| units.told(told)),
            Err(error) => {
                metrics::counter!("hub_bus_failures_total").increment(1);
                tracing::warn!(channel, %error, "what was told cannot be read");
            }
        },
        Heard::Lost(messages) => {
            metrics::counter!("hub_bus_dropped_total").increment(*messages);
            units.missed_something();
        }
    }
}

impl Bus for RedisBus {
    fn tell(&self, told: Told) {
        if self.has_others.load(Ordering::Relaxed) && self.told.try_send(told).is_err() {
            metrics::counter!("hub_bus_dropped_total").increment(1);
        }
    }

    fn listen(&self, site: SiteId) -> BoxFuture<'_, ()> {
        self.redis.listen(channel_of(site)).boxed()
    }

    fn leave(&self, site: SiteId) {
        self.redis.leave(channel_of(site));
    }

    fn is_heard(&self) -> bool {
        self.redis.is_heard()
    }
}
