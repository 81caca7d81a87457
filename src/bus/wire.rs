//! What is told by the bus, as bytes. Hubs of two versions hear each other while one takes the other's stead, so that what is
//! said here changes only together with the number in the names of the channels.

use std::sync::Arc;

use hub_actors::{Progress, ShownUnit, Told, UnitUpdate};
use hub_domain::{
    AlertEventKind, AlertId, AlertKind, AlertStatus, DoorState, LinkState, ManualLogState,
    MilliCelsius, Mode, OrgId, PerMille, Severity, SiteId, Status, Timestamp, UnitId, UnitView,
    UserId, Version, thermal::Thermal,
};
use hub_store::records::AlertRecord;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why what was told cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Shape(#[from] postcard::Error),
    #[error("{0:?} is no word of this version")]
    Word(String),
}

#[derive(Serialize, Deserialize)]
enum ToldRow {
    Unit(Box<UnitRow>, Vec<AlertRow>),
    Look(Uuid),
}

#[derive(Serialize, Deserialize)]
struct UnitRow {
    org: Uuid,
    site: Uuid,
    unit: Uuid,
    name: String,
    status: String,
    thermal: String,
    link: String,
    door: String,
    manual_log: String,
    mode: String,
    temperature: Option<i32>,
    humidity: Option<i16>,
    recorded_at: Option<i64>,
    received_at: Option<i64>,
    open_alerts: u32,
    high_limit: Option<i32>,
    low_limit: Option<i32>,
    confirm_at: Option<i64>,
    seq: u64,
    version: i64,
    readings: u32,
    edition: i64,
}

/// What happened to an alert, with the alert after it; tenant, site and unit are those of the unit beside it.
#[derive(Serialize, Deserialize)]
struct AlertRow {
    event: String,
    id: Uuid,
    kind: String,
    severity: String,
    status: String,
    opened_at: i64,
    confirmed_at: Option<i64>,
    acknowledged_at: Option<i64>,
    acknowledged_by: Option<Uuid>,
    resolved_at: Option<i64>,
    resolved_by: Option<Uuid>,
    temperature: Option<i32>,
    limit: Option<i32>,
    peak: Option<i32>,
    rule_version: i64,
}

/// News as they are told.
pub(super) fn write(told: &[Told]) -> Result<Vec<u8>, Unreadable> {
    let rows: Vec<ToldRow> = told.iter().map(ToldRow::from).collect();
    Ok(postcard::to_stdvec(&rows)?)
}

/// News as they came.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Told>, Unreadable> {
    let rows: Vec<ToldRow> = postcard::from_bytes(bytes)?;
    rows.into_iter().map(Told::try_from).collect()
}

