//! Frames are written by a few tasks, one for two cores, straight to every connection that takes them at once: to wake one
//! task for a thousand connections costs less than to wake a task for each. What a connection does not take is its session's.

use std::{
    fmt,
    io::{IoSlice, Result},
    sync::{Arc, OnceLock},
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Subscriber;

/// A connection that is written to without waiting.
pub trait Wire: Send + Sync + 'static {
    /// Writes as much as is taken at once, and gives how many bytes that was.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is; any other when the connection is over.
    fn try_write(&self, frames: &[IoSlice<'_>]) -> Result<usize>;
}

/// A subscriber's connection, and who writes to it.
pub(super) struct Line {
    pub(super) wire: Arc<dyn Wire>,
    shard: UnboundedSender<Arc<Subscriber>>,
}

impl Line {
    /// Has what waits written. A subscriber is told of once until then, so that as many wait as there are.
    pub(super) fn write_soon(&self, subscriber: &Arc<Subscriber>) {
        self.shard.send(Arc::clone(subscriber)).ok(); // the runtime is ending
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

/// The tasks, started when the first connection is there. They end with the last of whoever could tell them something.
#[derive(Debug, Default)]
pub(super) struct Shards(OnceLock<Vec<UnboundedSender<Arc<Subscriber>>>>);

impl Shards {
    /// The line of the subscriber of this number. To be called inside a runtime.
    pub(super) fn line(&self, subscriber: u64, wire: Arc<dyn Wire>) -> Line {
        let shards = self.0.get_or_init(start);
        let turn = usize::try_from(subscriber).unwrap_or_default() % shards.len();
        Line { wire, shard: shards[turn].clone() }
    }
}

/// Half as many as there are cores: more at once only get into each other's way in the kernel, where most of their time goes,
/// and somebody has to judge readings, too.
fn start() -> Vec<UnboundedSender<Arc<Subscriber>>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let start = |_| {
        let (told, waiting) = unbounded_channel();
        tokio::spawn(write(waiting));
        told
    };
    (0..(cores / 2).max(1)).map(start).collect()
}

/// Lets others have their turn now and then: the channel sees to that.
async fn write(mut waiting: UnboundedReceiver<Arc<Subscriber>>) {
    while let Some(subscriber) = waiting.recv().await {
        subscriber.write();
    }
}
