//! What is shown of units: the values that channels carry, before anybody encodes them.

use std::sync::Arc;

use hub_domain::{
    AlertEvent, AlertEventKind, MilliCelsius, OrgId, SiteId, Timestamp, Unit, UnitId, UnitView,
    Version,
};
use hub_store::records::AlertRecord;

/// A unit as dashboards see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownUnit {
    /// Its tenant.
    pub org: OrgId,
    /// Its site.
    pub site: SiteId,
    /// Its id.
    pub unit: UnitId,
    /// Its name.
    pub name: Arc<str>,
    /// Its regions and temperature.
    pub view: UnitView,
    /// The upper limit in force.
    pub high_limit: Option<MilliCelsius>,
    /// The lower limit in force.
    pub low_limit: Option<MilliCelsius>,
    /// When its excursion becomes an alarm, if it has one.
    pub confirm_at: Option<Timestamp>,
    /// Rises with each update of the unit, so that an overtaken one can be told.
    pub seq: u64,
    /// How far its commits have come.
    pub progress: Progress,
}

/// How far the commits of a unit have come. Nodes that never spoke to each other compare what they have of it by this: it
/// follows from what is stored, and later is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Progress {
    /// Its transitions.
    pub version: Version,
    /// Its readings since the last of them.
    pub readings: u32,
    /// The edition of its record.
    pub edition: i64,
}

/// What a unit tells its channels after a commit.
#[derive(Clone, Debug)]
pub struct UnitUpdate {
    /// The unit after it.
    pub shown: ShownUnit,
    /// What happened to its alerts, in order, each with the alert after it.
    pub alerts: Vec<(AlertEventKind, AlertRecord)>,
}

impl ShownUnit {
    /// What is shown of `unit`, its regions being those of its live state.
    #[must_use]
    pub fn of(record: &UnitPlace, unit: &Unit, seq: u64, progress: Progress) -> Self {
        Self {
            org: record.org,
            site: record.site,
            unit: unit.id,
            name: Arc::clone(&record.name),
            view: UnitView::of(&unit.state),
            high_limit: unit.rule.high_limit,
            low_limit: unit.rule.low_limit,
            confirm_at: unit.state.confirm_at(&unit.rule),
            seq,
            progress,
        }
    }

    /// Whether the same is shown, though perhaps told anew.
    #[must_use]
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        Self { seq: other.seq, progress: other.progress, ..self.clone() } == *other
    }
}

/// Where a unit is, and what it is called.
#[derive(Clone, Debug)]
pub struct UnitPlace {
    /// Its tenant.
    pub org: OrgId,
    /// Its site.
    pub site: SiteId,
    /// Its name.
    pub name: Arc<str>,
}

/// The record of an alert as `event` left it.
#[must_use]
pub fn record_of(
    place: &UnitPlace,
    unit: UnitId,
    event: &AlertEvent,
    rule_version: i64,
) -> AlertRecord {
    let alert = &event.alert;
    let is_resolved = event.event == AlertEventKind::Resolved;
    AlertRecord {
        id: alert.id,
        org: place.org,
        site: place.site,
        unit,
        kind: alert.kind,
        severity: alert.severity,
        status: event.status(),
        opened_at: alert.opened_at,
        confirmed_at: alert.confirmed_at,
        acknowledged_at: alert.acknowledged_at,
        acknowledged_by: alert.acknowledged_by,
        resolved_at: is_resolved.then_some(event.at),
        resolved_by: event.by.filter(|_| is_resolved),
        temperature: alert.temperature,
        limit: alert.limit,
        peak: alert.peak,
        rule_version,
    }
}
