//! What was stored of a unit: its readings and its radio frames.

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hub_domain::{Timestamp, UnitId};
use hub_store::records::{StoredReading, Uplink};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    asked::{self, Id, Listed, Query, bad_query},
    error::ApiError,
    sites::PageIn,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::{CelsiusOut, InstantOut, PercentOut},
};

/// The most frames on a page: each may carry a long decoded payload.
const MOST_FRAMES: u16 = 50;

/// Which readings are wanted: from (inclusive) to (exclusive), by the sensor's time.
#[derive(Deserialize)]
pub struct ReadingsIn {
    from: Option<String>,
    to: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// A stored reading.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadingOut {
    recorded_at: InstantOut,
    received_at: InstantOut,
    temperature: CelsiusOut,
    humidity: Option<PercentOut>,
    battery: Option<u8>,
    battery_voltage: Option<f64>,
    door_open: Option<bool>,
    signal_strength: Option<i16>,
    source: String,
    channel: String,
    sequence: Option<i64>,
    late: bool,
}

impl From<StoredReading> for ReadingOut {
    fn from(stored: StoredReading) -> Self {
        let reading = stored.reading;
        Self {
            recorded_at: InstantOut(reading.recorded_at),
            received_at: InstantOut(reading.received_at),
            temperature: CelsiusOut(reading.temperature),
            humidity: reading.humidity.map(PercentOut),
            battery: reading.battery_percent,
            battery_voltage: reading.battery_mv.map(|millivolts| f64::from(millivolts) / 1000.0),
            door_open: reading.door_open,
            signal_strength: reading.signal_dbm,
            source: reading.point.source.to_string(),
            channel: reading.point.channel.as_str().to_owned(),
            sequence: (reading.sequence >= 0).then_some(reading.sequence),
            late: stored.is_late,
        }
    }
}

/// A radio frame as kept.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrameOut {
    dev_eui: String,
    session: Option<String>,
    f_cnt: i64,
    f_port: Option<i16>,
    payload: String,
    decoded_payload: Option<Box<RawValue>>,
    recorded_at: InstantOut,
    received_at: InstantOut,
    rssi: Option<i16>,
    decoded: bool,
}

impl From<Uplink> for FrameOut {
    fn from(frame: Uplink) -> Self {
        Self {
            dev_eui: frame.dev_eui,
            session: Some(frame.session).filter(|session| !session.is_empty()),
            f_cnt: frame.f_cnt,
            f_port: frame.f_port,
            payload: STANDARD.encode(&frame.payload),
            decoded_payload: frame
                .decoded_payload
                .and_then(|json| RawValue::from_string(json).ok()),
            recorded_at: InstantOut(frame.recorded_at),
            received_at: InstantOut(frame.received_at),
            rssi: frame.rssi_dbm,
            decoded: frame.is_decoded,
        }
    }
}

/// The readings of a unit in a span of time, oldest first.
///
/// # Errors
/// 404 for a unit that is not there, or not the caller's; 400 for a bad span or page.
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Id(unit): Id<UnitId>,
    Query(asked): Query<ReadingsIn>,
) -> Result<Json<Listed<ReadingOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let from = asked::query_instant("from", asked.from.as_deref())?.unwrap_or(Timestamp::EARLIEST);
    let to = asked::query_instant("to", asked.to.as_deref())?.unwrap_or(Timestamp::LATEST);
    if to < from {
        return Err(bad_query("to", "is before from"));
    }
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    hub.store.unit(caller.org, unit).await?.ok_or(ApiError::NotFound)?;
    let page = hub.store.readings(caller.org, unit, from, to, page).await?;
    Ok(Json(Listed::of(page, ReadingOut::from)))
}

/// The radio frames of a unit's devices.
///
/// # Errors
/// 404 for a unit that is not there, or not the caller's; 400 for a bad page.
pub async fn frames(
    State(hub): State<Hub>,
    caller: Caller,
    Id(unit): Id<UnitId>,
    Query(page): Query<PageIn>,
) -> Result<Json<Listed<FrameOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let mut page = page.page()?;
    page.limit = page.limit.min(MOST_FRAMES);
    hub.store.unit(caller.org, unit).await?.ok_or(ApiError::NotFound)?;
    let page = hub.store.uplinks_of_unit(caller.org, unit, page).await?;
    Ok(Json(Listed::of(page, FrameOut::from)))
}
