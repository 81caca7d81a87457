//! `hub replay`: a logger's CSV, sent to a hub as if it were measured now, or as fast as it goes.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::{Instant, sleep_until};

use super::ingest::{BATCH_MAX, ReadingOut, SendError, Sender, SenderOptions, Target};
use super::instant;
use super::rows::{self, BadRow, ColumnArgs, Row, TargetFrom};
use super::summary::{Summary, progress_bar};

/// So many rows that cannot be read are told one by one.
const BAD_ROWS_SHOWN: usize = 5;
/// So many readings of a dry run are shown.
const DRY_RUN_SHOWN: usize = 3;

/// Sends CSV files to a hub's ingest endpoint, at any speed
#[derive(Debug, Clone, clap::Args)]
pub struct ReplayArgs {
    /// Files with one reading a row, sent one after the other in the order of their rows
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Where the hub is and how to send to it
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Whose readings these are
    #[command(flatten)]
    pub target: TargetArgs,
    /// Which column means what
    #[command(flatten)]
    pub columns: ColumnArgs,
    /// Move all rows in time by one span, so that the newest is stamped with the moment it is sent
    #[arg(long)]
    pub shift_to_now: bool,
    /// `max`, or how much faster than measured: 1 is real time, 60 a minute a second
    #[arg(long, default_value = "max")]
    pub speed: Speed,
    /// Rows in one request
    #[arg(long, default_value_t = 500, value_parser = batch_size)]
    pub batch: usize,
    /// Send no more than so many rows
    #[arg(long, value_name = "ROWS")]
    pub limit: Option<usize>,
    /// Read and show, but send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Fail at the first row that cannot be read, before anything is sent
    #[arg(long)]
    pub strict: bool,
}

/// Where the hub is and how to send to it.
#[derive(Debug, Clone, clap::Args)]
pub struct ConnectionArgs {
    /// Address of the hub
    #[arg(long, env = "HUB_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Ingest key of the hub
    #[arg(long, env = "HUB_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// Compress what is sent
    #[arg(long)]
    pub gzip: bool,
    /// Send one JSON object a line instead of one for the batch
    #[arg(long)]
    pub ndjson: bool,
    /// For how long a batch is resent while the hub is away or busy
    #[arg(long, value_name = "SPAN", default_value = "2m", value_parser = span)]
    pub patience: Duration,
}

/// Whose readings these are: exactly one of the four.
#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
pub struct TargetArgs {
    /// Id of the unit
    #[arg(long, value_name = "ID")]
    pub unit: Option<String>,
    /// Id of the device
    #[arg(long, value_name = "ID")]
    pub device: Option<String>,
    /// DevEUI of the radio device, 16 hex digits
    #[arg(long, value_name = "HEX")]
    pub dev_eui: Option<String>,
    /// Column that holds the unit's id
    #[arg(long, value_name = "NAME")]
    pub unit_column: Option<String>,
}

/// How fast recorded time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// As fast as the hub answers.
    Max,
    /// So many recorded seconds a second.
    Times(f64),
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("max") {
            return Ok(Self::Max);
        }
        let factor = text.trim_end_matches(['x', '×']).parse::<f64>();
        match factor {
            Ok(factor) if (1e-3..=1e9).contains(&factor) => Ok(Self::Times(factor)),
            _ => Err(format!("{text:?} is neither `max` nor a factor from 0.001 up")),
        }
    }
}

impl Speed {
    /// How long the given span of recorded time takes.
    pub fn real_ms(self, recorded_ms: i64) -> i64 {
        match self {
            Self::Max => 0,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                reason = "spans are far below 2^53 ms"
            )]
            Self::Times(factor) => (recorded_ms as f64 / factor) as i64,
        }
    }
}

impl ConnectionArgs {
    /// Makes the sender.
    ///
    /// # Errors
    /// The key is missing, or the address is none.
    pub fn sender(&self) -> anyhow::Result<Sender> {
        let api_key = self.api_key.clone();
        let api_key = api_key.context("an ingest key is needed: --api-key or HUB_API_KEY")?;
        Sender::new(SenderOptions {
            url: self.url.clone(),
            api_key,
            gzip: self.gzip,
            ndjson: self.ndjson,
            patience: self.patience,
        })
    }
}

impl TargetArgs {
    fn resolve(&self) -> anyhow::Result<TargetFrom> {
        Ok(match self.clone() {
            Self { unit: Some(id), .. } => TargetFrom::Fixed(Target::UnitId(id)),
            Self { device: Some(id), .. } => TargetFrom::Fixed(Target::DeviceId(id)),
            Self { dev_eui: Some(eui), .. } => TargetFrom::Fixed(Target::DevEui(eui)),
            Self { unit_column: Some(name), .. } => TargetFrom::UnitColumn(name),
            _ => {
                bail!("say whose readings these are: --unit, --device, --dev-eui or --unit-column")
            }
        })
    }
}

/// Reads a batch size the hub takes.
///
/// # Errors
/// The text is no number from 1 to 5,000.
pub fn batch_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(size) if (1..=BATCH_MAX).contains(&size) => Ok(size),
        _ => Err(format!("a request holds 1 to {BATCH_MAX} readings")),
    }
}

/// Reads a span such as `90s` or `2h`.
///
/// # Errors
/// The text is no span of time.
pub fn span(text: &str) -> Result<Duration, String> {
    let ms = instant::parse_span_ms(text).map_err(|error| format!("{error:#}"))?;
    Ok(Duration::from_millis(ms.unsigned_abs()))
}

