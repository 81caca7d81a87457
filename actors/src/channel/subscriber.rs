//! One subscriber's outbox: bounded, conflated when it fills, given up when it overflows.
//!
//! Channels put finished frames in and never wait; the session takes them out. What a slow reader holds back is
//! bounded by this queue alone.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::Notify, time::Instant};
use uuid::Uuid;

use super::{ChannelName, counts::Counts};

/// The close code of a subscriber that reads too slowly: it comes back and recovers.
pub const TOO_SLOW: u16 = 3008;

/// An outbox that once grew past this many slots gives their memory back when it is empty.
const KEPT_SLOTS: usize = 32;

/// How much an outbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxBounds {
    /// From so many frames on, a newer update of a unit replaces the waiting one.
    pub soft_frames: usize,
    /// Who stays past so many frames for longer than a burst lasts is given up.
    pub hard_frames: usize,
    /// Past so many bytes too.
    pub hard_bytes: usize,
}

/// How long a burst may fill an outbox past its bounds. When a site's power fails, thousands of alerts are
/// committed at once, and a reader that keeps up needs a moment to take them.
const BURST: Duration = Duration::from_secs(1);

/// A burst past so many times the bounds is too much for anybody.
const BURST_FACTOR: usize = 8;

impl Default for OutboxBounds {
    /// Conflates from 64 frames on; gives up who stays past 8,192 frames or 1 MiB.
    fn default() -> Self {
        Self { soft_frames: 64, hard_frames: 8_192, hard_bytes: 1 << 20 }
    }
}

/// Something that waits to be written to a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A finished frame of a channel.
    Frame(Bytes),
    /// The subscription to a channel has ended, with this code: 2000 stays away, 2500 subscribes again.
    Ended(ChannelName, u16),
}

/// A receiver of pushes.
#[derive(Debug)]
pub struct Subscriber {
    id: u64,
    bounds: OutboxBounds,
    counts: Arc<Counts>,
    outbox: Mutex<Outbox>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Outbox {
    slots: VecDeque<Option<Slot>>,
    /// The number of the front slot; slots are numbered on for ever.
    head: u64,
    overtaken: usize,
    bytes: usize,
    /// The newest slot of each subject. Empty (no conflation yet) or complete for all of `slots`.
    newest: HashMap<(ChannelName, Uuid), u64>,
    /// Since when it is past its bounds.
    over_since: Option<Instant>,
    close: Option<u16>,
}

#[derive(Debug)]
struct Slot {
    channel: ChannelName,
    subject: Option<Uuid>,
    outgoing: Outgoing,
}

impl Slot {
    const fn len(&self) -> usize {
        match &self.outgoing {
            Outgoing::Frame(frame) => frame.len(),
            Outgoing::Ended(..) => 0,
        }
    }

    fn key(&self) -> Option<(ChannelName, Uuid)> {
        self.subject.map(|subject| (self.channel, subject))
    }
}

impl Subscriber {
    pub(crate) fn new(id: u64, bounds: OutboxBounds, counts: Arc<Counts>) -> Self {
        Self { id, bounds, counts, outbox: Mutex::default(), filled: Notify::new() }
    }

    /// Its number, unique in this process.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Waits until something was put into the outbox. Cancel-safe.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Makes the next [`Self::filled`] return at once.
    pub fn nudge(&self) {
        self.filled.notify_one();
    }

    /// Moves what waits into `batch`, oldest first: at least one item if there is any, then more until `max_bytes`
    /// are reached. True if more is left; [`Self::filled`] then returns at once.
    pub fn take(&self, max_bytes: usize, batch: &mut Vec<Outgoing>) -> bool {
        let mut outbox = self.lock();
        let taken = outbox.take(max_bytes, batch);
        if outbox.slots.len() <= self.bounds.soft_frames / 2 {
            outbox.newest = HashMap::new();
        }
        if outbox.slots.is_empty() && outbox.slots.capacity() > KEPT_SLOTS {
            outbox.slots = VecDeque::new();
        }
        self.counts.moved_bytes(-taken.cast_signed());
        let is_more = !outbox.slots.is_empty();
        if is_more {
            self.filled.notify_one();
        }
        is_more
    }

    /// The code to close with, once somebody has asked for it.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        self.lock().close
    }

    /// Asks the session to close with `code`. The first code stays.
    pub fn close(&self, code: u16) {
        self.lock().close.get_or_insert(code);
        self.filled.notify_one();
    }

    /// Takes back whatever waits of `channel`.
    pub fn forget(&self, channel: ChannelName) {
        let mut outbox = self.lock();
        let before = outbox.bytes;
        outbox.retain(|slot| slot.channel != channel);
        self.counts.moved_bytes(outbox.bytes.cast_signed() - before.cast_signed());
    }

    /// Tells that the subscription to `channel` has ended.
    pub(crate) fn ended(&self, channel: ChannelName, code: u16) {
        self.put(Slot { channel, subject: None, outgoing: Outgoing::Ended(channel, code) });
    }

