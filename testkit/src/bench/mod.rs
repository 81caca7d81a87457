//! The figures: what the hub does on this machine, against what the machine could do.
//!
//! The hub is a black box here: a process that speaks HTTP and WebSocket and keeps a database. What it uses is read
//! from `/proc`. Each ratio is against something measured in the same run, turn about, since machines differ and a
//! shared one differs from minute to minute.

mod bare;
mod burst;
mod cold_start;
mod crowd;
mod database;
mod delays;
mod fan_out;
mod figures;
mod fleet;
mod frames;
mod ingest;
mod jobs;
mod lab;
mod latency;
mod lists;
mod loop_writer;
mod machine;
mod neighbours;
mod pace;
mod report;
mod rivals;
mod slow_sockets;
mod sockets;
mod telling;
mod two_nodes;
mod wire;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, ensure};

use figures::Figure;
use lab::Lab;
use machine::Machine;
use report::Report;

use crate::postgres::PrivatePostgres;

/// What to measure, and where to put it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The hub's binary, built for release.
    pub hub: PathBuf,
    /// Measures to take, by name; all where it is empty.
    pub only: Vec<String>,
    /// The folder for `bench.json` and `bench.md`.
    pub out: PathBuf,
    /// Shorter runs and a smaller cold start: to see that all works, not to quote.
    pub quick: bool,
}

/// The measures, in the order in which they are taken.
pub const MEASURES: [&str; 14] = [
    "ingest-postgres",
    "ingest-sqlite",
    "two-nodes",
    "latency",
    "latency-across",
    "fan-out",
    "burst",
    "cold-start",
    "sockets",
    "slow-sockets",
    "lists",
    "neighbours",
    "alarm-to-provider",
    "jobs",
];

/// Measures, stores and prints. A figure short of its target is no error: it is said.
///
/// # Errors
/// When a measure cannot be taken, or the figures cannot be stored.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    for name in &options.only {
        ensure!(MEASURES.contains(&name.as_str()), "there is no measure {name}: {MEASURES:?}");
    }
    let postgres = PrivatePostgres::start()?;
    let machine = Machine::look(postgres.run_sql("postgres", "SHOW server_version"));
    drop(postgres);
    let mut report = Report::begin(machine, options.quick);
    report.say_machine();
    for measure in MEASURES {
        if !options.only.is_empty() && !options.only.iter().any(|name| name == measure) {
            continue;
        }
        let begun = Instant::now();
        let taken = take(measure, options).await;
        report.add(measure, begun.elapsed(), taken);
        report.store(&options.out)?; // what is measured is kept, whatever comes after
    }
    report.say_table();
    ensure!(report.failures().is_empty(), "not measured: {}", report.failures().join(", "));
    Ok(())
}

async fn take(measure: &str, options: &Options) -> anyhow::Result<Vec<Figure>> {
    // a server of its own: another measure's rows would be vacuumed meanwhile, and paid for here
    let lab = &Lab::new(options, PrivatePostgres::start()?);
    match measure {
        "ingest-postgres" => ingest::on_postgres(lab).await,
        "ingest-sqlite" => ingest::on_sqlite(lab).await,
        "two-nodes" => two_nodes::measure(lab).await,
        "latency" => latency::measure(lab).await,
        "latency-across" => latency::across(lab).await,
        "fan-out" => fan_out::measure(lab).await,
        "burst" => burst::measure(lab).await,
        "cold-start" => cold_start::measure(lab).await,
        "sockets" => sockets::measure(lab).await,
        "slow-sockets" => slow_sockets::measure(lab).await,
        "lists" => lists::measure(lab).await,
        "neighbours" => neighbours::measure(lab).await,
        "alarm-to-provider" => telling::measure(lab).await,
        "jobs" => jobs::measure(lab).await,
        _ => Err(anyhow::anyhow!("no such measure")),
    }
    .with_context(|| format!("measure {measure}"))
}
