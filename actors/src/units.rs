//! The front door to all units: finds or starts an actor, bounds what is in flight, and asks with a deadline.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use hub_domain::{Clock, NodeId, SiteId, UnitId};
use hub_store::Store;
use ractor::{Actor, ActorRef};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use crate::{
    Channels,
    answer::{AskError, UnitAnswer, UnitBatch, UnitSnapshot},
    bus::Bus,
    directory::{Directory, Entry, Place},
    peers::Peers,
    root::{RootActor, RootMessage},
    shown::ShownUnit,
    site::SiteMessage,
    timers::Timers,
    unit::{Ask, UnitMessage, UnitTools},
};

mod asks;
mod followers;
mod life;
mod nodes;
mod unjudged;

use followers::Followed;
use nodes::Neighbours;

/// How often a question is asked again to an actor that ended while it was waiting. The store removes doubles.
const TRIES: usize = 4;
/// How often a unit is looked for whose site was taken over, each time after a pause twice as long: 1.3 s in all. Two nodes that
/// do not hear each other may take a site from each other a few times.
const FINDS: usize = 9;
/// How long the end of an actor may take to be known.
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(5);
/// How often the store is asked for units that are due and not live.
const DUE_SCAN: Duration = Duration::from_secs(1);
/// The same once every site is live: only a site that could not be started is found by it then.
const DUE_SCAN_WHEN_WARM: Duration = Duration::from_secs(10);
/// Sites activated in one go while warming up.
const WARM_UP_SITES: usize = 500;

/// How the units of a process are run.
#[derive(Clone)]
pub struct UnitsSettings {
    /// The most readings in flight at once; more are answered [`AskError::Busy`].
    pub max_in_flight: usize,
    /// How long a question may take.
    pub deadline: Duration,
    /// Whether all sites are started at once, so that every timer is armed soon after a start.
    pub warm_up: bool,
    /// Called by each unit before it takes in readings: tests make actors fail with it.
    pub fault: Option<Arc<dyn Fn(UnitId) + Send + Sync>>,
    /// This process, where others may share the database; without it, all sites are its.
    pub node: Option<NodeId>,
    /// The nodes that are there as it starts.
    pub nodes: Vec<NodeId>,
    /// How the others are asked; without it, whatever is asked is answered here.
    pub peers: Option<Arc<dyn Peers>>,
    /// How they are told, and tell; without it, what is theirs is looked up in the store alone.
    pub bus: Option<Arc<dyn Bus>>,
}

impl Default for UnitsSettings {
    fn default() -> Self {
        Self {
            max_in_flight: 100_000,
            deadline: Duration::from_secs(10),
            warm_up: true,
            fault: None,
            node: None,
            nodes: Vec::new(),
            peers: None,
            bus: None,
        }
    }
}

/// Numbers of all units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitsStats {
    /// Units with an actor.
    pub live_units: usize,
    /// Sites with a supervisor.
    pub live_sites: usize,
    /// Units set aside after failing too often.
    pub quarantined: usize,
    /// Readings being judged or committed.
    pub in_flight: usize,
    /// True once every site was started that this process looks after.
    pub is_warm: bool,
}

/// The front door to all units of the process. Clone freely.
#[derive(Clone)]
pub struct Units(Arc<Inner>);

struct Inner {
    tools: Arc<UnitTools>,
    directory: Arc<Directory>,
    root: ActorRef<RootMessage>,
    neighbours: Neighbours,
    followed: Followed,
    settings: UnitsSettings,
    in_flight: AtomicUsize,
    is_warm: AtomicBool,
    is_stopping: AtomicBool,
}

/// Readings in flight, given back when dropped.
struct InFlight<'a>(&'a AtomicUsize, usize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

