//! How many messages of a channel there is room for: to a person in five minutes, and by an organization in an hour.
//!
//! A few a person are sent by themselves; what comes then is gathered into one message, of which there are at most so many
//! in any five minutes. The organization's last tenth of an hour's SMS is kept for saying, once a person, that there is
//! more.

use std::collections::BTreeMap;

use super::{
    intent::Stage,
    policy::Channel,
    situation::{PersonId, Sent, Told},
};
use crate::{Timestamp, notify::IntentId};

/// A person gets at most [`Limits::in_window`] in any so many seconds (trial N3).
const WINDOW_SECS: u32 = 300;
const WINDOW_MILLIS: i64 = WINDOW_SECS as i64 * 1_000;
/// How long what is left is gathered.
const GATHER_SECS: u32 = 60;
/// So long before it is sent nothing joins it any more, so that what joins is written before anybody reads it.
const CLOSES_SECS: u32 = 5;
const HOUR_MILLIS: i64 = 3_600_000;

/// How many there are of a channel.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// To a person in five minutes.
    in_window: usize,
    /// Of which so many are of one alert.
    alone: usize,
}

const fn limits(channel: Channel) -> Limits {
    match channel {
        // trial N3
        Channel::Sms => Limits { in_window: 3, alone: 2 },
        // what somebody reads one by one; a mailbox that gets a thousand in a minute is closed by its provider
        Channel::Email => Limits { in_window: 12, alone: 10 },
    }
}

/// A message to a person that is not sent yet, and that more may join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenGroup {
    pub(super) id: IntentId,
    pub(super) send_at: Timestamp,
}

/// What may be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// It is sent now.
    Alone,
    /// It joins a message that is to be sent.
    Join(OpenGroup),
    /// It begins such a message, to be sent then.
    Begin(Timestamp),
    /// There is none; the person is told so, then.
    TellOverflow(Timestamp),
    /// There is none, and they know, or nothing more may be sent.
    Full,
}

/// An organization's messages of a channel.
pub(super) struct MessageRoom {
    now: Timestamp,
    limits: Limits,
    by_person: BTreeMap<PersonId, Vec<Timestamp>>,
    groups: BTreeMap<PersonId, OpenGroup>,
    overflowed: BTreeMap<PersonId, Timestamp>,
    used: u32,
    most: u32,
}

impl MessageRoom {
    /// The room that is left in `channel` by what was sent and what is on the ledger. The organization sends at most
    /// `most` in an hour.
    pub(super) fn of<'a>(
        (channel, most): (Channel, u32),
        now: Timestamp,
        sent: &[Sent],
        told: impl Iterator<Item = &'a Told>,
        is_ended: impl Fn(IntentId) -> bool,
    ) -> Self {
        let hour_ago = now.plus_millis(-HOUR_MILLIS);
        let is_its = move |it: &&Sent| it.channel == channel && it.at > hour_ago;
        let of_hour = || sent.iter().filter(is_its);
        let used = u32::try_from(of_hour().count()).unwrap_or(u32::MAX);
        let mut room = Self {
            now,
            limits: limits(channel),
            by_person: BTreeMap::new(),
            groups: BTreeMap::new(),
            overflowed: BTreeMap::new(),
            used,
            most,
        };
        for Sent { person, at, .. } in of_hour() {
            room.by_person.entry(*person).or_default().push(*at);
        }
        let is_of_several = |line: &&Told| line.alert.is_none() && line.channel == channel;
        for line in told.filter(is_of_several).filter(|line| !is_ended(line.id)) {
            let group = OpenGroup { id: line.id, send_at: line.send_at };
            if line.stage == Stage::Group
                && line.is_unsent()
                && line.send_at > now.plus_secs(CLOSES_SECS)
            {
                room.groups.insert(line.person, group);
            }
            if line.stage == Stage::Overflow && line.send_at > hour_ago {
                room.overflowed.insert(line.person, line.send_at);
            }
        }
        room
    }

    /// What may be done with one more message to a person.
    pub(super) fn ask(&self, person: PersonId) -> Room {
        if let Some(group) = self.groups.get(&person) {
            return Room::Join(*group);
        }
        if self.used >= self.most - self.kept() {
            let may_say = self.used < self.most && !self.overflowed.contains_key(&person);
            let at = self.first_fit(person, self.now);
            return if may_say { Room::TellOverflow(at) } else { Room::Full };
        }
        if self.recent(person) < self.limits.alone && self.fits(person, self.now) {
            return Room::Alone;
        }
        Room::Begin(self.first_fit(person, self.now.plus_secs(GATHER_SECS)))
    }

    /// Takes note of a message to be sent.
    pub(super) fn take(&mut self, person: PersonId, at: Timestamp) {
        self.used = self.used.saturating_add(1);
        self.by_person.entry(person).or_default().push(at);
    }

    /// Takes note of a message that more may join.
    pub(super) fn begin(&mut self, person: PersonId, group: OpenGroup) {
        self.take(person, group.send_at);
        self.groups.insert(person, group);
    }

    /// Takes note of a person who is told that there is more.
    pub(super) fn overflow(&mut self, person: PersonId, at: Timestamp) {
        self.take(person, at);
        self.overflowed.insert(person, at);
    }

    /// What is kept for saying that there is more: a tenth, and one at least where any may be sent.
    fn kept(&self) -> u32 {
        self.most.div_ceil(10)
    }

    fn times(&self, person: PersonId) -> &[Timestamp] {
        self.by_person.get(&person).map_or(&[], Vec::as_slice)
    }

    /// How many a person got in the last five minutes, or is to get.
    fn recent(&self, person: PersonId) -> usize {
        let window = self.now.plus_millis(-WINDOW_MILLIS);
        self.times(person).iter().filter(|at| **at > window).count()
    }

    /// Whether one more at `at` leaves at most so many in each five minutes.
    fn fits(&self, person: PersonId, at: Timestamp) -> bool {
        let times = self.times(person);
        let ends = times.iter().copied().filter(|end| *end >= at).chain([at]);
        let is_in =
            |end: Timestamp, time: Timestamp| time <= end && end.millis_since(time) < WINDOW_MILLIS;
        let within = |end| times.iter().filter(|time| is_in(end, **time)).count();
        ends.filter(|end| is_in(*end, at)).all(|end| within(end) < self.limits.in_window)
    }

    /// The first instant from `from` on at which one more fits.
    fn first_fit(&self, person: PersonId, from: Timestamp) -> Timestamp {
        let frees = self.times(person).iter().map(|at| at.plus_secs(WINDOW_SECS));
        let later = frees.filter(|at| *at > from).chain([from]);
        later.filter(|at| self.fits(person, *at)).min().unwrap_or(from)
    }
}
