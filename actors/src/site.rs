//! The supervisor of one site's units.
//!
//! It serves the root and [`crate::Units`]. It owns the site's unit actors and their restarts: with growing
//! pauses, by a budget, and then into quarantine, where a unit's readings are stored unjudged until it is tried
//! again. Its death ends its units, and the next question to one of them starts the site anew.

use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use hub_domain::{AlertStatus, OrgId, SiteId, Timestamp, UnitId};
use hub_store::{
    CommitError, RuleScope, StoreError,
    records::{AlertFilter, LoadedSite, LoadedUnit, PageQuery, Site},
};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::time::Instant;

use crate::{
    answer::AskError,
    directory::{Directory, Entry},
    unit::{Ask, LiveUnit, UnitActor, UnitMessage, UnitStart, UnitTools},
};

/// Failures within [`BUDGET_WINDOW`] that send a unit to quarantine.
const BUDGET: usize = 5;
const BUDGET_WINDOW: Duration = Duration::from_secs(60);
/// The first pause before a restart is none; the second this; each later one four times the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long a quarantine lasts before the unit is tried again.
const QUARANTINE: Duration = Duration::from_secs(600);
/// The pause after the store could not be read.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What a site's supervisor is asked.
pub(crate) enum SiteMessage {
    /// Make sure that this unit of the site is live.
    Ensure(UnitId, Ask<Result<(), AskError>>),
    /// Start this unit again, if it is not live.
    Restart(UnitId),
    /// A rule was edited while units were being loaded: bring them what holds now.
    RefreshRules,
}

/// The supervisor of one site.
pub(crate) struct SiteActor {
    pub(crate) tools: Arc<UnitTools>,
    pub(crate) directory: Arc<Directory>,
}

/// A site's live state.
pub(crate) struct LiveSite {
    site: Site,
    owner_epoch: i64,
    units: HashMap<ActorId, UnitId>,
    failures: HashMap<UnitId, VecDeque<Instant>>,
}

impl LiveSite {
    const fn place(&self) -> (OrgId, SiteId) {
        (self.site.org, self.site.id)
    }

    fn forget_failures_before(&mut self, unit: UnitId, now: Instant) -> &mut VecDeque<Instant> {
        let failures = self.failures.entry(unit).or_default();
        failures.retain(|at| now.duration_since(*at) < BUDGET_WINDOW);
        failures
    }
}

impl Actor for SiteActor {
    type Msg = SiteMessage;
    type State = LiveSite;
    /// The site, and how many edits of rules there had been before it was loaded.
    type Arguments = (LoadedSite, u64);

    async fn pre_start(
        &self,
        me: ActorRef<SiteMessage>,
        (loaded, edits): (LoadedSite, u64),
    ) -> Result<LiveSite, ActorProcessingErr> {
        let LoadedSite { site, owner_epoch, units, alerts, broken } = loaded;
        let mut live =
            LiveSite { site, owner_epoch, units: HashMap::new(), failures: HashMap::new() };
        let mut starts = Vec::with_capacity(units.len());
        for unit in units {
            starts.extend(self.fold(&me, &live, unit));
        }
        for unit in broken {
            self.set_aside(&me, &live, unit);
        }
        // the channel's map is whole before any unit can publish into it
        let shown = starts.iter().map(|unit| unit.1.shown()).collect();
        self.tools.channels.adopt_site(live.site.clone(), shown, alerts);
        for (unit, start) in starts {
            self.spawn(&me, &mut live, unit, start).await?;
        }
        self.directory.put_site(live.site.id, me.clone(), live.owner_epoch);
        self.refresh_if_edited(&me, edits);
        Ok(live)
    }

