//! Channels: what dashboards subscribe to.
//!
//! A site's channel holds unit → live view and the open alerts; a unit's is derived from it once somebody asks;
//! an organization's carries alert events and summaries. Unit actors publish after their commit and never wait;
//! sessions hold a [`Subscriber`] whose outbox the channels fill. Everything of one site happens under one lock
//! that is held for microseconds and never across an await. Nothing here is durable: a new process begins new
//! epochs, and everybody takes a snapshot.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use hub_domain::{OrgId, SiteId, UnitId};
use hub_store::records::{AlertRecord, Site};

use crate::{
    ShownUnit, UnitUpdate,
    bus::{Bus, Told},
};

mod counts;
mod name;
mod organization;
mod outbox;
mod shards;
mod site;
mod stream;
mod subscriber;
mod subscription;
#[cfg(test)]
mod tests;

pub use counts::ChannelStats;
pub use name::{BadName, ChannelName};
pub use organization::{OrganizationSnapshot, SiteSummary, StatusCounts};
pub use outbox::{OutboxBounds, Outgoing, TOO_SLOW};
pub use shards::Wire;
pub use site::{SiteSnapshot, UnitSnapshot};
pub use stream::{AlertChange, Epoch, HistoryBounds, News, Position, Publication};
pub use subscriber::Subscriber;
pub use subscription::{History, Snapshot, Start, SubscribeError, Subscription};

use counts::Counts;
use organization::Organization;
use shards::Shards;
pub(crate) use site::Heard;
use site::SiteChannels;
use stream::{Stream, Telling};
use subscription::begin;

/// The code of an ended subscription that is to be asked for again: the sequence is broken or a role has changed.
pub const SUBSCRIBE_AGAIN: u16 = 2500;
/// The code of an ended subscription that stays ended.
pub const STAY_AWAY: u16 = 2000;

/// Writes publications in the words of the wire. Channels know no format.
pub trait Encoder: Send + Sync + 'static {
    /// The body of a publication: encoded once for all its channels.
    fn data(&self, news: &News, at_nanos: i64) -> Bytes;

    /// The finished frame of one channel, shared by all its subscribers.
    fn push(&self, channel: ChannelName, offset: u64, data: &[u8]) -> Bytes;
}

/// Tells the time in Unix nanoseconds.
pub type Nanos = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How much channels keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelSettings {
    /// The history of each channel.
    pub history: HistoryBounds,
    /// The outbox of each subscriber.
    pub outbox: OutboxBounds,
}

/// All channels of this process. Clones share them.
#[derive(Clone)]
pub struct Channels(Arc<Inner>);

