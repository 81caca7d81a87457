//! A site's channel and those of its units.
//!
//! One lock holds the map of live views, the open alerts and the streams, so that a snapshot and its offset agree:
//! no update is in neither, none is counted twice.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use hub_domain::{AlertId, AlertStatus, OrgId, UnitId};
use hub_store::records::{AlertRecord, Site};

use super::{
    ChannelName, STAY_AWAY, SUBSCRIBE_AGAIN,
    counts::Counts,
    locked,
    organization::{Organization, SiteSummary, StatusCounts},
    stream::{AlertChange, Epoch, HistoryBounds, News, Stream, Telling},
};
use crate::{ShownUnit, UnitUpdate};

/// What a subscriber to a site's channel starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteSnapshot {
    /// The site.
    pub site: Arc<Site>,
    /// Its units, by id.
    pub units: Vec<Arc<ShownUnit>>,
    /// Its open alerts, oldest first.
    pub alerts: Vec<Arc<AlertRecord>>,
}

/// What a subscriber to a unit's channel starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitSnapshot {
    /// The unit.
    pub unit: Arc<ShownUnit>,
    /// Its open alerts, oldest first.
    pub alerts: Vec<Arc<AlertRecord>>,
}

/// The owner of a site's channels. Locks nest in one order: a site's, then its organization's.
#[derive(Debug)]
pub(crate) struct SiteChannels {
    site: Arc<Site>,
    name: Arc<str>,
    units: HashMap<UnitId, Slot>,
    alerts: BTreeMap<AlertId, Arc<AlertRecord>>,
    counts: StatusCounts,
    organization: Arc<Mutex<Organization>>,
    /// Where another node looks after the site: when it last told of a unit, in Unix nanoseconds.
    told_at: HashMap<UnitId, i64>,
    pub(crate) stream: Stream,
}

#[derive(Debug)]
struct Slot {
    shown: Arc<ShownUnit>,
    /// Exists from the first subscription on, for as long as anybody could miss it.
    stream: Option<Box<Stream>>,
}

/// Whether an organization has something to publish with the next tick that it had not before.
pub(crate) type HasNewSummary = bool;

/// So old is what was told when what is stored is believed more, in nanoseconds: 5 s. It is never older, unless the database
/// went back.
const BELIEVED_NANOS: i64 = 5_000_000_000;

/// What came of what another node told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It was published.
    New(HasNewSummary),
    /// As much or more is shown.
    Known,
    /// Something before it was not heard. It is not shown, as what is stored has to be looked at first.
    Missed,
}

impl SiteChannels {
    pub(crate) fn new(site: Site, organization: Arc<Mutex<Organization>>, epoch: Epoch) -> Self {
        let stream = Stream::new(ChannelName::Site(site.id), epoch);
        Self {
            name: Arc::from(site.name.as_str()),
            site: Arc::new(site),
            units: HashMap::new(),
            alerts: BTreeMap::new(),
            counts: StatusCounts::default(),
            organization,
            told_at: HashMap::new(),
            stream,
        }
    }

    pub(crate) fn org(&self) -> OrgId {
        self.site.org
    }

    pub(crate) const fn organization(&self) -> &Arc<Mutex<Organization>> {
        &self.organization
    }

    /// Replaces all that is shown. What was not told breaks the sequences of the site and its units.
    pub(crate) fn adopt(
        &mut self,
        site: Site,
        units: Vec<ShownUnit>,
        alerts: Vec<AlertRecord>,
        fresh: (Epoch, Epoch),
        counts: &Counts,
    ) {
        let is_told = self.shows(&units, &alerts);
        self.told_at.clear();
        self.name = Arc::from(site.name.as_str());
        self.site = Arc::new(site);
        if !is_told {
            self.reset_streams(fresh.0, counts);
            self.units = HashMap::with_capacity(units.len());
            self.counts = StatusCounts::default();
            units.into_iter().for_each(|shown| drop(self.put(shown)));
            self.alerts = alerts.into_iter().map(|alert| (alert.id, Arc::new(alert))).collect();
        }
        locked(&self.organization).adopt(self.summary(), &self.alerts, fresh.1, counts);
    }

