//! One channel's stream: its position, its history and who listens.
//!
//! The seam of a publication is here: the owner gives it a position, remembers the value, encodes it once if
//! anybody listens, and shares the frame among all outboxes.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use bytes::Bytes;
use hub_domain::{AlertEventKind, SiteId, UnitId};
use hub_store::records::AlertRecord;
use uuid::Uuid;

use super::{ChannelName, Encoder, Subscriber, counts::Counts, organization::SiteSummary};
use crate::ShownUnit;

/// Names one unbroken sequence of a channel. Another epoch: another sequence, and offsets say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

/// A place in a channel's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The sequence.
    pub epoch: Epoch,
    /// How many publications of it came before and at this place.
    pub offset: u64,
}

/// What happened to an alert, with the alert after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertChange {
    /// What happened.
    pub event: AlertEventKind,
    /// The alert after it.
    pub alert: AlertRecord,
}

/// What is published: a value, not yet encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A unit after a change.
    Unit(Arc<ShownUnit>),
    /// Something that happened to an alert.
    Alert(Arc<AlertChange>),
    /// A site's summary after a change.
    Summary(Arc<SiteSummary>),
    /// A unit was deleted.
    UnitRemoved {
        /// The site it was in.
        site: SiteId,
        /// Which.
        unit: UnitId,
    },
    /// A site was deleted.
    SiteRemoved(SiteId),
}

impl News {
    /// What a newer publication of the same subject makes superfluous; `None` is never left out.
    fn subject(&self) -> Option<Uuid> {
        match self {
            Self::Unit(shown) => Some(shown.unit.0),
            Self::Summary(summary) => Some(summary.site.0),
            Self::UnitRemoved { unit, .. } => Some(unit.0),
            Self::SiteRemoved(site) => Some(site.0),
            Self::Alert(_) => None,
        }
    }
}

/// A publication as the history keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Its position within the epoch, from 1.
    pub offset: u64,
    /// When it was published, in Unix nanoseconds.
    pub at_nanos: i64,
    /// What it says.
    pub news: News,
}

/// How much history a channel keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryBounds {
    /// At most so many publications.
    pub len: usize,
    /// None older than this.
    pub secs: u32,
}

impl Default for HistoryBounds {
    /// 1,024 publications of 5 minutes.
    fn default() -> Self {
        Self { len: 1_024, secs: 300 }
    }
}

/// One publication on its way into one or more streams: encoded at most once for all of them.
pub(crate) struct Telling<'a> {
    pub(crate) encoder: &'a dyn Encoder,
    pub(crate) counts: &'a Counts,
    pub(crate) history: HistoryBounds,
    pub(crate) at_nanos: i64,
}

/// A channel's stream.
#[derive(Debug)]
pub(crate) struct Stream {
    name: ChannelName,
    epoch: Epoch,
    offset: u64,
    history: VecDeque<Publication>,
    /// With their numbers beside them, so that a search touches no outbox.
    listeners: Vec<(u64, Arc<Subscriber>)>,
}

impl Stream {
    pub(crate) const fn new(name: ChannelName, epoch: Epoch) -> Self {
        Self { name, epoch, offset: 0, history: VecDeque::new(), listeners: Vec::new() }
    }

    pub(crate) const fn position(&self) -> Position {
        Position { epoch: self.epoch, offset: self.offset }
    }

    pub(crate) const fn is_heard(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// Publishes. `data` carries the encoded news from one stream to the next.
    pub(crate) fn tell(&mut self, news: News, data: &mut Option<Bytes>, telling: &Telling<'_>) {
        self.offset += 1;
        telling.counts.publications.fetch_add(1, Relaxed);
        if self.is_heard() {
            self.fan_out(&news, data, telling);
        }
        self.age(telling.at_nanos, telling.history);
        if self.history.len() >= telling.history.len {
            self.history.pop_front();
        }
        self.history.push_back(Publication {
            offset: self.offset,
            at_nanos: telling.at_nanos,
            news,
        });
    }

    fn fan_out(&self, news: &News, data: &mut Option<Bytes>, telling: &Telling<'_>) {
        let data = data.get_or_insert_with(|| telling.encoder.data(news, telling.at_nanos));
        let frame = telling.encoder.push(self.name, self.offset, data);
        let subject = news.subject();
        for (_, listener) in &self.listeners {
            listener.push(self.name, subject, frame.clone());
        }
        telling.counts.deliveries.fetch_add(self.listeners.len() as u64, Relaxed);
    }

    /// Forgets what is older than the history may be.
    pub(crate) fn age(&mut self, now_nanos: i64, bounds: HistoryBounds) {
        let oldest = now_nanos.saturating_sub(i64::from(bounds.secs) * 1_000_000_000);
        while self.history.front().is_some_and(|publication| publication.at_nanos < oldest) {
            self.history.pop_front();
        }
        if self.history.is_empty() && self.history.capacity() > 0 {
            self.history = VecDeque::new();
        }
    }

    /// Every publication after `since`, or `None` if one of them is no longer there.
    pub(crate) fn after(&self, since: Position) -> Option<Vec<Publication>> {
        if since.epoch != self.epoch {
            return None;
        }
        let missed = usize::try_from(self.offset.checked_sub(since.offset)?).ok()?;
        let kept = self.history.len();
        let from = kept.checked_sub(missed)?;
        Some(self.history.range(from..).cloned().collect())
    }

    /// All that the history has.
    pub(crate) fn kept(&self) -> Vec<Publication> {
        self.history.iter().cloned().collect()
    }

    /// Adds a listener; false if it listens already.
    pub(crate) fn listen(&mut self, subscriber: &Arc<Subscriber>, counts: &Counts) -> bool {
        if self.listeners.iter().any(|(known, _)| *known == subscriber.id()) {
            return false;
        }
        self.listeners.push((subscriber.id(), Arc::clone(subscriber)));
        counts.subscriptions.fetch_add(1, Relaxed);
        true
    }

    /// Removes a listener; false if it did not listen.
    pub(crate) fn leave(&mut self, subscriber: u64, counts: &Counts) -> bool {
        let Some(at) = self.listeners.iter().position(|(known, _)| *known == subscriber) else {
            return false;
        };
        self.listeners.swap_remove(at);
        if self.listeners.is_empty() {
            self.listeners = Vec::new();
        }
        counts.subscriptions.fetch_sub(1, Relaxed);
        true
    }

    /// Breaks the sequence: a new epoch, and every listener is asked to subscribe again.
    pub(crate) fn reset(&mut self, epoch: Epoch, counts: &Counts) {
        self.dismiss(super::SUBSCRIBE_AGAIN, counts);
        *self = Self::new(self.name, epoch);
    }

    /// Ends every subscription with `code`.
    pub(crate) fn dismiss(&mut self, code: u16, counts: &Counts) {
        let listeners = std::mem::take(&mut self.listeners);
        counts.subscriptions.fetch_sub(i64::try_from(listeners.len()).unwrap_or_default(), Relaxed);
        for (_, listener) in listeners {
            listener.ended(self.name, code);
        }
    }

    /// True if nobody would miss it: no listener, no history.
    pub(crate) fn is_idle(&self) -> bool {
        self.listeners.is_empty() && self.history.is_empty()
    }
}