struct Inner {
    encoder: Arc<dyn Encoder>,
    nanos: Nanos,
    settings: ChannelSettings,
    counts: Arc<Counts>,
    sites: RwLock<HashMap<SiteId, Arc<Mutex<SiteChannels>>>>,
    units: RwLock<HashMap<UnitId, SiteId>>,
    organizations: RwLock<HashMap<OrgId, Arc<Mutex<Organization>>>>,
    /// Organizations with summaries to publish.
    changed: Mutex<Vec<Arc<Mutex<Organization>>>>,
    /// By which other nodes are told.
    bus: OnceLock<Arc<dyn Bus>>,
    seed: u64,
    epochs: AtomicU64,
    subscribers: AtomicU64,
    shards: Shards,
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Channels {
    /// Channels without any site yet.
    #[must_use]
    pub fn new(encoder: Arc<dyn Encoder>, nanos: Nanos, settings: ChannelSettings) -> Self {
        Self(Arc::new(Inner {
            encoder,
            nanos,
            settings,
            counts: Arc::default(),
            sites: RwLock::default(),
            units: RwLock::default(),
            organizations: RwLock::default(),
            changed: Mutex::default(),
            bus: OnceLock::new(),
            seed: RandomState::new().hash_one("epoch"), // no two starts of a process share an epoch
            epochs: AtomicU64::new(0),
            subscribers: AtomicU64::new(1),
            shards: Shards::default(),
        }))
    }

    /// A new subscriber, not yet on any channel.
    #[must_use]
    pub fn subscriber(&self) -> Arc<Subscriber> {
        let id = self.0.subscribers.fetch_add(1, Relaxed);
        Arc::new(Subscriber::new(id, self.0.settings.outbox, Arc::clone(&self.0.counts)))
    }

    /// Has a subscriber's frames written straight to its connection from now on, but while its session writes
    /// ([`Subscriber::hold`]). To be called inside a runtime.
    pub fn connect(&self, subscriber: &Subscriber, wire: Arc<dyn Wire>) {
        subscriber.connect(self.0.shards.line(subscriber.id(), wire));
    }

    /// What has been counted so far.
    #[must_use]
    pub fn stats(&self) -> ChannelStats {
        self.0.counts.stats()
    }

    /// Tells other nodes from now on what is published here.
    pub(crate) fn tell_by(&self, bus: Arc<dyn Bus>) {
        self.0.bus.set(bus).ok(); // there is one tree a process
    }

    fn tell(&self, told: impl FnOnce() -> Told) {
        if let Some(bus) = self.0.bus.get() {
            bus.tell(told());
        }
    }

    /// Publishes a unit's update. Never waits. An update of a site that is not live is nobody's: who makes the
    /// site live loads what was committed.
    pub fn publish(&self, update: UnitUpdate) {
        self.tell(|| Told::Unit(Box::new(update.clone())));
        let Some(site) = self.site(update.shown.site) else {
            tracing::debug!(site.id = %update.shown.site, "update of a site that is not live");
            return;
        };
        let mut site = locked(&site);
        if site.publish(update, &self.telling()) {
            self.note_changed(site.organization());
        }
    }

    /// Makes a site live, or replaces all that is shown of it. If something is not as it was told, its sequences
    /// break and everybody takes a new snapshot.
    pub fn adopt_site(&self, site: Site, units: Vec<ShownUnit>, alerts: Vec<AlertRecord>) {
        let organization = self.organization(site.org);
        let fresh = self.fresh_epochs();
        let ids: Vec<UnitId> = units.iter().map(|shown| shown.unit).collect();
        let id = site.id;
        let made = || {
            Arc::new(Mutex::new(SiteChannels::new(
                site.clone(),
                Arc::clone(&organization),
                fresh.0,
            )))
        };
        let known = self.site(id);
        let channels = known.unwrap_or_else(made);
        {
            let mut held = locked(&channels);
            held.adopt(site, units, alerts, fresh, &self.0.counts);
        }
        written(&self.0.units).extend(ids.into_iter().map(|unit| (unit, id)));
        written(&self.0.sites).insert(id, channels);
        self.note_changed(&organization);
    }

    /// Shows a unit that was loaded, for the first time or again, with all alerts it has open. If those are not what
    /// was told, the sequences of its site and organization break: everybody is asked to subscribe again and gets a
    /// snapshot.
    pub fn restore_unit(&self, shown: ShownUnit, alerts: Vec<AlertRecord>) {
        let Some(site) = self.site(shown.site) else { return };
        written(&self.0.units).insert(shown.unit, shown.site);
        let fresh = self.fresh_epochs();
        let mut site = locked(&site);
        if site.restore(shown, alerts, fresh, &self.telling()) {
            self.note_changed(site.organization());
        }
    }

    /// Drops a unit that was deleted: its subscribers are told and sent away, its site's and organization's go on.
    pub fn remove_unit(&self, site: SiteId, unit: UnitId) {
        self.tell(|| Told::Look(site));
        written(&self.0.units).remove(&unit);
        let Some(site) = self.site(site) else { return };
        let mut site = locked(&site);
        if site.remove(unit, &self.telling()) {
            self.note_changed(site.organization());
        }
    }

    /// Shows a site as it was edited, if it is live. An older edition than the one that is shown changes nothing.
    pub fn show_site(&self, edited: &Site) {
        self.tell(|| Told::Look(edited.id));
        let Some(site) = self.site(edited.id) else { return };
        let mut site = locked(&site);
        if site.edit(edited) {
            self.note_changed(site.organization());
        }
    }

    /// Ends the channel of a site that was deleted, and tells its organization.
    pub fn remove_site(&self, site: SiteId) {
        let Some(channels) = written(&self.0.sites).remove(&site) else { return };
        self.tell(|| Told::Look(site));
        written(&self.0.units).retain(|_, of| *of != site);
        locked(&channels).end(self.fresh_epoch(), &self.telling());
    }

    /// Shows a site that another node looks after as it is stored, for the first time or anew. Alerts that were not told
    /// break its sequences, and everybody takes a new snapshot.
    pub fn follow_site(&self, site: Site, units: Vec<ShownUnit>, alerts: Vec<AlertRecord>) {
        let Some(channels) = self.site(site.id) else {
            return self.adopt_site(site, units, alerts);
        };
        let (id, fresh) = (site.id, self.fresh_epochs());
        written(&self.0.units).extend(units.iter().map(|shown| (shown.unit, id)));
        let mut channels = locked(&channels);
        if channels.follow(site, units, alerts, fresh, &self.telling()) {
            self.note_changed(channels.organization());
        }
    }

    /// Shows what the node that looks after a site tells of a unit, if it is newer than what is shown.
    pub(crate) fn hear(&self, update: UnitUpdate) -> Heard {
        let Some(site) = self.site(update.shown.site) else { return Heard::Known };
        let mut site = locked(&site);
        let heard = site.hear(update, &self.telling());
        if heard == Heard::New(true) {
            self.note_changed(site.organization());
        }
        heard
    }

    /// Whether anybody hears a site, one of its units or its organization.
    pub(crate) fn is_heard(&self, site: SiteId) -> bool {
        self.site(site).is_some_and(|site| locked(&site).is_heard())
    }

    /// Ends the channel of a site that another node looks after now. Whoever hears it, its units or its organization is
    /// asked to subscribe again.
    pub fn let_go(&self, site: SiteId) {
        let Some(channels) = written(&self.0.sites).remove(&site) else { return };
        let units = locked(&channels).let_go(self.fresh_epoch(), &self.0.counts);
        let mut known = written(&self.0.units);
        for unit in units {
            known.remove(&unit);
        }
    }

    /// Tells the name of an organization, for its snapshots, and makes its channel live.
    pub fn name_organization(&self, organization: OrgId, name: &str) {
        locked(&self.organization(organization)).rename(name);
    }

    /// True if the site's channel is live.
    #[must_use]
    pub fn is_live(&self, site: SiteId) -> bool {
        self.site(site).is_some()
    }

    /// The organization of a site whose channel is live.
    #[must_use]
    pub fn organization_of(&self, site: SiteId) -> Option<OrgId> {
        self.site(site).map(|site| locked(&site).org())
    }

    /// The site of a unit that is shown.
    #[must_use]
    pub fn site_of(&self, unit: UnitId) -> Option<SiteId> {
        self.0.units.read().unwrap_or_else(PoisonError::into_inner).get(&unit).copied()
    }

    /// Begins a subscription. Snapshot (or what was missed `since`), position and registration are of one
    /// instant.
    ///
    /// # Errors
    /// See [`SubscribeError`].
    pub fn subscribe(
        &self,
        name: ChannelName,
        subscriber: &Arc<Subscriber>,
        since: Option<Position>,
    ) -> Result<Subscription, SubscribeError> {
        let start = |stream: &mut Stream| {
            if !stream.listen(subscriber, &self.0.counts) {
                return Err(SubscribeError::Already);
            }
            Ok((stream.position(), since.and_then(|since| stream.after(since))))
        };
        match name {
            ChannelName::Organization(id) => {
                let organization = self.known_organization(id).ok_or(SubscribeError::NotLive)?;
                let mut organization = locked(&organization);
                let begun = start(&mut organization.stream)?;
                Ok(begin(begun, || Snapshot::Organization(organization.snapshot())))
            }
            ChannelName::Site(id) => {
                let site = self.site(id).ok_or(SubscribeError::NotLive)?;
                let mut site = locked(&site);
                let begun = start(&mut site.stream)?;
                Ok(begin(begun, || Snapshot::Site(site.snapshot())))
            }
            ChannelName::Unit(id) => {
                let site = self
                    .site_of(id)
                    .and_then(|site| self.site(site))
                    .ok_or(SubscribeError::NotLive)?;
                let mut site = locked(&site);
                let snapshot = site.unit_snapshot(id).ok_or(SubscribeError::NotLive)?;
                let stream =
                    site.unit_stream(id, self.fresh_epoch()).ok_or(SubscribeError::NotLive)?;
                Ok(begin(start(stream)?, || Snapshot::Unit(snapshot)))
            }
        }
    }

    /// Ends a subscription and takes back what still waits of it. False if there was none.
    pub fn unsubscribe(&self, name: ChannelName, subscriber: &Subscriber) -> bool {
        let left = self.on_stream(name, |stream| stream.leave(subscriber.id(), &self.0.counts));
        subscriber.forget(name);
        left == Some(true)
    }

    /// Ends a subscription from this side: nothing more of it is written, and the subscriber is told `code`.
    /// False if there was none.
    pub fn expel(&self, name: ChannelName, subscriber: &Arc<Subscriber>, code: u16) -> bool {
        let was_there = self.unsubscribe(name, subscriber);
        if was_there {
            subscriber.ended(name, code);
        }
        was_there
    }

    /// What a channel's history has: everything after `since`, or all that is kept. `None` if the channel is not
    /// live.
    #[must_use]
    pub fn history(&self, name: ChannelName, since: Option<Position>) -> Option<History> {
        self.on_stream(name, |stream| History {
            position: stream.position(),
            publications: since.map_or_else(|| Some(stream.kept()), |since| stream.after(since)),
        })
    }

    /// Publishes the summaries that have changed. To be called a few times a second.
    pub fn tick(&self) {
        let changed = std::mem::take(&mut *locked(&self.0.changed));
        let telling = self.telling();
        for organization in changed {
            locked(&organization).tick(&telling);
        }
    }

    /// Forgets history that has grown old. To be called now and then: channels that go on publishing forget by
    /// themselves, idle ones do not.
    pub fn age(&self) {
        let (now, bounds) = ((self.0.nanos)(), self.0.settings.history);
        let sites: Vec<_> = read(&self.0.sites).values().cloned().collect();
        for site in sites {
            locked(&site).age(now, bounds);
        }
        let organizations: Vec<_> = read(&self.0.organizations).values().cloned().collect();
        for organization in organizations {
            locked(&organization).stream.age(now, bounds);
        }
    }

    fn on_stream<T>(&self, name: ChannelName, act: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        match name {
            ChannelName::Organization(id) => {
                let organization = self.known_organization(id)?;
                Some(act(&mut locked(&organization).stream))
            }
            ChannelName::Site(id) => {
                let site = self.site(id)?;
                Some(act(&mut locked(&site).stream))
            }
            ChannelName::Unit(id) => {
                let site = self.site_of(id).and_then(|site| self.site(site))?;
                let mut site = locked(&site);
                site.known_unit_stream(id).map(act)
            }
        }
    }

    fn site(&self, site: SiteId) -> Option<Arc<Mutex<SiteChannels>>> {
        read(&self.0.sites).get(&site).cloned()
    }

    fn known_organization(&self, organization: OrgId) -> Option<Arc<Mutex<Organization>>> {
        read(&self.0.organizations).get(&organization).cloned()
    }

    fn organization(&self, organization: OrgId) -> Arc<Mutex<Organization>> {
        if let Some(known) = self.known_organization(organization) {
            return known;
        }
        let made = || Arc::new(Mutex::new(Organization::new(organization, self.fresh_epoch())));
        Arc::clone(written(&self.0.organizations).entry(organization).or_insert_with(made))
    }

    fn note_changed(&self, organization: &Arc<Mutex<Organization>>) {
        locked(&self.0.changed).push(Arc::clone(organization));
    }

    fn telling(&self) -> Telling<'_> {
        Telling {
            encoder: &*self.0.encoder,
            counts: &self.0.counts,
            history: self.0.settings.history,
            at_nanos: (self.0.nanos)(),
        }
    }

    fn fresh_epochs(&self) -> (Epoch, Epoch) {
        (self.fresh_epoch(), self.fresh_epoch())
    }

    fn fresh_epoch(&self) -> Epoch {
        // an odd multiplier keeps the epochs of one process apart
        let count = self.0.epochs.fetch_add(1, Relaxed);
        Epoch(self.0.seed.wrapping_add(count.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }
}

// A panic under one of these locks can leave no value half made that matters: the maps hold whole values, and a
// poisoned channel that answered nobody would be worse than one publication missing.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn written<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
