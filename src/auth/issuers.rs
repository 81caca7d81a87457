//! The keys of token issuers: kept in memory, fetched ahead of need, never once a request.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use hub_store::Store;
use jsonwebtoken::{Algorithm, DecodingKey, jwk::JwkSet};
use reqwest::header::CACHE_CONTROL;
use tokio::{sync::Mutex, time::Instant};

use super::signing;

/// How often an issuer is asked for its keys.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// A key that is not known is asked for at most once in this time, whoever asks; so is an issuer that is away.
    refetch_after: Duration,
    /// How long fetched keys are taken as fresh where the issuer does not say, and the bounds of what it may say.
    fresh: Duration,
    fresh_least: Duration,
    fresh_most: Duration,
}

const PACE: Pace = Pace {
    refetch_after: Duration::from_secs(30),
    fresh: Duration::from_secs(600),
    fresh_least: Duration::from_secs(60),
    fresh_most: Duration::from_secs(3600),
};

/// Keys are fetched again when this part of their freshness is over, in the background: nobody's request waits.
const AHEAD: f64 = 0.8;

/// The same for the hub's own keys, which cost one read of its own store.
const RELOAD_AFTER: Duration = Duration::from_secs(1);

/// No answer with keys is longer, in bytes.
const LONGEST_ANSWER: usize = 256 * 1024;

/// A key, its id, and the algorithm that it is for where it says.
#[derive(Clone)]
pub struct PublicKey {
    /// Its id.
    pub kid: Option<String>,
    /// The only algorithm that it is for.
    pub algorithm: Option<Algorithm>,
    /// The key.
    pub key: DecodingKey,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Why there is no key to verify with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// None fits, or several would.
    Unfit,
    /// None has that id as far as is known, and the issuer could not be asked just now: it may have made one since.
    Unknown,
}

/// The keys of one issuer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeySet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    source: Source,
    keys: RwLock<Arc<Vec<PublicKey>>>,
    asked_at: Mutex<Option<Instant>>,
}

enum Source {
    Url { client: reqwest::Client, url: String, pace: Pace },
    Own(Store),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, .. } => f.write_str(url),
            Self::Own(_) => f.write_str("the hub's own"),
        }
    }
}

impl KeySet {
    /// The keys published at `url`, fetched now and then in the background for as long as this set is in use.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn published_at(url: String) -> anyhow::Result<Self> {
        Self::fetched_at(url, PACE)
    }

    fn fetched_at(url: String, pace: Pace) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("a client for the keys of token issuers cannot be made")?;
        let set = Self::from_source(Source::Url { client, url, pace }, Vec::new());
        tokio::spawn(keep_fresh(Arc::downgrade(&set.0), pace));
        Ok(set)
    }

    /// The hub's own keys, as in its store.
    #[must_use]
    pub fn own(store: Store, keys: Vec<PublicKey>) -> Self {
        Self::from_source(Source::Own(store), keys)
    }

    fn from_source(source: Source, keys: Vec<PublicKey>) -> Self {
        Self(Arc::new(Shared {
            source,
            keys: RwLock::new(Arc::new(keys)),
            asked_at: Mutex::default(),
        }))
    }

    /// How many keys are known.
    #[must_use]
    pub fn known(&self) -> usize {
        self.0.keys().len()
    }

    /// The one key of that id that fits the algorithm. Without an id: the only key that fits, if there is but one.
    ///
    /// An id that is not known makes the keys be fetched again, at most once in 30 s. Where that fails, the known
    /// keys stay good.
    ///
    /// # Errors
    /// See [`NoKey`].
    pub async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<DecodingKey, NoKey> {
        let shared = &*self.0;
        if let Some(found) = pick(&shared.keys(), kid, algorithm) {
            return Ok(found);
        }
        let without_id = if shared.keys().is_empty() { NoKey::Unknown } else { NoKey::Unfit };
        let kid = kid.ok_or(without_id)?;
        let mut asked_at = shared.asked_at.lock().await;
        let is_time =
            asked_at.is_none_or(|asked_at| asked_at.elapsed() >= shared.source.patience());
        let mut is_sure = false;
        if is_time {
            *asked_at = Some(Instant::now());
            is_sure = shared.refresh().await.is_some();
        }
        let keys = shared.keys();
        is_sure |= keys.iter().any(|key| key.kid.as_deref() == Some(kid));
        let none = if is_sure { NoKey::Unfit } else { NoKey::Unknown };
        pick(&keys, Some(kid), algorithm).ok_or(none)
    }
}

