//! What channels count. Plain atomics, told to the metrics now and then: a lookup of a metric by its name would
//! cost more than the publication that it counts.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// The counts of all channels of this process.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Publications of all channels.
    pub(crate) publications: AtomicU64,
    /// Frames put into outboxes.
    pub(crate) deliveries: AtomicU64,
    /// Frames overtaken in an outbox by a newer one of the same unit.
    pub(crate) conflated: AtomicU64,
    /// Subscribers given up as too slow.
    pub(crate) too_slow: AtomicU64,
    /// Bytes waiting in outboxes.
    pub(crate) outbox_bytes: AtomicI64,
    /// Subscriptions held.
    pub(crate) subscriptions: AtomicI64,
}

/// The counts as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelStats {
    /// Publications of all channels.
    pub publications: u64,
    /// Frames put into outboxes.
    pub deliveries: u64,
    /// Frames overtaken in an outbox by a newer one of the same unit.
    pub conflated: u64,
    /// Subscribers given up as too slow.
    pub too_slow: u64,
    /// Bytes waiting in outboxes.
    pub outbox_bytes: i64,
    /// Subscriptions held.
    pub subscriptions: i64,
}

impl Counts {
    pub(crate) fn stats(&self) -> ChannelStats {
        ChannelStats {
            publications: self.publications.load(Relaxed),
            deliveries: self.deliveries.load(Relaxed),
            conflated: self.conflated.load(Relaxed),
            too_slow: self.too_slow.load(Relaxed),
            outbox_bytes: self.outbox_bytes.load(Relaxed),
            subscriptions: self.subscriptions.load(Relaxed),
        }
    }

    pub(crate) fn moved_bytes(&self, bytes: isize) {
        self.outbox_bytes.fetch_add(i64::try_from(bytes).unwrap_or_default(), Relaxed);
    }
}
