//! What waits to be written to one subscriber: bounded, conflated when it fills, given up when it overflows.

use std::{
    collections::{HashMap, VecDeque},
    io::IoSlice,
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use tokio::time::Instant;
use uuid::Uuid;

use super::{ChannelName, Wire};

/// How many frames one system call takes.
const FRAMES_A_WRITE: usize = 64;

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
pub(super) const BURST: Duration = Duration::from_secs(1);

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

#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) slots: VecDeque<Option<Slot>>,
    /// The number of the front slot; slots are numbered on for ever.
    head: u64,
    pub(super) overtaken: usize,
    pub(super) bytes: usize,
    /// The newest slot of each subject. Empty (no conflation yet) or complete for all of `slots`.
    newest: HashMap<(ChannelName, Uuid), u64>,
    /// Since when it is past its bounds.
    over_since: Option<Instant>,
    pub(super) close: Option<u16>,
    /// Whether its session writes: nobody else may then.
    pub(super) is_held: bool,
    /// What is left of a frame that was begun: nothing may come between.
    pub(super) rest: Option<Bytes>,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) channel: ChannelName,
    pub(super) subject: Option<Uuid>,
    pub(super) outgoing: Outgoing,
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

impl Outbox {
    /// Whether something waits to be written.
    pub(super) fn is_waiting(&self) -> bool {
        self.rest.is_some() || !self.slots.is_empty()
    }

    /// Drops what waits, but for what was begun, and asks for the end.
    pub(super) fn give_up(&mut self, code: u16) {
        let (is_held, rest) = (self.is_held, self.rest.take());
        *self = Self { close: Some(code), is_held, rest, ..Self::default() };
    }

    /// Gives memory back that a burst took.
    pub(super) fn shrink(&mut self, bounds: &OutboxBounds) {
        if self.slots.len() <= bounds.soft_frames / 2 {
            self.newest = HashMap::new();
        }
        if self.slots.is_empty() && self.slots.capacity() > KEPT_SLOTS {
            self.slots = VecDeque::new();
        }
    }

    /// Writes frames, oldest first, as far as they are taken at once. What is left then is for the session: the ends of
    /// subscriptions, what was not taken, and word of a connection that is over.
    pub(super) fn write(&mut self, wire: &dyn Wire) {
        let mut slices = [IoSlice::new(&[]); FRAMES_A_WRITE];
        let mut used = 0;
        for (slice, slot) in slices.iter_mut().zip(self.slots.iter().flatten()) {
            let Outgoing::Frame(frame) = &slot.outgoing else { break };
            *slice = IoSlice::new(frame);
            used += 1;
        }
        if used > 0
            && let Ok(written) = wire.try_write(&slices[..used])
        {
            self.advance(written);
        }
    }

    /// Takes out what was written.
    fn advance(&mut self, mut written: usize) {
        while written > 0
            && let Some(slot) = self.slots.pop_front()
        {
            self.head += 1;
            let Some(slot) = slot else {
                self.overtaken -= 1;
                continue;
            };
            let len = slot.len();
            self.bytes -= len;
            if let Outgoing::Frame(mut frame) = slot.outgoing
                && written < len
            {
                frame.advance(written);
                self.rest = Some(frame);
            }
            written = written.saturating_sub(len);
        }
    }

    pub(super) fn take(&mut self, max_bytes: usize, batch: &mut Vec<Outgoing>) -> usize {
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

    pub(super) fn put(&mut self, slot: Slot, soft_frames: usize) {
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
    pub(super) fn is_hopeless(&mut self, bounds: &OutboxBounds) -> bool {
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
    pub(super) fn compact(&mut self) {
        if self.overtaken * 2 > self.slots.len() {
            self.retain(|_| true);
        }
    }

    pub(super) fn retain(&mut self, mut wanted: impl FnMut(&Slot) -> bool) {
        self.slots.retain(|slot| slot.as_ref().is_some_and(&mut wanted));
        self.overtaken = 0;
        self.bytes = self.slots.iter().flatten().map(Slot::len).sum();
        if !self.newest.is_empty() {
            self.index();
        }
    }
}
