//! What a day or a week was like.

use hub_domain::{AlertKind, Timestamp};
use minijinja::{Value, context};

use super::measure::{View, duration, share};
use super::message::Room;

/// What it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestPeriod {
    /// A day.
    Daily,
    /// A week.
    Weekly,
}

/// A day or a week of the sites that somebody chose.
#[derive(Clone)]
pub struct Digest {
    /// The organization.
    pub organization: String,
    /// A day or a week.
    pub period: DigestPeriod,
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// The sites, in the order to be shown.
    pub sites: Vec<DigestSite>,
    /// More of it on screen.
    pub view_url: Option<String>,
    /// Ends such mails.
    pub unsubscribe_url: Option<String>,
    /// How the reader sees it.
    pub view: View,
}

/// One site of it. Times are of all its units together.
#[derive(Clone, Debug)]
pub struct DigestSite {
    /// What it is called.
    pub name: String,
    /// Within limits, in seconds.
    pub in_secs: u64,
    /// Outside limits, in seconds.
    pub out_secs: u64,
    /// Nobody knows, in seconds.
    pub unknown_secs: u64,
    /// Alerts that opened.
    pub alerts: u32,
    /// Manual logs that nobody made in time.
    pub missed_logs: u32,
    /// Units that need somebody's attention.
    pub attention: Vec<DigestUnit>,
    /// How many more of them there are than are listed.
    pub more: u32,
}

/// One unit that needs somebody's attention.
#[derive(Clone, Debug)]
pub struct DigestUnit {
    /// What it is called.
    pub name: String,
    /// Outside limits, in seconds.
    pub out_secs: u64,
    /// Whether nothing is heard of it.
    pub is_silent: bool,
    /// Manual logs that nobody made in time.
    pub missed_logs: u32,
    /// Its alerts that are open.
    pub open: Vec<AlertKind>,
}

impl Digest {
    pub(super) fn values(&self, room: Room) -> Value {
        let period = match self.period {
            DigestPeriod::Daily => "daily",
            DigestPeriod::Weekly => "weekly",
        };
        context! {
            organization => room.name(&self.organization),
            period => period,
            attention => self.sites.iter().map(DigestSite::attention).sum::<usize>(),
            sites => self.sites.iter().map(|site| site.values(room)).collect::<Vec<_>>(),
            from_long => self.view.time_long(self.from),
            until_long => self.view.time_long(self.until),
            view_url => self.view_url.clone(),
            unsubscribe_url => self.unsubscribe_url.clone(),
        }
    }
}

impl DigestSite {
    /// How many units need somebody's attention.
    fn attention(&self) -> usize {
        self.attention.len() + usize::try_from(self.more).unwrap_or(usize::MAX)
    }

    fn values(&self, room: Room) -> Value {
        let some = |secs| (secs > 0).then(|| duration(secs));
        let whole = self.in_secs.saturating_add(self.out_secs).saturating_add(self.unknown_secs);
        context! {
            name => room.name(&self.name),
            share => share(self.in_secs, whole),
            out => some(self.out_secs),
            unknown => some(self.unknown_secs),
            alerts => self.alerts,
            missed_logs => self.missed_logs,
            more => self.more,
            units => self.attention.iter().map(|unit| unit.values(room)).collect::<Vec<_>>(),
        }
    }
}

impl DigestUnit {
    fn values(&self, room: Room) -> Value {
        context! {
            name => room.name(&self.name),
            out => (self.out_secs > 0).then(|| duration(self.out_secs)),
            is_silent => self.is_silent,
            missed_logs => self.missed_logs,
            open => self.open.iter().map(|kind| Value::from(kind.name())).collect::<Vec<_>>(),
        }
    }
}
