//! How many deliveries a second of a server's processor time buys: the hub, two servers that only fan out, and a bare loop
//! that writes finished frames. They take turns, so that each has as good and as bad moments of the machine as the others.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::crowd::{Crowd, Entrance, unix_ns};
use super::delays::{Delays, as_f64, quantile_ms};
use super::figures::{Figure, Target, median};
use super::fleet::Fleet;
use super::lab::Lab;
use super::loop_writer::LoopWriter;
use super::report::say;
use super::rivals::{Kind, Rival};
use crate::hub::HubProcess;
use crate::usage;

const SIZES: [usize; 2] = [1_000, 5_000];
const RATES: [u64; 2] = [50, 300];
const TURNS: usize = 5;
const UNITS: usize = 100;
const MEASURE: &str = "fan-out";
const OURS: &str = "hub";
const BARE: &str = "bare loop";

/// What the hub should reach of what a loop reaches that does nothing but write.
const OF_BARE: f64 = 0.9;

/// Who takes turns.
enum Server {
    Hub(Box<HubProcess>, Fleet),
    Rival(Rival),
    /// Writes as many bytes a message as the hub does.
    Bare,
}

/// What one turn of one server came to.
struct Turn {
    server: &'static str,
    sockets: usize,
    rate: u64,
    secs: f64,
    cpu_secs: f64,
    heard: Delays,
}

/// The fan-out figures.
///
/// # Errors
/// When a reading is refused, or a socket closed.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let database = lab.postgres_database()?;
    let fleet = Fleet::seed(lab, &database, 1, UNITS).await?;
    let hub = lab.start_hub(&database).await?;
    fleet.wait_until_live(&hub).await?;
    let mut servers = vec![Server::Hub(Box::new(hub), fleet), Server::Bare];
    for kind in [Kind::Nchan, Kind::Nats] {
        match Rival::start(kind).await? {
            Some(rival) => servers.push(Server::Rival(rival)),
            None => say(&format!("  {} is not installed, and left out", kind.name())),
        }
    }
    let mut turns = Vec::new();
    for _ in 0..if lab.is_quick() { 1 } else { TURNS } {
        for sockets in SIZES {
            let mut bytes = 0.0;
            for server in &servers {
                let taken = server.take_turn(lab, sockets, bytes)?;
                if matches!(server, Server::Hub(..)) {
                    bytes = taken.iter().map(|turn| turn.heard.message_bytes()).fold(0.0, f64::max);
                }
                turns.extend(taken);
            }
        }
    }
    Ok(figures(&servers, &turns))
}

impl Server {
    const fn name(&self) -> &'static str {
        match self {
            Self::Hub(..) => OURS,
            Self::Rival(rival) => rival.kind().name(),
            Self::Bare => BARE,
        }
    }

    /// So many sockets, and messages at each of the rates; those of the bare loop are of so many bytes.
    fn take_turn(&self, lab: &Lab, sockets: usize, bytes: f64) -> anyhow::Result<Vec<Turn>> {
        let mut turns = Vec::new();
        let delays = Delays::new(false);
        let mut bare = None;
        let crowd = match self {
            Self::Hub(hub, fleet) => {
                let channel = format!("site:{}", fleet.sites[0]);
                let entrance = Entrance::hub(hub.port(), &fleet.token, &channel);
                Crowd::gather(vec![entrance; sockets], delays)?
            }
            Self::Rival(rival) => Crowd::gather(vec![rival.entrance(); sockets], delays)?,
            Self::Bare => {
                let (port, doors) = LoopWriter::listen(sockets)?;
                let crowd = Crowd::gather(vec![Entrance::bare(port); sockets], delays)?;
                bare = Some(doors.join().expect("the doors do not panic")?);
                crowd
            }
        };
        for rate in RATES {
            let span = lab.span(4).max(Duration::from_secs(1));
            crowd.listener().begin(0, i64::MAX);
            let (begun, cpu_before) = (Instant::now(), self.cpu_secs()?);
            match self {
                Self::Hub(hub, fleet) => {
                    let begins_ms = unix_ns() / 1_000_000 + 50;
                    let step_us = 1_000_000 / i64::try_from(rate)?;
                    fleet.pace(hub, begins_ms, step_us, rate * span.as_secs()).keep()?;
                }
                Self::Rival(rival) => rival.publish_at(rate, span).map(drop)?,
                Self::Bare => {
                    let writer = bare.as_mut().context("its sockets are there")?;
                    writer.publish_at(rate, span, bytes)?;
                }
            }
            let secs = begun.elapsed().as_secs_f64();
            wait_until_quiet(&crowd);
            let cpu_secs = self.cpu_secs()? - cpu_before;
            let heard = crowd.listener().clone();
            turns.push(Turn { server: self.name(), sockets, rate, secs, cpu_secs, heard });
        }
        crowd.ensure_whole()?;
        Ok(turns)
    }

    /// Processor seconds that it has used so far.
    fn cpu_secs(&self) -> anyhow::Result<f64> {
        match self {
            Self::Hub(hub, _) => usage::cpu_secs(hub.process_id().context("the hub is running")?),
            Self::Rival(rival) => rival.cpu_secs(),
            Self::Bare => usage::thread_cpu_secs(),
        }
    }
}

