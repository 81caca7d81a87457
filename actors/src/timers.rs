//! One timer queue for all units of the process.
//!
//! ractor's own timers are a task each; ten thousand of them at once are ten thousand tasks. Here a timer is an
//! entry in one queue. A timer may fire early or twice: a wake that finds nothing due changes nothing. None is
//! kept across a restart: each unit arms its own from its stored state.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use hub_domain::{Clock, Timestamp, UnitId};
use tokio::sync::mpsc;
use tokio_util::time::DelayQueue;

use crate::{directory::Directory, directory::Entry, unit::UnitMessage};

/// The farthest a timer is armed ahead. A farther one fires early, and is armed again.
const FARTHEST: Duration = Duration::from_secs(24 * 3600);

/// Arms timers. Clone freely.
#[derive(Clone)]
pub(crate) struct Timers(mpsc::UnboundedSender<(UnitId, Timestamp)>);

impl Timers {
    /// Starts the queue; it ends with its last handle.
    pub(crate) fn start(directory: Arc<Directory>, clock: Arc<dyn Clock>) -> Self {
        let (sender, armed) = mpsc::unbounded_channel();
        tokio::spawn(run(armed, directory, clock));
        Self(sender)
    }

    /// Wakes `unit` at `at`, or at once if that is past.
    pub(crate) fn arm(&self, unit: UnitId, at: Timestamp) {
        self.0.send((unit, at)).ok(); // the queue only ends with the process
    }
}

async fn run(
    mut armed: mpsc::UnboundedReceiver<(UnitId, Timestamp)>,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
) {
    let mut queue = DelayQueue::new();
    loop {
        tokio::select! {
            arm = armed.recv() => {
                let Some((unit, at)) = arm else { return };
                let millis = u64::try_from(at.millis_since(clock.now())).unwrap_or(0);
                queue.insert((unit, at), Duration::from_millis(millis).min(FARTHEST));
            }
            Some(expired) = queue.next() => wake(&directory, expired.into_inner()),
        }
    }
}

fn wake(directory: &Directory, (unit, at): (UnitId, Timestamp)) {
    if let Some(Entry::Live { actor, .. }) = directory.unit(unit) {
        actor.send_message(UnitMessage::Wake(Some(at))).ok(); // one that ended arms its timer anew when it starts
    }
}
