//! The actor of one unit: one orderly line of decisions.
//!
//! It serves whoever asks about its unit, through [`crate::Units`]. It owns the unit's live state, a copy of what
//! the store can give again: its death costs a load. It dies on purpose when the store says that its memory is
//! untrue (a conflict), or cannot say whether it wrote (an unknown outcome).

use std::sync::{Arc, atomic::AtomicU64};

use hub_domain::{
    AlertEvent, AlertId, Clock, Input, Judged, Point, Reading, Rule, Timestamp, Transition, Unit,
    UnitId, UserId, Verdict, Version,
};
use hub_store::{
    CommitError, Committed, PastFate, Store, TransitionCommit, UnitCommit, records::LoadedUnit,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use crate::{
    Channels, UnitUpdate,
    answer::{AlertAskError, AskError, ReadingFate, UnitAnswer, UnitSnapshot},
    directory::Place,
    shown::{ShownUnit, UnitPlace, record_of},
    timers::Timers,
};

/// Readings after which a checkpoint is written though no region moved: bounds what a start must fold.
const CHECKPOINT_EVERY: u32 = 256;
/// How long a step that the store was away for waits before it is tried again by itself.
const RETRY_SECS: u32 = 1;

/// An answer owed, with the asker's place in the mailbox.
pub(crate) struct Ask<T> {
    reply: oneshot::Sender<T>,
    _place: Option<Place>,
}

impl<T> Ask<T> {
    /// An answer owed, and where it will come.
    pub(crate) fn new(place: Option<Place>) -> (Self, oneshot::Receiver<T>) {
        let (reply, answer) = oneshot::channel();
        (Self { reply, _place: place }, answer)
    }

    pub(crate) fn tell(self, answer: T) {
        self.reply.send(answer).ok(); // the asker may be gone; what is committed stays
    }
}

/// What a unit is asked.
pub(crate) enum UnitMessage {
    Ingest(Vec<Reading>, Ask<UnitAnswer>),
    Door {
        open: bool,
        recorded_at: Timestamp,
        ask: Ask<Result<(), AskError>>,
    },
    Acknowledge {
        alert: AlertId,
        by: UserId,
        note: Option<String>,
        ask: Ask<Result<(), AlertAskError>>,
    },
    Resolve {
        alert: AlertId,
        by: UserId,
        note: Option<String>,
        ask: Ask<Result<(), AlertAskError>>,
    },
    SetRule {
        rule: Arc<Rule>,
        rule_version: i64,
        ask: Ask<Result<(), AskError>>,
    },
    Show(Ask<ShownUnit>),
    Observe(Ask<UnitSnapshot>),
    /// A timer fired that was armed for this instant; `None` asks to look in any case.
    Wake(Option<Timestamp>),
}

/// A hook that tests use to make an actor fail on purpose.
pub(crate) type Fault = dyn Fn(UnitId) + Send + Sync;

/// What every unit actor works with.
pub(crate) struct UnitTools {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) channels: Channels,
    pub(crate) timers: Timers,
    pub(crate) fault: Option<Arc<Fault>>,
    /// Rises with each edit of a rule, so that a load under way meanwhile can tell.
    pub(crate) rule_edits: AtomicU64,
}

/// The actor of one unit.
pub(crate) struct UnitActor(pub(crate) Arc<UnitTools>);

/// What a unit starts with.
pub(crate) struct UnitStart {
    pub(crate) loaded: LoadedUnit,
    pub(crate) owner_epoch: i64,
}

/// A unit's live state.
pub(crate) struct LiveUnit {
    unit: Unit,
    place: UnitPlace,
    version: Version,
    rule_version: i64,
    owner_epoch: i64,
    /// Rises with each publication; begins at the load's instant, so that it rises over restarts too.
    seq: u64,
    /// Readings since the checkpoint.
    since: u32,
    /// The newest arrival; the next one is later, so that arrivals order the batches of a unit.
    received_at: Timestamp,
    /// The earliest timer that is armed.
    armed_at: Option<Timestamp>,
    /// What folding the readings since the checkpoint came to that no commit holds yet (a rule edited meanwhile).
    unsaid: Vec<AlertEvent>,
    must_checkpoint: bool,
}

