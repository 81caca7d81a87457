//! Sites that another node looks after and somebody looks at here: they are shown as they are stored.
//!
//! Nothing is decided here and nothing is taken from whoever decides: it costs a look at the database, twice a second, for
//! as long as somebody hears the site.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hub_domain::{SiteId, UnitId};
use hub_store::StoreError;
use tokio::time::Instant;

use super::Units;
use crate::{
    answer::AskError,
    root::RootMessage,
    site::folded,
    unit::{Ask, LiveUnit},
};

/// How often it is looked what is stored.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// A site that nobody has heard for so long is followed no more.
const UNHEARD: Duration = Duration::from_secs(60);

/// The sites that are followed, and when each was last heard.
#[derive(Default)]
pub(super) struct Followed(Mutex<HashMap<SiteId, Instant>>);

impl Followed {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<SiteId, Instant>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn has(&self, site: SiteId) -> bool {
        self.with(|sites| sites.contains_key(&site))
    }
}

impl Units {
    /// Makes sure that a site's channel is live here: its own, or, where another node looks after the site, one that shows
    /// what is stored, half a second later.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn hear(&self, site: SiteId) -> Result<(), AskError> {
        if self.is_ours(site) || self.0.directory.site(site).is_some() {
            return self.activate(site).await;
        }
        if !self.0.followed.has(site) || !self.0.tools.channels.is_live(site) {
            self.0.followed.with(|sites| sites.insert(site, Instant::now()));
            self.look_at(vec![site]).await?;
        }
        Ok(())
    }

    /// A unit that another node looks after, as it is stored; `None` if it is to be asked here.
    pub(super) async fn stored_elsewhere(
        &self,
        unit: UnitId,
    ) -> Result<Option<Box<LiveUnit>>, AskError> {
        if self.home_elsewhere(unit).await.is_none() {
            return Ok(None);
        }
        let loaded = self.0.tools.store.peek_unit(unit).await.map_err(not_read)?;
        let loaded = loaded.ok_or(AskError::UnknownUnit)?;
        folded(loaded, 0, self.0.tools.clock.now()).map(Some).ok_or(AskError::Busy)
    }

    /// Looks at what is followed, again and again, until the tree ends.
    pub(super) async fn follow_along(self) {
        let mut looks = tokio::time::interval(FOLLOW_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !self.is_stopping() {
            looks.tick().await;
            let sites = self.still_followed();
            if !sites.is_empty() {
                self.look_at(sites).await.ok(); // looked again in a moment
            }
        }
    }

    /// The sites that are to be looked at. Those that became live here, or that nobody hears, are followed no more.
    fn still_followed(&self) -> Vec<SiteId> {
        let (directory, channels) = (&self.0.directory, &self.0.tools.channels);
        let mut unheard = Vec::new();
        let followed = self.0.followed.with(|sites| {
            sites.retain(|site, heard| {
                if directory.site(*site).is_some() {
                    return false;
                }
                if channels.is_heard(*site) {
                    *heard = Instant::now();
                }
                let is_heard = heard.elapsed() < UNHEARD;
                if !is_heard {
                    unheard.push(*site);
                }
                is_heard
            });
            sites.keys().copied().collect()
        });
        unheard.into_iter().for_each(|site| channels.let_go(site));
        followed
    }

    /// Shows sites as they are stored. One that is not there any more has ended.
    async fn look_at(&self, sites: Vec<SiteId>) -> Result<(), AskError> {
        let peeked = self.0.tools.store.peek_sites(&sites).await.map_err(not_read)?;
        for site in sites {
            if !peeked.iter().any(|it| it.site.id == site) {
                self.0.followed.with(|sites| sites.remove(&site));
                self.site_deleted(site).await?;
            }
        }
        let (ask, answer) = Ask::new(None);
        self.0.root.send_message(RootMessage::Follow(peeked, ask)).map_err(|_| AskError::Busy)?;
        answer.await.map_err(|_| AskError::Busy)
    }
}

fn not_read(error: StoreError) -> AskError {
    tracing::warn!(%error, "what another node looks after could not be read");
    AskError::Unavailable
}