    /// Shows what another node has committed of the site: units that have changed are published. What happened to alerts
    /// is not known in its order, so that other alerts than were told break the sequences.
    pub(crate) fn follow(
        &mut self,
        site: Site,
        units: Vec<ShownUnit>,
        alerts: Vec<AlertRecord>,
        fresh: (Epoch, Epoch),
        telling: &Telling<'_>,
    ) -> HasNewSummary {
        self.told_at.retain(|_, at| telling.at_nanos.saturating_sub(*at) < BELIEVED_NANOS);
        let (units, alerts) = self.with_what_was_told(units, alerts);
        let known = |alert: &AlertRecord| self.alerts.get(&alert.id).map(|it| **it == *alert);
        if alerts.len() != self.alerts.len() || !alerts.iter().all(|it| known(it) == Some(true)) {
            let units = units.into_iter().map(|shown| self.in_turn(shown));
            self.adopt(site, units.collect(), alerts, fresh, telling.counts);
            return true;
        }
        let mut has_new = self.edit(&site);
        let there: HashSet<UnitId> = units.iter().map(|shown| shown.unit).collect();
        let gone: Vec<_> =
            self.units.keys().filter(|unit| !there.contains(unit)).copied().collect();
        for unit in gone {
            has_new |= self.remove(unit, telling);
        }
        for shown in units {
            let before = self.units.get(&shown.unit).map(|slot| &slot.shown);
            let is_new = before.is_none_or(|before| !before.is_alike(&shown));
            let shown = self.in_turn(shown);
            if is_new {
                has_new |= self.publish(UnitUpdate { shown, alerts: Vec::new() }, telling);
            } else {
                self.put(shown);
            }
        }
        has_new
    }

    /// What was looked up, with what was told since instead of what is older: it came while it was looked.
    fn with_what_was_told(
        &self,
        units: Vec<ShownUnit>,
        mut alerts: Vec<AlertRecord>,
    ) -> (Vec<ShownUnit>, Vec<AlertRecord>) {
        let overtaken = |shown: &ShownUnit| {
            let told =
                self.units.get(&shown.unit).filter(|_| self.told_at.contains_key(&shown.unit));
            told.map(|slot| &slot.shown).filter(|told| told.progress > shown.progress)
        };
        let told: HashMap<UnitId, ShownUnit> =
            units.iter().filter_map(overtaken).map(|it| (it.unit, (**it).clone())).collect();
        alerts.retain(|alert| !told.contains_key(&alert.unit));
        let of_told = self.alerts.values().filter(|alert| told.contains_key(&alert.unit));
        alerts.extend(of_told.map(|alert| (**alert).clone()));
        let newest = |shown: ShownUnit| told.get(&shown.unit).cloned().unwrap_or(shown);
        (units.into_iter().map(newest).collect(), alerts)
    }

    /// A unit with a number that follows the one before, whoever gave that.
    fn in_turn(&self, mut shown: ShownUnit) -> ShownUnit {
        if let Some(before) = self.units.get(&shown.unit) {
            shown.seq = shown.seq.max(before.shown.seq + 1);
        }
        shown
    }

    /// Shows what the node that looks after the site tells of a unit.
    pub(crate) fn hear(&mut self, update: UnitUpdate, telling: &Telling<'_>) -> Heard {
        let UnitUpdate { shown, alerts } = update;
        let Some(before) = self.units.get(&shown.unit) else { return Heard::Missed };
        let (before, now) = (before.shown.progress, shown.progress);
        if now < before {
            return Heard::Known;
        }
        if now.version.0 - before.version.0 > 1 {
            return Heard::Missed; // perhaps of an alert
        }
        // a look may have shown the unit, and what happened to its alerts not yet
        let last: BTreeMap<_, _> = alerts.iter().map(|(_, alert)| (alert.id, alert)).collect();
        if now == before && last.into_values().all(|alert| self.is_told(alert)) {
            return Heard::Known;
        }
        self.told_at.insert(shown.unit, telling.at_nanos);
        let shown = self.in_turn(shown);
        Heard::New(self.publish(UnitUpdate { shown, alerts }, telling))
    }

    fn is_told(&self, alert: &AlertRecord) -> bool {
        match self.alerts.get(&alert.id) {
            Some(told) => **told == *alert,
            None => alert.status == AlertStatus::Resolved,
        }
    }

    /// Whether anybody hears the site, one of its units or its organization.
    pub(crate) fn is_heard(&self) -> bool {
        let mut streams = self.units.values().filter_map(|slot| slot.stream.as_deref());
        self.stream.is_heard()
            || streams.any(Stream::is_heard)
            || locked(&self.organization).stream.is_heard()
    }