impl LiveUnit {
    /// Folds the readings since the checkpoint onto it, each batch as it was judged when it came.
    pub(crate) fn start(start: UnitStart, now: Timestamp) -> Self {
        let LoadedUnit { record, version, state, since, rule, rule_version } = start.loaded;
        let place = UnitPlace { org: record.org, site: record.site, name: record.name.into() };
        let known = state.points.iter().map(|point| point.newest_received_at).max();
        let mut live = Self {
            unit: Unit { id: record.id, rule, state },
            place,
            version,
            rule_version,
            owner_epoch: start.owner_epoch,
            seq: u64::try_from(now.as_millis()).unwrap_or(0),
            since: u32::try_from(since.len()).unwrap_or(u32::MAX),
            received_at: known
                .max(since.last().map(|reading| reading.received_at))
                .unwrap_or_default(),
            armed_at: None,
            unsaid: Vec::new(),
            must_checkpoint: false,
        };
        for batch in since.chunk_by(|a, b| a.received_at == b.received_at) {
            live.fold(batch);
        }
        live
    }

    fn fold(&mut self, batch: &[Reading]) {
        let inputs: Vec<_> = batch.iter().map(Input::Reading).collect();
        let transition = self.unit.step(&inputs, batch[0].received_at);
        self.unit.state = transition.state;
        self.must_checkpoint |= transition.moved;
        self.unsaid.extend(transition.events);
    }

    /// What is shown of it.
    pub(crate) fn shown(&self) -> ShownUnit {
        ShownUnit::of(&self.place, &self.unit, self.seq)
    }

    fn wake_at(&self) -> Option<Timestamp> {
        if self.must_checkpoint { Some(self.received_at) } else { self.unit.wake_at() }
    }

    /// The instant of a step that takes in an arrival.
    fn arrival(&self, now: Timestamp) -> Timestamp {
        now.max(self.received_at.plus_millis(1))
    }

    fn snapshot(&self) -> UnitSnapshot {
        UnitSnapshot {
            unit: self.unit.id,
            site: self.place.site,
            state: self.unit.state.clone(),
            version: self.version,
            rule_version: self.rule_version,
            readings_since: self.since,
            wake_at: self.wake_at(),
        }
    }

    fn commit(
        &self,
        fresh: Vec<Reading>,
        past: Vec<Reading>,
        transition: Option<TransitionCommit>,
    ) -> UnitCommit {
        let UnitPlace { org, site, .. } = self.place;
        UnitCommit {
            org,
            site,
            unit: self.unit.id,
            owner_epoch: self.owner_epoch,
            fresh,
            past,
            transition,
        }
    }

    fn transition_commit(&self, transition: &Transition, note: Option<String>) -> TransitionCommit {
        TransitionCommit {
            expected: self.version,
            state: transition.state.clone(),
            rule_version: self.rule_version,
            wake_at: transition.wake_at,
            events: self.unsaid.iter().chain(&transition.events).cloned().collect(),
            note,
        }
    }
}

/// What an advance takes in.
enum Asked {
    /// Readings in the order of their own time, each with its place in the caller's batch.
    Readings(Vec<(usize, Reading)>),
    /// One other input.
    Input(Input<'static>),
    /// Nothing but the time that passed.
    Time,
}

/// What an advance came to: the verdicts in the order asked, and the fates of past readings.
struct Advanced {
    verdicts: Vec<(usize, Verdict)>,
    past: Vec<PastFate>,
}

impl Actor for UnitActor {
    type Msg = UnitMessage;
    type State = Box<LiveUnit>;
    type Arguments = Box<LiveUnit>;

    async fn pre_start(
        &self,
        _me: ActorRef<UnitMessage>,
        live: Box<LiveUnit>,
    ) -> Result<Box<LiveUnit>, ActorProcessingErr> {
        Ok(live) // its supervisor wakes it once it can be found, which arms its timer
    }

    async fn handle(
        &self,
        _me: ActorRef<UnitMessage>,
        message: UnitMessage,
        live: &mut Box<LiveUnit>,
    ) -> Result<(), ActorProcessingErr> {
        // boxed: an idle actor need not keep room for a step under way
        Box::pin(self.answer(message, live)).await
    }
}

impl UnitActor {
    async fn answer(
        &self,
        message: UnitMessage,
        live: &mut LiveUnit,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            UnitMessage::Ingest(readings, ask) => ask.tell(self.ingest(live, readings).await?),
            UnitMessage::Door { open, recorded_at, ask } => {
                let input = Input::Door { open, recorded_at };
                ask.tell(self.advance(live, Asked::Input(input), None).await?.map(drop));
            }
            UnitMessage::Acknowledge { alert, by, note, ask } => {
                ask.tell(self.handle_alert(live, Input::Acknowledge { alert, by }, note).await?);
            }
            UnitMessage::Resolve { alert, by, note, ask } => {
                ask.tell(self.handle_alert(live, Input::Resolve { alert, by }, note).await?);
            }
            UnitMessage::SetRule { rule, rule_version, ask } => {
                ask.tell(self.set_rule(live, rule, rule_version).await?);
            }
            UnitMessage::Show(ask) => ask.tell(live.shown()),
            UnitMessage::Observe(ask) => ask.tell(live.snapshot()),
            UnitMessage::Wake(at) => self.wake(live, at).await?,
        }
        Ok(())
    }

