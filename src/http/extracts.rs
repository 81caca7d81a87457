//! The rows of files for people, slice by slice.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
};

use hub_domain::{SiteId, Timestamp, UnitId, UserId};
use hub_store::{
    Scope, Store, StoreError,
    records::{
        AlertRecord, ExtractFilter, ManualLog, PageQuery, PlaceNames, ReadingFilter, StoredReading,
    },
};
use uuid::Uuid;

use super::{
    exports::Slices,
    sheets::{Sheet, local, value, word, words},
};
use crate::wire::{CelsiusOut, InstantOut, PercentOut};

/// Rows in a slice.
const SLICE: u16 = 1_000;
/// Units of a site looked up at a time.
const UNITS: u64 = 100;

/// The columns of readings.
pub(crate) const READING_COLUMNS: [&str; 16] = [
    "site",
    "unit",
    "unit_id",
    "source",
    "channel",
    "recorded_at",
    "recorded_at_local",
    "received_at",
    "temperature_c",
    "humidity_percent",
    "battery_percent",
    "battery_volts",
    "door_open",
    "signal_dbm",
    "sequence",
    "late",
];

/// The columns of alerts.
pub(crate) const ALERT_COLUMNS: [&str; 18] = [
    "site",
    "unit",
    "unit_id",
    "alert_id",
    "kind",
    "severity",
    "status",
    "opened_at",
    "opened_at_local",
    "confirmed_at",
    "acknowledged_at",
    "acknowledged_by",
    "resolved_at",
    "resolved_by",
    "temperature_c",
    "limit_c",
    "peak_c",
    "rule_version",
];

/// The columns of manual logs.
pub(crate) const MANUAL_LOG_COLUMNS: [&str; 12] = [
    "site",
    "unit",
    "unit_id",
    "manual_log_id",
    "recorded_at",
    "recorded_at_local",
    "created_at",
    "created_by",
    "temperature_c",
    "humidity_percent",
    "out_of_range",
    "note",
];

/// The readings of units, one unit after the other.
pub(crate) struct Readings {
    store: Store,
    scope: Scope,
    span: (Timestamp, Timestamp),
    /// The site whose units are still to be found, and the last that was.
    site: Option<(SiteId, Option<UnitId>)>,
    units: VecDeque<(UnitId, PlaceNames)>,
    cursor: Option<String>,
}

impl Readings {
    /// Those of one unit.
    pub(crate) async fn of_unit(
        store: &Store,
        scope: Scope,
        span: (Timestamp, Timestamp),
        unit: UnitId,
    ) -> Result<Self, StoreError> {
        let mut rows = Self::of_none(store, scope, span);
        rows.find_names(vec![unit]).await?;
        Ok(rows)
    }

    /// Those of a site's units.
    pub(crate) fn of_site(
        store: &Store,
        scope: Scope,
        span: (Timestamp, Timestamp),
        site: SiteId,
    ) -> Self {
        Self { site: Some((site, None)), ..Self::of_none(store, scope, span) }
    }

    fn of_none(store: &Store, scope: Scope, span: (Timestamp, Timestamp)) -> Self {
        let (store, units) = (store.clone(), VecDeque::new());
        Self { store, scope, span, site: None, units, cursor: None }
    }

    async fn find_names(&mut self, units: Vec<UnitId>) -> Result<(), StoreError> {
        let mut names = self.store.place_names(&self.scope, units.clone()).await?;
        self.units.extend(units.into_iter().filter_map(|unit| names.remove_entry(&unit)));
        Ok(())
    }

    /// The unit whose readings are next.
    async fn unit(&mut self) -> Result<Option<(UnitId, PlaceNames)>, StoreError> {
        while self.units.is_empty() {
            let Some((site, after)) = self.site.take() else { return Ok(None) };
            let units = self.store.units_ever(&self.scope, site, after, UNITS).await?;
            self.site = units.last().map(|last| (site, Some(*last)));
            self.find_names(units).await?;
        }
        Ok(self.units.front().cloned())
    }
}

impl Slices for Readings {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        while let Some((unit, names)) = self.unit().await? {
            let (from, to) = self.span;
            let wanted = ReadingFilter { from, to, ..ReadingFilter::of(unit) };
            let page = PageQuery { limit: SLICE, cursor: self.cursor.take() };
            let page = self.store.readings_where(self.scope.org, &wanted, page).await?;
            self.cursor = page.next;
            if self.cursor.is_none() {
                self.units.pop_front();
            }
            if !page.items.is_empty() {
                let mut sheet = Sheet::default();
                page.items.iter().for_each(|stored| sheet.row(reading_cells(unit, &names, stored)));
                return Ok(Some(sheet.into_bytes()));
            }
        }
        Ok(None)
    }
}

