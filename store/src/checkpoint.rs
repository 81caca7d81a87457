//! A unit's state as text: what `unit_states.state` holds.
//!
//! The types here mirror the domain's, which know no serialization. A text that cannot be a state is
//! [`StoreError::Corrupt`], never a default.

mod parts;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use hub_domain::{
    Door, Link, LinkCause, LinkState, ManualLog, ManualLogState, MilliCelsius, Mode, OpenAlert,
    PerMille, Point, PointState, SideState, SourceId, Timestamp, UnitState, conditions::CoolingRun,
    invariants,
};
use serde::{Deserialize, Serialize};

use crate::{StoreError, entity::known};
use parts::{AlertRow, CoolingRow, DoorRow, Id, ModeRow, SideRow, channel, instant, millis};

/// The layout of the text. Raised when an older hub could not read a newer one's.
const LAYOUT: u8 = 1;

/// The text of a state.
pub(crate) fn encode(state: &UnitState) -> String {
    serde_json::to_string(&StateRow::from(state))
        .expect("every field is a number, a text or a list of such")
}

/// The state of a text.
pub(crate) fn decode(text: &str) -> Result<UnitState, StoreError> {
    let row: StateRow<'_> =
        serde_json::from_str(text).map_err(|error| corrupt(&error.to_string()))?;
    let state = UnitState::try_from(row)?;
    if invariants::one_open_alert_per_kind(&state) {
        Ok(state)
    } else {
        Err(corrupt("two alerts of one kind"))
    }
}

fn corrupt(why: &str) -> StoreError {
    StoreError::Corrupt(format!("checkpoint: {why}"))
}

#[derive(Serialize, Deserialize)]
struct StateRow<'a> {
    layout: u8,
    #[serde(borrow)]
    points: Vec<PointRow<'a>>,
    #[serde(borrow)]
    link: LinkRow<'a>,
    #[serde(borrow)]
    door: DoorRow<'a>,
    #[serde(borrow)]
    manual_log: ManualLogRow<'a>,
    #[serde(borrow)]
    mode: ModeRow<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration_due_at: Option<i64>,
    is_calibration_due: bool,
    #[serde(borrow)]
    alerts: Vec<AlertRow<'a>>,
    alerts_opened: u32,
}

#[derive(Serialize, Deserialize)]
struct PointRow<'a> {
    source: Id,
    #[serde(borrow)]
    channel: Cow<'a, str>,
    newest: (i64, i64),
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    beside: Vec<i64>,
    newest_received_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    humidity: Option<i16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    battery_percent: Option<u8>,
    high: SideRow,
    low: SideRow,
    is_faulty: bool,
    is_battery_low: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cooling: Option<CoolingRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct LinkRow<'a> {
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_at: Option<i64>,
    #[serde(borrow)]
    cause: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct ManualLogRow<'a> {
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_at: Option<i64>,
}

impl<'a> From<&'a UnitState> for StateRow<'a> {
    fn from(state: &'a UnitState) -> Self {
        Self {
            layout: LAYOUT,
            points: state.points.iter().map(PointRow::from).collect(),
            link: LinkRow {
                state: state.link.state.name().into(),
                newest_at: millis(state.link.newest_at),
                cause: state.link.cause.name().into(),
            },
            door: DoorRow::from(&state.door),
            manual_log: ManualLogRow {
                state: state.manual_log.state.name().into(),
                newest_at: millis(state.manual_log.newest_at),
            },
            mode: ModeRow::from(&state.mode),
            calibration_due_at: millis(state.calibration_due_at),
            is_calibration_due: state.is_calibration_due,
            alerts: state.alerts.iter().map(AlertRow::from).collect(),
            alerts_opened: state.alerts_opened,
        }
    }
}

impl TryFrom<StateRow<'_>> for UnitState {
    type Error = StoreError;

    fn try_from(row: StateRow<'_>) -> Result<Self, StoreError> {
        if row.layout != LAYOUT {
            return Err(corrupt("unknown layout"));
        }
        Ok(Self {
            points: row.points.into_iter().map(PointState::try_from).collect::<Result<_, _>>()?,
            link: Link {
                state: known("link", &row.link.state, LinkState::parse)?,
                newest_at: instant(row.link.newest_at),
                cause: known("cause", &row.link.cause, LinkCause::parse)?,
            },
            door: Door::try_from(row.door)?,
            manual_log: ManualLog {
                state: known("manual log", &row.manual_log.state, ManualLogState::parse)?,
                newest_at: instant(row.manual_log.newest_at),
            },
            mode: Mode::from(row.mode),
            calibration_due_at: instant(row.calibration_due_at),
            is_calibration_due: row.is_calibration_due,
            alerts: row.alerts.into_iter().map(OpenAlert::try_from).collect::<Result<_, _>>()?,
            alerts_opened: row.alerts_opened,
        })
    }
}

impl<'a> From<&'a PointState> for PointRow<'a> {
    fn from(point: &'a PointState) -> Self {
        Self {
            source: Id(point.point.source.0),
            channel: point.point.channel.as_str().into(),
            newest: (point.newest.0.as_millis(), point.newest.1),
            beside: point.beside.to_vec(),
            newest_received_at: point.newest_received_at.as_millis(),
            temperature: point.temperature.map(|t| t.0),
            humidity: point.humidity.map(|h| h.0),
            battery_percent: point.battery_percent,
            high: SideRow::from(point.high),
            low: SideRow::from(point.low),
            is_faulty: point.is_faulty,
            is_battery_low: point.is_battery_low,
            cooling: point.cooling.map(CoolingRow::from),
            gone_at: millis(point.gone_at),
        }
    }
}

impl TryFrom<PointRow<'_>> for PointState {
    type Error = StoreError;

    fn try_from(row: PointRow<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            point: Point { source: SourceId(row.source.0), channel: channel(&row.channel)? },
            newest: (Timestamp::from_millis(row.newest.0), row.newest.1),
            beside: row.beside.into(),
            newest_received_at: Timestamp::from_millis(row.newest_received_at),
            temperature: row.temperature.map(MilliCelsius),
            humidity: row.humidity.map(PerMille),
            battery_percent: row.battery_percent,
            high: SideState::from(row.high),
            low: SideState::from(row.low),
            is_faulty: row.is_faulty,
            is_battery_low: row.is_battery_low,
            cooling: row.cooling.map(CoolingRun::from),
            gone_at: instant(row.gone_at),
        })
    }
}
