//! How a queue is worked.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

/// Why an attempt at a job came to nothing.
///
/// The sentence is kept with the job and shown to operators alone: no log has it, so it may quote a provider, but
/// phone numbers and addresses do not belong there either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// It may go better later: tried again after the queue's back-off, until the attempts are used up.
    #[error("{0}")]
    Retry(String),
    /// The same, but not before this long, as a provider asked for.
    #[error("{0}")]
    RetryAfter(String, Duration),
    /// It will never go: a dead letter at once.
    #[error("{0}")]
    GiveUp(String),
}

/// How long to wait after a failed attempt: twice as long each time, half to all of it by chance, so that jobs that
/// failed together do not come back together.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// Never longer.
    pub longest: Duration,
    /// What chance comes from, with the job's own id.
    pub seed: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(2), longest: Duration::from_secs(600), seed: 0 }
    }
}

impl Backoff {
    /// How long the job waits after failing for the `failed`-th time, from 1 on.
    #[must_use]
    pub fn after(&self, failed: u32, job: &str) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(failed - 1).unwrap_or(u32::MAX));
        let whole = doubled.min(self.longest);
        let mut chance = SmallRng::seed_from_u64(self.seed ^ seed_of(job, failed));
        whole.mul_f64(chance.random_range(0.5..=1.0))
    }
}

/// FNV-1a: spreads ids that differ in one letter.
fn seed_of(job: &str, failed: u32) -> u64 {
    let bytes = job.bytes().chain(failed.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A queue and how it is worked.
#[derive(Clone, Debug)]
pub struct QueueSpec {
    /// Its name, as jobs say it; a metric's label.
    pub name: String,
    /// So many jobs at once in this process; at least 1.
    pub concurrency: usize,
    /// So many are fetched at once; at least 1. What is fetched waits for this worker alone, so for slow jobs it is 1.
    pub batch: usize,
    /// So many attempts begin in a second in this process; `None` is as many as there are.
    pub per_second: Option<u32>,
    /// The pauses between attempts. How many there are stands with each job.
    pub backoff: Backoff,
    /// An attempt that takes longer is ended and failed.
    pub time_limit: Duration,
}

impl QueueSpec {
    /// Eight jobs at once, each fetched when there is room for it, ten minutes long at most.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            concurrency: 8,
            batch: 1,
            per_second: None,
            backoff: Backoff::default(),
            time_limit: Duration::from_secs(600),
        }
    }

    /// The same, with so many jobs at once, fetched in batches of this size.
    #[must_use]
    pub fn concurrency(self, concurrency: usize, batch: usize) -> Self {
        Self { concurrency: concurrency.max(1), batch: batch.max(1), ..self }
    }

    /// The same, at most so many attempts a second.
    #[must_use]
    pub fn per_second(self, attempts: u32) -> Self {
        Self { per_second: Some(attempts), ..self }
    }

    /// The same, with these pauses.
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// The same, with attempts of this length at most.
    #[must_use]
    pub fn time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }
}

/// How often workers look, say that they live, and are missed.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two looks for work.
    pub look_every: Duration,
    /// Between two signs of life; whole seconds, for apalis counts in those.
    pub beat_every: Duration,
    /// Who gave no sign for so many intervals is dead, and its jobs are taken over.
    pub missed_beats: u32,
    /// How long a stop waits for jobs that run.
    pub drain_within: Duration,
    /// How long after its end a worker is started again, the first time; twice that each time, up to 5 s.
    pub restart_after: Duration,
}

impl Default for Pace {
    /// A job waits a tenth of a second at most; a dead worker's is taken over after 15 to 20 s.
    fn default() -> Self {
        Self {
            look_every: Duration::from_millis(100),
            beat_every: Duration::from_secs(5),
            missed_beats: 3,
            drain_within: Duration::from_secs(20),
            restart_after: Duration::from_millis(200),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_stay_within_half_and_all() {
        let backoff =
            Backoff { first: Duration::from_secs(2), longest: Duration::from_secs(30), seed: 7 };
        for (failed, whole) in [(1, 2), (2, 4), (3, 8), (4, 16), (5, 30), (40, 30)] {
            for job in 0..100 {
                let pause = backoff.after(failed, &format!("job {job}"));
                let whole = Duration::from_secs(whole);
                assert!(pause >= whole / 2 && pause <= whole, "{failed}: {pause:?} of {whole:?}");
            }
        }
    }

    #[test]
    fn jobs_that_failed_together_come_back_apart_and_each_the_same_again() {
        let backoff = Backoff::default();
        let pauses = |backoff: Backoff| -> Vec<_> {
            (0..50).map(|job| backoff.after(3, &format!("job {job}"))).collect()
        };
        let mut told_apart = pauses(backoff);
        assert_eq!(told_apart, pauses(backoff));
        assert_ne!(told_apart, pauses(Backoff { seed: 1, ..backoff }));
        told_apart.sort_unstable();
        told_apart.dedup();
        assert_eq!(told_apart.len(), 50);
    }
}
