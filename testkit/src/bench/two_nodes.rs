//! What it costs that readings come to another node than the one that looks after their units.
//!
//! The same clients send the same batches to one hub, and then by turns to two on the same database and the same
//! machine. Each batch has units of both, so that half of the readings are handed on.

use std::time::Instant;

use anyhow::ensure;

use super::delays::as_f64;
use super::figures::{Figure, Target, median};
use super::fleet::{Fleet, count, live_units};
use super::ingest::{Rounds, Turn, run};
use super::lab::Lab;
use super::wire::Wire;
use crate::hub::HubProcess;

/// Sites: enough that each node has about half of them.
const SITES: usize = 50;
const UNITS_PER_SITE: usize = 10;

/// How often one node and two take turns.
const TURNS: usize = 3;

/// How long it may take until the nodes know of each other.
const SETTLED_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// The figures of two nodes against one.
///
/// # Errors
/// When a reading is refused, or the nodes do not come to have their shares.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let database = lab.postgres_database()?;
    let fleet = Fleet::seed(lab, &database, SITES, UNITS_PER_SITE).await?;
    let one = lab.start_hub(&database).await?;
    fleet.wait_until_live(&one).await?;
    let rounds = Rounds::new();
    run(lab, &fleet, &[&one], &rounds, lab.span(2))?; // to warm up
    let (mut alone, mut shared, mut handed_on) = (Vec::new(), Vec::new(), 0);
    for _ in 0..TURNS {
        alone.push(run(lab, &fleet, &[&one], &rounds, lab.span(10))?);
        let before = handed_on_by(&one)?;
        let mut two = lab.start_hub(&database).await?;
        until_shared(&fleet, &one, &two).await?;
        run(lab, &fleet, &[&one, &two], &rounds, lab.span(2))?; // the other one is new
        shared.push(run(lab, &fleet, &[&one, &two], &rounds, lab.span(10))?);
        handed_on += handed_on_by(&one)? - before + handed_on_by(&two)?;
        two.terminate().await?;
        fleet.wait_until_live(&one).await?;
    }
    Ok(figures(&alone, &shared, handed_on))
}

fn handed_on_by(hub: &HubProcess) -> anyhow::Result<usize> {
    // it is not there before the first
    Ok(count(&mut Wire::connect(hub.port())?, "hub_readings_forwarded_total").unwrap_or(0))
}

/// Waits until each unit is live at one of them, and each has some.
pub(super) async fn until_shared(
    fleet: &Fleet,
    one: &HubProcess,
    two: &HubProcess,
) -> anyhow::Result<()> {
    let mut wires = [Wire::connect(one.port())?, Wire::connect(two.port())?];
    let begun = Instant::now();
    loop {
        let mut live = [0; 2];
        for (live, wire) in live.iter_mut().zip(&mut wires) {
            *live = live_units(wire)?;
        }
        if live.iter().all(|count| *count > 0) && live.iter().sum::<usize>() == fleet.units.len() {
            return Ok(());
        }
        ensure!(begun.elapsed() < SETTLED_WITHIN, "the shares are {live:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn figures(alone: &[Turn], shared: &[Turn], handed_on: usize) -> Vec<Figure> {
    let rate = |turns: &[Turn]| median(turns.iter().map(Turn::rate).collect());
    let cpu = |turns: &[Turn]| {
        let sum = |of: fn(&Turn) -> f64| turns.iter().map(of).sum::<f64>();
        1e6 * sum(|turn| turn.hub_cpu) / sum(|turn| turn.readings)
    };
    let figure = |name: &str, value: f64, unit| Figure::new("two-nodes", name, value, unit);
    let readings: f64 = shared.iter().map(|turn| turn.readings).sum();
    vec![
        figure("ratio to one node", rate(shared) / rate(alone), "×").target(Target::AtLeast(0.8)),
        figure(
            "processor time of hubs a reading, ratio to one node",
            cpu(shared) / cpu(alone),
            "×",
        )
        .target(Target::AtMost(1.3)),
        figure("two nodes", rate(shared), "readings/s").note(format!(
            "{:.0} % handed on, warming up included",
            100.0 * as_f64(handed_on as u64) / readings
        )),
        figure("one node", rate(alone), "readings/s"),
        figure("processor time a reading: two nodes", cpu(shared), "µs"),
        figure("processor time a reading: one node", cpu(alone), "µs"),
    ]
}