fn wait_until_quiet(crowd: &Crowd<Delays>) {
    let mut heard = u64::MAX;
    while heard != crowd.listener().messages {
        heard = crowd.listener().messages;
        std::thread::sleep(Duration::from_millis(200));
    }
}

impl Turn {
    fn deliveries_a_cpu_sec(&self) -> f64 {
        as_f64(self.heard.messages) / self.cpu_secs
    }

    fn p99(&self) -> f64 {
        quantile_ms(&self.heard.since_published, 0.99)
    }
}

fn figures(servers: &[Server], turns: &[Turn]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for sockets in SIZES {
        for rate in RATES {
            let of = |server: &'static str| {
                let is_its = move |turn: &&Turn| {
                    (turn.server, turn.sockets, turn.rate) == (server, sockets, rate)
                };
                turns.iter().filter(is_its).collect::<Vec<_>>()
            };
            let middle = |server, value: fn(&Turn) -> f64| {
                median(of(server).into_iter().map(value).collect())
            };
            let what = format!("{sockets} sockets, {rate} messages/s");
            let mut best = (0.0_f64, f64::INFINITY);
            for server in servers.iter().map(Server::name) {
                figures.extend(of_server(server, &what, &of(server)));
                if ![OURS, BARE].contains(&server) {
                    let deliveries = middle(server, Turn::deliveries_a_cpu_sec);
                    best = (best.0.max(deliveries), best.1.min(middle(server, Turn::p99)));
                }
            }
            let pairs = of(OURS).into_iter().zip(of(BARE));
            let ratios =
                pairs.map(|(our, bare)| our.deliveries_a_cpu_sec() / bare.deliveries_a_cpu_sec());
            let deliveries = middle(OURS, Turn::deliveries_a_cpu_sec) / best.0;
            let p99 = middle(OURS, Turn::p99) / best.1;
            figures.push(
                Figure::new(
                    MEASURE,
                    format!("hub to bare loop, {what}"),
                    median(ratios.collect()),
                    "",
                )
                .target(Target::AtLeast(OF_BARE))
                .note(format!(
                    "to the better of the others: deliveries {deliveries:.2}, p99 {p99:.2}"
                )),
            );
        }
    }
    figures
}

fn of_server(server: &str, what: &str, turns: &[&Turn]) -> Vec<Figure> {
    let figure = |measured: &str, value: fn(&Turn) -> f64, unit| {
        let value = median(turns.iter().map(|turn| value(turn)).collect());
        Figure::new(MEASURE, format!("{server}, {what}: {measured}"), value, unit)
    };
    let deliveries = |turn: &Turn| as_f64(turn.heard.messages) / turn.secs;
    let missing = |turn: &Turn| {
        let rounds = (turn.secs * as_f64(turn.rate)).round();
        1.0 - as_f64(turn.heard.messages) / (rounds * as_f64(turn.sockets as u64))
    };
    let middle =
        |value: &dyn Fn(&Turn) -> f64| median(turns.iter().map(|turn| value(turn)).collect());
    let note = format!(
        "{:.0} deliveries/s of {:.0} bytes, {:.2} cores, {:.0} % overtaken or missing",
        middle(&deliveries),
        middle(&|turn| turn.heard.message_bytes()),
        middle(&|turn| turn.cpu_secs / turn.secs),
        100.0 * middle(&missing).max(0.0),
    );
    vec![
        figure("deliveries a processor second", Turn::deliveries_a_cpu_sec, "").note(note),
        figure(
            "publication to socket, p50",
            |turn| quantile_ms(&turn.heard.since_published, 0.5),
            "ms",
        ),
        figure("publication to socket, p99", Turn::p99, "ms"),
    ]
}
