//! A budget of failed attempts, so that secrets cannot be guessed by trying.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
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

    /// Takes one attempt from the budget of `origin`, before it is known how it ends: of many at once no more pass
    /// than the budget has. One that did not fail is given back.
    ///
    /// # Errors
    /// With the time to wait, when the budget is spent.
    pub fn take(&self, origin: K) -> Result<(), Duration> {
        let mut failed = self.lock();
        if failed.len() >= REMEMBERED {
            failed.retain(|_, (since, _)| since.elapsed() < self.window);
            if failed.len() >= REMEMBERED {
                failed.clear(); // better a fresh budget for all than memory without bound
            }
        }
        let (since, count) = failed.entry(origin).or_insert((Instant::now(), 0));
        if since.elapsed() >= self.window {
            (*since, *count) = (Instant::now(), 0);
        }
        if *count >= self.limit {
            return Err(self.window.saturating_sub(since.elapsed()));
        }
        *count += 1;
        Ok(())
    }

    /// Gives back an attempt that did not fail.
    pub fn give_back(&self, origin: &K) {
        if let Some((_, count)) = self.lock().get_mut(origin) {
            *count = count.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, (Instant, u32)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whom an address stands for. One customer of a network has all 2^64 addresses of an IPv6 prefix.
#[must_use]
pub fn origin_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_must_wait_and_others_need_not() {
        let attempts = Attempts::new(2, Duration::from_secs(60));
        assert_eq!((attempts.take("a"), attempts.take("a")), (Ok(()), Ok(())));
        assert!(attempts.take("a").is_err());
        assert_eq!(attempts.take("b"), Ok(()));
        attempts.give_back(&"a");
        assert_eq!(attempts.take("a"), Ok(()));
        assert!(attempts.take("a").is_err());
    }

    #[test]
    fn a_window_that_is_over_is_forgiven() {
        let attempts = Attempts::new(1, Duration::ZERO);
        assert_eq!((attempts.take(7), attempts.take(7)), (Ok(()), Ok(())));
    }

    #[test]
    fn addresses_of_one_network_are_one_origin() {
        let origin = |text: &str| origin_of(text.parse().unwrap()).to_string();
        assert_eq!(origin("192.0.2.7"), "192.0.2.7");
        assert_eq!(origin("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(origin("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
