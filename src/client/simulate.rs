//! `hub simulate`: a seeded fleet of fridges and freezers that sends to a hub as sensors would.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::fleet::{Fleet, FleetOptions, SimulatedReading, UnitSpec};
use super::ingest::{ReadingOut, SendError, Sender, Target};
use super::physics::UnitKind;
use super::replay::{ConnectionArgs, Speed, batch_size, span};
use super::scenario::Scenario;
use super::summary::{Summary, progress_bar};
use super::tree::Tree;

/// How often a running simulation looks at the clock.
const TICK: Duration = Duration::from_millis(200);
/// How much simulated time goes by at once where it is not tied to the clock.
const STRIDE_MS: i64 = 60_000;

/// Simulates a fleet of units with a thermal model and sends its readings to a hub
#[derive(Debug, Clone, clap::Args)]
pub struct SimulateArgs {
    /// Where the hub is and how to send to it
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Which units send
    #[command(flatten)]
    pub units: UnitsArgs,
    /// Chance: the same seed and flags give the same readings
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Check-in interval of each sensor, with 5 % jitter
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub interval_secs: u32,
    /// `max`, or how much faster than the clock: any but 1 needs --duration and makes a history that ends now
    #[arg(long, default_value = "1")]
    pub speed: Speed,
    /// How much simulated time; without it, until interrupted
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub duration: Option<Duration>,
    /// How much faster heat flows and things happen than the clock says
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = time_lapse)]
    pub time_lapse: f64,
    /// Readings in one request at most
    #[arg(long, default_value_t = 500, value_parser = batch_size)]
    pub batch: usize,
    /// What happens to the units
    #[command(flatten)]
    pub events: EventArgs,
}

/// Which units send: a file, ids, or units made for the purpose.
#[derive(Debug, Clone, clap::Args)]
pub struct UnitsArgs {
    /// JSON list of `{"unitId"|"deviceId"|"devEui", "kind"?, "site"?, "intervalSecs"?}`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["unit", "create"])]
    pub units_file: Option<PathBuf>,
    /// Id of a unit; may be given many times
    #[arg(long, value_name = "ID", conflicts_with = "create")]
    pub unit: Vec<String>,
    /// Kind of the units named by --unit
    #[arg(long, value_enum, default_value = "fridge")]
    pub kind: UnitKind,
    /// Make the sites and units, or find them by name; needs --token
    #[arg(long, requires = "token")]
    pub create: bool,
    /// Token of a person who may make units
    #[arg(long, env = "HUB_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// How many sites to make
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub sites: u16,
    /// How many units to make, over all sites
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub units: u32,
    /// Write the units here, to be read back with --units-file
    #[arg(long, value_name = "FILE")]
    pub units_out: Option<PathBuf>,
}

/// What happens to the units.
#[derive(Debug, Clone, clap::Args)]
pub struct EventArgs {
    /// Doors are opened, so many times as often as is usual for the kind of unit
    #[arg(long, value_name = "FACTOR", num_args = 0..=1, default_value_t = 0.0, default_missing_value = "1", value_parser = rate)]
    pub doors: f64,
    /// Freezers and walk-ins defrost
    #[arg(long)]
    pub defrost: bool,
    /// Compressors fail, so many times a unit and day
    #[arg(long, value_name = "PER_DAY", num_args = 0..=1, default_value_t = 0.0, default_missing_value = "0.5", value_parser = rate)]
    pub failures: f64,
    /// Sensors fall silent, so many times a unit and day
    #[arg(long, value_name = "PER_DAY", num_args = 0..=1, default_value_t = 0.0, default_missing_value = "1", value_parser = rate)]
    pub silent: f64,
    /// Share of readings that arrive twice
    #[arg(long, value_name = "SHARE", num_args = 0..=1, default_value_t = 0.0, default_missing_value = "0.16", value_parser = share)]
    pub radio_duplicates: f64,
    /// Share of readings that arrive after later ones
    #[arg(long, value_name = "SHARE", num_args = 0..=1, default_value_t = 0.0, default_missing_value = "0.02", value_parser = share)]
    pub late: f64,
    /// The power of one site goes, so long after the start
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub power_cut_at: Option<Duration>,
    /// For how long it stays away
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub power_cut_secs: u32,
    /// Which site, from 1
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub power_cut_site: u16,
}