impl Units {
    /// Starts the tree.
    ///
    /// # Errors
    /// When the root actor cannot be spawned.
    pub async fn start(
        store: Store,
        clock: Arc<dyn Clock>,
        channels: Channels,
        settings: UnitsSettings,
    ) -> Result<Self, ractor::SpawnErr> {
        if let Some(bus) = &settings.bus {
            channels.tell_by(Arc::clone(bus));
        }
        let directory = Arc::new(Directory::default());
        let timers = Timers::start(Arc::clone(&directory), Arc::clone(&clock));
        let tools = Arc::new(UnitTools {
            store,
            clock,
            channels,
            timers,
            fault: settings.fault.clone(),
            rule_edits: AtomicU64::new(0),
        });
        let root = RootActor { tools: Arc::clone(&tools), directory: Arc::clone(&directory) };
        let (root, _) = Actor::spawn(None, root, ()).await?;
        let nodes = settings.nodes.clone();
        let neighbours = Neighbours::new(settings.node, nodes, settings.peers.clone());
        let units = Self(Arc::new(Inner {
            tools,
            directory,
            root,
            neighbours,
            followed: Followed::new(settings.bus.clone()),
            settings,
            in_flight: AtomicUsize::new(0),
            is_warm: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
        }));
        tokio::spawn(units.clone().keep_live());
        tokio::spawn(units.clone().follow_along());
        Ok(units)
    }

    /// Judges and stores readings; answers once they are durable. One answer for each batch, in order. Units that another
    /// node looks after are asked there; where it does not answer, they are taken from it.
    ///
    /// Each unit of the batches is asked at once, so that their commits share transactions.
    pub async fn ingest(&self, batches: Vec<UnitBatch>) -> Vec<UnitAnswer> {
        self.ingest_asking(batches, true).await
    }

    /// The same for another node that asks: whatever it asks for is answered here.
    pub async fn ingest_here(&self, batches: Vec<UnitBatch>) -> Vec<UnitAnswer> {
        self.ingest_asking(batches, false).await
    }

    async fn ingest_asking(&self, batches: Vec<UnitBatch>, asks_others: bool) -> Vec<UnitAnswer> {
        let readings = batches.iter().map(|batch| batch.readings.len()).sum();
        let Some(_in_flight) = self.admit(readings) else {
            return batches.iter().map(|_| Err(AskError::Busy)).collect();
        };
        let asked: Vec<_> = batches.iter().map(|batch| self.ask_at_once(batch)).collect();
        let deadline = self.deadline();
        let mut answers = Vec::with_capacity(batches.len());
        let mut again = Vec::new(); // not live, or ended before they answered
        for (batch, answer) in batches.into_iter().zip(asked) {
            let answer = match answer {
                Some(answer) => timeout_at(deadline, answer).await.map(Result::ok),
                None => Ok(None),
            };
            if matches!(answer, Ok(None)) {
                again.push((answers.len(), batch));
            }
            answers.push(answer.ok().flatten().unwrap_or(Err(AskError::TimedOut)));
        }
        if asks_others && !again.is_empty() {
            again = self.ask_elsewhere(again, &mut answers).await;
        }
        // all at once and by the same deadline, so that their commits, too, share transactions
        let again = again
            .into_iter()
            .map(|(place, batch)| async move { (place, self.ingest_again(batch, deadline).await) });
        for (place, answer) in join_all(again).await {
            answers[place] = answer;
        }
        answers
    }

    /// Asks a unit that is live, without waiting. Readings are copied: the actor may end before it answers.
    fn ask_at_once(&self, batch: &UnitBatch) -> Option<oneshot::Receiver<UnitAnswer>> {
        let Some(Entry::Live { actor, waiting }) = self.0.directory.unit(batch.unit) else {
            return None;
        };
        let (ask, answer) = Ask::new(Some(Place::take(&waiting)?));
        actor.send_message(UnitMessage::Ingest(batch.readings.clone(), ask)).ok()?;
        Some(answer)
    }

    /// The long way: starts the unit if need be, and asks until it answers or the tries are used up.
    async fn ingest_again(&self, batch: UnitBatch, deadline: Instant) -> UnitAnswer {
        if let Some(Entry::Quarantined { org, site, owner_epoch }) =
            self.0.directory.unit(batch.unit)
        {
            return self.store_unjudged(org, site, owner_epoch, batch).await;
        }
        let readings = batch.readings;
        let message = |ask| UnitMessage::Ingest(readings.clone(), ask);
        let answer = self.ask_by(deadline, batch.unit, message).await;
        answer.and_then(|answer| answer)
    }

