//! Links of inspectors: `fti_<id>_<secret>`, shown as a token like any other.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use hub_domain::Timestamp;
use hub_store::{Store, records::InspectorLink};
use moka::future::Cache;
use uuid::Uuid;

use super::{
    Attempts,
    attempts::origin_of,
    links::{FreshLink, LinkToken},
};
use crate::http::error::ApiError;

/// What every token of a link begins with.
const PREFIX: &str = "fti_";

/// How long a link's record is believed: the longest that a revoked link is still taken by another process.
const BELIEVED: Duration = Duration::from_secs(4);

/// Wrong tokens of one address in a minute before it is told to wait.
const WRONG_A_MINUTE: u32 = 30;

/// A link's last use is stored no more often than this.
const TOUCH_EVERY_MILLIS: i64 = 60_000;

/// Checks the tokens of links.
#[derive(Debug)]
pub struct Inspectors {
    store: Store,
    known: Cache<Uuid, Arc<Known>>,
    wrong: Attempts<IpAddr>,
}

#[derive(Debug)]
struct Known {
    link: InspectorLink,
    touched_at: AtomicI64,
}

/// The token of a fresh link.
#[must_use]
pub fn token(link: &FreshLink) -> String {
    format!("{PREFIX}{}", link.token)
}

/// Whether `token` means to be one of a link.
#[must_use]
pub fn is_of_a_link(token: &str) -> bool {
    token.starts_with(PREFIX)
}

impl Inspectors {
    /// Links of this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            known: Cache::builder().max_capacity(10_000).time_to_live(BELIEVED).build(),
            wrong: Attempts::new(WRONG_A_MINUTE, Duration::from_secs(60)),
        }
    }

    /// The link of a token. Every wrong one, be it malformed, unknown, over or revoked, gets the same answer.
    ///
    /// # Errors
    /// 401 for a wrong token, 429 after too many of that address, 503 when links cannot be looked up.
    pub async fn admit(
        &self,
        token: &str,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<InspectorLink, ApiError> {
        let Some(known) = self.find(token, now).await? else {
            self.wrong.take(origin_of(from)).map_err(ApiError::TooManyRequests)?;
            return Err(ApiError::Unauthorized);
        };
        self.touch(&known, now);
        Ok(known.link.clone())
    }

    /// Forgets what was believed of a link: it was revoked just now.
    pub async fn forget(&self, link: Uuid) {
        self.known.invalidate(&link).await;
    }

    async fn find(&self, token: &str, now: Timestamp) -> Result<Option<Arc<Known>>, ApiError> {
        let Some(token) = token.strip_prefix(PREFIX).and_then(LinkToken::parse) else {
            return Ok(None);
        };
        let known = match self.known.get(&token.id).await {
            Some(known) => Some(known),
            None => self.look_up(token.id).await?,
        };
        let is_good = |known: &Arc<Known>| {
            let link = &known.link;
            token.is_of(&link.secret_hash) && link.revoked_at.is_none() && now < link.expires_at
        };
        Ok(known.filter(is_good))
    }

    async fn look_up(&self, id: Uuid) -> Result<Option<Arc<Known>>, ApiError> {
        let Some(link) = self.store.find_inspector_link(id).await? else { return Ok(None) };
        let touched_at = AtomicI64::new(link.last_used_at.map_or(0, Timestamp::as_millis));
        let known = Arc::new(Known { link, touched_at });
        self.known.insert(id, Arc::clone(&known)).await;
        Ok(Some(known))
    }

    fn touch(&self, known: &Known, now: Timestamp) {
        let before = known.touched_at.load(Ordering::Relaxed);
        if now.as_millis() - before < TOUCH_EVERY_MILLIS {
            return;
        }
        let at = &known.touched_at;
        let swapped =
            at.compare_exchange(before, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed);
        if swapped.is_ok() {
            let (store, id) = (self.store.clone(), known.link.id);
            tokio::spawn(async move {
                if let Err(error) = store.touch_inspector_link(id, now).await {
                    tracing::debug!(%error, "a link's last use was not stored");
                }
            });
        }
    }
}
