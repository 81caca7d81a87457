//! What of a process lives: each part says so as it works, and whoever asks hears which fell silent.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// The parts of a process that must go on working. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Vitals(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    since: Instant,
    vitals: Mutex<Vec<Vital>>,
}

impl Default for Vitals {
    fn default() -> Self {
        Self(Arc::new(Parts { since: Instant::now(), vitals: Mutex::default() }))
    }
}

impl Vitals {
    /// A new part, which lives as of now.
    #[must_use]
    pub fn watch(&self, name: impl Into<String>) -> Vital {
        let beaten = AtomicU64::new(millis_since(self.0.since));
        let inner =
            Inner { name: name.into(), since: self.0.since, beaten, busy: AtomicUsize::new(0) };
        let vital = Vital(Arc::new(inner));
        self.vitals().push(vital.clone());
        vital
    }

    /// The parts that gave no sign of life within this time and have nothing in hand, by name.
    #[must_use]
    pub fn silent(&self, within: Duration) -> Vec<String> {
        let vitals = self.vitals();
        vitals.iter().filter(|vital| vital.is_silent(within)).map(|it| it.0.name.clone()).collect()
    }

    fn vitals(&self) -> std::sync::MutexGuard<'_, Vec<Vital>> {
        self.0.vitals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One part that must go on working.
#[derive(Clone, Debug)]
pub struct Vital(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    since: Instant,
    /// When it last gave a sign, in milliseconds of `since`.
    beaten: AtomicU64,
    busy: AtomicUsize,
}

impl Vital {
    /// Says that it lives.
    pub fn beat(&self) {
        self.0.beaten.store(millis_since(self.0.since), Ordering::Relaxed);
    }

    /// Says that it has something in hand that has an end of its own, until what is given is dropped.
    #[must_use]
    pub fn busy(&self) -> Busy {
        self.0.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    fn is_silent(&self, within: Duration) -> bool {
        let beaten = self.0.beaten.load(Ordering::Relaxed);
        let silent_ms = millis_since(self.0.since).saturating_sub(beaten);
        self.0.busy.load(Ordering::Relaxed) == 0 && Duration::from_millis(silent_ms) > within
    }
}

/// Held while a part has something in hand.
#[derive(Debug)]
pub struct Busy(Vital);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.beat();
        self.0.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

fn millis_since(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_silent_is_named_unless_it_has_something_in_hand() {
        let vitals = Vitals::default();
        let (planner, queue) = (vitals.watch("planner"), vitals.watch("queue send_sms"));
        let minute = Duration::from_secs(60);
        assert!(vitals.silent(minute).is_empty());
        let in_hand = queue.busy();
        tokio::time::advance(minute * 2).await;
        assert_eq!(vitals.silent(minute), ["planner"]);
        planner.beat();
        assert!(vitals.silent(minute).is_empty());
        drop(in_hand);
        assert!(vitals.silent(minute).is_empty());
        tokio::time::advance(minute * 2).await;
        assert_eq!(vitals.silent(minute), ["planner", "queue send_sms"]);
    }
}