    /// Looks at the unit. A timer that an earlier one has replaced is not looked at: it would arm another, and
    /// timers would multiply.
    async fn wake(
        &self,
        live: &mut LiveUnit,
        at: Option<Timestamp>,
    ) -> Result<(), ActorProcessingErr> {
        if at.is_some() && at != live.armed_at {
            return Ok(());
        }
        live.armed_at = None;
        self.advance(live, Asked::Time, None).await.map(drop)
    }

    async fn ingest(
        &self,
        live: &mut LiveUnit,
        readings: Vec<Reading>,
    ) -> Result<UnitAnswer, ActorProcessingErr> {
        if let Some(fault) = &self.0.fault {
            fault(live.unit.id);
        }
        let received_at = live.arrival(self.0.clock.now());
        let mut readings: Vec<_> = readings.into_iter().enumerate().collect();
        for (_, reading) in &mut readings {
            reading.received_at = received_at;
        }
        readings.sort_by(|(_, a), (_, b)| judging_order(a).cmp(&judging_order(b)));
        let advanced = self.advance(live, Asked::Readings(readings), None).await?;
        Ok(advanced.map(fates))
    }

    async fn handle_alert(
        &self,
        live: &mut LiveUnit,
        input: Input<'static>,
        note: Option<String>,
    ) -> Result<Result<(), AlertAskError>, ActorProcessingErr> {
        let advanced = match self.advance(live, Asked::Input(input), note).await? {
            Ok(advanced) => advanced,
            Err(error) => return Ok(Err(error.into())),
        };
        Ok(match advanced.verdicts.first() {
            Some((_, Verdict::Refused(refusal))) => Err((*refusal).into()),
            Some((_, Verdict::Done | Verdict::Reading(_))) | None => Ok(()),
        })
    }

    /// Judges by another rule from now on. A checkpoint closes what the old one judged, so that no start folds
    /// old readings by the new rule.
    async fn set_rule(
        &self,
        live: &mut LiveUnit,
        rule: Arc<Rule>,
        rule_version: i64,
    ) -> Result<Result<(), AskError>, ActorProcessingErr> {
        let is_known = rule_version == live.rule_version && *rule == *live.unit.rule;
        if rule_version < live.rule_version || is_known {
            return Ok(Ok(()));
        }
        (live.unit.rule, live.rule_version, live.must_checkpoint) = (rule, rule_version, true);
        Ok(self.advance(live, Asked::Time, None).await?.map(drop))
    }

    /// Decides, commits, remembers, tells and re-arms, in that order: a crash between any two loses nothing.
    async fn advance(
        &self,
        live: &mut LiveUnit,
        asked: Asked,
        note: Option<String>,
    ) -> Result<Result<Advanced, AskError>, ActorProcessingErr> {
        let now = match &asked {
            Asked::Readings(readings) => {
                readings.first().map_or(live.received_at, |(_, first)| first.received_at)
            }
            Asked::Input(_) | Asked::Time => self.0.clock.now().max(live.received_at),
        };
        let (transition, verdicts, fresh, past) = step(&live.unit, asked, now);
        let read = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        let moves = transition.moved
            || live.must_checkpoint
            || live.since.saturating_add(read) >= CHECKPOINT_EVERY;
        let mut committed = Committed::default();
        if moves || !fresh.is_empty() || !past.is_empty() {
            let checkpoint = moves.then(|| live.transition_commit(&transition, note));
            match self.0.store.commit(live.commit(fresh, past, checkpoint)).await {
                Ok(done) => committed = done,
                Err(CommitError::Unavailable(_)) => {
                    self.arm(live, self.0.clock.now().plus_secs(RETRY_SECS));
                    return Ok(Err(AskError::Unavailable));
                }
                // memory may be untrue: this actor ends, and the next one loads what is committed
                Err(error @ (CommitError::Conflict(_) | CommitError::Unknown(_))) => {
                    return Err(Box::new(error));
                }
            }
        }
        live.received_at = live.received_at.max(now);
        self.remember(live, *transition, moves, read);
        self.rearm(live);
        Ok(Ok(Advanced { verdicts, past: committed.past }))
    }