impl Source {
    const fn patience(&self) -> Duration {
        match self {
            Self::Url { pace, .. } => pace.refetch_after,
            Self::Own(_) => RELOAD_AFTER,
        }
    }

    async fn read(&self) -> anyhow::Result<(Vec<PublicKey>, Duration)> {
        match self {
            Self::Url { client, url, pace } => fetch(client, url, pace).await,
            Self::Own(store) => {
                Ok((signing::public_keys(&store.signing_keys().await?)?, PACE.fresh_most))
            }
        }
    }
}

impl Shared {
    fn keys(&self) -> Arc<Vec<PublicKey>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the keys anew; on failure the old ones stay. Gives for how long they are fresh.
    async fn refresh(&self) -> Option<Duration> {
        match self.source.read().await {
            Ok((keys, fresh)) => {
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                Some(fresh)
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(source = ?self.source, error, "keys of a token issuer could not be read; the known ones stay");
                None
            }
        }
    }
}

/// Fetches an issuer's keys at the start and again ahead of the end of their freshness, until nobody needs them.
async fn keep_fresh(shared: std::sync::Weak<Shared>, pace: Pace) {
    loop {
        let Some(alive) = shared.upgrade() else { return };
        let pause = match alive.refresh().await {
            Some(fresh) => fresh.mul_f64(AHEAD),
            None => pace.refetch_after,
        };
        drop(alive);
        tokio::time::sleep(pause).await;
    }
}

fn pick(keys: &[PublicKey], kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    let fits = |key: &&PublicKey| {
        let named = kid.is_none() || key.kid.as_deref() == kid;
        let meant = key.algorithm.is_none_or(|only| only == algorithm);
        named && meant && key.key.family().algorithms().contains(&algorithm)
    };
    let mut fitting = keys.iter().filter(fits);
    let first = fitting.next()?;
    fitting.next().is_none().then(|| first.key.clone())
}

async fn fetch(
    client: &reqwest::Client,
    url: &str,
    pace: &Pace,
) -> anyhow::Result<(Vec<PublicKey>, Duration)> {
    let mut answer = client.get(url).send().await?.error_for_status()?;
    let fresh = answer.headers().get(CACHE_CONTROL).and_then(|value| max_age(value.to_str().ok()?));
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        ensure!(body.len() + chunk.len() <= LONGEST_ANSWER, "the answer is too long");
        body.extend_from_slice(&chunk);
    }
    let set: JwkSet = serde_json::from_slice(&body).context("the answer is no key set")?;
    let fresh = fresh.unwrap_or(pace.fresh).clamp(pace.fresh_least, pace.fresh_most);
    let keys = usable(&set);
    // an issuer that rotates publishes another key; one without any is broken, not changed
    ensure!(!keys.is_empty(), "the answer holds no key that can be used");
    Ok((keys, fresh))
}

/// The keys of a set that can verify something; others are passed over.
fn usable(set: &JwkSet) -> Vec<PublicKey> {
    let key = |jwk: &jsonwebtoken::jwk::Jwk| {
        let key = DecodingKey::from_jwk(jwk).ok()?;
        if key.family().algorithms().contains(&Algorithm::HS256) {
            return None; // a secret that is published is none
        }
        let algorithm = match jwk.common.key_algorithm {
            Some(said) => Some(said.to_string().parse().ok()?),
            None => None,
        };
        Some(PublicKey { kid: jwk.common.key_id.clone(), algorithm, key })
    };
    set.keys.iter().filter_map(key).collect()
}

fn max_age(cache_control: &str) -> Option<Duration> {
    let seconds = cache_control.split(',').find_map(|part| part.trim().strip_prefix("max-age="))?;
    seconds.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
#[path = "issuers_tests.rs"]
mod tests;
