//! What follows from a change of a sensor.
//!
//! Units are told who measures them and when that is to be calibrated, and frames that were kept are read for the time
//! that the sensor is now known to have measured a unit.
//!
//! The change notes in its own transaction that this is to be done. It is done at once, and once more a while later,
//! when readings that were under way at the change have arrived and the memories of other hubs on the database have run
//! out; only then is the note taken away. So it is done though the hub is killed in between, and doing it twice changes
//! nothing.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hub_actors::AskError;
use hub_domain::{DeviceId, OrgId, SourceId, Timestamp, UnitId};
use hub_store::records::{DeviceChore, DeviceDuties, PageQuery, UnitDuty};
use uuid::Uuid;

use crate::{
    app::Hub,
    http::error::ApiError,
    ttn::{self, history},
};

/// How often notes are looked for.
pub const SWEEP_EVERY: Duration = Duration::from_secs(3);
/// A note this old is done again and taken away: longer than places of readings are remembered anywhere.
const SETTLED_AFTER_MILLIS: i64 = 8_000;
/// How many sensors one sweep looks after.
const SWEPT: u64 = 20;
/// A frame that is still in hand so long after it came is nobody's work any more, in milliseconds.
const LEFT_AFTER_MILLIS: i64 = 5_000;
/// How many frames that were left one sweep looks after.
const LEFT_FRAMES: u64 = 200;
/// After so many that could not be read it is a bad moment.
const MOST_FAILURES: usize = 10;
/// How many of the latest sensors of a unit that came back are looked after at once.
const MOST_AT_ONCE: u16 = 20;
/// How many sensors are looked after at a start; sweeps do the rest.
const AT_START: u64 = 1_000;

/// The sensors whose kept frames are being read at this moment.
#[derive(Debug, Default)]
pub struct Reading(Mutex<HashSet<DeviceId>>);

/// A sensor whose kept frames are being read, until dropped.
struct Held<'a>(&'a Reading, DeviceId);

impl Reading {
    fn hold(&self, device: DeviceId) -> Option<Held<'_>> {
        let is_free = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(device);
        is_free.then_some(Held(self, device))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// Does what follows from a change that was just made: units know of it when this returns, frames are read meanwhile.
/// What fails is done by a sweep.
pub async fn at_once(hub: &Hub, org: OrgId, device: DeviceId) {
    hub.places.forget(org, device).await;
    let duties = match told(hub, org, device).await {
        Ok(duties) => duties,
        Err(error) => {
            tracing::warn!(device.id = %device, ?error, "a device's units could not be told; it is tried again");
            return;
        }
    };
    let Some(duties) = duties.filter(|duties| duties.sensor.dev_eui.is_some()) else { return };
    let hub = hub.clone();
    tokio::spawn(async move {
        if let Err(error) = read_kept(&hub, &duties).await {
            tracing::warn!(device.id = %device, ?error, "a device's kept frames could not be read; it is tried again");
        }
    });
}

/// Does what follows for those that measure a unit which came back: what they said meanwhile is read. What fails is done
/// by a sweep.
pub async fn of_unit(hub: &Hub, org: OrgId, unit: UnitId) {
    let page = PageQuery { limit: MOST_AT_ONCE, cursor: None };
    match hub.store.assignments_of_unit(org, unit, page).await {
        Ok(its) => {
            let now = its.items.iter().filter(|its| its.assignment.until.is_none());
            for its in now {
                at_once(hub, org, its.device).await;
            }
        }
        Err(error) => tracing::debug!(%error, "the devices of a restored unit could not be read"),
    }
}

/// Does at a start what an end in between may have kept from being done.
pub async fn begin(hub: &Hub) {
    for chore in noted(hub, hub.clock.now(), AT_START).await {
        if let Err(error) = carry_through(hub, chore).await {
            tracing::warn!(device.id = %chore.device, ?error, "a change of a device could not be carried through");
        }
    }
}

/// Does once more what was noted a while ago, for some sensors, and takes the notes away.
pub async fn sweep(hub: &Hub) {
    let until = Timestamp::from_millis(hub.clock.now().as_millis() - SETTLED_AFTER_MILLIS);
    for chore in noted(hub, until, SWEPT).await {
        match carry_through(hub, chore).await {
            Ok(true) => {
                if let Err(error) = hub.store.finish_chore(chore).await {
                    tracing::debug!(%error, "a note stays; what it says is done again");
                }
            }
            Ok(false) => {} // somebody is at it
            Err(error) => {
                tracing::warn!(device.id = %chore.device, ?error, "a change of a device could not be carried through");
                put_off(hub, chore).await;
            }
        }
    }
}

/// Takes up frames that were kept and then left, until it is aborted: the hub was killed, or the units were too busy.
pub async fn take_up(hub: Hub) {
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut after, mut goes_on) = (None, false);
    loop {
        if !goes_on {
            sweep.tick().await;
        }
        (after, goes_on) = take_up_some(&hub, after).await;
    }
}