fn reading_cells<'a>(
    unit: UnitId,
    names: &'a PlaceNames,
    stored: &'a StoredReading,
) -> [Cow<'a, str>; 16] {
    let reading = &stored.reading;
    [
        words(&names.site),
        words(&names.unit),
        unit.to_string().into(),
        reading.point.source.to_string().into(),
        words(reading.point.channel.as_str()), // a sender's own, such as `-1-2`
        value(InstantOut(reading.recorded_at)),
        local(reading.recorded_at, &names.timezone),
        value(InstantOut(reading.received_at)),
        value(CelsiusOut(reading.temperature)),
        value(reading.humidity.map(PercentOut)),
        value(reading.battery_percent),
        value(reading.battery_mv.map(|millivolts| f64::from(millivolts) / 1000.0)),
        value(reading.door_open),
        value(reading.signal_dbm),
        value((reading.sequence >= 0).then_some(reading.sequence)),
        value(stored.is_late),
    ]
}

/// Records that are read in the order of their keys.
struct Records<K> {
    store: Store,
    scope: Scope,
    wanted: ExtractFilter,
    after: Option<K>,
}

impl<K: Copy> Records<K> {
    fn of(store: &Store, scope: Scope, wanted: ExtractFilter) -> Self {
        Self { store: store.clone(), scope, wanted, after: None }
    }

    /// Notes the last of some records, and looks up what their units are called. `None` if there are no records.
    async fn names(
        &mut self,
        records: impl Iterator<Item = (K, UnitId)>,
    ) -> Result<Option<HashMap<UnitId, PlaceNames>>, StoreError> {
        let (keys, mut units): (Vec<K>, Vec<UnitId>) = records.unzip();
        let Some(last) = keys.last() else { return Ok(None) };
        self.after = Some(*last);
        units.sort_unstable();
        units.dedup();
        self.store.place_names(&self.scope, units).await.map(Some)
    }
}

/// Alerts in the order in which they were opened.
pub(crate) struct Alerts(Records<Uuid>);

impl Alerts {
    /// Those that are wanted.
    pub(crate) fn of(store: &Store, scope: Scope, wanted: ExtractFilter) -> Self {
        Self(Records::of(store, scope, wanted))
    }
}

impl Slices for Alerts {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let Records { store, scope, wanted, after } = &self.0;
        let alerts = store.alerts_slice(scope, wanted, *after, SLICE.into()).await?;
        let ids = alerts.iter().map(|alert| (alert.id.0, alert.unit));
        let Some(names) = self.0.names(ids).await? else { return Ok(None) };
        let mut sheet = Sheet::default();
        for alert in &alerts {
            let names = names.get(&alert.unit).unwrap_or(&NAMELESS);
            sheet.row(alert_cells(names, alert));
        }
        Ok(Some(sheet.into_bytes()))
    }
}

/// A unit that was purged meanwhile.
static NAMELESS: PlaceNames =
    PlaceNames { unit: String::new(), site: String::new(), timezone: String::new() };

fn alert_cells<'a>(names: &'a PlaceNames, alert: &'a AlertRecord) -> [Cow<'a, str>; 18] {
    let id = |user: Option<UserId>| value(user.map(|user| user.to_string()));
    [
        words(&names.site),
        words(&names.unit),
        alert.unit.to_string().into(),
        alert.id.to_string().into(),
        word(alert.kind.name()),
        word(alert.severity.name()),
        word(alert.status.name()),
        value(InstantOut(alert.opened_at)),
        local(alert.opened_at, &names.timezone),
        value(alert.confirmed_at.map(InstantOut)),
        value(alert.acknowledged_at.map(InstantOut)),
        id(alert.acknowledged_by),
        value(alert.resolved_at.map(InstantOut)),
        id(alert.resolved_by),
        value(alert.temperature.map(CelsiusOut)),
        value(alert.limit.map(CelsiusOut)),
        value(alert.peak.map(CelsiusOut)),
        value(alert.rule_version),
    ]
}

/// Manual logs in the order in which people read them; a log's id may be a phone's and orders nothing.
pub(crate) struct ManualLogs(Records<(Timestamp, Uuid)>);

impl ManualLogs {
    /// Those that are wanted.
    pub(crate) fn of(store: &Store, scope: Scope, wanted: ExtractFilter) -> Self {
        Self(Records::of(store, scope, wanted))
    }
}

impl Slices for ManualLogs {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let Records { store, scope, wanted, after } = &self.0;
        let logs = store.manual_logs_slice(scope, wanted, *after, SLICE.into()).await?;
        let keys = logs.iter().map(|log| ((log.recorded_at, log.id), log.unit));
        let Some(names) = self.0.names(keys).await? else { return Ok(None) };
        let mut sheet = Sheet::default();
        for log in &logs {
            let names = names.get(&log.unit).unwrap_or(&NAMELESS);
            sheet.row(manual_log_cells(names, log));
        }
        Ok(Some(sheet.into_bytes()))
    }
}

fn manual_log_cells<'a>(names: &'a PlaceNames, log: &'a ManualLog) -> [Cow<'a, str>; 12] {
    [
        words(&names.site),
        words(&names.unit),
        log.unit.to_string().into(),
        log.id.to_string().into(),
        value(InstantOut(log.recorded_at)),
        local(log.recorded_at, &names.timezone),
        value(InstantOut(log.created_at)),
        log.created_by.to_string().into(),
        value(CelsiusOut(log.temperature)),
        value(log.humidity.map(PercentOut)),
        value(log.is_out_of_range),
        words(log.note.as_deref().unwrap_or_default()),
    ]
}
