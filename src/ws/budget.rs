//! A socket's budget of commands.

use tokio::time::Instant;

/// So many more refusals than grants end the socket.
const MOST_REFUSALS: u32 = 10_000;

/// Commands that may be asked, refilled evenly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    per_sec: u32,
    left_micros: u64,
    filled_at: Instant,
    refused: u32,
}

/// What a command may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowance {
    Granted,
    Refused,
    Abusive,
}

impl Budget {
    /// A full budget of two seconds' worth.
    pub(crate) fn new(per_sec: u32, now: Instant) -> Self {
        Self { per_sec, left_micros: 2_000_000, filled_at: now, refused: 0 }
    }

    /// Takes one command's worth. The budget counts in microseconds of refill: a command costs `1 s / per_sec`.
    pub(crate) fn take(&mut self, now: Instant) -> Allowance {
        let refill =
            u64::try_from(now.duration_since(self.filled_at).as_micros()).unwrap_or(u64::MAX);
        self.left_micros = self.left_micros.saturating_add(refill).min(2_000_000);
        self.filled_at = now;
        match self.left_micros.checked_sub(1_000_000 / u64::from(self.per_sec.max(1))) {
            Some(left) => {
                self.left_micros = left;
                self.refused = self.refused.saturating_sub(1); // a flood is refused far more often than granted
                Allowance::Granted
            }
            None if self.refused < MOST_REFUSALS => {
                self.refused += 1;
                Allowance::Refused
            }
            None => Allowance::Abusive,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_two_seconds_is_granted_and_then_the_rate() {
        let begun = Instant::now();
        let mut budget = Budget::new(100, begun);
        let granted = (0..300).filter(|_| budget.take(begun) == Allowance::Granted).count();
        assert_eq!(granted, 200);
        let later = begun + Duration::from_secs(1);
        let granted = (0..300).filter(|_| budget.take(later) == Allowance::Granted).count();
        assert_eq!(granted, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_pauses_is_abusive() {
        let begun = Instant::now();
        let mut budget = Budget::new(100, begun);
        let answers: Vec<_> = (0..10_201).map(|_| budget.take(begun)).collect();
        assert_eq!(answers[10_199..], [Allowance::Refused, Allowance::Abusive]);
    }
}
