//! How many readings a second the hub takes, judges and makes durable, against what the database takes bare.
//!
//! Four clients send 500 readings a request, one for each of 500 units at five sites, each on one connection. The
//! bare rate is that of the same rows into the same table by one connection. They take turns.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::bare::Bare;
use super::crowd::unix_ns;
use super::database::Database;
use super::delays::as_f64;
use super::figures::{Figure, Target, median};
use super::fleet::Fleet;
use super::lab::Lab;
use super::wire::{Batch, Verdict, Wire};
use crate::hub::HubProcess;
use crate::usage;

/// Readings in a request, and so units.
const BATCH: usize = 500;
const CLIENTS: usize = 4;

/// Between the instants of two requests, and from the first instant to now: the readings of a run lie around now,
/// as a live sensor's do, and at a few hundred requests a second never so far ahead that they count as future.
const STEP_MS: i64 = 10;
const BEFORE_MS: i64 = 200_000;

/// What one turn of the hub came to, or of several.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) readings: f64,
    late: f64,
    secs: f64,
    pub(super) hub_cpu: f64,
    database_cpu: f64,
    own_cpu: f64,
}

impl Turn {
    pub(super) fn rate(&self) -> f64 {
        self.readings / self.secs
    }
}

/// The ingest figures on PostgreSQL.
///
/// # Errors
/// When a reading is refused.
pub(super) async fn on_postgres(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let (database, bare) = (lab.postgres_database()?, lab.postgres_database()?);
    let contest = contest(lab, &database, &bare, [500, 5_000]).await?;
    let [of_500, of_5_000] = contest.bare_rates();
    let target = Target::AtLeast(0.5);
    Ok(contest.figures(
        "ingest-postgres",
        "bare UNNEST",
        [(500, of_500), (5_000, of_5_000)],
        target,
    ))
}

/// The ingest figures on SQLite.
///
/// # Errors
/// When a reading is refused.
pub(super) async fn on_sqlite(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let (database, bare) = (lab.sqlite_database()?, lab.sqlite_database()?);
    let contest = contest(lab, &database, &bare, [5_000, 500]).await?;
    let [of_5_000, of_500] = contest.bare_rates();
    let target = Target::AtLeast(0.25);
    Ok(contest.figures(
        "ingest-sqlite",
        "bare json_each",
        [(5_000, of_5_000), (500, of_500)],
        target,
    ))
}

/// Turns of the hub and of the bare database.
#[derive(Debug, Default)]
struct Contest {
    turns: Vec<Turn>,
    bare: [Vec<f64>; 2],
    bare_rows: f64,
    bare_cpu: f64,
}

/// Bare, hub, bare, hub, bare: whatever slows the machine for a while slows both.
async fn contest(
    lab: &Lab,
    database: &Database,
    bare_database: &Database,
    batches: [usize; 2],
) -> anyhow::Result<Contest> {
    let fleet = Fleet::seed(lab, database, 5, 100).await?;
    let hub = lab.start_hub(database).await?;
    fleet.wait_until_live(&hub).await?;
    lab.start_hub(bare_database).await?.terminate().await?; // it leaves the month's partition behind
    let mut bare = Bare::connect(bare_database, BATCH).await?;
    let rounds = Rounds::new();
    run(lab, &fleet, &[&hub], &rounds, lab.span(2))?; // to warm up
    let mut contest = Contest::default();
    for turn in 0..5 {
        if turn % 2 == 1 {
            contest.turns.push(run(lab, &fleet, &[&hub], &rounds, lab.span(10))?);
            continue;
        }
        for (rates, batch) in contest.bare.iter_mut().zip(batches) {
            let before = lab.postgres_cpu_secs()? + usage::own_cpu_secs();
            let written = bare.write(batch, lab.span(3)).await?;
            rates.push(written.rate());
            contest.bare_rows += written.rows;
            contest.bare_cpu += lab.postgres_cpu_secs()? + usage::own_cpu_secs() - before;
        }
    }
    Ok(contest)
}

