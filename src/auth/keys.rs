//! Keys of senders: `ftk_<id>_<secret>`.

use std::{
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    state::keyed::DashMapStateStore,
};
use hub_domain::{KeyId, OrgId, SiteId, Timestamp};
use hub_store::{
    Store,
    records::{ApiKey, PreviousSecret},
};
use moka::future::Cache;
use uuid::Uuid;

use super::{Attempts, attempts::origin_of, fresh_secret, is_secret, sha256};
use crate::http::error::ApiError;

/// How long a key's record is believed by a process that did not revoke it. A revoked key is refused everywhere within
/// 5 s; the rest is for the look-up that read the record just before.
const BELIEVED: Duration = Duration::from_secs(4);

/// Wrong keys of one address in a minute before it is told to wait.
const WRONG_KEYS_A_MINUTE: u32 = 30;

/// A key's last use is stored no more often than this.
const TOUCH_EVERY_MILLIS: i64 = 60_000;

/// What a good key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestKey {
    /// Its public half.
    pub id: KeyId,
    /// Whose readings it sends.
    pub org: OrgId,
    /// The only site that it may send to, if it is bound to one.
    pub site: Option<SiteId>,
}

/// A fresh key: its id, its whole text, which is shown once, and what is stored of its secret.
#[derive(Clone)]
pub struct FreshKey {
    /// The public half.
    pub id: KeyId,
    /// `ftk_<id>_<secret>`.
    pub text: String,
    /// SHA-256 of the secret half.
    pub secret_hash: [u8; 32],
}

impl FreshKey {
    /// Makes a key.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Uuid::now_v7().into())
    }

    /// Makes another secret for a key.
    #[must_use]
    pub fn of(id: KeyId) -> Self {
        let secret = fresh_secret();
        let text = format!("ftk_{}_{secret}", id.0.simple());
        Self { id, text, secret_hash: sha256(secret.as_bytes()) }
    }
}

impl Default for FreshKey {
    fn default() -> Self {
        Self::new()
    }
}

/// The rates of senders: of each key or connection of a webhook, or of all that an organization has.
#[derive(Clone, Copy, Debug)]
pub struct SenderRates {
    /// Requests a second.
    pub requests: NonZeroU32,
    /// Readings a second.
    pub readings: NonZeroU32,
}

impl SenderRates {
    fn of_requests<K: Hash + Eq + Clone>(self) -> Limiter<K> {
        RateLimiter::dashmap(Quota::per_second(self.requests))
    }

    fn of_readings<K: Hash + Eq + Clone>(self) -> Limiter<K> {
        let burst = NonZeroU32::new(5_000).map_or(self.readings, |batch| self.readings.max(batch));
        RateLimiter::dashmap(Quota::per_second(self.readings).allow_burst(burst))
    }
}

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock>;

/// Checks keys and their rates.
#[derive(Debug)]
pub struct IngestKeys {
    store: Store,
    known: Cache<KeyId, Option<Arc<KnownKey>>>,
    wrong: Attempts<IpAddr>,
    requests: Limiter<KeyId>,
    readings: Limiter<KeyId>,
    webhooks: Limiter<Uuid>,
    org_requests: Limiter<OrgId>,
    org_readings: Limiter<OrgId>,
}

#[derive(Debug)]
struct KnownKey {
    record: ApiKey,
    touched_at: AtomicI64,
}

impl KnownKey {
    fn takes(&self, secret: &[u8], now: Timestamp) -> bool {
        let record = &self.record;
        let is_old =
            |previous: &PreviousSecret| now < previous.until && is_secret(secret, &previous.hash);
        let is_right =
            is_secret(secret, &record.secret_hash) || record.previous.as_ref().is_some_and(is_old);
        is_right && record.revoked_at.is_none()
    }
}

impl IngestKeys {
    /// Keys of this store, with the rates of each and those of an organization's together.
    #[must_use]
    pub fn new(store: Store, each: SenderRates, together: SenderRates) -> Self {
        Self {
            store,
            known: Cache::builder().max_capacity(100_000).time_to_live(BELIEVED).build(),
            wrong: Attempts::new(WRONG_KEYS_A_MINUTE, Duration::from_secs(60)),
            requests: each.of_requests(),
            readings: each.of_readings(),
            webhooks: each.of_requests(),
            org_requests: together.of_requests(),
            org_readings: together.of_readings(),
        }
    }

