//! How long to wait before something is tried again.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hub_domain::Timestamp;

/// The first pause.
const FIRST_SECS: u32 = 30;
/// The longest one. Stripe is asked once an hour while it is away for days.
const LONGEST_SECS: u32 = 3_600;

/// When to try again what failed `attempts` times before: twice as late each time, and up to a fifth later, so that what
/// failed together is not tried together. The same for the same `what`.
pub(super) fn again_at(now: Timestamp, attempts: u32, what: impl std::hash::Hash) -> Timestamp {
    let doubled = FIRST_SECS.saturating_mul(1 << attempts.min(16));
    let pause = doubled.min(LONGEST_SECS);
    let mut hasher = DefaultHasher::new();
    (what, attempts).hash(&mut hasher);
    let spread = i64::from(pause) * 200;
    let more = i64::try_from(hasher.finish() % 1_000).unwrap_or(0) * spread / 1_000;
    now.plus_secs(pause).plus_millis(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_a_fifth() {
        let now = Timestamp::from_millis(0);
        let pause = |attempts| again_at(now, attempts, "evt_1").as_millis();
        for (attempts, secs) in [(0, 30), (1, 60), (4, 480), (7, 3_600), (40, 3_600)] {
            let pause = pause(attempts);
            assert!((secs * 1_000..=secs * 1_200).contains(&pause), "{attempts}: {pause}");
        }
        assert_eq!(pause(3), again_at(now, 3, "evt_1").as_millis());
        let spread: std::collections::BTreeSet<_> =
            (0..100).map(|number| again_at(now, 5, number).as_millis()).collect();
        assert!(spread.len() > 50, "what failed together is tried apart: {}", spread.len());
    }
}