    async fn handle(
        &self,
        me: ActorRef<SiteMessage>,
        message: SiteMessage,
        live: &mut LiveSite,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SiteMessage::Ensure(unit, ask) => ask.tell(self.ensure(&me, live, unit).await),
            SiteMessage::Restart(unit) => self.restart(&me, live, unit).await,
            SiteMessage::RefreshRules => self.refresh_rules(&me, live).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<SiteMessage>,
        event: SupervisionEvent,
        live: &mut LiveSite,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(cell, error) => {
                let Some(unit) = live.units.remove(&cell.get_id()) else { return Ok(()) };
                self.directory.remove_unit(unit);
                self.after_failure(&me, live, unit, &error);
            }
            SupervisionEvent::ActorTerminated(cell, _, _) => {
                if let Some(unit) = live.units.remove(&cell.get_id()) {
                    self.directory.remove_unit(unit);
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _me: ActorRef<SiteMessage>,
        live: &mut LiveSite,
    ) -> Result<(), ActorProcessingErr> {
        let units: Vec<_> = live.units.values().copied().collect();
        self.directory.remove_site(live.site.id, &units);
        Ok(())
    }
}

/// A unit with its readings folded, if they can be.
pub(crate) fn folded(
    loaded: LoadedUnit,
    owner_epoch: i64,
    now: Timestamp,
) -> Option<Box<LiveUnit>> {
    let unit = loaded.record.id;
    let start = UnitStart { loaded, owner_epoch };
    let folded = catch_unwind(AssertUnwindSafe(|| Box::new(LiveUnit::start(start, now))));
    if folded.is_err() {
        tracing::error!(unit.id = %unit, "unit cannot be folded from what is stored");
    }
    folded.ok()
}

impl SiteActor {
    /// Folds a unit's readings. One that cannot be folded is set aside and does not keep the others.
    fn fold(
        &self,
        me: &ActorRef<SiteMessage>,
        live: &LiveSite,
        loaded: LoadedUnit,
    ) -> Option<(UnitId, Box<LiveUnit>)> {
        let unit = loaded.record.id;
        let folded = folded(loaded, live.owner_epoch, self.tools.clock.now());
        if folded.is_none() {
            self.set_aside(me, live, unit);
        }
        folded.map(|start| (unit, start))
    }

    async fn spawn(
        &self,
        me: &ActorRef<SiteMessage>,
        live: &mut LiveSite,
        unit: UnitId,
        start: Box<LiveUnit>,
    ) -> Result<(), ActorProcessingErr> {
        let actor = UnitActor(Arc::clone(&self.tools));
        let (actor, _) = Actor::spawn_linked(None, actor, start, me.get_cell()).await?;
        live.units.insert(actor.get_id(), unit);
        self.directory.put_unit(unit, actor.clone());
        // only now: a timer that fires before the unit can be found would be lost
        actor.send_message(UnitMessage::Wake(None)).ok();
        Ok(())
    }

    /// Starts a unit that is not live: one created since, or one whose pause is over.
    async fn ensure(
        &self,
        me: &ActorRef<SiteMessage>,
        live: &mut LiveSite,
        unit: UnitId,
    ) -> Result<(), AskError> {
        if self.directory.unit(unit).is_some() {
            return Ok(());
        }
        if live.forget_failures_before(unit, Instant::now()).len() > 1 {
            return Err(AskError::Busy); // it is in its pause
        }
        self.load(me, live, unit).await
    }

    async fn load(
        &self,
        me: &ActorRef<SiteMessage>,
        live: &mut LiveSite,
        unit: UnitId,
    ) -> Result<(), AskError> {
        let edits = self.tools.rule_edits.load(Ordering::Acquire);
        let loaded = self.tools.store.load_unit(unit, live.owner_epoch).await;
        let loaded = loaded.map_err(|error| self.not_loaded(me, live, unit, &error))?;
        let Some(loaded) = loaded.filter(|loaded| loaded.record.site == live.site.id) else {
            self.forget(live, unit);
            return Err(AskError::UnknownUnit);
        };
        // what was committed and perhaps never told: the channel compares
        let open = vec![AlertStatus::Active, AlertStatus::Acknowledged];
        let filter = AlertFilter { unit: Some(unit), statuses: open, ..AlertFilter::default() };
        let page = PageQuery { limit: 200, cursor: None };
        let alerts = self.tools.store.alerts(live.site.org, filter, page).await;
        let alerts = alerts.map_err(|error| self.not_loaded(me, live, unit, &error))?;
        let (unit, start) = self.fold(me, live, loaded).ok_or(AskError::Busy)?;
        self.tools.channels.restore_unit(start.shown(), alerts.items);
        self.spawn(me, live, unit, start).await.map_err(|error| {
            tracing::error!(unit.id = %unit, %error, "unit could not be started");
            AskError::Busy
        })?;
        self.refresh_if_edited(me, edits);
        Ok(())
    }

    /// What cannot be read now may be read in a moment; what can never be is tried again after a quarantine.
    fn not_loaded(
        &self,
        me: &ActorRef<SiteMessage>,
        live: &LiveSite,
        unit: UnitId,
        error: &StoreError,
    ) -> AskError {
        tracing::warn!(unit.id = %unit, %error, "unit could not be loaded");
        match error {
            StoreError::Corrupt(_) => {
                self.set_aside(me, live, unit);
                return AskError::Busy;
            }
            // whoever asks next, or the scan for due units, takes the site over anew
            StoreError::NotOwner => {
                me.stop(Some("the site was taken over".to_owned()));
                return AskError::TakenOver;
            }
            _ => {}
        }
        AskError::Unavailable
    }

    /// Drops a unit that is not there any more, whoever deleted it.
    fn forget(&self, live: &LiveSite, unit: UnitId) {
        self.directory.remove_unit(unit);
        self.tools.channels.remove_unit(live.site.id, unit);
    }

    fn refresh_if_edited(&self, me: &ActorRef<SiteMessage>, edits: u64) {
        if self.tools.rule_edits.load(Ordering::Acquire) != edits {
            me.send_message(SiteMessage::RefreshRules).ok();
        }
    }

    async fn refresh_rules(&self, me: &ActorRef<SiteMessage>, live: &LiveSite) {
        let scope = RuleScope::Site(live.site.id);
        let Ok(rules) = self.tools.store.rules_of(scope).await else {
            let _timer = me.send_after(STORE_PAUSE, || SiteMessage::RefreshRules);
            return;
        };
        for (unit, rule, rule_version) in rules {
            if let Some(Entry::Live { actor, .. }) = self.directory.unit(unit) {
                let (ask, _) = Ask::new(None);
                actor.send_message(UnitMessage::SetRule { rule, rule_version, ask }).ok();
            }
        }
    }

    /// Stores a unit's readings unjudged for a while, then tries it again.
    fn set_aside(&self, me: &ActorRef<SiteMessage>, live: &LiveSite, unit: UnitId) {
        let (org, site) = live.place();
        self.directory.quarantine(unit, org, site, live.owner_epoch);
        let _timer = me.send_after(QUARANTINE, move || SiteMessage::Restart(unit));
    }

    async fn restart(&self, me: &ActorRef<SiteMessage>, live: &mut LiveSite, unit: UnitId) {
        if self.directory.unit(unit).is_some() && !self.directory.is_quarantined(unit) {
            return;
        }
        match self.load(me, live, unit).await {
            Ok(()) | Err(AskError::UnknownUnit) => {}
            // it was set aside again, with a timer of its own
            Err(AskError::Busy) if self.directory.is_quarantined(unit) => {}
            Err(AskError::TakenOver) => {} // with the site
            Err(AskError::Busy | AskError::Unavailable | AskError::TimedOut) => {
                let _timer = me.send_after(STORE_PAUSE, move || SiteMessage::Restart(unit));
            }
        }
    }

    /// Restarts with growing pauses, by a budget, and then not for a while.
    fn after_failure(
        &self,
        me: &ActorRef<SiteMessage>,
        live: &mut LiveSite,
        unit: UnitId,
        error: &ActorProcessingErr,
    ) {
        metrics::counter!("hub_unit_restarts_total").increment(1);
        if let Some(cause) = error.downcast_ref::<CommitError>() {
            // says nothing of the unit, so it costs no budget: another moved it, or the store cannot tell
            tracing::warn!(unit.id = %unit, %error, "unit is loaded again");
            let is_conflict = matches!(cause, CommitError::Conflict(_));
            let pause = if is_conflict { FIRST_PAUSE } else { STORE_PAUSE };
            let _timer = me.send_after(pause, move || SiteMessage::Restart(unit));
            return;
        }
        let now = Instant::now();
        let failures = live.forget_failures_before(unit, now);
        failures.push_back(now);
        let count = failures.len();
        if count >= BUDGET {
            tracing::error!(unit.id = %unit, %error, "unit failed {count} times in a minute and is set aside; its readings are stored unjudged");
            failures.clear();
            self.set_aside(me, live, unit);
            return;
        }
        tracing::warn!(unit.id = %unit, %error, "unit ended and is started again");
        let pause = match count {
            1 => Duration::ZERO,
            _ => FIRST_PAUSE * 4_u32.pow(u32::try_from(count - 2).unwrap_or(3)),
        };
        let _timer = me.send_after(pause, move || SiteMessage::Restart(unit));
    }
}