/// A word that is known here.
fn word<T>(said: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Unreadable> {
    parse(said).ok_or_else(|| Unreadable::Word(said.to_owned()))
}

impl From<&Told> for ToldRow {
    fn from(told: &Told) -> Self {
        match told {
            Told::Unit(update) => {
                let alerts = update.alerts.iter().map(|(event, alert)| alert_row(*event, alert));
                Self::Unit(Box::new(UnitRow::from(&update.shown)), alerts.collect())
            }
            Told::Look(site) => Self::Look(site.0),
        }
    }
}

impl TryFrom<ToldRow> for Told {
    type Error = Unreadable;

    fn try_from(row: ToldRow) -> Result<Self, Unreadable> {
        match row {
            ToldRow::Unit(unit, alerts) => {
                let shown = ShownUnit::try_from(*unit)?;
                let alerts = alerts.into_iter().map(|row| alert_of(row, &shown)).collect();
                let alerts = Result::from_iter::<Vec<_>>(alerts)?;
                Ok(Self::Unit(Box::new(UnitUpdate { shown, alerts })))
            }
            ToldRow::Look(site) => Ok(Self::Look(SiteId(site))),
        }
    }
}

impl From<&ShownUnit> for UnitRow {
    fn from(shown: &ShownUnit) -> Self {
        let view = &shown.view;
        Self {
            org: shown.org.0,
            site: shown.site.0,
            unit: shown.unit.0,
            name: shown.name.to_string(),
            status: view.status.name().to_owned(),
            thermal: view.thermal.name().to_owned(),
            link: view.link.name().to_owned(),
            door: view.door.name().to_owned(),
            manual_log: view.manual_log.name().to_owned(),
            mode: view.mode.to_owned(),
            temperature: view.temperature.map(|it| it.0),
            humidity: view.humidity.map(|it| it.0),
            recorded_at: view.recorded_at.map(Timestamp::as_millis),
            received_at: view.received_at.map(Timestamp::as_millis),
            open_alerts: u32::try_from(view.open_alerts).unwrap_or(u32::MAX),
            high_limit: shown.high_limit.map(|it| it.0),
            low_limit: shown.low_limit.map(|it| it.0),
            confirm_at: shown.confirm_at.map(Timestamp::as_millis),
            seq: shown.seq,
            version: shown.progress.version.0,
            readings: shown.progress.readings,
            edition: shown.progress.edition,
        }
    }
}

impl TryFrom<UnitRow> for ShownUnit {
    type Error = Unreadable;

    fn try_from(row: UnitRow) -> Result<Self, Unreadable> {
        let view = UnitView {
            status: word(&row.status, Status::parse)?,
            thermal: word(&row.thermal, Thermal::parse)?,
            link: word(&row.link, LinkState::parse)?,
            door: word(&row.door, DoorState::parse)?,
            manual_log: word(&row.manual_log, ManualLogState::parse)?,
            mode: word(&row.mode, Mode::known_name)?,
            temperature: row.temperature.map(MilliCelsius),
            humidity: row.humidity.map(PerMille),
            recorded_at: row.recorded_at.map(Timestamp::from_millis),
            received_at: row.received_at.map(Timestamp::from_millis),
            open_alerts: row.open_alerts as usize,
        };
        let (version, readings, edition) = (Version(row.version), row.readings, row.edition);
        Ok(Self {
            org: OrgId(row.org),
            site: SiteId(row.site),
            unit: UnitId(row.unit),
            name: Arc::from(row.name),
            view,
            high_limit: row.high_limit.map(MilliCelsius),
            low_limit: row.low_limit.map(MilliCelsius),
            confirm_at: row.confirm_at.map(Timestamp::from_millis),
            seq: row.seq,
            progress: Progress { version, readings, edition },
        })
    }
}

fn alert_row(event: AlertEventKind, alert: &AlertRecord) -> AlertRow {
    AlertRow {
        event: event.name().to_owned(),
        id: alert.id.0,
        kind: alert.kind.name().to_owned(),
        severity: alert.severity.name().to_owned(),
        status: alert.status.name().to_owned(),
        opened_at: alert.opened_at.as_millis(),
        confirmed_at: alert.confirmed_at.map(Timestamp::as_millis),
        acknowledged_at: alert.acknowledged_at.map(Timestamp::as_millis),
        acknowledged_by: alert.acknowledged_by.map(|it| it.0),
        resolved_at: alert.resolved_at.map(Timestamp::as_millis),
        resolved_by: alert.resolved_by.map(|it| it.0),
        temperature: alert.temperature.map(|it| it.0),
        limit: alert.limit.map(|it| it.0),
        peak: alert.peak.map(|it| it.0),
        rule_version: alert.rule_version,
    }
}

fn alert_of(row: AlertRow, of: &ShownUnit) -> Result<(AlertEventKind, AlertRecord), Unreadable> {
    let alert = AlertRecord {
        id: AlertId(row.id),
        org: of.org,
        site: of.site,
        unit: of.unit,
        kind: word(&row.kind, AlertKind::parse)?,
        severity: word(&row.severity, Severity::parse)?,
        status: word(&row.status, AlertStatus::parse)?,
        opened_at: Timestamp::from_millis(row.opened_at),
        confirmed_at: row.confirmed_at.map(Timestamp::from_millis),
        acknowledged_at: row.acknowledged_at.map(Timestamp::from_millis),
        acknowledged_by: row.acknowledged_by.map(UserId),
        resolved_at: row.resolved_at.map(Timestamp::from_millis),
        resolved_by: row.resolved_by.map(UserId),
        temperature: row.temperature.map(MilliCelsius),
        limit: row.limit.map(MilliCelsius),
        peak: row.peak.map(MilliCelsius),
        rule_version: row.rule_version,
    };
    Ok((word(&row.event, AlertEventKind::parse)?, alert))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn shown() -> ShownUnit {
        let at = |millis| Some(Timestamp::from_millis(millis));
        let view = UnitView {
            status: Status::AlarmActive,
            thermal: Thermal::AlarmActive,
            link: LinkState::Late,
            door: DoorState::Open,
            manual_log: ManualLogState::Due,
            mode: "defrosting",
            temperature: Some(MilliCelsius(-17_500)),
            humidity: Some(PerMille(455)),
            recorded_at: at(1),
            received_at: at(2),
            open_alerts: 3,
        };
        ShownUnit {
            org: OrgId(id(1)),
            site: SiteId(id(2)),
            unit: UnitId(id(3)),
            name: "Kühlraum \"1\"".into(),
            view,
            high_limit: Some(MilliCelsius(5)),
            low_limit: Some(MilliCelsius(-5)),
            confirm_at: at(6),
            seq: 7,
            progress: Progress { version: Version(8), readings: 9, edition: 10 },
        }
    }

    fn alert() -> AlertRecord {
        let at = |millis| Some(Timestamp::from_millis(millis));
        AlertRecord {
            id: AlertId(id(4)),
            org: OrgId(id(1)),
            site: SiteId(id(2)),
            unit: UnitId(id(3)),
            kind: AlertKind::TemperatureHigh,
            severity: Severity::Critical,
            status: AlertStatus::Resolved,
            opened_at: Timestamp::from_millis(11),
            confirmed_at: at(12),
            acknowledged_at: at(13),
            acknowledged_by: Some(UserId(id(5))),
            resolved_at: at(14),
            resolved_by: Some(UserId(id(6))),
            temperature: Some(MilliCelsius(15)),
            limit: Some(MilliCelsius(16)),
            peak: Some(MilliCelsius(17)),
            rule_version: 18,
        }
    }

    #[test]
    fn what_is_told_comes_whole() {
        let bare = AlertRecord { acknowledged_by: None, resolved_at: None, peak: None, ..alert() };
        let alerts = vec![(AlertEventKind::Opened, bare), (AlertEventKind::Resolved, alert())];
        let update = UnitUpdate { shown: shown(), alerts };
        let told = [Told::Unit(Box::new(update.clone())), Told::Look(SiteId(id(9)))];
        let came = read(&write(&told).unwrap()).unwrap();
        let [Told::Unit(unit), Told::Look(site)] = &came[..] else { panic!("{came:?}") };
        assert_eq!((&unit.shown, &unit.alerts), (&update.shown, &update.alerts));
        assert_eq!(*site, SiteId(id(9)));
    }

    #[test]
    fn what_no_hub_says_is_refused() {
        let said =
            write(&[Told::Unit(Box::new(UnitUpdate { shown: shown(), alerts: Vec::new() }))])
                .unwrap();
        for cut in 0..said.len() {
            assert!(read(&said[..cut]).is_err(), "{cut}");
        }
        let mut row = UnitRow::from(&shown());
        row.mode = "asleep".to_owned();
        let said = postcard::to_stdvec(&[ToldRow::Unit(Box::new(row), Vec::new())].as_slice());
        assert!(matches!(read(&said.unwrap()), Err(Unreadable::Word(_))));
    }
}