    fn remember(&self, live: &mut LiveUnit, transition: Transition, moves: bool, read: u32) {
        live.unit.state = transition.state;
        if !moves && read == 0 {
            return;
        }
        live.since = if moves { 0 } else { live.since + read };
        let mut events = std::mem::take(&mut live.unsaid);
        events.extend(transition.events);
        if moves {
            (live.version, live.must_checkpoint) = (live.version.next(), false);
        }
        live.seq += 1;
        let record = |event| record_of(&live.place, live.unit.id, event, live.rule_version);
        let alerts = events.iter().map(|event| (event.event, record(event))).collect();
        self.0.channels.publish(UnitUpdate { shown: live.shown(), alerts });
    }

    fn rearm(&self, live: &mut LiveUnit) {
        if let Some(wake_at) = live.wake_at() {
            self.arm(live, wake_at);
        }
    }

    /// Arms a timer unless an earlier one is armed: that one will find nothing due and arm the next.
    fn arm(&self, live: &mut LiveUnit, at: Timestamp) {
        if live.armed_at.is_none_or(|armed| at < armed) {
            live.armed_at = Some(at);
            self.0.timers.arm(live.unit.id, at);
        }
    }
}

type Stepped = (Box<Transition>, Vec<(usize, Verdict)>, Vec<Reading>, Vec<Reading>);

/// Steps, and sorts readings into those certainly new and those the store must look up.
fn step(unit: &Unit, asked: Asked, now: Timestamp) -> Stepped {
    let readings = match asked {
        Asked::Readings(readings) => readings,
        Asked::Input(input) => {
            let transition = Box::new(unit.step(&[input], now));
            let verdicts = transition.verdicts.iter().map(|verdict| (0, *verdict)).collect();
            return (transition, verdicts, Vec::new(), Vec::new());
        }
        Asked::Time => return (Box::new(unit.step(&[], now)), Vec::new(), Vec::new(), Vec::new()),
    };
    let inputs: Vec<_> = readings.iter().map(|(_, reading)| Input::Reading(reading)).collect();
    let transition = Box::new(unit.step(&inputs, now));
    let places = readings.iter().map(|(place, _)| *place);
    let verdicts = places.zip(transition.verdicts.iter().copied()).collect();
    let (mut fresh, mut past) = (Vec::with_capacity(readings.len()), Vec::new());
    for ((_, reading), verdict) in readings.into_iter().zip(&transition.verdicts) {
        match verdict {
            Verdict::Reading(Judged::InOrder) => fresh.push(reading),
            Verdict::Reading(Judged::Past) => past.push(reading),
            Verdict::Reading(Judged::Quarantined(_)) | Verdict::Done | Verdict::Refused(_) => {}
        }
    }
    (transition, verdicts, fresh, past)
}

/// The order in which a batch is judged. The store gives readings back in it.
fn judging_order(reading: &Reading) -> (Timestamp, &Point, i64) {
    (reading.recorded_at, &reading.point, reading.sequence)
}

/// The fates of a batch, in the caller's order.
fn fates(advanced: Advanced) -> Vec<ReadingFate> {
    let mut past = advanced.past.into_iter();
    let mut fates: Vec<_> = advanced
        .verdicts
        .into_iter()
        .map(|(place, verdict)| {
            let fate = match verdict {
                Verdict::Reading(Judged::Past) => match past.next() {
                    Some(PastFate::Late) => ReadingFate::Late,
                    Some(PastFate::Conflicting) => ReadingFate::Conflicting,
                    Some(PastFate::Duplicate) | None => ReadingFate::Duplicate,
                },
                Verdict::Reading(Judged::Quarantined(suspicion)) => {
                    ReadingFate::Quarantined(suspicion)
                }
                Verdict::Reading(Judged::InOrder) | Verdict::Done | Verdict::Refused(_) => {
                    ReadingFate::Accepted
                }
            };
            (place, fate)
        })
        .collect();
    fates.sort_by_key(|(place, _)| *place);
    fates.into_iter().map(|(_, fate)| fate).collect()
}