    /// Stores readings of a source that measures at the unit no more, as late ones: they move nothing. Answers once they
    /// are durable.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn keep(&self, batch: UnitBatch) -> UnitAnswer {
        let _in_flight = self.admit(batch.readings.len()).ok_or(AskError::Busy)?;
        if let Some(Entry::Quarantined { org, site, owner_epoch }) =
            self.0.directory.unit(batch.unit)
        {
            return self.store_unjudged(org, site, owner_epoch, batch).await;
        }
        let readings = batch.readings;
        self.ask(batch.unit, |ask| UnitMessage::Keep(readings.clone(), ask)).await?
    }

    /// The unit's live view; where another node looks after it, as it is stored.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn show(&self, unit: UnitId) -> Result<ShownUnit, AskError> {
        if let Some(stored) = self.stored_elsewhere(unit).await? {
            return Ok(stored.shown());
        }
        self.ask(unit, UnitMessage::Show).await
    }

    /// The unit's actor as it stands; where another node looks after it, as it is stored.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn observe(&self, unit: UnitId) -> Result<UnitSnapshot, AskError> {
        if let Some(stored) = self.stored_elsewhere(unit).await? {
            return Ok(stored.snapshot());
        }
        self.ask(unit, UnitMessage::Observe).await
    }

    /// Makes sure that a site and its units are live.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn activate(&self, site: SiteId) -> Result<(), AskError> {
        if self.0.directory.site(site).is_some() {
            Ok(())
        } else {
            self.activate_all(vec![site]).await
        }
    }

    async fn activate_all(&self, sites: Vec<SiteId>) -> Result<(), AskError> {
        let (ask, answer) = Ask::new(None);
        self.0.root.send_message(RootMessage::Activate(sites, ask)).map_err(|_| AskError::Busy)?;
        // no deadline: a cold start may take longer than a question
        answer.await.map_err(|_| AskError::Busy)?
    }

    /// Numbers of all units.
    #[must_use]
    pub fn stats(&self) -> UnitsStats {
        let (live_units, live_sites, quarantined) = self.0.directory.counts();
        let in_flight = self.0.in_flight.load(Ordering::Relaxed);
        let is_warm = self.0.is_warm.load(Ordering::Relaxed);
        UnitsStats { live_units, live_sites, quarantined, in_flight, is_warm }
    }

    /// Takes in no more, waits for what is in flight up to `patience`, and ends the tree. Nothing is lost by an
    /// end sooner: what was told is committed.
    pub async fn stop(&self, patience: Duration) {
        self.0.is_stopping.store(true, Ordering::Relaxed);
        let until = Instant::now() + patience;
        while self.0.in_flight.load(Ordering::Relaxed) > 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.0.root.stop_and_wait(None, Some(patience)).await.ok();
    }

    fn admit(&self, readings: usize) -> Option<InFlight<'_>> {
        let before = self.0.in_flight.fetch_add(readings, Ordering::Relaxed);
        let in_flight = InFlight(&self.0.in_flight, readings);
        let has_room = before < self.0.settings.max_in_flight && !self.is_stopping();
        has_room.then_some(in_flight)
    }

    fn is_stopping(&self) -> bool {
        self.0.is_stopping.load(Ordering::Relaxed)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.0.settings.deadline
    }

    async fn ask<T>(
        &self,
        unit: UnitId,
        message: impl Fn(Ask<T>) -> UnitMessage,
    ) -> Result<T, AskError> {
        self.ask_by(self.deadline(), unit, message).await
    }

    /// Asks a unit until it answers: an actor that ended in between is started again from what is committed.
    async fn ask_by<T>(
        &self,
        deadline: Instant,
        unit: UnitId,
        message: impl Fn(Ask<T>) -> UnitMessage,
    ) -> Result<T, AskError> {
        for _ in 0..TRIES {
            let (actor, waiting) =
                timeout_at(deadline, self.find(unit)).await.map_err(|_| AskError::TimedOut)??;
            let (ask, answer) = Ask::new(Some(Place::take(&waiting).ok_or(AskError::Busy)?));
            if actor.send_message(message(ask)).is_err() {
                self.0.directory.remove_ended(unit, actor.get_id());
            } else {
                match timeout_at(deadline, answer).await {
                    Ok(Ok(answer)) => return Ok(answer),
                    Ok(Err(_ended)) => {}
                    Err(_) => return Err(AskError::TimedOut),
                }
            }
            // the supervisor hears of the end a moment later
            tokio::time::sleep(ASKED_AGAIN_AFTER).await;
        }
        Err(AskError::Unavailable)
    }

    async fn find(
        &self,
        unit: UnitId,
    ) -> Result<(ActorRef<UnitMessage>, Arc<std::sync::atomic::AtomicU32>), AskError> {
        let mut pause = ASKED_AGAIN_AFTER;
        for _ in 0..FINDS {
            match self.0.directory.unit(unit) {
                Some(Entry::Live { actor, waiting }) => return Ok((actor, waiting)),
                Some(Entry::Quarantined { .. }) => return Err(AskError::Busy),
                None => match self.start_unit(unit).await {
                    // its supervisor is about to end, and the site to be taken back
                    Err(AskError::TakenOver) => {
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                    started => started?,
                },
            }
        }
        Err(AskError::TakenOver)
    }

    async fn start_unit(&self, unit: UnitId) -> Result<(), AskError> {
        let place = self.0.tools.store.site_of_unit(unit).await.map_err(|error| {
            tracing::warn!(unit.id = %unit, %error, "unit could not be found");
            AskError::Unavailable
        })?;
        let (_, site) = place.ok_or(AskError::UnknownUnit)?;
        self.activate(site).await?;
        let site = self.0.directory.site(site).ok_or(AskError::Busy)?;
        let (ask, answer) = Ask::new(None);
        site.send_message(SiteMessage::Ensure(unit, ask)).map_err(|_| AskError::Busy)?;
        answer.await.map_err(|_| AskError::Busy)?
    }

    /// Starts every site, then watches for units that are due and not live.
    async fn keep_live(self) {
        let mut taken = HashMap::new();
        self.warm_up().await;
        loop {
            let pause =
                if self.0.is_warm.load(Ordering::Relaxed) { DUE_SCAN_WHEN_WARM } else { DUE_SCAN };
            tokio::time::sleep(pause).await;
            if self.is_stopping() {
                return;
            }
            if !self.0.is_warm.load(Ordering::Relaxed) {
                self.warm_up().await;
            }
            let mut due =
                self.0.tools.store.due_sites(self.0.tools.clock.now()).await.unwrap_or_default();
            due.retain(|site| self.is_ours(*site));
            due.extend(self.neglected(&mut taken).await);
            due.retain(|site| self.0.directory.site(*site).is_none());
            if !due.is_empty() {
                self.activate_all(due).await.ok(); // tried again by the next scan
            }
        }
    }

    /// Tries to start all that is ours; what could not be is left to the scan, which finds what is due.
    async fn warm_up(&self) {
        if !self.0.settings.warm_up {
            return;
        }
        match self.activate_everything().await {
            Ok(()) => self.0.is_warm.store(true, Ordering::Relaxed),
            Err(error) => {
                self.0.is_warm.store(false, Ordering::Relaxed);
                tracing::warn!(%error, "not all sites are started yet");
            }
        }
    }

    /// Activates what it can; an error only if some could not be.
    async fn activate_everything(&self) -> Result<(), AskError> {
        let mut sites = self.0.tools.store.all_sites().await.map_err(|_| AskError::Unavailable)?;
        sites.retain(|site| self.is_ours(*site));
        let mut outcome = Ok(());
        for sites in sites.chunks(WARM_UP_SITES) {
            if self.activate_all(sites.to_vec()).await.is_err() {
                // one of them must not keep the others
                for site in sites {
                    outcome = outcome.and(self.activate_all(vec![*site]).await);
                }
            }
        }
        outcome
    }
}
