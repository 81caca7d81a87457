//! `POST /api/ingest/readings`: readings of many sensors at once, each with a fate of its own.
//!
//! The envelope is cut into readings without looking into them; each is then parsed, placed and judged by itself,
//! so that one bad reading among thousands costs one line of the answer. What is answered as accepted is durable.

pub mod described;
pub mod envelope;
pub mod item;
pub mod places;

use std::collections::{HashMap, HashSet};

use axum::{
    Json,
    body::Bytes,
    extract::{ConnectInfo, Request, State},
    http::HeaderMap,
};
use futures_util::future::join_all;
use hub_actors::{AskError, ReadingFate, UnitAnswer, UnitBatch};
use hub_domain::{Reading, Timestamp, UnitId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    described::ReadingsIn,
    envelope::Kind,
    item::{Item, Rejection},
    places::Place,
};
use super::{answers::SenderErrors, body, error::ApiError, server::Peer};
use crate::{app::Hub, auth::IngestKey};

/// The most readings in one request.
pub const MOST_READINGS: usize = 5_000;

/// What became of the readings: accepted + duplicates + quarantined + rejected are those that were sent.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct IngestOut {
    accepted: usize,
    late: usize,
    duplicates: usize,
    quarantined: usize,
    rejected: Vec<RejectedOut>,
}

/// A reading that was not taken.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct RejectedOut {
    index: usize,
    code: &'static str,
    detail: String,
}

/// Readings by unit, each with its index in the request.
#[derive(Debug, Default)]
struct Sorted {
    batches: Vec<UnitBatch>,
    indexes: Vec<Vec<usize>>,
    /// By unit, and whether its device has left it since.
    batch_of: HashMap<(UnitId, bool), usize>,
    past: HashSet<usize>,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(post))
}

