//! Sending at a steady rate, whatever the server does.

use std::time::Duration;

use hdrhistogram::Histogram;
use uuid::Uuid;

use super::crowd::unix_ns;
use super::delays::{microseconds, record};
use super::wire::{Batch, Wire};

/// Readings, one a request, at instants fixed beforehand.
///
/// A sender that finds its connection still waiting sends late, and the delay is counted from the instant at which
/// it should have sent: a slow answer does not hide the ones that queue behind it.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// The hub's port on this machine.
    pub(super) port: u16,
    /// A key for readings.
    pub(super) key: String,
    /// The units, taken in turn.
    pub(super) units: Vec<Uuid>,
    /// Unix milliseconds of the first reading.
    pub(super) begins_ms: i64,
    /// Microseconds from one to the next.
    pub(super) step_us: i64,
    /// How many in all.
    pub(super) readings: u64,
    /// Connections that share them out.
    pub(super) senders: u64,
    /// Answers to readings before this instant, in unix milliseconds, are not counted.
    pub(super) counts_from_ms: i64,
}

impl Pace {
    /// Sends all, and gives how long after its instant each was answered.
    ///
    /// # Errors
    /// When one is not accepted.
    pub(super) fn keep(&self) -> anyhow::Result<Histogram<u64>> {
        let mut answered = microseconds();
        std::thread::scope(|scope| {
            let senders: Vec<_> =
                (0..self.senders).map(|sender| scope.spawn(move || self.send(sender))).collect();
            for sender in senders {
                answered.add(sender.join().expect("a sender does not panic")?)?;
            }
            Ok(())
        })
        .map(|()| answered)
    }

    fn send(&self, sender: u64) -> anyhow::Result<Histogram<u64>> {
        let mut wire = Wire::connect(self.port)?;
        let mut answered = microseconds();
        let mut batch = Batch::new(&self.key, &self.units[..1]);
        let mine = (sender..self.readings).step_by(usize::try_from(self.senders)?);
        for number in mine {
            let meant_ns =
                self.begins_ms * 1_000_000 + i64::try_from(number)? * self.step_us * 1000;
            batch.aim(self.units[usize::try_from(number)? % self.units.len()]);
            batch.wander(number);
            batch.stamp(meant_ns / 1_000_000);
            sleep_until(meant_ns);
            wire.post(&batch)?;
            if meant_ns >= self.counts_from_ms * 1_000_000 {
                record(&mut answered, unix_ns() - meant_ns);
            }
        }
        Ok(answered)
    }
}

fn sleep_until(at_ns: i64) {
    let left = at_ns - unix_ns();
    std::thread::sleep(Duration::from_nanos(u64::try_from(left).unwrap_or_default()));
}
