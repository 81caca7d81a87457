//! Tells units of maintenance windows: when one begins, when it is edited and when it ends.
//!
//! The table of windows is what is true. A unit is brought to what the table says of this instant and looked at again,
//! so a telling that is done twice, by two processes or after a crash, comes to the same.

use std::time::Duration;

use anyhow::bail;
use futures_util::future::join_all;
use hub_actors::AskError;
use hub_domain::{Mode, OrgId, UnitId};
use hub_store::records::{MaintenanceWindow, UnitChore};

use crate::app::Hub;

/// How often the table is asked for what is due.
const SCAN_EVERY: Duration = Duration::from_secs(1);
/// How many units are told at once.
const AT_ONCE: usize = 50;
/// How often a unit is brought to a table that is edited meanwhile.
const TRIES: usize = 4;

/// How soon a unit that could not be told is told again, and how soon once that failed too.
const AGAIN_SECS: u32 = 1;
const LATER_SECS: u32 = 5;
/// How many units that are noted one scan tells.
const NOTED: u64 = 500;

/// Tells what is due, each second, until it is aborted.
pub async fn look_after(hub: Hub) {
    let mut scan = tokio::time::interval(SCAN_EVERY);
    scan.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        scan.tick().await;
        match hub.store.due_windows(hub.clock.now()).await {
            Ok(due) => {
                for window in due {
                    tell(&hub, &window).await;
                }
            }
            Err(error) => tracing::warn!(%error, "maintenance windows could not be read"),
        }
        if let Err(error) = tell_noted(&hub).await {
            tracing::warn!(%error, "units that are still to be told of windows could not be looked for");
        }
    }
}

/// Tells a window's units what holds for them now, if something is due. What cannot be told is left to the next scan.
pub async fn tell(hub: &Hub, window: &MaintenanceWindow) {
    if let Err(error) = try_tell(hub, window).await {
        tracing::warn!(window.id = %window.id, %error, "units were not told of a maintenance window yet");
    }
}

/// Brings a unit that came back into the mode of its windows. Its restore has noted it, so a failure is mended by a scan.
pub async fn bring_back(hub: &Hub, org: OrgId, unit: UnitId) {
    if let Err(error) = tell_unit(hub, org, unit).await {
        tracing::warn!(unit.id = %unit, %error, "a restored unit was not told of its windows yet");
    }
}

/// Units that cannot be told are noted, each for itself: none keeps another from being told.
async fn try_tell(hub: &Hub, window: &MaintenanceWindow) -> anyhow::Result<()> {
    let now = hub.clock.now();
    if now < window.starts_at {
        return Ok(());
    }
    let units = hub.store.units_of_window(window).await?;
    let mut untold = Vec::new();
    for some in units.chunks(AT_ONCE) {
        let told = join_all(some.iter().map(|unit| tell_unit(hub, window.org, *unit))).await;
        let failed = some.iter().zip(told).filter_map(|(unit, told)| Some((*unit, told.err()?)));
        untold.extend(failed.map(|(unit, error)| {
            tracing::warn!(window.id = %window.id, unit.id = %unit, %error, "a unit was not told of a window yet");
            unit
        }));
    }
    hub.store.note_units(window.org, &untold, now.plus_secs(AGAIN_SECS)).await?;
    Ok(hub.store.window_told(window, now).await?)
}

/// Tells units by themselves that came back, or that could not be told.
async fn tell_noted(hub: &Hub) -> anyhow::Result<()> {
    let noted = hub.store.unit_chores(hub.clock.now(), NOTED).await?;
    for some in noted.chunks(AT_ONCE) {
        join_all(some.iter().map(|chore| tell_again(hub, *chore))).await;
    }
    Ok(())
}

async fn tell_again(hub: &Hub, chore: UnitChore) {
    let done = match tell_unit(hub, chore.org, chore.unit).await {
        Ok(()) => hub.store.finish_unit_chore(chore).await,
        Err(error) => {
            tracing::debug!(unit.id = %chore.unit, %error, "a unit cannot be told of its windows yet");
            let later = hub.clock.now().plus_secs(LATER_SECS);
            hub.store.note_units(chore.org, &[chore.unit], later).await
        }
    };
    if let Err(error) = done {
        tracing::debug!(unit.id = %chore.unit, %error, "a note stays; what it says is done again");
    }
}

/// Brings a unit into the mode that the table has for it.
async fn tell_unit(hub: &Hub, org: OrgId, unit: UnitId) -> anyhow::Result<()> {
    for _ in 0..TRIES {
        let holding = hub.store.window_of_unit(org, unit, hub.clock.now()).await?;
        let mode = holding.map_or(Mode::Normal, |window| window.mode());
        match hub.units.observe(unit).await {
            Ok(seen) if seen.state.mode == mode => return Ok(()),
            Ok(_) => {}
            Err(AskError::UnknownUnit) => return Ok(()), // it was deleted
            Err(error) => return Err(error.into()),
        }
        hub.units.set_mode(unit, mode).await?;
    }
    bail!("the windows of unit {unit} are being edited")
}
