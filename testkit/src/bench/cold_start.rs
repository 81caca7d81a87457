//! A start with 100,000 units in the database: how soon the hub is ready, how soon all are live, what one costs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::crowd::unix_ns;
use super::delays::as_f64;
use super::figures::{Figure, Target};
use super::fleet::{Fleet, live_units};
use super::lab::Lab;
use super::wire::{Batch, Wire};
use crate::hub::HubProcess;
use crate::usage;

const UNITS_PER_SITE: usize = 100;
const BATCH: usize = 5_000;
/// Readings of each unit: the first makes its checkpoint, the others are read after it.
const ROUNDS: i64 = 4;
const MEASURE: &str = "cold-start";
const PATIENCE: Duration = Duration::from_secs(120);

/// The cold start figures.
///
/// # Errors
/// When the units do not come to life within two minutes.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let units = if lab.is_quick() { 20_000 } else { 100_000 };
    let empty = resident_when_empty(lab).await?;
    let database = lab.postgres_database()?;
    let fleet = Fleet::seed(lab, &database, units / UNITS_PER_SITE, UNITS_PER_SITE).await?;
    let mut hub = lab.start_hub(&database).await?;
    fleet.wait_until_live(&hub).await?;
    send_readings(&fleet, &hub)?;
    hub.terminate().await?;
    let begun = Instant::now();
    let cpu_before = lab.postgres_cpu_secs()?;
    let ready = hub.restart().await?.as_secs_f64();
    let live = wait_until_live(&hub, units, begun)?;
    let postgres = lab.postgres_cpu_secs()? - cpu_before;
    let process = hub.process_id().context("the hub is running")?;
    let cpu = usage::cpu_secs(process)?;
    std::thread::sleep(Duration::from_secs(3)); // an allocator gives back what loading took, if it does
    let resident = usage::resident_bytes(process)?;
    let per_unit = (as_f64(resident) - as_f64(empty)) / as_f64(units as u64);
    let figure = |name: String, value, unit| Figure::new(MEASURE, name, value, unit);
    // a smaller start shows that it works; held against the bound of the whole one it would flatter
    let bound = 5.0 * as_f64(units as u64) / 100_000.0;
    Ok(vec![
        figure(format!("{units} units live after a start"), live, "s")
            .target(Target::AtMost(bound))
            .note(format!("processor time: hub {cpu:.2} s, PostgreSQL {postgres:.2} s")),
        figure("ready after a start".to_owned(), ready, "s").target(Target::AtMost(5.0)),
        figure("resident memory of an idle unit".to_owned(), per_unit / 1024.0, "KiB")
            .target(Target::AtMost(8.0))
            .note(format!("{} MiB in all, {} MiB without units", resident >> 20, empty >> 20)),
    ])
}

async fn resident_when_empty(lab: &Lab) -> anyhow::Result<u64> {
    let database = lab.postgres_database()?;
    let hub = lab.start_hub(&database).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    usage::resident_bytes(hub.process_id().context("the hub is running")?)
}

fn send_readings(fleet: &Fleet, hub: &HubProcess) -> anyhow::Result<()> {
    let mut wire = Wire::connect(hub.port())?;
    let now_ms = unix_ns() / 1_000_000;
    for units in fleet.units.chunks(BATCH) {
        let mut batch = Batch::new(&fleet.key, units);
        for round in 0..ROUNDS {
            batch.wander(round.unsigned_abs());
            batch.stamp(now_ms - (ROUNDS - round) * 60_000);
            wire.post(&batch)?;
        }
    }
    Ok(())
}

fn wait_until_live(hub: &HubProcess, units: usize, begun: Instant) -> anyhow::Result<f64> {
    let mut wire = Wire::connect(hub.port())?;
    loop {
        let live = live_units(&mut wire)?;
        if live >= units {
            return Ok(begun.elapsed().as_secs_f64());
        }
        ensure!(begun.elapsed() < PATIENCE, "{live} of {units} units are live after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
