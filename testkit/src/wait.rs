//! Waiting for a condition, never for a while.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `look` gives a value, and gives it back.
///
/// # Panics
/// When `within` has passed without one; `what` then names what was waited for.
#[track_caller]
pub fn until_some<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < within, "waited {within:?} in vain for: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Waits until the future that `look` makes gives a value, and gives it back.
///
/// # Panics
/// When `within` has passed without one; `what` then names what was waited for.
pub async fn until<T, F>(what: &str, within: Duration, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begun.elapsed() < within, "waited {within:?} in vain for: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