/// A unit as the units file has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileUnit {
    #[serde(flatten)]
    target: Target,
    #[serde(default = "fridge")]
    kind: UnitKind,
    /// Counted from 1, as on the command line.
    #[serde(default = "first_site")]
    site: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_secs: Option<u32>,
}

fn fridge() -> UnitKind {
    UnitKind::Fridge
}

fn first_site() -> usize {
    1
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.0..=10_000.0).contains(rate));
    rate.ok_or_else(|| format!("{text:?} is no rate from 0 to 10000"))
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text:?} is no share from 0 to 1"))
}

fn time_lapse(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor| (1.0..=100.0).contains(factor));
    factor.ok_or_else(|| format!("{text:?} is no factor from 1 to 100"))
}

impl EventArgs {
    fn scenario(&self) -> Scenario {
        Scenario {
            doors: self.doors,
            defrost: self.defrost,
            failures_per_day: self.failures,
            silences_per_day: self.silent,
            radio_duplicates: self.radio_duplicates,
            late: self.late,
        }
    }
}

/// Runs the simulation and writes its summary to the standard output.
///
/// # Errors
/// The flags do not fit together, the hub refused something, or something could not be sent.
pub async fn run(args: SimulateArgs) -> anyhow::Result<()> {
    run_to(args, &mut io::stdout()).await
}

/// Runs the simulation with its summary going elsewhere.
///
/// # Errors
/// As [`run`].
pub async fn run_to(mut args: SimulateArgs, out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    ensure!(
        args.speed == Speed::Times(1.0) || args.duration.is_some(),
        "a --speed other than 1 needs a --duration: it makes a history that ends now"
    );
    let specs = specs(&mut args).await?;
    let cut = usize::from(args.events.power_cut_site) - 1;
    ensure!(
        args.events.power_cut_at.is_none() || specs.iter().any(|spec| spec.site == cut),
        "there is no site {} to cut the power of",
        args.events.power_cut_site
    );
    let sender = args.connection.sender()?;
    let mut fleet = fleet(&args, specs);
    let mut summary = Summary::default();
    tokio::select! {
        () = drive(&mut fleet, &sender, &args, &mut summary) => {}
        _ = tokio::signal::ctrl_c() => tracing::info!("interrupted"),
    }
    summary.write_to(out)?;
    summary.verdict()
}

fn fleet(args: &SimulateArgs, specs: Vec<UnitSpec>) -> Fleet {
    let now_ms = chrono::Utc::now().timestamp_millis();
    let start_ms = start_ms(now_ms, args.duration, args.speed);
    let scenario = args.events.scenario();
    let options = FleetOptions { seed: args.seed, start_ms, lapse: args.time_lapse, scenario };
    let mut fleet = Fleet::new(&options, specs);
    if let Some(after) = args.events.power_cut_at {
        let site = usize::from(args.events.power_cut_site) - 1;
        let for_ms = i64::from(args.events.power_cut_secs) * 1000;
        fleet.cut_power(site, start_ms + milliseconds(after), for_ms);
    }
    fleet
}

/// Where simulated time begins such that nothing is sent before it was measured.
fn start_ms(now_ms: i64, duration: Option<Duration>, speed: Speed) -> i64 {
    let duration_ms = duration.map_or(0, milliseconds);
    now_ms - duration_ms + speed.real_ms(duration_ms).min(duration_ms)
}

async fn specs(args: &mut SimulateArgs) -> anyhow::Result<Vec<UnitSpec>> {
    let units = if let Some(path) = &args.units.units_file {
        read_units(path)?
    } else if args.units.create {
        create(args).await?
    } else {
        let ids = args.units.unit.iter().cloned().map(Target::UnitId);
        let kind = args.units.kind;
        ids.map(|target| FileUnit { target, kind, site: 1, interval_secs: None }).collect()
    };
    ensure!(!units.is_empty(), "say which units send: --units-file, --unit or --create");
    if let Some(path) = &args.units.units_out {
        let file = File::create(path).with_context(|| format!("{}", path.display()))?;
        serde_json::to_writer_pretty(file, &units)?;
    }
    let spec = |unit: FileUnit| UnitSpec {
        target: unit.target,
        site: unit.site.saturating_sub(1),
        kind: unit.kind,
        interval_ms: i64::from(unit.interval_secs.unwrap_or(args.interval_secs).max(1)) * 1000,
    };
    Ok(units.into_iter().map(spec).collect())
}

