//! The system's clock: the one place that asks the machine for the time.

use std::time::{SystemTime, UNIX_EPOCH};

use hub_domain::{Clock, Timestamp};

/// Wall-clock time of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(unix_nanos() / 1_000_000)
    }
}

/// Nanoseconds since the Unix epoch: the `t` of publications.
#[must_use]
pub fn unix_nanos() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
}