    fn shows(&self, units: &[ShownUnit], alerts: &[AlertRecord]) -> bool {
        let same = |shown: &ShownUnit| {
            self.units.get(&shown.unit).is_some_and(|slot| *slot.shown == *shown)
        };
        let known =
            |alert: &AlertRecord| self.alerts.get(&alert.id).is_some_and(|known| **known == *alert);
        units.len() == self.units.len()
            && alerts.len() == self.alerts.len()
            && units.iter().all(same)
            && alerts.iter().all(known)
    }

    fn reset_streams(&mut self, epoch: Epoch, counts: &Counts) {
        self.stream.reset(epoch, counts);
        for slot in self.units.values_mut() {
            if let Some(mut stream) = slot.stream.take() {
                stream.reset(epoch, counts); // a next subscription makes a stream with an epoch of its own
            }
        }
    }

    /// Shows a unit as it was loaded again, with the alerts it has open. Alerts that nobody was told of break the
    /// sequences.
    pub(crate) fn restore(
        &mut self,
        shown: ShownUnit,
        alerts: Vec<AlertRecord>,
        fresh: (Epoch, Epoch),
        telling: &Telling<'_>,
    ) -> HasNewSummary {
        let unit = shown.unit;
        let restored: BTreeMap<_, _> =
            alerts.into_iter().map(|alert| (alert.id, Arc::new(alert))).collect();
        let held = self.alerts.values().filter(|alert| alert.unit == unit);
        if !held.eq(restored.values()) {
            self.alerts.retain(|_, alert| alert.unit != unit);
            self.alerts.extend(restored);
            self.reset_streams(fresh.0, telling.counts);
            let mut organization = locked(&self.organization);
            organization.adopt(self.summary(), &self.alerts, fresh.1, telling.counts);
        }
        self.publish(UnitUpdate { shown, alerts: Vec::new() }, telling)
    }

    /// Drops a unit: whoever listens to the site is told, whoever listens to the unit is told and sent away.
    pub(crate) fn remove(&mut self, unit: UnitId, telling: &Telling<'_>) -> HasNewSummary {
        let slot = self.units.remove(&unit);
        let alerts_before = self.alerts.len();
        self.alerts.retain(|_, alert| alert.unit != unit);
        // one that was set aside at the start was never shown, but its alerts were
        if slot.is_none() && self.alerts.len() == alerts_before {
            return false;
        }
        slot.iter().for_each(|slot| self.counts.remove(slot.shown.view.status));
        let (news, mut data) = (News::UnitRemoved { site: self.site.id, unit }, None);
        self.stream.tell(news.clone(), &mut data, telling);
        if let Some(mut stream) = slot.and_then(|slot| slot.stream) {
            stream.tell(news, &mut data, telling);
            stream.dismiss(STAY_AWAY, telling.counts);
        }
        locked(&self.organization).summarize(self.summary())
    }

    /// Takes over an edition of the site, if it is a newer one.
    pub(crate) fn edit(&mut self, site: &Site) -> HasNewSummary {
        if site.edition.version <= self.site.edition.version {
            return false;
        }
        (self.name, self.site) = (Arc::from(site.name.as_str()), Arc::new(site.clone()));
        locked(&self.organization).summarize(self.summary())
    }

    /// Sends everybody away from the site and its units, and tells the organization.
    pub(crate) fn end(&mut self, fresh: Epoch, telling: &Telling<'_>) {
        for (_, slot) in self.units.drain() {
            slot.stream.into_iter().for_each(|mut stream| {
                stream.dismiss(STAY_AWAY, telling.counts);
            });
        }
        self.stream.dismiss(STAY_AWAY, telling.counts);
        let mut organization = locked(&self.organization);
        organization.remove(self.site.id, !self.alerts.is_empty(), fresh, telling);
    }

    /// Asks everybody to subscribe again, who hears the site, its units or its organization. Gives the units that were
    /// shown.
    pub(crate) fn let_go(&mut self, fresh: Epoch, counts: &Counts) -> Vec<UnitId> {
        let mut units = Vec::with_capacity(self.units.len());
        for (unit, slot) in self.units.drain() {
            units.push(unit);
            slot.stream.into_iter().for_each(|mut stream| stream.dismiss(SUBSCRIBE_AGAIN, counts));
        }
        self.stream.dismiss(SUBSCRIBE_AGAIN, counts);
        locked(&self.organization).let_go(self.site.id, fresh, counts);
        units
    }

