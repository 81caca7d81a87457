//! Frames and the units that their sensors measured at the time: the same for one that just came and for those that
//! were kept while nobody had claimed their sensor.

use std::collections::BTreeMap;

use hub_actors::{AskError, UnitBatch};
use hub_domain::{Reading, SourceId, Suspicion, UnitId};
use hub_store::{
    StoreError,
    records::{DoorEvent, Sensor, Settled, Uplink},
};

use super::{decoded, readings_of};
use crate::{app::Hub, http::error::ApiError};

/// How many kept frames are read in one go.
const FRAMES: usize = 100;

/// What became of a frame: the unit it was for, and whether it could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The unit that its sensor measured then.
    pub unit: UnitId,
    /// Whether anything in it was known.
    pub is_decoded: bool,
}

/// Readings by the unit that their sensor measured then, and whether it measures it no more.
type Sorted = BTreeMap<(UnitId, bool), Vec<Reading>>;

/// Reads the frames of a sensor that were kept, oldest first, as far as it measured a unit then.
///
/// # Errors
/// When something could not be stored. What was is, and frames that were not settled are read again.
pub async fn read(hub: &Hub, sensor: &Sensor) -> Result<(), ApiError> {
    let Some(dev_eui) = sensor.dev_eui.as_deref() else { return Ok(()) };
    let mut after = None;
    while !sensor.assignments.is_empty() {
        let limit = FRAMES as u64;
        let kept = hub.store.unsettled_uplinks(sensor.org, dev_eui, after, limit).await?;
        let Some((last, _)) = kept.last() else { break };
        after = Some(*last);
        let (ids, frames): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
        let taken = take(hub, sensor, &frames).await?;
        let settled = ids.into_iter().zip(taken).filter_map(|(id, taken)| {
            taken.map(|taken| Settled { id, unit: Some(taken.unit), is_decoded: taken.is_decoded })
        });
        let settled: Vec<_> = settled.collect();
        hub.store.settle_uplinks(sensor.org, &settled).await?;
    }
    Ok(())
}

/// Stores what frames of a sensor say, each reading with the unit that the sensor measured then. Of a frame from a time
/// in which it measured none, nothing is made.
///
/// # Errors
/// When something could not be stored; what was is, and may be stored again.
pub async fn take(
    hub: &Hub,
    sensor: &Sensor,
    frames: &[Uplink],
) -> Result<Vec<Option<Taken>>, ApiError> {
    let mut sorted = Sorted::new();
    let mut taken = Vec::with_capacity(frames.len());
    for frame in frames {
        let Some(assignment) = sensor.at(frame.recorded_at) else {
            taken.push(None);
            continue;
        };
        let decoded = decoded(sensor.model.as_deref(), frame);
        taken.push(Some(Taken { unit: assignment.unit, is_decoded: decoded.is_understood }));
        let readings = readings_of(SourceId(sensor.id.0), frame, &decoded);
        if let (true, Some(is_open)) = (readings.is_empty(), decoded.door_open) {
            keep_door(hub, sensor, assignment.unit, frame, is_open).await?;
            if assignment.until.is_none() {
                door(hub, assignment.unit, frame, is_open).await?;
            }
        }
        for reading in readings {
            if let Some(assignment) = sensor.at(reading.recorded_at) {
                let place = (assignment.unit, assignment.until.is_some());
                sorted.entry(place).or_default().push(reading);
            }
        }
    }
    let gone = store(hub, sorted).await?;
    let stays = |taken: &Taken| !gone.contains(&taken.unit);
    Ok(taken.into_iter().map(|taken| taken.filter(stays)).collect())
}

/// Stores readings, and gives the units that are not there any more.
async fn store(hub: &Hub, sorted: Sorted) -> Result<Vec<UnitId>, ApiError> {
    let (mut present, mut gone) = (Vec::new(), Vec::new());
    for ((unit, is_past), readings) in sorted {
        let batch = UnitBatch { unit, readings };
        if !is_past {
            present.push(batch);
            continue;
        }
        match hub.units.keep(batch).await {
            Ok(_) => {}
            Err(AskError::UnknownUnit) => gone.push(unit),
            Err(error) => return Err(error.into()),
        }
    }
    let units: Vec<_> = present.iter().map(|batch| batch.unit).collect();
    for (unit, answer) in units.into_iter().zip(hub.units.ingest(present).await) {
        match answer {
            Ok(_) => {}
            Err(AskError::UnknownUnit) => gone.push(unit),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(gone)
}

/// Keeps a door's report that came without a temperature, once for each frame.
async fn keep_door(
    hub: &Hub,
    sensor: &Sensor,
    unit: UnitId,
    frame: &Uplink,
    is_open: bool,
) -> Result<(), ApiError> {
    if Suspicion::of(frame.recorded_at, frame.received_at).is_some() {
        return Ok(()); // as the unit has it
    }
    let event = DoorEvent {
        id: hub.store.mint_record().0,
        org: sensor.org,
        unit,
        source: SourceId(sensor.id.0),
        is_open,
        recorded_at: frame.recorded_at,
        received_at: frame.received_at,
        created_by: None,
    };
    match hub.store.keep_door_event(event, None).await {
        Ok(_) | Err(StoreError::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Tells a door's report that came without a temperature.
async fn door(hub: &Hub, unit: UnitId, frame: &Uplink, is_open: bool) -> Result<(), ApiError> {
    match hub.units.door(unit, is_open, frame.recorded_at).await {
        Ok(()) | Err(AskError::UnknownUnit) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
