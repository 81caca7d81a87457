//! Numbers of the queues.

use std::{collections::BTreeSet, time::Duration};

use hub_store::{Store, queue::QueueCount};
use tokio::task::JoinHandle;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(15);

/// Keeps the numbers of the queues fresh in the metrics: how much waits, is in hand and is dead, and for how long the
/// oldest has been due. Ends when dropped.
#[derive(Debug)]
pub struct Gauges(JoinHandle<()>);

impl Gauges {
    /// Starts it: at once, then every 15 s.
    #[must_use]
    pub fn start(store: Store) -> Self {
        Self(tokio::spawn(keep(store)))
    }
}

impl Drop for Gauges {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep(store: Store) {
    let mut shown = BTreeSet::new();
    loop {
        match store.queue_counts().await {
            Ok(counts) => show(&mut shown, counts),
            Err(error) => tracing::warn!(%error, "the queues could not be counted"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Shows the counts; a queue that has nothing any more is shown with nothing.
fn show(shown: &mut BTreeSet<String>, counts: Vec<QueueCount>) {
    let mut gone = std::mem::take(shown);
    for count in counts {
        gone.remove(&count.queue);
        shown.insert(count.queue.clone());
        set(&count);
    }
    for queue in gone {
        set(&QueueCount {
            queue: queue.clone(),
            waiting: 0,
            in_hand: 0,
            dead: 0,
            oldest_secs: None,
        });
        shown.insert(queue);
    }
}

fn set(count: &QueueCount) {
    let gauge = |state: &'static str, jobs: u64| {
        metrics::gauge!("hub_queue_jobs", "queue" => count.queue.clone(), "state" => state)
            .set(as_float(jobs));
    };
    gauge("waiting", count.waiting);
    gauge("in_hand", count.in_hand);
    gauge("dead", count.dead);
    metrics::gauge!("hub_queue_oldest_seconds", "queue" => count.queue.clone())
        .set(as_float(count.oldest_secs.unwrap_or_default()));
}

fn as_float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
