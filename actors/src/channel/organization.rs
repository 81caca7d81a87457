//! An organization's channel: alert events of all its sites, and a summary of each site.
//!
//! It keeps what its snapshot needs itself, so that snapshot and offset agree under its one lock. A site tells it
//! of alert events and of changed counts while holding its own lock; the order is site, then organization, never
//! the other way round.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use hub_domain::{AlertId, AlertStatus, OrgId, SiteId, Status};
use hub_store::records::AlertRecord;

use super::{
    ChannelName,
    counts::Counts,
    stream::{AlertChange, Epoch, News, Stream, Telling},
};

/// How many units of a site are shown as what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusCounts([u32; Status::ALL.len()]);

impl StatusCounts {
    /// How many units are shown as `status`.
    #[must_use]
    pub const fn of(&self, status: Status) -> u32 {
        self.0[status as usize]
    }

    /// How many units there are.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// The most urgent status that a unit has; `ok` of none.
    #[must_use]
    pub fn worst(&self) -> Status {
        let present = Status::ALL.iter().copied().filter(|status| self.of(*status) > 0);
        present.max().unwrap_or(Status::Ok)
    }

    pub(crate) const fn add(&mut self, status: Status) {
        self.0[status as usize] += 1;
    }

    pub(crate) const fn remove(&mut self, status: Status) {
        self.0[status as usize] -= 1;
    }
}

/// A site in a few numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteSummary {
    /// Its id.
    pub site: SiteId,
    /// Its name.
    pub name: Arc<str>,
    /// Its units by status.
    pub counts: StatusCounts,
    /// How many alerts are open.
    pub open_alerts: usize,
}

/// What a subscriber to an organization's channel starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationSnapshot {
    /// The organization.
    pub organization: OrgId,
    /// Its name.
    pub name: Arc<str>,
    /// Its live sites, by id.
    pub sites: Vec<Arc<SiteSummary>>,
    /// Open alerts, oldest first.
    pub alerts: Vec<Arc<AlertRecord>>,
}

/// The owner of an organization's channel.
#[derive(Debug)]
pub(crate) struct Organization {
    id: OrgId,
    name: Arc<str>,
    sites: BTreeMap<SiteId, Arc<SiteSummary>>,
    alerts: BTreeMap<AlertId, Arc<AlertRecord>>,
    /// Sites whose summary has changed since it was last published.
    changed: BTreeSet<SiteId>,
    pub(crate) stream: Stream,
}

impl Organization {
    pub(crate) fn new(id: OrgId, epoch: Epoch) -> Self {
        Self {
            id,
            name: Arc::from(""),
            sites: BTreeMap::new(),
            alerts: BTreeMap::new(),
            changed: BTreeSet::new(),
            stream: Stream::new(ChannelName::Organization(id), epoch),
        }
    }

    pub(crate) fn rename(&mut self, name: &str) {
        if &*self.name != name {
            self.name = Arc::from(name);
        }
    }

    /// Takes over a site whole. Alerts that were told to nobody break the sequence.
    pub(crate) fn adopt(
        &mut self,
        summary: SiteSummary,
        alerts: &BTreeMap<AlertId, Arc<AlertRecord>>,
        epoch: Epoch,
        counts: &Counts,
    ) {
        let site = summary.site;
        let known = self.alerts.values().filter(|alert| alert.site == site);
        let is_told = known.eq(alerts.values());
        self.alerts.retain(|_, alert| alert.site != site);
        self.alerts.extend(alerts.iter().map(|(id, alert)| (*id, Arc::clone(alert))));
        self.summarize(summary);
        if !is_told {
            self.stream.reset(epoch, counts);
        }
    }

    /// Publishes what happened to an alert.
    pub(crate) fn tell(
        &mut self,
        change: &Arc<AlertChange>,
        data: &mut Option<Bytes>,
        telling: &Telling<'_>,
    ) {
        let alert = &change.alert;
        if alert.status == AlertStatus::Resolved {
            self.alerts.remove(&alert.id);
        } else {
            self.alerts.insert(alert.id, Arc::new(alert.clone()));
        }
        self.stream.tell(News::Alert(Arc::clone(change)), data, telling);
    }

    /// Takes a site's new numbers, to be published with the next tick. True if it is the first change since.
    pub(crate) fn summarize(&mut self, summary: SiteSummary) -> bool {
        let site = summary.site;
        self.sites.insert(site, Arc::new(summary));
        let is_first = self.changed.is_empty();
        self.changed.insert(site);
        is_first
    }

    /// Drops a site and says so. Alerts that it had open were told to nobody: they break the sequence.
    pub(crate) fn remove(
        &mut self,
        site: SiteId,
        had_alerts: bool,
        fresh: Epoch,
        telling: &Telling<'_>,
    ) {
        self.sites.remove(&site);
        self.changed.remove(&site);
        self.stream.tell(News::SiteRemoved(site), &mut None, telling);
        if had_alerts {
            self.alerts.retain(|_, alert| alert.site != site);
            self.stream.reset(fresh, telling.counts);
        }
    }

    /// Drops a site that another node looks after now: what is told of it from here on is not known here.
    pub(crate) fn let_go(&mut self, site: SiteId, fresh: Epoch, counts: &Counts) {
        self.sites.remove(&site);
        self.changed.remove(&site);
        self.alerts.retain(|_, alert| alert.site != site);
        self.stream.reset(fresh, counts);
    }

    /// Publishes one summary for each site that has changed.
    pub(crate) fn tick(&mut self, telling: &Telling<'_>) {
        for site in std::mem::take(&mut self.changed) {
            if let Some(summary) = self.sites.get(&site) {
                self.stream.tell(News::Summary(Arc::clone(summary)), &mut None, telling);
            }
        }
    }

    pub(crate) fn snapshot(&self) -> OrganizationSnapshot {
        OrganizationSnapshot {
            organization: self.id,
            name: Arc::clone(&self.name),
            sites: self.sites.values().cloned().collect(),
            alerts: self.alerts.values().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_the_most_urgent_that_is_there() {
        let mut counts = StatusCounts::default();
        assert_eq!(counts.worst(), Status::Ok);
        for status in [Status::Ok, Status::Late, Status::Excursion] {
            counts.add(status);
        }
        assert_eq!(
            (counts.worst(), counts.total(), counts.of(Status::Late)),
            (Status::Excursion, 3, 1)
        );
        counts.remove(Status::Excursion);
        assert_eq!(counts.worst(), Status::Late);
    }
}
