//! A budget of failed attempts, so that secrets cannot be guessed by trying.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// At most so many origins are remembered; past it those whose window is over are forgotten, then all.
const REMEMBERED: usize = 100_000;

/// Failed attempts per origin within a window of time. Success costs nothing.
#[derive(Debug)]
pub struct Attempts<K> {
    limit: u32,
    window: Duration,
    failed: Mutex<HashMap<K, (Instant, u32)>>,
}

impl<K: Eq + Hash> Attempts<K> {
    /// A budget of `limit` failures in each `window`.
    #[must_use]
    pub fn new(limit: u32, window: Duration) -> Self {
        Self { limit, window, failed: Mutex::default() }
    }

    /// How long `origin` must wait before it may try again; `None` when it may try now.
    #[must_use]
    pub fn wait(&self, origin: &K) -> Option<Duration> {
        let failed = self.lock();
        let (since, count) = failed.get(origin)?;
        let left = self.window.checked_sub(since.elapsed())?;
        (*count >= self.limit).then_some(left)
    }

    /// Counts one failure of `origin`.
    pub fn failed(&self, origin: K) {
        let mut failed = self.lock();
        if failed.len() >= REMEMBERED {
            failed.retain(|_, (since, _)| since.elapsed() < self.window);
            if failed.len() >= REMEMBERED {
                failed.clear(); // better a fresh budget for all than memory without bound
            }
        }
        let entry = failed.entry(origin).or_insert((Instant::now(), 0));
        if entry.0.elapsed() >= self.window {
            *entry = (Instant::now(), 0);
        }
        entry.1 += 1;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, (Instant, u32)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_must_wait_and_others_need_not() {
        let attempts = Attempts::new(2, Duration::from_secs(60));
        attempts.failed("a");
        assert_eq!(attempts.wait(&"a"), None);
        attempts.failed("a");
        assert!(attempts.wait(&"a").is_some());
        assert_eq!(attempts.wait(&"b"), None);
    }

    #[test]
    fn a_window_that_is_over_is_forgiven() {
        let attempts = Attempts::new(1, Duration::ZERO);
        attempts.failed(7);
        assert_eq!(attempts.wait(&7), None);
    }
}
