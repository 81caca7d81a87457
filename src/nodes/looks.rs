//! When this node looks around: by the clock, and at once where somebody waits for it.

use tokio::sync::{Notify, watch};

/// The looks of one node, which it numbers as they begin.
#[derive(Default)]
pub(super) struct Looks {
    wanted: Notify,
    begun: watch::Sender<u64>,
    done: watch::Sender<u64>,
}

impl Looks {
    /// Ready when somebody wants a look that is not begun yet.
    pub(super) async fn are_wanted(&self) {
        self.wanted.notified().await;
    }

    /// Takes note that a look begins. Gives its number.
    pub(super) fn begin(&self) -> u64 {
        self.begun.send_modify(|begun| *begun += 1);
        *self.begun.borrow()
    }

    /// What was seen in a look is made known to all here.
    pub(super) fn end(&self, look: u64) {
        self.done.send_replace(look);
    }

    /// Has a look begin now, and waits until what it sees is known here. One that has begun before may not have seen what
    /// the caller wants to be seen.
    pub(super) async fn look_anew(&self) {
        let next = *self.begun.borrow() + 1;
        self.wanted.notify_one();
        // it does not end before `self` does
        let _ = self.done.subscribe().wait_for(|done| *done >= next).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    };

    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn who_wants_a_look_waits_for_one_that_begins_thereafter() {
        let (looks, seen) = (Arc::new(Looks::default()), Arc::new(AtomicBool::new(false)));
        let first = looks.begin();
        let waits = tokio::spawn({
            let (looks, seen) = (Arc::clone(&looks), Arc::clone(&seen));
            async move {
                looks.look_anew().await;
                seen.store(true, SeqCst);
            }
        });
        looks.are_wanted().await;
        looks.end(first);
        yield_now().await;
        assert!(!seen.load(SeqCst), "it had begun before");
        let failed = looks.begin();
        let next = looks.begin();
        assert!(failed < next);
        looks.end(next);
        waits.await.expect("it is told");
    }
}
