//! Which commits make a group, and what each of them is told.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Instant,
};

use futures_util::FutureExt as _;
use hub_domain::UnitId;
use tokio::sync::mpsc;

use super::{
    Message, Queued, Waiting,
    attempt::{self, Session},
};
use crate::{CommitError, Committed, mint::Mint};

/// A group takes no more commits once it has this many readings.
const MAX_READINGS: usize = 5_000;
/// Or this many units.
const MAX_UNITS: usize = 2_000;

/// How many turns others get before a group is written, as long as each adds to it.
const MAX_TURNS: usize = 64;

/// The far end of the writer.
pub(super) struct GroupWriter<S> {
    session: S,
    mint: Arc<Mint>,
    messages: mpsc::UnboundedReceiver<Message>,
    waiting: Arc<Waiting>,
    backlog: VecDeque<Message>,
}

impl<S: Session> GroupWriter<S> {
    pub(super) fn new(
        session: S,
        mint: Arc<Mint>,
        messages: mpsc::UnboundedReceiver<Message>,
        waiting: Arc<Waiting>,
    ) -> Self {
        Self { session, mint, messages, waiting, backlog: VecDeque::new() }
    }

    /// Writes groups until it is told to close.
    pub(super) async fn run(mut self) {
        while self.gather().await {
            let group = self.next_group();
            if !group.is_empty() {
                self.write(group).await;
            }
            while let Some(Message::Settle(_)) = self.backlog.front() {
                if let Some(Message::Settle(answer)) = self.backlog.pop_front() {
                    answer.send(()).ok();
                }
            }
            if let Some(Message::Close) = self.backlog.front() {
                self.messages.close();
                self.backlog.pop_front();
            }
        }
        self.session.close().await;
    }

    /// Takes over all that is queued, waiting only if there is nothing at all. False at the end.
    ///
    /// Whoever is ready to queue something gets its turn first: answering one group wakes all its units, and the
    /// first of them to speak again must not be committed alone. That is no delay: where nobody is ready, a turn
    /// ends at once.
    async fn gather(&mut self) -> bool {
        if self.backlog.is_empty() {
            let Some(message) = self.messages.recv().await else { return false };
            self.backlog.push_back(message);
        }
        self.take_queued();
        for _ in 0..MAX_TURNS {
            let before = self.backlog.len();
            tokio::task::yield_now().await;
            self.take_queued();
            if self.backlog.len() == before || before >= MAX_UNITS {
                break;
            }
        }
        true
    }

    fn take_queued(&mut self) {
        while let Ok(message) = self.messages.try_recv() {
            self.backlog.push_back(message);
        }
    }

    /// The commits at the head of the queue, at most one of each unit: a second one of a unit builds on the first
    /// and waits for its outcome.
    fn next_group(&mut self) -> Vec<Queued> {
        let mut group = Vec::new();
        let mut later = Vec::new();
        let mut units = HashSet::new();
        let mut readings = 0;
        while readings < MAX_READINGS && group.len() < MAX_UNITS {
            match self.backlog.pop_front() {
                Some(Message::Commit(queued)) if units.insert(queued.commit.unit) => {
                    readings += queued.commit.fresh.len() + queued.commit.past.len();
                    group.push(*queued);
                }
                Some(Message::Commit(queued)) => later.push(Message::Commit(queued)),
                Some(end) => {
                    self.backlog.push_front(end);
                    break;
                }
                None => break,
            }
        }
        later.into_iter().rev().for_each(|message| self.backlog.push_front(message));
        group
    }

    async fn write(&mut self, group: Vec<Queued>) {
        let begun = Instant::now();
        if let Some(oldest) = group.iter().map(|queued| queued.queued_at).min() {
            self.waiting.note_oldest(oldest);
            metrics::gauge!("hub_writer_oldest_seconds").set(oldest.elapsed().as_secs_f64());
        }
        let commits: Vec<_> = group.iter().map(|queued| &queued.commit).collect();
        let attempt = attempt::write(&mut self.session, &commits, &self.mint);
        // a defect met by one group must not end the writer of all others
        let Ok(outcomes) = AssertUnwindSafe(attempt).catch_unwind().await else {
            self.session.abandon().await;
            self.waiting.answer(group.len());
            return; // no answer says that nobody knows
        };
        measure(&group, self.backlog.len(), begun);
        let mut failed = HashMap::new();
        self.waiting.answer(group.len());
        for (queued, outcome) in group.into_iter().zip(outcomes) {
            if let Err(error) = &outcome {
                failed.insert(queued.commit.unit, error.clone());
            }
            queued.answer(outcome);
        }
        if !failed.is_empty() {
            self.fail_followers(&failed);
        }
    }

    /// Fails what is queued of units whose commit has just failed: it builds on what was not written. While the
    /// database is away all of the queue fails, so that nobody waits for one attempt after another.
    fn fail_followers(&mut self, failed: &HashMap<UnitId, CommitError>) {
        self.take_queued();
        let away = self.session.away();
        let (mut kept, mut gone) = (VecDeque::with_capacity(self.backlog.len()), 0);
        for message in self.backlog.drain(..) {
            let Message::Commit(queued) = message else {
                kept.push_back(message);
                continue;
            };
            let error = failed.get(&queued.commit.unit).cloned();
            match error.or_else(|| away.clone().map(CommitError::Unavailable)) {
                Some(error) => {
                    gone += 1;
                    queued.answer(Err(error));
                }
                None => kept.push_back(Message::Commit(queued)),
            }
        }
        self.backlog = kept;
        self.waiting.answer(gone);
    }
}

fn measure(group: &[Queued], backlog: usize, begun: Instant) {
    let readings: usize =
        group.iter().map(|queued| queued.commit.fresh.len() + queued.commit.past.len()).sum();
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    metrics::gauge!("hub_writer_queue_commits").set(count(backlog));
    metrics::histogram!("hub_writer_group_units").record(count(group.len()));
    metrics::histogram!("hub_writer_group_readings").record(count(readings));
    metrics::histogram!("hub_writer_commit_seconds").record(begun.elapsed().as_secs_f64());
}

/// The outcome of a whole group.
pub(super) type Outcomes = Vec<Result<Committed, CommitError>>;