    /// Publishes a unit's update: its alert events, then the unit.
    pub(crate) fn publish(&mut self, update: UnitUpdate, telling: &Telling<'_>) -> HasNewSummary {
        let has_events = !update.alerts.is_empty();
        let unit = update.shown.unit;
        for (event, alert) in update.alerts {
            self.tell_alert(unit, Arc::new(AlertChange { event, alert }), telling);
        }
        let (shown, has_moved) = self.put(update.shown);
        self.tell_unit(unit, &News::Unit(shown), &mut None, telling);
        (has_events || has_moved) && locked(&self.organization).summarize(self.summary())
    }

    fn tell_alert(&mut self, unit: UnitId, change: Arc<AlertChange>, telling: &Telling<'_>) {
        let alert = &change.alert;
        if alert.status == AlertStatus::Resolved {
            self.alerts.remove(&alert.id);
        } else {
            self.alerts.insert(alert.id, Arc::new(alert.clone()));
        }
        let mut data = None;
        self.tell_unit(unit, &News::Alert(Arc::clone(&change)), &mut data, telling);
        locked(&self.organization).tell(&change, &mut data, telling);
    }

    fn tell_unit(
        &mut self,
        unit: UnitId,
        news: &News,
        data: &mut Option<Bytes>,
        telling: &Telling<'_>,
    ) {
        self.stream.tell(news.clone(), data, telling);
        if let Some(stream) = self.units.get_mut(&unit).and_then(|slot| slot.stream.as_deref_mut())
        {
            stream.tell(news.clone(), data, telling);
        }
    }

    /// Shows a unit. True if the counts have moved.
    fn put(&mut self, shown: ShownUnit) -> (Arc<ShownUnit>, bool) {
        let (unit, status) = (shown.unit, shown.view.status);
        let shown = Arc::new(shown);
        if let Some(slot) = self.units.get_mut(&unit) {
            let before = std::mem::replace(&mut slot.shown, Arc::clone(&shown)).view.status;
            self.counts.remove(before);
            self.counts.add(status);
            return (shown, before != status);
        }
        self.units.insert(unit, Slot { shown: Arc::clone(&shown), stream: None });
        self.counts.add(status);
        (shown, true)
    }

    fn summary(&self) -> SiteSummary {
        SiteSummary {
            site: self.site.id,
            name: Arc::clone(&self.name),
            counts: self.counts,
            open_alerts: self.alerts.len(),
        }
    }

    pub(crate) fn snapshot(&self) -> SiteSnapshot {
        let mut units: Vec<_> = self.units.values().map(|slot| Arc::clone(&slot.shown)).collect();
        units.sort_unstable_by_key(|shown| shown.unit);
        SiteSnapshot {
            site: Arc::clone(&self.site),
            units,
            alerts: self.alerts.values().cloned().collect(),
        }
    }

    pub(crate) fn unit_snapshot(&self, unit: UnitId) -> Option<UnitSnapshot> {
        let slot = self.units.get(&unit)?;
        let alerts = self.alerts.values().filter(|alert| alert.unit == unit);
        Some(UnitSnapshot { unit: Arc::clone(&slot.shown), alerts: alerts.cloned().collect() })
    }

    /// The stream of one unit, begun with `epoch` if nobody has asked for it yet.
    pub(crate) fn unit_stream(&mut self, unit: UnitId, epoch: Epoch) -> Option<&mut Stream> {
        let slot = self.units.get_mut(&unit)?;
        let begun = || Box::new(Stream::new(ChannelName::Unit(unit), epoch));
        Some(slot.stream.get_or_insert_with(begun))
    }

    pub(crate) fn known_unit_stream(&mut self, unit: UnitId) -> Option<&mut Stream> {
        self.units.get_mut(&unit)?.stream.as_deref_mut()
    }

    /// Forgets history that has grown old, and streams of units that nobody would miss.
    pub(crate) fn age(&mut self, now_nanos: i64, bounds: HistoryBounds) {
        self.stream.age(now_nanos, bounds);
        for slot in self.units.values_mut() {
            if let Some(stream) = slot.stream.as_deref_mut() {
                stream.age(now_nanos, bounds);
            }
            slot.stream = slot.stream.take().filter(|stream| !stream.is_idle());
        }
    }
}