    /// Puts in a frame of `channel`. A later frame of the same `subject` may replace it while it waits; a frame
    /// without one is never left out.
    pub(crate) fn push(&self, channel: ChannelName, subject: Option<Uuid>, frame: Bytes) {
        self.put(Slot { channel, subject, outgoing: Outgoing::Frame(frame) });
    }

    fn put(&self, slot: Slot) {
        let mut outbox = self.lock();
        if outbox.close.is_some() {
            return;
        }
        let (before, overtaken) = (outbox.bytes, outbox.overtaken);
        let was_empty = outbox.slots.is_empty();
        outbox.put(slot, self.bounds.soft_frames);
        if outbox.overtaken > overtaken {
            self.counts.conflated.fetch_add(1, Relaxed);
            outbox.compact();
        }
        if outbox.is_hopeless(&self.bounds) {
            *outbox = Outbox { close: Some(TOO_SLOW), ..Outbox::default() };
            self.counts.too_slow.fetch_add(1, Relaxed);
        }
        self.counts.moved_bytes(outbox.bytes.cast_signed() - before.cast_signed());
        if was_empty || outbox.close.is_some() {
            drop(outbox);
            self.filled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let left = self.outbox.get_mut().unwrap_or_else(PoisonError::into_inner).bytes;
        self.counts.moved_bytes(-left.cast_signed());
    }
}

impl Outbox {
    fn take(&mut self, max_bytes: usize, batch: &mut Vec<Outgoing>) -> usize {
        let mut taken = 0;
        while taken < max_bytes
            && let Some(slot) = self.slots.pop_front()
        {
            self.head += 1;
            match slot {
                Some(slot) => {
                    taken += slot.len();
                    batch.push(slot.outgoing);
                }
                None => self.overtaken -= 1,
            }
        }
        self.bytes -= taken;
        taken
    }

    fn put(&mut self, slot: Slot, soft_frames: usize) {
        if self.newest.is_empty() && self.slots.len() >= soft_frames {
            self.index();
        }
        self.bytes += slot.len();
        if let Some(key) =
            slot.key().filter(|_| !self.newest.is_empty() || self.slots.len() >= soft_frames)
        {
            let number = self.head + self.slots.len() as u64;
            if let Some(old) =
                self.newest.insert(key, number).and_then(|old| old.checked_sub(self.head))
            {
                self.overtake(old);
            }
        }
        self.slots.push_back(Some(slot));
    }

    /// Whether its reader does not keep up.
    fn is_hopeless(&mut self, bounds: &OutboxBounds) -> bool {
        let is_past = |factor| {
            self.slots.len() > bounds.hard_frames * factor
                || self.bytes > bounds.hard_bytes * factor
        };
        if !is_past(1) {
            self.over_since = None;
            return false;
        }
        is_past(BURST_FACTOR) || self.over_since.get_or_insert_with(Instant::now).elapsed() > BURST
    }

    /// Empties a slot whose subject has a newer one. The newer one goes to the end, so that offsets keep rising.
    fn overtake(&mut self, at: u64) {
        let slot =
            usize::try_from(at).ok().and_then(|at| self.slots.get_mut(at)).and_then(Option::take);
        if let Some(slot) = slot {
            self.bytes -= slot.len();
            self.overtaken += 1;
        }
    }

    fn index(&mut self) {
        let head = self.head;
        let numbered = self.slots.iter().zip(head..);
        let keys = numbered.filter_map(|(slot, number)| Some((slot.as_ref()?.key()?, number)));
        self.newest = keys.collect();
    }

    /// Gives empty slots back once they are the larger part.
    fn compact(&mut self) {
        if self.overtaken * 2 > self.slots.len() {
            self.retain(|_| true);
        }
    }

    fn retain(&mut self, mut wanted: impl FnMut(&Slot) -> bool) {
        self.slots.retain(|slot| slot.as_ref().is_some_and(&mut wanted));
        self.overtaken = 0;
        self.bytes = self.slots.iter().flatten().map(Slot::len).sum();
        if !self.newest.is_empty() {
            self.index();
        }
    }
}

#[cfg(test)]
mod tests {
    use hub_domain::SiteId;

    use super::*;

    const SITE: ChannelName = ChannelName::Site(SiteId(Uuid::from_u128(1)));
    const OTHER: ChannelName = ChannelName::Site(SiteId(Uuid::from_u128(2)));

    fn subscriber(bounds: OutboxBounds) -> Subscriber {
        Subscriber::new(1, bounds, Arc::default())
    }

    fn frame(number: u32) -> Bytes {
        Bytes::from(format!("{number:04}"))
    }

    fn taken(subscriber: &Subscriber) -> Vec<String> {
        let mut batch = Vec::new();
        while subscriber.take(7, &mut batch) {}
        let text = |outgoing| match outgoing {
            Outgoing::Frame(frame) => String::from_utf8(frame.to_vec()).unwrap(),
            Outgoing::Ended(channel, code) => format!("{channel} {code}"),
        };
        batch.into_iter().map(text).collect()
    }

