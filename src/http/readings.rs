//! What was stored of a unit: its readings and its radio frames.

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hub_domain::{Channel, Timestamp, UnitId};
use hub_store::records::{Bucket, ReadingFilter, Series, StoredReading, Uplink};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{
    IntoParams, ToSchema,
    openapi::schema::{ObjectBuilder, Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::ReadErrors,
    asked::{self, Id, Listed, Query, bad_query},
    error::ApiError,
    openapi::{ById, InOrganization},
    schemas::{self, AnySchema},
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
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReadingsIn {
    #[param(schema_with = schemas::instant)]
    from: Option<String>,
    #[param(schema_with = schemas::instant)]
    to: Option<String>,
    /// Of this source alone.
    #[param(schema_with = schemas::id)]
    source: Option<String>,
    /// Of this channel alone.
    #[param(schema_with = channel_name)]
    channel: Option<String>,
    /// `raw`: each reading, page by page. `auto`: all at once, in buckets that keep minimum and maximum.
    #[param(schema_with = resolutions)]
    resolution: Option<String>,
    /// `asc`: the oldest first. `desc`: the newest first.
    #[param(schema_with = orders)]
    order: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::long_cursor)]
    cursor: Option<String>,
}

fn channel_name() -> AnySchema {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[a-z0-9_-]{1,32}$")).into()
}

fn resolutions() -> AnySchema {
    schemas::words(["raw", "auto"])
}

fn orders() -> AnySchema {
    schemas::words(["asc", "desc"])
}

impl ReadingsIn {
    /// What of the unit is wanted, in whatever resolution.
    fn filter(&self, unit: UnitId) -> Result<ReadingFilter, ApiError> {
        let (from, to) = span(self.from.as_deref(), self.to.as_deref())?;
        let channel = self.channel.as_deref().map(|name| {
            Channel::parse(name).ok_or_else(|| bad_query("channel", "is no name of a channel"))
        });
        let newest_first = match self.order.as_deref() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(bad_query("order", "must be asc or desc")),
        };
        let source = asked::query_id("source", self.source.as_deref())?;
        let channel = channel.transpose()?;
        Ok(ReadingFilter { unit, from, to, source, channel, newest_first })
    }

    /// Whether buckets are wanted. They come all at once, by their time.
    fn is_auto(&self) -> Result<bool, ApiError> {
        match self.resolution.as_deref() {
            None | Some("raw") => Ok(false),
            Some("auto") => {
                let pages =
                    [("limit", &self.limit), ("cursor", &self.cursor), ("order", &self.order)];
                let set = pages.into_iter().find(|(_, value)| value.is_some());
                set.map_or(Ok(true), |(name, _)| {
                    Err(bad_query(name, "goes with resolution raw alone"))
                })
            }
            Some(_) => Err(bad_query("resolution", "must be raw or auto")),
        }
    }
}

/// A span of time in a query: all of it where its ends are left out.
///
/// # Errors
/// 400 for what is no instant, or an end before the beginning.
pub(crate) fn span(
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(Timestamp, Timestamp), ApiError> {
    let from = asked::query_instant("from", from)?.unwrap_or(Timestamp::EARLIEST);
    let to = asked::query_instant("to", to)?.unwrap_or(Timestamp::LATEST);
    if to < from { Err(bad_query("to", "is before from")) } else { Ok((from, to)) }
}

/// Readings, as they are or in buckets.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ReadingsOut {
    /// Each of them, a page at a time.
    Raw(Listed<ReadingOut>),
    /// All of them, in buckets.
    Auto(SeriesOut),
}

/// What the points of a unit measured, in buckets of time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeriesOut {
    /// How long a bucket is. Each begins at a whole number of them since 1970.
    bucket_secs: i64,
    points: Vec<PointOut>,
}

/// What one point measured.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PointOut {
    #[schema(schema_with = schemas::id)]
    source: String,
    channel: String,
    /// Those with readings, oldest first.
    buckets: Vec<BucketOut>,
}

/// What one point measured in one bucket.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BucketOut {
    from: InstantOut,
    min: CelsiusOut,
    min_at: InstantOut,
    max: CelsiusOut,
    max_at: InstantOut,
    mean: CelsiusOut,
    count: i64,
}

