//! When a worker looks for work.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use apalis::prelude::{PollSnapshot, PollStrategy};
use futures_util::task::AtomicWaker;
use tokio::time::{Interval, MissedTickBehavior};

use super::Wakers;
use crate::vitals::Vital;

/// Wakes the workers of this process at once where they would have looked a moment later.
#[derive(Clone, Default)]
pub struct Nudges(Arc<Mutex<Wakers>>);

impl std::fmt::Debug for Nudges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nudges").finish_non_exhaustive()
    }
}

impl Nudges {
    /// Wakes the worker of a queue, if this process has one. Call it after the commit.
    pub fn nudge(&self, queue: &str) {
        let wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = wakers.get(queue) {
            waker.wake();
        }
    }

    pub(super) fn of(&self, queue: &str) -> Arc<AtomicWaker> {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(wakers.entry(queue.to_owned()).or_default())
    }
}

/// Looks at a steady interval, and when nudged.
///
/// apalis' own interval replaces its timer when it has run out and does not ask the new one. If the fetch ends within
/// the same turn, nobody is left to wake the worker, and it is deaf until its next heartbeat. So this one asks its
/// timer until it says that it will wake us.
pub(super) struct Steady {
    every: Interval,
    nudge: Arc<AtomicWaker>,
    vital: Vital,
}

impl Steady {
    pub(super) fn new(every: Duration, nudge: Arc<AtomicWaker>, vital: Vital) -> Self {
        let mut every = tokio::time::interval(every);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { every, nudge, vital }
    }
}

impl PollStrategy for Steady {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        self.vital.beat();
        self.nudge.register(cx.waker());
        while self.every.poll_tick(cx).is_ready() {}
        Poll::Pending // what it answers is not looked at: each turn fetches
    }
}
