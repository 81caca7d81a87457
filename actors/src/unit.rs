//! The actor of one unit: one orderly line of decisions.
//!
//! It serves whoever asks about its unit, through [`crate::Units`]. It owns the unit's live state, a copy of what
//! the store can give again: its death costs a load. It dies on purpose when the store says that its memory is
//! untrue (a conflict), or cannot say whether it wrote (an unknown outcome).

use std::sync::{Arc, atomic::AtomicU64};

use hub_domain::{
    AlertId, Clock, Input, Point, PointState, Reading, Rule, Timestamp, Transition, UnitId, UserId,
    Verdict,
};
use hub_store::{By, CommitError, Committed, Said, Store};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use crate::{
    Channels, UnitUpdate,
    answer::{AlertAskError, AskError, UnitAnswer, UnitSnapshot},
    directory::Place,
    shown::{ShownUnit, record_of},
    timers::Timers,
};

mod life;
mod live;
mod steps;

pub(crate) use life::said_of;
pub(crate) use live::{LiveUnit, UnitStart};
use steps::{Advanced, Asked, fates, judging_order, step};

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
    /// Keep readings of a source that measures here no more: they move nothing.
    Keep(Vec<Reading>, Ask<UnitAnswer>),
    /// Take in what nobody can be refused: a door report, a mode, a date, a cause, a source that is gone.
    Take(Input<'static>, Ask<Result<(), AskError>>),
    Acknowledge {
        alert: AlertId,
        by: Option<UserId>,
        said: Said,
        ask: Ask<Result<(), AlertAskError>>,
    },
    Resolve {
        alert: AlertId,
        by: UserId,
        said: Said,
        ask: Ask<Result<(), AlertAskError>>,
    },
    SetRule {
        rule: Arc<Rule>,
        rule_version: i64,
        ask: Ask<Result<(), AskError>>,
    },
    /// It was edited: its name in that edition.
    Rename {
        name: Arc<str>,
        edition: i64,
        ask: Ask<()>,
    },
    /// It is to be deleted, and this actor to end.
    Delete(By, Ask<Result<(), AskError>>),
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

fn is_conflict(error: &ActorProcessingErr) -> bool {
    matches!(error.downcast_ref(), Some(CommitError::Conflict(_)))
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
        me: ActorRef<UnitMessage>,
        message: UnitMessage,
        live: &mut Box<LiveUnit>,
    ) -> Result<(), ActorProcessingErr> {
        // boxed: an idle actor need not keep room for a step under way
        Box::pin(self.answer(&me, message, live)).await
    }
}

impl UnitActor {
    async fn answer(
        &self,
        me: &ActorRef<UnitMessage>,
        message: UnitMessage,
        live: &mut LiveUnit,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            UnitMessage::Ingest(readings, ask) => ask.tell(self.ingest(live, readings).await?),
            UnitMessage::Keep(readings, ask) => ask.tell(self.keep(live, readings).await?),
            UnitMessage::Take(input, ask) => {
                ask.tell(self.advance(live, Asked::Input(input), Said::default()).await?.map(drop));
            }
            UnitMessage::Acknowledge { alert, by, said, ask } => {
                ask.tell(self.handle_alert(live, Input::Acknowledge { alert, by }, said).await?);
            }
            UnitMessage::Resolve { alert, by, said, ask } => {
                ask.tell(self.handle_alert(live, Input::Resolve { alert, by }, said).await?);
            }
            UnitMessage::SetRule { rule, rule_version, ask } => {
                ask.tell(self.set_rule(live, rule, rule_version).await?);
            }
            UnitMessage::Rename { name, edition, ask } => {
                self.rename(live, name, edition);
                ask.tell(());
            }
            UnitMessage::Delete(by, ask) => self.delete(me, live, by, ask).await?,
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
        self.advance(live, Asked::Time, Said::default()).await.map(drop)
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
        loop {
            let unknown = live.unknown_points(readings.iter().map(|(_, reading)| reading));
            if unknown.is_empty() {
                let asked = Asked::Readings(readings);
                return Ok(self.advance(live, asked, Said::default()).await?.map(fates));
            }
            let asked = Asked::Readings(readings.clone());
            match self.advance(live, asked, Said::default()).await {
                Err(error) if is_conflict(&error) && self.recall(live, &unknown).await => {}
                advanced => return Ok(advanced?.map(fates)),
            }
        }
    }

    /// Looks up the order of points that the unit has forgotten, as their sources went long ago: what was judged then
    /// is not new when it is sent again. True if there are any.
    async fn recall(&self, live: &mut LiveUnit, unknown: &[Point]) -> bool {
        // if they cannot be looked up, the conflict stands, and whoever sent them tries again
        let found = self.0.store.newest_judged(live.unit.id, unknown).await.unwrap_or_default();
        live.unit.state.points.extend(found.iter().map(PointState::remembered));
        !found.is_empty()
    }

    /// Stores readings as late ones, which nothing is judged by.
    async fn keep(
        &self,
        live: &mut LiveUnit,
        readings: Vec<Reading>,
    ) -> Result<UnitAnswer, ActorProcessingErr> {
        let received_at = live.arrival(self.0.clock.now());
        let stamped = |reading: Reading| Reading { received_at, ..reading };
        let readings = readings.into_iter().map(stamped).enumerate().collect();
        let advanced = self.advance(live, Asked::Past(readings), Said::default()).await?;
        Ok(advanced.map(fates))
    }

    async fn handle_alert(
        &self,
        live: &mut LiveUnit,
        input: Input<'static>,
        said: Said,
    ) -> Result<Result<(), AlertAskError>, ActorProcessingErr> {
        let advanced = match self.advance(live, Asked::Input(input), said).await? {
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
        if rule_version < live.rule_version {
            return Ok(Ok(()));
        }
        live.rule_version = rule_version;
        if *rule == *live.unit.rule {
            return Ok(Ok(())); // an edit that says nothing new of this unit
        }
        (live.unit.rule, live.must_checkpoint) = (rule, true);
        Ok(self.advance(live, Asked::Time, Said::default()).await?.map(drop))
    }

    /// Decides, commits, remembers, tells and re-arms, in that order: a crash between any two loses nothing.
    async fn advance(
        &self,
        live: &mut LiveUnit,
        asked: Asked,
        said: Said,
    ) -> Result<Result<Advanced, AskError>, ActorProcessingErr> {
        let now = match &asked {
            Asked::Readings(readings) | Asked::Past(readings) => {
                readings.first().map_or(live.received_at, |(_, first)| first.received_at)
            }
            Asked::Input(_) | Asked::End(_) | Asked::Time => {
                self.0.clock.now().max(live.received_at)
            }
        };
        let deletes = if let Asked::End(by) = &asked { Some(by.clone()) } else { None };
        let (transition, verdicts, fresh, past) = step(&live.unit, asked, now);
        let read = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        let moves = deletes.is_some()
            || transition.moved
            || live.must_checkpoint
            || live.since.saturating_add(read) >= CHECKPOINT_EVERY;
        let mut committed = Committed::default();
        if moves || !fresh.is_empty() || !past.is_empty() {
            let checkpoint = moves.then(|| live.transition_commit(&transition, said, deletes));
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
            live.unsaid_statuses.clear();
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
