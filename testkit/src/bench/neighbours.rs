//! What good neighbours notice of an organization that asks for a hundred times its share.
//!
//! Turns with the flood and without follow one another, so that what else the machine does is in both. The flood is
//! even (a hundred shares a second, at instants of their own), comes from threads that do little else, and shares the
//! two cores with the hub, its database and the neighbours' clients: what it costs there is in the figures too.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use uuid::Uuid;

use super::crowd::unix_ns;
use super::delays::{as_f64, microseconds, quantile_ms, record};
use super::figures::{Figure, Target};
use super::lab::Lab;
use super::wire::{Batch, Wire};
use crate::hub::HubProcess;
use crate::usage;

const MEASURE: &str = "neighbours";

/// A second's share of an organization, and of each of its people.
const SHARE: u32 = 5;
/// Neighbours, who ask for four fifths of their shares.
const CALM: u32 = 20;
/// Connections of the flood.
const LANES: u32 = 4;
/// Turns of each kind.
const TURNS: u32 = 16;

/// A neighbour's connections and requests: one for what there is, one with a reading.
struct Neighbour {
    reads: (Wire, Vec<u8>),
    sends: (Wire, Batch),
}

/// How long a neighbour's requests took.
struct Seen {
    reads: Histogram<u64>,
    sends: Histogram<u64>,
}

/// How the flood is answered.
#[derive(Default)]
struct Flood {
    is_over: AtomicBool,
    refused: AtomicU64,
    taken: AtomicU64,
}

/// The figures of neighbours.
///
/// # Errors
/// When a neighbour is refused anything, or the flood is not.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let database = lab.postgres_database()?;
    let share = SHARE.to_string();
    let hub = lab.hub_builder(&database);
    let hub = hub.env("HUB_CALLER_REQUESTS", &share).env("HUB_ORGANIZATION_REQUESTS", &share);
    let hub = hub.start().await?;
    let process = hub.process_id().context("the hub is running")?;
    let (loud, _) = hub.owner("Loud").await?;
    let mut neighbours = Vec::new();
    for number in 0..CALM {
        neighbours.push(Neighbour::settle(&hub, number).await?);
    }
    let span = lab.span(3);
    take_turn(&mut neighbours, &mut Seen::new(), span)?; // everything is warm then
    let (mut quiet, mut beside, flood) = (Seen::new(), Seen::new(), Flood::default());
    let mut cpu = [0.0; 2];
    for _ in 0..TURNS {
        let before = usage::cpu_secs(process)?;
        take_turn(&mut neighbours, &mut quiet, span)?;
        let between = usage::cpu_secs(process)?;
        flood.beside(hub.port(), &loud.token, || take_turn(&mut neighbours, &mut beside, span))?;
        cpu = [cpu[0] + between - before, cpu[1] + usage::cpu_secs(process)? - between];
    }
    let (refused, taken) = (flood.refused.into_inner(), flood.taken.into_inner());
    ensure!(refused > 10 * taken, "{refused} refused, {taken} taken: that was no flood");
    let micros = (cpu[1] - cpu[0]) * 1e6 / as_f64(refused);
    let rate = as_f64(refused) / span.as_secs_f64() / f64::from(TURNS);
    Ok(vec![
        ratio("reads", &quiet.reads, &beside.reads),
        ratio("sends", &quiet.sends, &beside.sends),
        Figure::new(MEASURE, "hub, for each request of the flood", micros, "µs")
            .note(format!("{rate:.0} refusals a second")),
    ])
}

fn ratio(what: &str, quiet: &Histogram<u64>, beside: &Histogram<u64>) -> Figure {
    let [before, after] = [quiet, beside].map(|times| quantile_ms(times, 0.99));
    let note =
        format!("{before:.2} ms before, {after:.2} ms beside, {} requests each", quiet.len());
    Figure::new(MEASURE, format!("{what} of others beside a flood, p99"), after / before, "×")
        .target(Target::AtMost(1.2))
        .note(note)
}

/// Has every neighbour ask in turn, evenly, for the span.
fn take_turn(neighbours: &mut [Neighbour], seen: &mut Seen, span: Duration) -> anyhow::Result<()> {
    let step = Duration::from_secs(1) / (CALM * SHARE * 4 / 5);
    let begun = Instant::now();
    let instants = (0..).map(|number| begun + step * number);
    let instants = instants.take_while(|at| at.duration_since(begun) < span);
    for (number, at) in instants.enumerate() {
        thread::sleep(at.saturating_duration_since(Instant::now()));
        let number_of_all = neighbours.len();
        neighbours[number % number_of_all].ask(seen, at)?;
    }
    Ok(())
}

impl Seen {
    fn new() -> Self {
        Self { reads: microseconds(), sends: microseconds() }
    }
}

impl Neighbour {
    async fn settle(hub: &HubProcess, number: u32) -> anyhow::Result<Self> {
        let (made, api) = hub.owner(&format!("Calm {number}")).await?;
        let unit = api.create_unit(&api.create_site("Site").await, "Unit").await;
        let unit: Uuid = unit.parse()?;
        let port = hub.port();
        Ok(Self {
            reads: (Wire::connect(port)?, get_sites(&made.token)),
            sends: (Wire::connect(port)?, Batch::new(&made.api_key, &[unit])),
        })
    }

    /// Asks for what there is, then sends a reading. What comes late for the one before is counted as late.
    fn ask(&mut self, seen: &mut Seen, meant: Instant) -> anyhow::Result<()> {
        let (wire, request) = &mut self.reads;
        let status = wire.exchange(request)?.status;
        ensure!(status == 200, "a neighbour's own share is untouched: {status}");
        record(&mut seen.reads, i64::try_from(meant.elapsed().as_nanos())?);
        let (wire, batch) = &mut self.sends;
        let begun = Instant::now();
        batch.stamp(unix_ns() / 1_000_000);
        wire.post(batch)?;
        record(&mut seen.sends, i64::try_from(begun.elapsed().as_nanos())?);
        Ok(())
    }
}

impl Flood {
    /// Runs `turn` beside the flood.
    fn beside(
        &self,
        port: u16,
        token: &str,
        turn: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.is_over.store(false, Ordering::Relaxed);
        thread::scope(|scope| {
            let lanes = (0..LANES).map(|lane| scope.spawn(move || self.pour(port, token, lane)));
            let lanes: Vec<_> = lanes.collect();
            let turn = turn();
            self.is_over.store(true, Ordering::Relaxed);
            for lane in lanes {
                lane.join().expect("a lane does not panic")?;
            }
            turn
        })
    }

    fn pour(&self, port: u16, token: &str, lane: u32) -> anyhow::Result<()> {
        let request = get_sites(token);
        let mut wire = Wire::connect(port)?;
        let step = Duration::from_secs(1) / (SHARE * 100);
        let begun = Instant::now();
        for number in (lane..).step_by(usize::try_from(LANES)?) {
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
            thread::sleep((begun + step * number).saturating_duration_since(Instant::now()));
            match wire.exchange(&request)?.status {
                429 => self.refused.fetch_add(1, Ordering::Relaxed),
                200 => self.taken.fetch_add(1, Ordering::Relaxed),
                status => anyhow::bail!("the flood is answered {status}"),
            };
        }
        Ok(())
    }
}

fn get_sites(token: &str) -> Vec<u8> {
    format!(
        "GET /api/v1/sites HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}
