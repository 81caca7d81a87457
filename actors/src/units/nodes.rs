//! Which sites this process looks after where several share a database, and how it asks the others.
//!
//! Who looks after what is a hint alone ([`hub_domain::placement`]): commits are fenced by each site's `owner_epoch`, so
//! that two who think that they have a site cost time and no reading.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures_util::future::join_all;
use hub_domain::{NodeId, SiteId, Timestamp, UnitId, placement};
use tokio::time::Instant;

use super::Units;
use crate::{UnitAnswer, UnitBatch, peers::Peers, root::RootMessage, unit::Ask};

/// So late, in milliseconds, is what is due at a site of another's that is taken from it: it looks after nothing, whatever it
/// says.
const NEGLECTED_MILLIS: i64 = 30_000;

/// A site is taken so once in this time: what keeps one node from looking after it may keep the next.
const TAKEN_ONCE_IN: Duration = Duration::from_secs(600);

/// How many units' sites are remembered.
const KNOWN_MOST: usize = 500_000;

/// The nodes that share the database, and this one among them.
#[derive(Default)]
pub(super) struct Neighbours {
    me: Option<NodeId>,
    peers: Option<Arc<dyn Peers>>,
    all: RwLock<Arc<[NodeId]>>,
    /// Where units are that are looked after elsewhere. A unit stays in its site.
    sites: RwLock<HashMap<UnitId, SiteId>>,
}

impl Neighbours {
    pub(super) fn new(me: Option<NodeId>, all: Vec<NodeId>, peers: Option<Arc<dyn Peers>>) -> Self {
        Self { me, peers, all: RwLock::new(all.into()), ..Self::default() }
    }

    fn all(&self) -> Arc<[NodeId]> {
        Arc::clone(&self.all.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is anybody else.
    fn are_there(&self) -> bool {
        self.all().iter().any(|node| Some(*node) != self.me)
    }

    /// Takes note of who is there; false if it was known.
    fn meet(&self, nodes: Vec<NodeId>) -> bool {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = **all != *nodes;
        if is_new {
            *all = nodes.into();
        }
        is_new
    }

    /// The other node that looks after a site; `None` if this one does.
    fn elsewhere(&self, site: SiteId) -> Option<NodeId> {
        let me = self.me?;
        placement::home(site, &self.all()).filter(|home| *home != me)
    }

    fn site_of(&self, unit: UnitId) -> Option<SiteId> {
        self.sites.read().unwrap_or_else(PoisonError::into_inner).get(&unit).copied()
    }

    fn remember(&self, unit: UnitId, site: SiteId) {
        let mut sites = self.sites.write().unwrap_or_else(PoisonError::into_inner);
        if sites.len() >= KNOWN_MOST {
            sites.clear(); // asked for anew, each once
        }
        sites.insert(unit, site);
    }
}

impl Units {
    /// Tells which nodes are there, this one among them unless it is to leave: from now on readings find their way by it.
    /// True if those are others than before; then it is time to [`settle`](Self::settle).
    #[must_use]
    pub fn meet(&self, nodes: Vec<NodeId>) -> bool {
        self.0.neighbours.meet(nodes)
    }

    /// Lets those sites go that are another's by the nodes that are there, and starts those that are ours. Takes as long as
    /// loading them does.
    pub async fn settle(&self) {
        let live = self.0.directory.sites();
        let gone = live.into_iter().filter(|(site, _)| !self.is_ours(*site));
        self.let_go(gone.map(|(site, epoch)| (site, epoch + 1)).collect()).await;
        self.warm_up().await;
    }

    /// Tells which sites are held under which epoch: what is live here under an older one was taken over by another node,
    /// and is let go. Whoever hears of it here is asked to subscribe again.
    pub async fn taken_over(&self, claims: &[(SiteId, i64)]) {
        let is_lost = |&&(site, epoch): &&(SiteId, i64)| match self.0.directory.site_epoch(site) {
            Some(held) => held < epoch,
            None => self.0.tools.channels.is_live(site) && !self.0.followed.has(site),
        };
        self.let_go(claims.iter().filter(is_lost).copied().collect()).await;
    }

    /// Lets sites go that are held under an older epoch than named.
    async fn let_go(&self, sites: Vec<(SiteId, i64)>) {
        if sites.is_empty() {
            return;
        }
        tracing::info!(sites = sites.len(), "sites are another node's now");
        let (ask, answer) = Ask::new(None);
        if self.0.root.send_message(RootMessage::LetGo(sites, ask)).is_ok() {
            answer.await.ok();
        }
    }

    /// Whether this process is to look after a site.
    pub(super) fn is_ours(&self, site: SiteId) -> bool {
        self.0.neighbours.elsewhere(site).is_none()
    }

    /// Has the nodes that look after them answer for units that are not live here. Gives back those that are to be asked
    /// here, as nobody else is to answer or has.
    pub(super) async fn ask_elsewhere(
        &self,
        asked: Vec<(usize, UnitBatch)>,
        answers: &mut [UnitAnswer],
    ) -> Vec<(usize, UnitBatch)> {
        let neighbours = &self.0.neighbours;
        let Some(peers) = neighbours.peers.as_ref().filter(|_| neighbours.are_there()) else {
            return asked;
        };
        let homes = join_all(asked.iter().map(|(_, batch)| self.home_elsewhere(batch.unit))).await;
        let (mut here, mut there) = (Vec::new(), BTreeMap::<NodeId, Vec<_>>::new());
        for (one, home) in asked.into_iter().zip(homes) {
            match home {
                Some(home) => there.entry(home).or_default().push(one),
                None => here.push(one),
            }
        }
        let told = join_all(there.into_iter().map(|(node, asked)| async move {
            let batches = asked.iter().map(|(_, batch)| batch.clone()).collect();
            (peers.ingest(node, batches).await, asked)
        }));
        for (told, asked) in told.await {
            match told.filter(|told| told.len() == asked.len()) {
                Some(told) => told.into_iter().zip(asked).for_each(|(answer, (place, _))| {
                    answers[place] = answer;
                }),
                None => here.extend(asked),
            }
        }
        here
    }

    /// The other node that looks after a unit, if one does.
    pub(super) async fn home_elsewhere(&self, unit: UnitId) -> Option<NodeId> {
        let neighbours = &self.0.neighbours;
        if !neighbours.are_there() || self.0.directory.unit(unit).is_some() {
            return None; // whoever has it answers
        }
        let site = match neighbours.site_of(unit) {
            Some(site) => site,
            None => {
                let (_, site) = self.0.tools.store.site_of_unit(unit).await.ok()??;
                neighbours.remember(unit, site);
                site
            }
        };
        neighbours.elsewhere(site)
    }

    /// Sites at which something has been due for too long though another node is to look after them.
    pub(super) async fn neglected(&self, taken: &mut HashMap<SiteId, Instant>) -> Vec<SiteId> {
        if !self.0.neighbours.are_there() {
            return Vec::new();
        }
        let now = self.0.tools.clock.now().as_millis();
        let since = Timestamp::from_millis(now - NEGLECTED_MILLIS);
        let due = self.0.tools.store.due_sites(since).await.unwrap_or_default();
        taken.retain(|_, at| at.elapsed() < TAKEN_ONCE_IN);
        let mut neglected = due;
        neglected.retain(|site| !self.is_ours(*site) && !taken.contains_key(site));
        taken.extend(neglected.iter().map(|site| (*site, Instant::now())));
        neglected
    }
}