fn read_units(path: &Path) -> anyhow::Result<Vec<FileUnit>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
    serde_json::from_reader(BufReader::new(file)).with_context(|| format!("{name} holds no units"))
}

/// Makes sites and units, or finds those of an earlier run by their names, and a key if there is none.
async fn create(args: &mut SimulateArgs) -> anyhow::Result<Vec<FileUnit>> {
    let Some(token) = &args.units.token else { bail!("--create needs --token") };
    let tree = Tree::new(&args.connection.url, token)?;
    let sites = usize::from(args.units.sites);
    let mut made = Vec::new();
    for site in 1..=sites {
        let site_id = tree.site(&format!("Simulated site {site}"), "UTC").await?;
        let numbers = (site..=args.units.units as usize).step_by(sites);
        for (number, kind) in numbers.zip(UnitKind::ALL.into_iter().cycle()) {
            let name = format!("{} {number:03}", kind.label());
            let id = tree.unit(&site_id, None, &name, kind.preset()).await?;
            made.push(FileUnit { target: Target::UnitId(id), kind, site, interval_secs: None });
        }
    }
    if args.connection.api_key.is_none() {
        args.connection.api_key = Some(tree.api_key("hub simulate").await?);
    }
    Ok(made)
}

/// Lets time pass and sends what arrives, until the duration is over or the hub is lost.
async fn drive(fleet: &mut Fleet, sender: &Sender, args: &SimulateArgs, summary: &mut Summary) {
    let clock = Clock::new(fleet.now_ms(), args);
    let bar = progress_bar(args.duration.map(|duration| duration.as_secs()));
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while !clock.is_over(fleet) {
        if args.speed != Speed::Max {
            tick.tick().await;
        }
        let arrived = fleet.advance(clock.now_ms(fleet));
        if send_all(sender, &arrived, args.batch, summary).await.is_err() {
            break;
        }
        bar.set_position(clock.elapsed_secs(fleet));
        bar.set_message(format!("{} readings", summary.sent));
    }
    bar.finish_and_clear();
}

async fn send_all(
    sender: &Sender,
    arrived: &[SimulatedReading],
    batch: usize,
    summary: &mut Summary,
) -> Result<(), SendError> {
    let mut left = arrived.len();
    for chunk in arrived.chunks(batch) {
        let readings: Vec<ReadingOut> = chunk.iter().map(|one| one.reading.clone()).collect();
        match sender.send(&readings).await {
            Ok(verdict) => summary.count(chunk.len(), verdict, |index| name(chunk, index)),
            Err(error) => {
                summary.stop(left, &error);
                return Err(error);
            }
        }
        left -= chunk.len();
    }
    Ok(())
}

fn name(chunk: &[SimulatedReading], index: usize) -> String {
    let number = chunk.get(index).map_or(0, |one| one.unit + 1);
    format!("unit number {number}")
}

/// Simulated time against the wall's.
struct Clock {
    started: Instant,
    start_ms: i64,
    end_ms: i64,
    speed: Speed,
}

impl Clock {
    fn new(start_ms: i64, args: &SimulateArgs) -> Self {
        let end_ms = args.duration.map_or(i64::MAX, |duration| start_ms + milliseconds(duration));
        Self { started: Instant::now(), start_ms, end_ms, speed: args.speed }
    }

    /// Up to where the fleet may go now.
    fn now_ms(&self, fleet: &Fleet) -> i64 {
        let to_ms = match self.speed {
            Speed::Max => fleet.now_ms() + STRIDE_MS,
            Speed::Times(factor) => {
                self.start_ms + milliseconds(self.started.elapsed().mul_f64(factor))
            }
        };
        to_ms.min(self.end_ms)
    }

    fn is_over(&self, fleet: &Fleet) -> bool {
        // the fleet stops at its last whole step before the end
        fleet.now_ms() + fleet.step_ms() > self.end_ms
    }

    fn elapsed_secs(&self, fleet: &Fleet) -> u64 {
        ((fleet.now_ms() - self.start_ms) / 1000).unsigned_abs()
    }
}

fn milliseconds(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