/// Takes up some after the one that was looked at last; gives the one to go on after, and whether that is to be at once.
async fn take_up_some(hub: &Hub, after: Option<Uuid>) -> (Option<Uuid>, bool) {
    let until = Timestamp::from_millis(hub.clock.now().as_millis() - LEFT_AFTER_MILLIS);
    let left = hub.store.uplinks_in_hand(until, after, LEFT_FRAMES).await;
    let left = left.unwrap_or_else(|error| {
        tracing::debug!(%error, "frames that were left could not be looked for");
        Vec::new()
    });
    let mut failed = 0;
    for (id, frame) in &left {
        match ttn::finish(hub, frame, frame.received_at, true).await {
            Ok(()) => metrics::counter!("hub_uplinks_taken_up_total").increment(1),
            Err(error) => {
                tracing::warn!(device.eui = %frame.dev_eui, ?error, "a frame that was left could not be read; it is tried again");
                failed += 1;
            }
        }
        if failed == MOST_FAILURES {
            return (Some(*id), false); // the others have their turn, a while later
        }
    }
    let last = left.last().filter(|_| left.len() as u64 == LEFT_FRAMES).map(|(id, _)| *id);
    (last, last.is_some() && failed == 0)
}

/// Lets the others have their turn before what failed is tried again.
async fn put_off(hub: &Hub, chore: DeviceChore) {
    if let Err(error) = hub.store.put_off_chore(chore, hub.clock.now()).await {
        tracing::debug!(%error, "a note stays where it is in the queue");
    }
}

async fn noted(hub: &Hub, until: Timestamp, limit: u64) -> Vec<DeviceChore> {
    let noted = hub.store.device_chores(until, limit).await;
    noted.unwrap_or_else(|error| {
        tracing::debug!(%error, "changed devices could not be looked for");
        Vec::new()
    })
}

/// False if the sensor's frames are being read by somebody else at this moment.
async fn carry_through(hub: &Hub, chore: DeviceChore) -> Result<bool, ApiError> {
    hub.places.forget(chore.org, chore.device).await;
    match told(hub, chore.org, chore.device).await? {
        Some(duties) => read_kept(hub, &duties).await,
        None => Ok(true),
    }
}

/// Tells units what they have to know of a sensor.
async fn told(hub: &Hub, org: OrgId, device: DeviceId) -> Result<Option<DeviceDuties>, ApiError> {
    let Some(duties) = hub.store.device_duties(org, device).await? else { return Ok(None) };
    for duty in &duties.units {
        match tell(hub, SourceId(device.0), duty).await {
            Ok(()) | Err(AskError::UnknownUnit) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(duties))
}

async fn tell(hub: &Hub, source: SourceId, duty: &UnitDuty) -> Result<(), AskError> {
    let state = hub.units.observe(duty.unit).await?.state;
    let is_here = state.points.iter().any(|point| point.point.source == source && !point.is_gone());
    if let Some(left_at) = duty.left_at.filter(|_| is_here) {
        hub.units.retire_source(duty.unit, source, left_at).await?;
    }
    if state.calibration_due_at != duty.calibration_due_at {
        hub.units.expect_calibration(duty.unit, duty.calibration_due_at).await?;
    }
    Ok(())
}

/// Reads the kept frames of a sensor. False if they are being read already.
async fn read_kept(hub: &Hub, duties: &DeviceDuties) -> Result<bool, ApiError> {
    let Some(_held) = hub.reading.hold(duties.sensor.id) else { return Ok(false) };
    history::read(hub, &duties.sensor).await?;
    Ok(true)
}