/// A turn of one hub, or of several to which clients go by turns.
pub(super) fn run(
    lab: &Lab,
    fleet: &Fleet,
    hubs: &[&HubProcess],
    rounds: &Rounds,
    span: Duration,
) -> anyhow::Result<Turn> {
    let of_hubs = || -> anyhow::Result<f64> {
        let process = |hub: &&HubProcess| hub.process_id().context("the hub is running");
        hubs.iter().map(|hub| usage::cpu_secs(process(hub)?)).sum()
    };
    let used = || anyhow::Ok([of_hubs()?, lab.postgres_cpu_secs()?, usage::own_cpu_secs()]);
    let before = used()?;
    let begun = Instant::now();
    let ports: Vec<u16> = hubs.iter().map(|hub| hub.port()).collect();
    let verdict = send_all(fleet, &ports, rounds, begun + span)?;
    let secs = begun.elapsed().as_secs_f64();
    let after = used()?;
    let [hub_cpu, database_cpu, own_cpu] =
        std::array::from_fn(|index| after[index] - before[index]);
    let (readings, late) = (as_f64(verdict.accepted), as_f64(verdict.late));
    Ok(Turn { readings, late, secs, hub_cpu, database_cpu, own_cpu })
}

/// All clients at once until `until`; gives what was stored of all they sent.
fn send_all(
    fleet: &Fleet,
    ports: &[u16],
    rounds: &Rounds,
    until: Instant,
) -> anyhow::Result<Verdict> {
    std::thread::scope(|scope| {
        let ports = ports.iter().cycle().take(CLIENTS);
        let clients: Vec<_> =
            ports.map(|port| scope.spawn(|| send(fleet, *port, rounds, until))).collect();
        let mut sum = Verdict::default();
        for client in clients {
            sum += client.join().expect("a client does not panic")?;
        }
        Ok(sum)
    })
}

fn send(fleet: &Fleet, port: u16, rounds: &Rounds, until: Instant) -> anyhow::Result<Verdict> {
    let mut wire = Wire::connect(port)?;
    let mut batch = Batch::new(&fleet.key, &fleet.units);
    let mut sum = Verdict::default();
    while Instant::now() < until {
        let at_ms = rounds.next_ms();
        batch.wander(at_ms.unsigned_abs() / STEP_MS.unsigned_abs());
        batch.stamp(at_ms);
        sum += wire.post(&batch)?;
    }
    Ok(sum)
}

/// Hands each request an instant of its own, the later the later it is asked for.
pub(super) struct Rounds(AtomicI64);

impl Rounds {
    pub(super) fn new() -> Self {
        Self(AtomicI64::new(unix_ns() / 1_000_000 - BEFORE_MS))
    }

    fn next_ms(&self) -> i64 {
        self.0.fetch_add(STEP_MS, Ordering::Relaxed)
    }
}

impl Contest {
    fn bare_rates(&self) -> [f64; 2] {
        [median(self.bare[0].clone()), median(self.bare[1].clone())]
    }

    fn figures(
        &self,
        measure: &'static str,
        ceiling: &str,
        bare: [(usize, f64); 2],
        target: Target,
    ) -> Vec<Figure> {
        let rate = median(self.turns.iter().map(Turn::rate).collect());
        let sum = |of: fn(&Turn) -> f64| self.turns.iter().map(of).sum::<f64>();
        let readings = sum(|turn| turn.readings);
        let late = format!(
            "{:.1} % overtaken by another client's",
            100.0 * sum(|turn| turn.late) / readings
        );
        let [(batch, of_batch), (other, of_other)] = bare;
        let micros = |name: &str, secs: f64| {
            Figure::new(
                measure,
                format!("processor time a reading: {name}"),
                secs * 1e6 / readings,
                "µs",
            )
        };
        let mut figures = vec![
            Figure::new(
                measure,
                format!("ratio to {ceiling}, batches of {batch}"),
                rate / of_batch,
                "×",
            )
            .target(target),
            Figure::new(measure, "durable and judged, over HTTP", rate, "readings/s").note(late),
            Figure::new(measure, format!("{ceiling}, batches of {batch}"), of_batch, "rows/s"),
            Figure::new(measure, format!("{ceiling}, batches of {other}"), of_other, "rows/s"),
            micros("hub", sum(|turn| turn.hub_cpu)),
            micros("clients", sum(|turn| turn.own_cpu)),
            Figure::new(
                measure,
                format!("processor time a row: {ceiling}"),
                self.bare_cpu * 1e6 / self.bare_rows,
                "µs",
            ),
        ];
        let database_cpu = sum(|turn| turn.database_cpu);
        if database_cpu > 0.01 * sum(|turn| turn.hub_cpu) {
            figures.push(micros("PostgreSQL", database_cpu)); // SQLite's is the hub's
        }
        figures
    }
}