/// Takes readings in. Answers once they are durable and judged.
///
/// # Errors
/// 400, 413, 415, 422 for a bad envelope, 401 for a bad key, 429 past the key's rate or its organization's, 503 when part of them could
/// not be stored: it is safe to send all of them again.
#[utoipa::path(
    post,
    path = "/api/ingest/readings",
    operation_id = "ingestReadings",
    tag = "Senders",
    request_body(content((ReadingsIn = "application/json"), (String = "application/x-ndjson")), description = "One object with a list of readings, or one reading a line."),
    security(("apiKey" = [])),
    responses(
        (status = 200, description = "Every accepted reading is durable and judged.", body = IngestOut),
        SenderErrors,
    ),
)]
pub async fn post(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Result<Json<IngestOut>, ApiError> {
    let (parts, body) = request.into_parts();
    let key = parts.headers.get("x-api-key").and_then(|key| key.to_str().ok());
    let key = hub.keys.admit(key, peer.0.ip(), hub.clock.now()).await?;
    let kind = Kind::of(&parts.headers)?;
    let bytes = body::read(&parts.headers, body, body::INGEST_LIMIT).await?;
    let items = items(&parts.headers, kind, bytes).await?;
    hub.keys.admit_readings(key, items.len())?;
    take_in(&hub, key, items).await.map(Json)
}

async fn items(
    headers: &HeaderMap,
    kind: Kind,
    bytes: Bytes,
) -> Result<Vec<Result<Item, Rejection>>, ApiError> {
    let bytes = body::open(headers, bytes, body::INGEST_LIMIT).await?;
    let items = envelope::items(kind, &bytes)?;
    if items.is_empty() { Err(ApiError::NoReadings) } else { Ok(items) }
}

async fn take_in(
    hub: &Hub,
    key: IngestKey,
    items: Vec<Result<Item, Rejection>>,
) -> Result<IngestOut, ApiError> {
    let mut out = IngestOut::default();
    let placed = hub.places.place(key, &items).await?;
    let mut sorted = Sorted::default();
    for (index, (item, place)) in items.into_iter().zip(placed).enumerate() {
        match item.and_then(|item| place.map(|place| (item, place))) {
            Ok((item, place)) => sorted.put(index, item, place),
            Err(rejection) => out.reject(index, rejection),
        }
    }
    let answers = store(hub, sorted.batches, &sorted.past).await;
    for (answer, indexes) in answers.into_iter().zip(&sorted.indexes) {
        out.add(answer, indexes)?;
    }
    out.rejected.sort_unstable_by_key(|rejected| rejected.index);
    out.count();
    Ok(out)
}

/// Has units judge and store their readings; those of devices that have left are stored alone.
async fn store(hub: &Hub, batches: Vec<UnitBatch>, past: &HashSet<usize>) -> Vec<UnitAnswer> {
    if past.is_empty() {
        return hub.units.ingest(batches).await;
    }
    let (mut judged, mut kept, mut order) = (Vec::new(), Vec::new(), Vec::new());
    for (index, batch) in batches.into_iter().enumerate() {
        let is_past = past.contains(&index);
        order.push(is_past);
        if is_past { kept.push(batch) } else { judged.push(batch) }
    }
    let mut judged = hub.units.ingest(judged).await.into_iter();
    let mut kept = join_all(kept.into_iter().map(|batch| hub.units.keep(batch))).await.into_iter();
    let next = |is_past| if is_past { kept.next() } else { judged.next() };
    order.into_iter().filter_map(next).collect()
}

impl Sorted {
    fn put(&mut self, index: usize, item: Item, place: Place) {
        let at = *self.batch_of.entry((place.unit, place.is_past)).or_insert_with(|| {
            if place.is_past {
                self.past.insert(self.batches.len());
            }
            self.batches.push(UnitBatch { unit: place.unit, readings: Vec::new() });
            self.indexes.push(Vec::new());
            self.batches.len() - 1
        });
        let point = hub_domain::Point { source: place.source, channel: item.channel };
        let reading = Reading {
            sequence: item.sequence,
            humidity: item.humidity,
            battery_percent: item.battery_percent,
            battery_mv: item.battery_mv,
            door_open: item.door_open,
            signal_dbm: item.signal_dbm,
            ..Reading::new(point, item.recorded_at, Timestamp::default(), item.temperature)
        };
        self.batches[at].readings.push(reading);
        self.indexes[at].push(index);
    }
}

impl IngestOut {
    fn reject(&mut self, index: usize, rejection: Rejection) {
        self.rejected.push(RejectedOut { index, code: rejection.code, detail: rejection.detail });
    }

    fn add(&mut self, answer: UnitAnswer, indexes: &[usize]) -> Result<(), ApiError> {
        match answer {
            Ok(fates) => {
                indexes.iter().zip(fates).for_each(|(index, fate)| self.add_fate(*index, fate));
            }
            Err(AskError::UnknownUnit) => {
                indexes.iter().for_each(|index| self.reject(*index, Rejection::unknown_unit()));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn add_fate(&mut self, index: usize, fate: ReadingFate) {
        match fate {
            ReadingFate::Accepted => self.accepted += 1,
            ReadingFate::Late => {
                self.accepted += 1;
                self.late += 1;
            }
            ReadingFate::Duplicate => self.duplicates += 1,
            ReadingFate::Conflicting => {
                self.duplicates += 1;
                metrics::counter!("hub_readings_conflicting_total").increment(1);
            }
            ReadingFate::Quarantined(_) => self.quarantined += 1,
            ReadingFate::TooManyPoints => self.reject(index, Rejection::too_many_points()),
        }
    }

    fn count(&self) {
        let counts = [
            ("accepted", self.accepted),
            ("late", self.late),
            ("duplicate", self.duplicates),
            ("quarantined", self.quarantined),
            ("rejected", self.rejected.len()),
        ];
        for (fate, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            metrics::counter!("hub_readings_total", "fate" => fate).increment(count as u64);
        }
    }
}
