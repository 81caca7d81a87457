//! Sites that another node looks after and somebody looks at here.
//!
//! They are shown as they are stored, which costs a look at the database now and then for as long as somebody hears them;
//! where the nodes have a bus, each change is shown as it is told, and the looks find what was not heard. Nothing is
//! decided here and nothing is taken from whoever decides.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hub_domain::{SiteId, UnitId};
use hub_store::StoreError;
use tokio::{sync::Notify, time::Instant};

use super::Units;
use crate::{
    answer::AskError,
    bus::{Bus, Told},
    channel::Heard,
    root::RootMessage,
    site::folded,
    unit::{Ask, LiveUnit},
};

/// How often it is looked what is stored, while nobody tells.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The same while changes are told: what was not heard is seen so much later.
const LOOK_WHILE_TOLD: Duration = Duration::from_secs(2);

/// Something was not heard: it is looked so soon, for what else was not.
const LOOK_AFTER_GAP: Duration = Duration::from_millis(20);

/// A site that nobody has heard for so long is followed no more.
const UNHEARD: Duration = Duration::from_secs(60);

/// The sites that are followed.
#[derive(Default)]
pub(super) struct Followed {
    /// When each was last heard.
    sites: Mutex<HashMap<SiteId, Instant>>,
    /// Those of which something was not heard.
    missed: Mutex<HashSet<SiteId>>,
    has_missed: Notify,
    bus: Option<Arc<dyn Bus>>,
}

impl Followed {
    pub(super) fn new(bus: Option<Arc<dyn Bus>>) -> Self {
        Self { bus, ..Self::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<SiteId, Instant>) -> T) -> T {
        act(&mut self.sites.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn missed(&self) -> std::sync::MutexGuard<'_, HashSet<SiteId>> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<SiteId> {
        self.with(|sites| sites.keys().copied().collect())
    }

    pub(super) fn has(&self, site: SiteId) -> bool {
        self.with(|sites| sites.contains_key(&site))
    }

    /// Follows those alone of which that is true.
    fn retain(&self, mut keeps: impl FnMut(SiteId, &mut Instant) -> bool) {
        self.with(|sites| {
            sites.retain(|site, heard| {
                let is_kept = keeps(*site, heard);
                if let Some(bus) = self.bus.as_ref().filter(|_| !is_kept) {
                    bus.leave(*site); // under the lock: whoever follows it again listens after this
                }
                is_kept
            });
        });
    }

    fn miss(&self, sites: impl IntoIterator<Item = SiteId>) {
        self.missed().extend(sites);
        self.has_missed.notify_one();
    }

    /// Ready when it is time to look: at all that is followed, or at the sites that are given.
    async fn time_to_look(&self, last: Instant) -> Option<HashSet<SiteId>> {
        loop {
            let is_told = self.bus.as_ref().is_some_and(|bus| bus.is_heard());
            let every = if is_told { LOOK_WHILE_TOLD } else { LOOK_EVERY };
            if last.elapsed() >= every {
                self.missed().clear();
                return None;
            }
            // not longer than it takes to see that nobody tells any more
            let pause = every.saturating_sub(last.elapsed()).min(LOOK_EVERY);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.has_missed.notified() => {
                    tokio::time::sleep(LOOK_AFTER_GAP).await;
                    let missed = std::mem::take(&mut *self.missed());
                    if !missed.is_empty() {
                        return Some(missed);
                    }
                }
            }
        }
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
            if let Some(bus) = &self.0.followed.bus {
                bus.listen(site).await; // before it is looked, so that nothing falls between
            }
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

    /// Takes in what another node told. What was not heard before it is looked up.
    pub fn told(&self, told: Told) {
        let site = told.site();
        if self.0.directory.site(site).is_some() || !self.0.followed.has(site) {
            return; // it is looked after here, or nobody looks
        }
        let is_missed = match told {
            Told::Unit(update) => self.0.tools.channels.hear(*update) == Heard::Missed,
            Told::Look(_) => true,
        };
        if is_missed {
            self.0.followed.miss([site]);
        }
    }

    /// Something that was told was not heard, and it is not known of which site.
    pub fn missed_something(&self) {
        self.0.followed.miss(self.0.followed.all());
    }

    /// Looks at what is followed, again and again, until the tree ends.
    pub(super) async fn follow_along(self) {
        let mut last = Instant::now();
        while !self.is_stopping() {
            let missed = self.0.followed.time_to_look(last).await;
            let mut sites = self.still_followed();
            match missed {
                Some(missed) => sites.retain(|site| missed.contains(site)),
                None => last = Instant::now(),
            }
            if !sites.is_empty() {
                self.look_at(sites).await.ok(); // looked again in a moment
            }
        }
    }

    /// The sites that are followed. Those that became live here, or that nobody hears, are no more.
    fn still_followed(&self) -> Vec<SiteId> {
        let (directory, channels) = (&self.0.directory, &self.0.tools.channels);
        let mut unheard = Vec::new();
        self.0.followed.retain(|site, heard| {
            if directory.site(site).is_some() {
                return false;
            }
            if channels.is_heard(site) {
                *heard = Instant::now();
            }
            let is_heard = heard.elapsed() < UNHEARD;
            if !is_heard {
                unheard.push(site);
            }
            is_heard
        });
        unheard.into_iter().for_each(|site| channels.let_go(site));
        self.0.followed.all()
    }

    /// Shows sites as they are stored. One that is not there any more has ended.
    async fn look_at(&self, sites: Vec<SiteId>) -> Result<(), AskError> {
        let peeked = self.0.tools.store.peek_sites(&sites).await.map_err(not_read)?;
        for site in sites {
            if !peeked.iter().any(|it| it.site.id == site) {
                self.0.followed.retain(|followed, _| followed != site);
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
