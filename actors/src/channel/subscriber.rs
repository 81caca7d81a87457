//! One subscriber: channels put finished frames into its outbox and never wait; they are written at once by a shard where
//! its connection can be reached, and else taken out by its session. What a slow reader holds back is bounded by the outbox
//! alone.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, atomic::Ordering::Relaxed};

use bytes::Bytes;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{
    ChannelName, OutboxBounds, Outgoing, TOO_SLOW,
    counts::Counts,
    outbox::{Outbox, Slot},
    shards::Line,
};

/// A receiver of pushes.
#[derive(Debug)]
pub struct Subscriber {
    id: u64,
    bounds: OutboxBounds,
    counts: Arc<Counts>,
    outbox: Mutex<Outbox>,
    filled: Notify,
    line: OnceLock<Line>,
}

impl Subscriber {
    pub(crate) fn new(id: u64, bounds: OutboxBounds, counts: Arc<Counts>) -> Self {
        let (outbox, filled, line) = (Mutex::default(), Notify::new(), OnceLock::new());
        Self { id, bounds, counts, outbox, filled, line }
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

    /// Moves what waits into `batch`, oldest first: at least one item if there is any, then more until `max_bytes`
    /// are reached. True if more is left; [`Self::filled`] then returns at once.
    pub fn take(&self, max_bytes: usize, batch: &mut Vec<Outgoing>) -> bool {
        let mut outbox = self.lock();
        let taken = outbox.take(max_bytes, batch);
        outbox.shrink(&self.bounds);
        self.counts.moved_bytes(-taken.cast_signed());
        let is_more = !outbox.slots.is_empty();
        if is_more {
            self.filled.notify_one();
        }
        is_more
    }

    /// Has frames written straight to its connection from now on, unless its session writes.
    pub(super) fn connect(&self, line: Line) {
        self.line.set(line).ok(); // it has one connection
    }

    /// Keeps everybody but its session from writing until [`Self::release`]. Gives the rest of a frame of which a part was
    /// written already, if there is one: that has to be written first.
    pub fn hold(&self) -> Option<Bytes> {
        let mut outbox = self.lock();
        outbox.is_held = true;
        outbox.rest.take()
    }

    /// Says that its session has written what it had to. Where more waits by now, it stays held, and [`Self::filled`] returns
    /// at once.
    pub fn release(&self) {
        let mut outbox = self.lock();
        outbox.is_held = outbox.is_waiting();
        if outbox.is_held {
            self.filled.notify_one();
        }
    }

    /// Writes what waits, unless its session does.
    pub(super) fn write(&self) {
        let Some(line) = self.line.get() else { return };
        let mut outbox = self.lock();
        if outbox.is_held || outbox.rest.is_some() || outbox.close.is_some() {
            return; // its session knows, and looks at all that waits
        }
        let before = outbox.bytes;
        outbox.write(&*line.wire);
        outbox.shrink(&self.bounds);
        self.counts.moved_bytes(outbox.bytes.cast_signed() - before.cast_signed());
        if outbox.is_waiting() {
            self.filled.notify_one();
        }
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
    pub(crate) fn ended(self: &Arc<Self>, channel: ChannelName, code: u16) {
        self.put(Slot { channel, subject: None, outgoing: Outgoing::Ended(channel, code) });
    }

    /// Puts in a frame of `channel`. A later frame of the same `subject` may replace it while it waits; a frame
    /// without one is never left out.
    pub(crate) fn push(
        self: &Arc<Self>,
        channel: ChannelName,
        subject: Option<Uuid>,
        frame: Bytes,
    ) {
        self.put(Slot { channel, subject, outgoing: Outgoing::Frame(frame) });
    }

    fn put(self: &Arc<Self>, slot: Slot) {
        let mut outbox = self.lock();
        if outbox.close.is_some() {
            return;
        }
        let (before, overtaken) = (outbox.bytes, outbox.overtaken);
        let was_empty = outbox.slots.is_empty();
        let is_frame = matches!(slot.outgoing, Outgoing::Frame(_));
        outbox.put(slot, self.bounds.soft_frames);
        if outbox.overtaken > overtaken {
            self.counts.conflated.fetch_add(1, Relaxed);
            outbox.compact();
        }
        if outbox.is_hopeless(&self.bounds) {
            outbox.give_up(TOO_SLOW);
            self.counts.too_slow.fetch_add(1, Relaxed);
        }
        self.counts.moved_bytes(outbox.bytes.cast_signed() - before.cast_signed());
        let (is_over, is_held) = (outbox.close.is_some(), outbox.is_held);
        drop(outbox);
        match self.line.get().filter(|_| is_frame && !is_over) {
            Some(line) if was_empty && !is_held => line.write_soon(self),
            Some(_) => {} // whoever writes looks again
            None if was_empty || is_over => self.filled.notify_one(),
            None => {}
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

#[cfg(test)]
mod tests {
    use std::{io, io::IoSlice, time::Duration};

    use hub_domain::SiteId;

    use super::*;
    use crate::channel::{Wire, outbox::BURST, shards::Shards};

    const SITE: ChannelName = ChannelName::Site(SiteId(Uuid::from_u128(1)));
    const OTHER: ChannelName = ChannelName::Site(SiteId(Uuid::from_u128(2)));

    fn subscriber(bounds: OutboxBounds) -> Arc<Subscriber> {
        Arc::new(Subscriber::new(1, bounds, Arc::default()))
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

    /// A connection that takes so many bytes, and no more until it is read.
    #[derive(Default)]
    struct Pipe(Mutex<(usize, Vec<u8>)>);

    impl Pipe {
        fn of(room: usize) -> Arc<Self> {
            Arc::new(Self(Mutex::new((room, Vec::new()))))
        }

        fn read(&self, room: usize) -> String {
            let mut pipe = self.0.lock().unwrap();
            pipe.0 = room;
            String::from_utf8(std::mem::take(&mut pipe.1)).unwrap()
        }
    }

    impl Wire for Pipe {
        fn try_write(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
            let mut pipe = self.0.lock().unwrap();
            let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.iter().copied()).collect();
            let taken = bytes.len().min(pipe.0);
            if taken == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            pipe.0 -= taken;
            pipe.1.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }
    }

    fn connected(pipe: &Arc<Pipe>) -> Arc<Subscriber> {
        let subscriber = subscriber(OutboxBounds::default());
        let wire: Arc<Pipe> = Arc::clone(pipe);
        subscriber.connect(Shards::default().line(1, wire));
        subscriber
    }

    /// Whether its session was told, after shards have done what they can.
    async fn is_told(subscriber: &Subscriber) -> bool {
        tokio::time::timeout(Duration::from_millis(10), subscriber.filled()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_frames_at_once_is_written_to_without_its_session() {
        let pipe = Pipe::of(1_000_000);
        let subscriber = connected(&pipe);
        for round in 0..3 {
            (0..100).for_each(|number| subscriber.push(SITE, None, frame(100 * round + number)));
            // 64 at a time: its session does the rest
            assert!(is_told(&subscriber).await);
            assert_eq!(pipe.read(1_000_000).len(), 64 * 4);
            assert_eq!(taken(&subscriber).len(), 36);
            is_told(&subscriber).await; // that there was more
            subscriber.push(SITE, None, frame(1));
            assert!(!is_told(&subscriber).await);
            assert_eq!(pipe.read(1_000_000), "0001");
        }
        assert_eq!(subscriber.counts.stats().outbox_bytes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_taken_at_once_is_its_sessions_from_the_byte_on() {
        let pipe = Pipe::of(6);
        let subscriber = connected(&pipe);
        (1..4).for_each(|number| subscriber.push(SITE, None, frame(number)));
        assert!(is_told(&subscriber).await);
        subscriber.push(SITE, None, frame(4)); // nothing comes into the middle
        assert!(!is_told(&subscriber).await);
        assert_eq!(pipe.read(1_000), "000100");
        assert_eq!(subscriber.hold().unwrap(), "02");
        assert_eq!(taken(&subscriber), ["0003", "0004"]);
        is_told(&subscriber).await; // that there was more
        subscriber.push(SITE, None, frame(5));
        assert!(!is_told(&subscriber).await);
        assert_eq!(pipe.read(1_000), "", "its session may be in the middle of something");
        subscriber.release();
        assert!(is_told(&subscriber).await, "more has come");
        assert_eq!(taken(&subscriber), ["0005"]);
        subscriber.release();
        subscriber.push(SITE, None, frame(6));
        assert!(!is_told(&subscriber).await);
        assert_eq!(pipe.read(1_000), "0006");
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_is_told_by_its_session_after_the_frames_before_it() {
        let pipe = Pipe::of(1_000);
        let subscriber = connected(&pipe);
        subscriber.push(SITE, None, frame(1));
        subscriber.ended(SITE, 2500);
        subscriber.push(OTHER, None, frame(2));
        assert!(is_told(&subscriber).await);
        assert_eq!(pipe.read(1_000), "0001");
        assert_eq!(taken(&subscriber), [format!("{SITE} 2500"), "0002".to_owned()]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_given_up_still_has_its_begun_frame_ended() {
        let pipe = Pipe::of(2);
        let bounds = OutboxBounds { soft_frames: 2, hard_frames: 1, hard_bytes: 1 << 20 };
        let subscriber = subscriber(bounds);
        subscriber.connect(Shards::default().line(1, pipe.clone()));
        subscriber.push(SITE, None, frame(1));
        assert!(is_told(&subscriber).await);
        (2..20).for_each(|number| subscriber.push(SITE, None, frame(number)));
        assert_eq!(subscriber.close_code(), Some(TOO_SLOW));
        assert_eq!(
            (subscriber.hold().unwrap(), pipe.read(0)),
            (Bytes::from("01"), "00".to_owned())
        );
    }
}