    /// What the key in `text` may do, and counts one request of it and of its organization.
    ///
    /// Every wrong key, whether malformed, unknown or revoked, gets the same answer.
    ///
    /// # Errors
    /// 401 for a wrong key, 429 past its rate or its organization's or after too many wrong keys of that address, 503 when
    /// keys cannot be looked up.
    pub async fn admit(
        &self,
        text: Option<&str>,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<IngestKey, ApiError> {
        let Some(known) = self.find(text.unwrap_or_default(), now).await? else {
            self.wrong.take(origin_of(from)).map_err(ApiError::TooManyRequests)?;
            return Err(ApiError::BadKey);
        };
        let record = &known.record;
        check(&self.requests, record.id, NonZeroU32::MIN)?;
        check(&self.org_requests, record.org, NonZeroU32::MIN)?;
        self.touch(&known, now);
        Ok(IngestKey { id: record.id, org: record.org, site: record.site })
    }

    /// Counts `readings` of a key and of its organization.
    ///
    /// # Errors
    /// 429 past either's rate.
    pub fn admit_readings(&self, key: IngestKey, readings: usize) -> Result<(), ApiError> {
        let Some(readings) = u32::try_from(readings).ok().and_then(NonZeroU32::new) else {
            return Ok(());
        };
        check(&self.readings, key.id, readings)?;
        check(&self.org_readings, key.org, readings)
    }

    /// Counts one request of a webhook's connection and of its organization.
    ///
    /// # Errors
    /// 429 past either's rate.
    pub fn admit_webhook(&self, connection: Uuid, org: OrgId) -> Result<(), ApiError> {
        check(&self.webhooks, connection, NonZeroU32::MIN)?;
        check(&self.org_requests, org, NonZeroU32::MIN)
    }

    /// Forgets what was believed of a key: it was made or revoked just now.
    pub async fn forget(&self, key: KeyId) {
        self.known.invalidate(&key).await;
    }

    /// Lets go of the rates of senders that have not been there for a while.
    pub fn shed(&self) {
        self.org_requests.retain_recent();
        self.org_readings.retain_recent();
        self.requests.retain_recent();
        self.readings.retain_recent();
        self.webhooks.retain_recent();
    }

    async fn find(&self, text: &str, now: Timestamp) -> Result<Option<Arc<KnownKey>>, ApiError> {
        let Some((id, secret)) = parse(text) else { return Ok(None) };
        let takes = |known: &Arc<KnownKey>| known.takes(secret.as_bytes(), now);
        if let Some(known) = self.known.get(&id).await.flatten().filter(takes) {
            return Ok(Some(known));
        }
        // what is believed may be of before a new secret was made, elsewhere
        Ok(self.look_up(id).await?.filter(takes))
    }

    async fn look_up(&self, id: KeyId) -> Result<Option<Arc<KnownKey>>, ApiError> {
        let record = self.store.find_api_key(id).await?;
        let known = record.map(|record| {
            let touched_at = AtomicI64::new(record.last_used_at.map_or(0, Timestamp::as_millis));
            Arc::new(KnownKey { record, touched_at })
        });
        if known.is_some() {
            self.known.insert(id, known.clone()).await; // unknown ids are not kept: there are too many of them
        }
        Ok(known)
    }

    fn touch(&self, known: &KnownKey, now: Timestamp) {
        let before = known.touched_at.load(Ordering::Relaxed);
        let due = now.as_millis() - before >= TOUCH_EVERY_MILLIS;
        let ours = |at: &AtomicI64| {
            at.compare_exchange(before, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        };
        if due && ours(&known.touched_at) {
            let (store, id) = (self.store.clone(), known.record.id);
            tokio::spawn(async move {
                if let Err(error) = store.touch_api_key(id, now).await {
                    tracing::debug!(%error, "a key's last use was not stored");
                }
            });
        }
    }
}

fn check<K: Hash + Eq + Clone>(
    limiter: &Limiter<K>,
    key: K,
    n: NonZeroU32,
) -> Result<(), ApiError> {
    match limiter.check_key_n(&key, n) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(not_until)) => {
            Err(ApiError::TooManyRequests(not_until.wait_time_from(limiter.clock().now())))
        }
        Err(_never) => Err(ApiError::TooManyRequests(Duration::from_secs(1))),
    }
}

fn parse(text: &str) -> Option<(KeyId, &str)> {
    let (id, secret) = text.strip_prefix("ftk_")?.split_once('_')?;
    let good = id.len() == 32 && (1..=128).contains(&secret.len());
    good.then(|| id.parse().ok()).flatten().map(|id| (id, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_key_reads_back_as_its_two_halves() {
        let key = FreshKey::new();
        let (id, secret) = parse(&key.text).unwrap();
        assert_eq!(id, key.id);
        assert!(is_secret(secret.as_bytes(), &key.secret_hash));
        assert!(!is_secret(b"other", &key.secret_hash));
    }

    #[test]
    fn what_is_no_key_is_none() {
        for text in
            ["", "ftk_", "ftk__", "ftk_x_y", "abc", "ftk_00000000-0000-0000-0000-000000000000_s"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