/// Runs the command and writes its summary to the standard output.
///
/// # Errors
/// A file cannot be read or holds no reading, the hub refused something, or something could not be sent.
pub async fn run(args: ReplayArgs) -> anyhow::Result<()> {
    run_to(args, &mut io::stdout()).await
}

/// Runs the command with its summary going elsewhere.
///
/// # Errors
/// As [`run`].
pub async fn run_to(args: ReplayArgs, out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    let mut rows = load(&args, out)?;
    rows.truncate(args.limit.unwrap_or(usize::MAX));
    if args.shift_to_now {
        shift_to_now(&mut rows, chrono::Utc::now().timestamp_millis(), args.speed);
    }
    if args.dry_run {
        return show(&rows, out);
    }
    let sender = args.connection.sender()?;
    let mut summary = Summary::default();
    tokio::select! {
        () = send_all(&sender, &rows, &args, &mut summary) => {}
        _ = tokio::signal::ctrl_c() => {
            let sent = usize::try_from(summary.sent).unwrap_or(usize::MAX);
            summary.stop(rows.len().saturating_sub(sent), &"interrupted");
        }
    }
    summary.write_to(out)?;
    summary.verdict()
}

/// Reads all files; tells of the rows that made no reading.
fn load(args: &ReplayArgs, out: &mut impl Write) -> anyhow::Result<Vec<Row>> {
    let target = args.target.resolve()?;
    let mut good = Vec::new();
    for path in &args.files {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
        let rows = rows::read(io::BufReader::new(file), &args.columns, &target)
            .with_context(|| format!("{name} cannot be read"))?;
        let (readable, bad): (Vec<_>, Vec<_>) = rows.into_iter().partition(Result::is_ok);
        let bad: Vec<BadRow> = bad.into_iter().filter_map(Result::err).collect();
        if let (true, Some(first)) = (args.strict, bad.first()) {
            bail!("{name}, line {}: {}", first.line, first.reason);
        }
        tell_of_bad_rows(&name.to_string(), &bad, out)?;
        good.extend(readable.into_iter().filter_map(Result::ok));
    }
    anyhow::ensure!(!good.is_empty(), "no row could be read; do the column flags fit the files?");
    Ok(good)
}

fn tell_of_bad_rows(name: &str, bad: &[BadRow], out: &mut impl Write) -> io::Result<()> {
    if bad.is_empty() {
        return Ok(());
    }
    writeln!(out, "{name}: {} rows could not be read", bad.len())?;
    for row in bad.iter().take(BAD_ROWS_SHOWN) {
        writeln!(out, "  line {}: {}", row.line, row.reason)?;
    }
    Ok(())
}

/// Moves all rows by one span such that the newest is stamped with the moment it is sent.
///
/// Slower than measured, that would stamp the first rows with instants yet to come; there the first
/// row is stamped with now instead.
fn shift_to_now(rows: &mut [Row], now_ms: i64, speed: Speed) {
    let (Some(oldest), Some(newest)) =
        (rows.iter().map(|row| row.at_ms).min(), rows.iter().map(|row| row.at_ms).max())
    else {
        return;
    };
    let span_ms = newest - oldest;
    let shift_ms = now_ms + speed.real_ms(span_ms).min(span_ms) - newest;
    for row in rows {
        row.at_ms += shift_ms;
        row.reading.recorded_at = instant::rfc3339(row.at_ms);
    }
}

fn show(rows: &[Row], out: &mut impl Write) -> anyhow::Result<()> {
    for row in rows.iter().take(DRY_RUN_SHOWN) {
        writeln!(out, "{}", serde_json::to_string(&row.reading)?)?;
    }
    writeln!(out, "{} readings would be sent", rows.len())?;
    Ok(())
}

/// Sends rows in their order, each no sooner than its time has come; stops at the first batch without a verdict.
async fn send_all(sender: &Sender, rows: &[Row], args: &ReplayArgs, summary: &mut Summary) {
    let bar = progress_bar(Some(rows.len() as u64));
    let pace = Pace::new(rows, args.speed);
    let mut rest = rows;
    while let Some(first) = rest.first() {
        sleep_until(pace.due(first)).await;
        let size = pace.due_now(&rest[..rest.len().min(args.batch)]);
        let (batch, later) = rest.split_at(size);
        if let Err(error) = send_batch(sender, batch, summary).await {
            summary.stop(rest.len(), &error);
            break;
        }
        bar.inc(size as u64);
        rest = later;
    }
    bar.finish_and_clear();
}

async fn send_batch(
    sender: &Sender,
    batch: &[Row],
    summary: &mut Summary,
) -> Result<(), SendError> {
    let readings: Vec<ReadingOut> = batch.iter().map(|row| row.reading.clone()).collect();
    let verdict = sender.send(&readings).await?;
    summary.count(batch.len(), verdict, |index| match batch.get(index) {
        Some(row) => format!("line {}", row.line),
        None => format!("reading {index} of the batch"),
    });
    Ok(())
}

/// When each row's time has come.
struct Pace {
    started: Instant,
    first_ms: i64,
    speed: Speed,
}

impl Pace {
    fn new(rows: &[Row], speed: Speed) -> Self {
        let first_ms = rows.iter().map(|row| row.at_ms).min().unwrap_or_default();
        Self { started: Instant::now(), first_ms, speed }
    }

    fn due(&self, row: &Row) -> Instant {
        let after_ms = self.speed.real_ms(row.at_ms - self.first_ms);
        self.started + Duration::from_millis(after_ms.unsigned_abs())
    }

    /// How many rows at the head are due; the first one counts in any case.
    fn due_now(&self, rows: &[Row]) -> usize {
        let now = Instant::now();
        rows.iter().skip(1).take_while(|row| self.due(row) <= now).count() + 1
    }
}
