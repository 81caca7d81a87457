//! The parts of a checkpoint's text.

use std::borrow::Cow;

use hub_domain::{
    AlertId, AlertKind, Channel, Door, DoorState, MilliCelsius, Mode, OpenAlert, Point, Severity,
    Side, SideState, SourceId, Timestamp, UserId, conditions::CoolingRun,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{StoreError, entity::known};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SideRow {
    Ok,
    Excursion { began_at: i64 },
    AlarmActive { began_at: i64, confirmed_at: i64 },
    Restoring { good_readings: u8 },
}

#[derive(Serialize, Deserialize)]
pub(super) struct CoolingRow {
    is_high: bool,
    began_at: i64,
    worst: i32,
    readings: u32,
    is_suspected: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct DoorRow<'a> {
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_received_at: Option<i64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    concern: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ModeRow<'a> {
    Normal,
    Maintenance { until: i64, by: Option<Id>, reason: Cow<'a, str> },
    Defrosting { until: i64 },
    Commissioning,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AlertRow<'a> {
    id: Id,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    severity: Cow<'a, str>,
    opened_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_by: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    escalated_at: Option<i64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    point: Option<(Id, Cow<'a, str>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak: Option<i32>,
}

/// A UUID as 32 hex digits.
#[derive(Clone, Copy)]
pub(super) struct Id(pub(super) Uuid);

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.simple().encode_lower(&mut [0; 32]))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Cow<'de, str> = Deserialize::deserialize(deserializer)?;
        Uuid::try_parse(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

pub(super) const fn millis(at: Option<Timestamp>) -> Option<i64> {
    match at {
        Some(at) => Some(at.as_millis()),
        None => None,
    }
}

pub(super) fn instant(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(Timestamp::from_millis)
}

pub(super) fn channel(name: &str) -> Result<Channel, StoreError> {
    known("channel", name, Channel::parse)
}

impl From<SideState> for SideRow {
    fn from(side: SideState) -> Self {
        match side {
            SideState::Ok => Self::Ok,
            SideState::Excursion { began_at } => Self::Excursion { began_at: began_at.as_millis() },
            SideState::AlarmActive { began_at, confirmed_at } => Self::AlarmActive {
                began_at: began_at.as_millis(),
                confirmed_at: confirmed_at.as_millis(),
            },
            SideState::Restoring { good_readings } => Self::Restoring { good_readings },
        }
    }
}

impl From<SideRow> for SideState {
    fn from(row: SideRow) -> Self {
        let at = Timestamp::from_millis;
        match row {
            SideRow::Ok => Self::Ok,
            SideRow::Excursion { began_at } => Self::Excursion { began_at: at(began_at) },
            SideRow::AlarmActive { began_at, confirmed_at } => {
                Self::AlarmActive { began_at: at(began_at), confirmed_at: at(confirmed_at) }
            }
            SideRow::Restoring { good_readings } => Self::Restoring { good_readings },
        }
    }
}

impl From<CoolingRun> for CoolingRow {
    fn from(run: CoolingRun) -> Self {
        let CoolingRun { side, began_at, worst, readings, is_suspected } = run;
        let is_high = side == Side::High;
        Self { is_high, began_at: began_at.as_millis(), worst: worst.0, readings, is_suspected }
    }
}

impl From<CoolingRow> for CoolingRun {
    fn from(row: CoolingRow) -> Self {
        let CoolingRow { is_high, began_at, worst, readings, is_suspected } = row;
        let side = if is_high { Side::High } else { Side::Low };
        Self {
            side,
            began_at: Timestamp::from_millis(began_at),
            worst: MilliCelsius(worst),
            readings,
            is_suspected,
        }
    }
}

impl From<&Door> for DoorRow<'_> {
    fn from(door: &Door) -> Self {
        Self {
            state: door.state.name().into(),
            since: millis(door.since),
            newest_at: millis(door.newest_at),
            newest_received_at: millis(door.newest_received_at),
            concern: door.concern.map(|severity| severity.name().into()),
        }
    }
}

impl TryFrom<DoorRow<'_>> for Door {
    type Error = StoreError;

    fn try_from(row: DoorRow<'_>) -> Result<Self, StoreError> {
        let concern =
            row.concern.map(|word| known("severity", &word, Severity::parse)).transpose()?;
        Ok(Self {
            state: known("door", &row.state, DoorState::parse)?,
            since: instant(row.since),
            newest_at: instant(row.newest_at),
            newest_received_at: instant(row.newest_received_at),
            concern,
        })
    }
}

impl<'a> From<&'a Mode> for ModeRow<'a> {
    fn from(mode: &'a Mode) -> Self {
        match mode {
            Mode::Normal => Self::Normal,
            Mode::Maintenance { until, by, reason } => {
                let (until, by) = (until.as_millis(), by.map(|by| Id(by.0)));
                Self::Maintenance { until, by, reason: Cow::Borrowed(reason) }
            }
            Mode::Defrosting { until } => Self::Defrosting { until: until.as_millis() },
            Mode::Commissioning => Self::Commissioning,
        }
    }
}

impl From<ModeRow<'_>> for Mode {
    fn from(row: ModeRow<'_>) -> Self {
        let at = Timestamp::from_millis;
        match row {
            ModeRow::Normal => Self::Normal,
            ModeRow::Maintenance { until, by, reason } => Self::Maintenance {
                until: at(until),
                by: by.map(|by| UserId(by.0)),
                reason: reason.into(),
            },
            ModeRow::Defrosting { until } => Self::Defrosting { until: at(until) },
            ModeRow::Commissioning => Self::Commissioning,
        }
    }
}

impl<'a> From<&'a OpenAlert> for AlertRow<'a> {
    fn from(alert: &'a OpenAlert) -> Self {
        Self {
            id: Id(alert.id.0),
            kind: alert.kind.name().into(),
            severity: alert.severity.name().into(),
            opened_at: alert.opened_at.as_millis(),
            confirmed_at: millis(alert.confirmed_at),
            acknowledged_at: millis(alert.acknowledged_at),
            acknowledged_by: alert.acknowledged_by.map(|by| Id(by.0)),
            escalated_at: millis(alert.escalated_at),
            point: alert
                .point
                .as_ref()
                .map(|point| (Id(point.source.0), point.channel.as_str().into())),
            temperature: alert.temperature.map(|t| t.0),
            limit: alert.limit.map(|t| t.0),
            peak: alert.peak.map(|t| t.0),
        }
    }
}

impl TryFrom<AlertRow<'_>> for OpenAlert {
    type Error = StoreError;

    fn try_from(row: AlertRow<'_>) -> Result<Self, StoreError> {
        let point = |(source, name): (Id, Cow<'_, str>)| {
            Ok::<_, StoreError>(Point { source: SourceId(source.0), channel: channel(&name)? })
        };
        Ok(Self {
            id: AlertId(row.id.0),
            kind: known("kind", &row.kind, AlertKind::parse)?,
            severity: known("severity", &row.severity, Severity::parse)?,
            opened_at: Timestamp::from_millis(row.opened_at),
            confirmed_at: instant(row.confirmed_at),
            acknowledged_at: instant(row.acknowledged_at),
            acknowledged_by: row.acknowledged_by.map(|by| UserId(by.0)),
            escalated_at: instant(row.escalated_at),
            point: row.point.map(point).transpose()?,
            temperature: row.temperature.map(MilliCelsius),
            limit: row.limit.map(MilliCelsius),
            peak: row.peak.map(MilliCelsius),
        })
    }
}
