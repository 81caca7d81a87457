//! Who is live: unit → actor, for this process. A hint for callers; the store is the truth.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
};

use hub_domain::{OrgId, SiteId, UnitId};
use ractor::{ActorId, ActorRef};

use crate::{site::SiteMessage, unit::UnitMessage};

/// How many messages may wait in one unit's mailbox: mailboxes themselves have no bound.
const MAX_WAITING: u32 = 256;

/// What is known of a live unit.
#[derive(Clone)]
pub(crate) enum Entry {
    /// It has an actor.
    Live { actor: ActorRef<UnitMessage>, waiting: Arc<AtomicU32> },
    /// Its actor failed too often. Readings are stored unjudged.
    Quarantined { org: OrgId, site: SiteId, owner_epoch: i64 },
}

/// A place in a unit's mailbox, given back when dropped.
pub(crate) struct Place(Arc<AtomicU32>);

impl Place {
    /// Takes a place, if one is free.
    pub(crate) fn take(waiting: &Arc<AtomicU32>) -> Option<Self> {
        let place = Self(Arc::clone(waiting));
        (waiting.fetch_add(1, Ordering::Relaxed) < MAX_WAITING).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The live units and sites of this process.
#[derive(Default)]
pub(crate) struct Directory {
    units: RwLock<HashMap<UnitId, Entry>>,
    /// With the epoch under which each is held.
    sites: RwLock<HashMap<SiteId, (ActorRef<SiteMessage>, i64)>>,
}

impl Directory {
    pub(crate) fn unit(&self, unit: UnitId) -> Option<Entry> {
        self.units.read().unwrap_or_else(PoisonError::into_inner).get(&unit).cloned()
    }

    pub(crate) fn put_unit(&self, unit: UnitId, actor: ActorRef<UnitMessage>) {
        let entry = Entry::Live { actor, waiting: Arc::default() };
        self.units.write().unwrap_or_else(PoisonError::into_inner).insert(unit, entry);
    }

    pub(crate) fn quarantine(&self, unit: UnitId, org: OrgId, site: SiteId, owner_epoch: i64) {
        let entry = Entry::Quarantined { org, site, owner_epoch };
        self.units.write().unwrap_or_else(PoisonError::into_inner).insert(unit, entry);
    }

    pub(crate) fn is_quarantined(&self, unit: UnitId) -> bool {
        matches!(self.unit(unit), Some(Entry::Quarantined { .. }))
    }

    /// Forgets an actor that ended with its whole site, so that nobody told.
    pub(crate) fn remove_ended(&self, unit: UnitId, ended: ActorId) {
        let mut units = self.units.write().unwrap_or_else(PoisonError::into_inner);
        if matches!(units.get(&unit), Some(Entry::Live { actor, .. }) if actor.get_id() == ended) {
            units.remove(&unit);
        }
    }

    pub(crate) fn remove_unit(&self, unit: UnitId) {
        self.units.write().unwrap_or_else(PoisonError::into_inner).remove(&unit);
    }

    pub(crate) fn site(&self, site: SiteId) -> Option<ActorRef<SiteMessage>> {
        let sites = self.sites.read().unwrap_or_else(PoisonError::into_inner);
        sites.get(&site).map(|(actor, _)| actor.clone())
    }

    /// The epoch under which a live site is held.
    pub(crate) fn site_epoch(&self, site: SiteId) -> Option<i64> {
        let sites = self.sites.read().unwrap_or_else(PoisonError::into_inner);
        sites.get(&site).map(|(_, epoch)| *epoch)
    }

    /// All live sites, with their epochs.
    pub(crate) fn sites(&self) -> Vec<(SiteId, i64)> {
        let sites = self.sites.read().unwrap_or_else(PoisonError::into_inner);
        sites.iter().map(|(site, (_, epoch))| (*site, *epoch)).collect()
    }

    pub(crate) fn put_site(&self, site: SiteId, actor: ActorRef<SiteMessage>, epoch: i64) {
        self.sites.write().unwrap_or_else(PoisonError::into_inner).insert(site, (actor, epoch));
    }

    /// Forgets a site whose supervisor ended, and its units.
    pub(crate) fn remove_site(&self, site: SiteId, units: &[UnitId]) {
        self.sites.write().unwrap_or_else(PoisonError::into_inner).remove(&site);
        let mut live = self.units.write().unwrap_or_else(PoisonError::into_inner);
        units.iter().for_each(|unit| drop(live.remove(unit)));
    }

    /// How many units and sites are live, and how many units are quarantined.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let units = self.units.read().unwrap_or_else(PoisonError::into_inner);
        let quarantined =
            units.values().filter(|entry| matches!(entry, Entry::Quarantined { .. })).count();
        let sites = self.sites.read().unwrap_or_else(PoisonError::into_inner).len();
        (units.len() - quarantined, sites, quarantined)
    }
}