    #[test]
    fn below_the_soft_bound_everything_comes_in_order() {
        let subscriber = subscriber(OutboxBounds::default());
        for number in 0..40 {
            subscriber.push(SITE, Some(Uuid::from_u128(7)), frame(number));
        }
        assert_eq!(taken(&subscriber), (0..40).map(|n| format!("{n:04}")).collect::<Vec<_>>());
        assert_eq!(subscriber.counts.stats().outbox_bytes, 0);
    }

    #[test]
    fn above_it_a_newer_update_overtakes_the_older_and_order_is_kept() {
        let bounds = OutboxBounds { soft_frames: 4, ..OutboxBounds::default() };
        let subscriber = subscriber(bounds);
        for number in 0..100 {
            subscriber.push(SITE, Some(Uuid::from_u128(u128::from(number % 3))), frame(number));
            if number % 10 == 0 {
                subscriber.push(SITE, None, frame(1000 + number)); // an alert
            }
        }
        let seen = taken(&subscriber);
        let alerts: Vec<_> = (0..10).map(|n| format!("{:04}", 1000 + n * 10)).collect();
        assert_eq!(seen.iter().filter(|f| f.starts_with('1')).cloned().collect::<Vec<_>>(), alerts);
        let updates: Vec<_> = seen.iter().filter(|f| f.starts_with('0')).collect();
        assert!(updates.is_sorted(), "{updates:?}");
        assert_eq!(updates[updates.len() - 3..], ["0097", "0098", "0099"]);
        assert!(updates.len() <= 6, "{updates:?}");
        assert_eq!(subscriber.counts.stats().outbox_bytes, 0);
    }

    #[test]
    fn the_same_unit_on_two_channels_is_two_subjects() {
        let bounds = OutboxBounds { soft_frames: 0, ..OutboxBounds::default() };
        let subscriber = subscriber(bounds);
        for (channel, number) in [(SITE, 1), (OTHER, 2), (SITE, 3)] {
            subscriber.push(channel, Some(Uuid::nil()), frame(number));
        }
        assert_eq!(taken(&subscriber), ["0002", "0003"]);
    }

    #[test]
    fn a_long_conflation_keeps_no_empty_slots() {
        let bounds = OutboxBounds { soft_frames: 2, hard_frames: 20, hard_bytes: 1 << 20 };
        let subscriber = subscriber(bounds);
        for number in 0..5_000 {
            subscriber.push(SITE, Some(Uuid::from_u128(u128::from(number % 5))), frame(number));
        }
        assert_eq!(subscriber.close_code(), None);
        assert_eq!(taken(&subscriber), ["4995", "4996", "4997", "4998", "4999"]);
    }

    const NARROW: [OutboxBounds; 2] = [
        OutboxBounds { soft_frames: 2, hard_frames: 10, hard_bytes: 1 << 20 },
        OutboxBounds { soft_frames: 2, hard_frames: 1_000, hard_bytes: 40 },
    ];

    #[tokio::test(start_paused = true)]
    async fn who_stays_past_the_bounds_is_given_up() {
        for bounds in NARROW {
            let subscriber = subscriber(bounds);
            for number in 0..11 {
                subscriber.push(SITE, None, frame(number));
            }
            tokio::time::advance(BURST).await;
            subscriber.push(SITE, None, frame(11));
            assert_eq!(subscriber.close_code(), None);
            tokio::time::advance(Duration::from_millis(1)).await;
            subscriber.push(SITE, None, frame(12));
            assert_eq!(subscriber.close_code(), Some(TOO_SLOW));
            assert_eq!(taken(&subscriber), Vec::<String>::new());
            assert_eq!(subscriber.counts.stats().outbox_bytes, 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_burst_in_time_is_kept() {
        for bounds in NARROW {
            let subscriber = subscriber(bounds);
            for round in 0..5 {
                (0..60).for_each(|number| subscriber.push(SITE, None, frame(number)));
                tokio::time::advance(BURST).await;
                assert_eq!(taken(&subscriber).len(), 60, "round {round}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_burst_may_be_endless() {
        for bounds in NARROW {
            let subscriber = subscriber(bounds);
            for number in 0..81 {
                assert_eq!(subscriber.close_code(), None, "{number}");
                subscriber.push(SITE, None, frame(number));
            }
            assert_eq!(subscriber.close_code(), Some(TOO_SLOW));
        }
    }

    #[test]
    fn what_waits_of_a_channel_can_be_taken_back() {
        let subscriber = subscriber(OutboxBounds::default());
        subscriber.push(SITE, None, frame(1));
        subscriber.push(OTHER, None, frame(2));
        subscriber.ended(SITE, 2500);
        subscriber.forget(SITE);
        assert_eq!(taken(&subscriber), ["0002"]);
        subscriber.ended(SITE, 2500);
        assert_eq!(taken(&subscriber), [format!("{SITE} 2500")]);
    }
}