impl From<Series> for SeriesOut {
    fn from(series: Series) -> Self {
        let of_points = series.buckets.chunk_by(|one, other| one.point == other.point);
        let points = of_points.map(|buckets| PointOut {
            source: buckets[0].point.source.to_string(),
            channel: buckets[0].point.channel.as_str().to_owned(),
            buckets: buckets.iter().map(BucketOut::from).collect(),
        });
        Self { bucket_secs: series.width_millis / 1000, points: points.collect() }
    }
}

impl From<&Bucket> for BucketOut {
    fn from(bucket: &Bucket) -> Self {
        Self {
            from: InstantOut(bucket.from),
            min: CelsiusOut(bucket.min.0),
            min_at: InstantOut(bucket.min.1),
            max: CelsiusOut(bucket.max.0),
            max_at: InstantOut(bucket.max.1),
            mean: CelsiusOut(bucket.mean),
            count: bucket.count,
        }
    }
}

/// A stored reading.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadingOut {
    recorded_at: InstantOut,
    received_at: InstantOut,
    temperature: CelsiusOut,
    #[schema(required)]
    humidity: Option<PercentOut>,
    #[schema(required)]
    battery: Option<u8>,
    #[schema(required)]
    battery_voltage: Option<f64>,
    #[schema(required)]
    door_open: Option<bool>,
    #[schema(required)]
    signal_strength: Option<i16>,
    source: String,
    channel: String,
    #[schema(required)]
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
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FrameOut {
    #[schema(schema_with = schemas::dev_eui)]
    dev_eui: String,
    #[schema(required)]
    session: Option<String>,
    f_cnt: i64,
    #[schema(required)]
    f_port: Option<i16>,
    payload: String,
    #[schema(required, schema_with = schemas::any_value)]
    decoded_payload: Option<Box<RawValue>>,
    recorded_at: InstantOut,
    received_at: InstantOut,
    #[schema(required)]
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

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(frames))
}

/// The readings of a unit in a span of time.
///
/// # Errors
/// 404 for a unit that is not there, or not the caller's; 400 for a bad span, filter or page.
#[utoipa::path(
    get,
    path = "/api/v1/units/{id}/readings",
    operation_id = "listReadings",
    tag = "Units",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById, ReadingsIn),
    responses(
        (status = 200, description = "A page of them, or all of them in buckets.", body = ReadingsOut),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Id(unit): Id<UnitId>,
    Query(asked): Query<ReadingsIn>,
) -> Result<Json<ReadingsOut>, ApiError> {
    caller.may(Deed::Read)?;
    let (wanted, is_auto) = (asked.filter(unit)?, asked.is_auto()?);
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    hub.store.unit(caller.scope(), unit).await?.ok_or(ApiError::NotFound)?;
    if is_auto {
        let series = hub.store.series(caller.org, &wanted).await?;
        return Ok(Json(ReadingsOut::Auto(series.into())));
    }
    let page = hub.store.readings_where(caller.org, &wanted, page).await?;
    Ok(Json(ReadingsOut::Raw(Listed::of(page, ReadingOut::from))))
}

/// The radio frames of a unit's devices.
///
/// # Errors
/// 404 for a unit that is not there, or not the caller's; 400 for a bad page.
#[utoipa::path(
    get,
    path = "/api/v1/units/{id}/frames",
    operation_id = "listFrames",
    tag = "Units",
    extensions(("x-deed" = json!("read"))),
    params(InOrganization, ById, PageIn),
    responses(
        (status = 200, description = "A page of at most 50 of them.", body = Listed<FrameOut>),
        ReadErrors,
    ),
)]
pub async fn frames(
    State(hub): State<Hub>,
    caller: Caller,
    Id(unit): Id<UnitId>,
    Query(page): Query<PageIn>,
) -> Result<Json<Listed<FrameOut>>, ApiError> {
    caller.may(Deed::Read)?;
    let mut page = page.page()?;
    page.limit = page.limit.min(MOST_FRAMES);
    hub.store.unit(caller.scope(), unit).await?.ok_or(ApiError::NotFound)?;
    let page = hub.store.uplinks_of_unit(caller.org, unit, page).await?;
    Ok(Json(Listed::of(page, FrameOut::from)))
}
