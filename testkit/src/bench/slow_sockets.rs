//! Sockets that stop to read, and sockets that are gone without a word: what the others notice, and how soon the hub is rid
//! of them.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::net::TcpSocket;

use super::crowd::{Crowd, Entrance, unix_ns};
use super::delays::{Delays, as_f64, quantile_ms};
use super::figures::{Figure, Target};
use super::fleet::{Fleet, count};
use super::frames::text_frame;
use super::lab::Lab;
use super::wire::{Wire, find};
use crate::hub::HubProcess;

const READING: usize = 900;
const STUCK: usize = 100;
const GONE: usize = 500;
/// Of the loud site, each of which reports once a second: 550 bytes each are 1 MB a minute to each of its sockets.
const UNITS: usize = 30;
const MEASURE: &str = "slow-sockets";
const OPEN: &str = "hub_sockets_open";
const QUEUED: &str = "hub_outbox_bytes";
/// What a stuck client's kernel takes for it.
const RECEIVE_BUFFER: u32 = 4 * 1024;

/// What was looked at four times a second while some did not read.
#[derive(Default)]
struct Seen {
    /// How long after they stopped the last of them was closed.
    closed_after: Option<Duration>,
    /// The most that waited for all sockets together, in bytes.
    queued: usize,
}

/// The figures of sockets that do not do their part.
///
/// # Errors
/// When a socket that does is closed.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let database = lab.postgres_database()?;
    let fleet = Fleet::seed(lab, &database, 2, UNITS).await?;
    let hub = lab.start_hub(&database).await?;
    fleet.wait_until_live(&hub).await?;
    let [loud, quiet] = [0, 1].map(|site: usize| {
        Entrance::hub(hub.port(), &fleet.token, &format!("site:{}", fleet.sites[site]))
    });

    let crowd = Crowd::gather(vec![loud.clone(); READING], Delays::new(false))?;
    let others = Crowd::gather(vec![loud.clone(); STUCK], Delays::new(false))?;
    let secs = lab.span(20).as_secs().max(1);
    let calm = p99(&crowd, || publish(&fleet, &hub, secs))?;
    others.ensure_whole()?;
    drop(others);
    let stuck = enter(&loud, STUCK).await?;
    let is_over = AtomicBool::new(false);
    let (beside, seen) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| look(&hub, &is_over));
        let beside = p99(&crowd, || publish(&fleet, &hub, secs));
        is_over.store(true, Ordering::Relaxed);
        (beside, looking.join().expect("it does not panic"))
    });
    let (beside, seen) = (beside?, seen?);
    crowd.ensure_whole()?;
    drop((crowd, stuck));

    let gone = enter(&quiet, GONE).await?;
    let begun = Instant::now();
    let mut wire = Wire::connect(hub.port())?;
    while count(&mut wire, OPEN)? > 0 && begun.elapsed() < Duration::from_secs(90) {
        std::thread::sleep(Duration::from_millis(250));
    }
    let forgotten = begun.elapsed();
    drop(gone);
    let closed = seen.closed_after.map_or(f64::INFINITY, |after| after.as_secs_f64());
    Ok(vec![
        Figure::new(
            MEASURE,
            "p99 of who reads beside who does not, to that without",
            beside / calm,
            "",
        )
        .target(Target::AtMost(1.2))
        .note(format!(
            "{calm:.2} ms, {beside:.2} ms beside {STUCK} of {} that stopped",
            READING + STUCK
        )),
        Figure::new(MEASURE, "the last that stopped to read is closed after", closed, "s")
            .target(Target::AtMost(10.0)),
        Figure::new(
            MEASURE,
            "queued for each that stopped, at most",
            as_f64(seen.queued as u64) / as_f64(STUCK as u64) / 1024.0,
            "KiB",
        )
        .target(Target::AtMost(1024.0)),
        Figure::new(
            MEASURE,
            "the last that was gone without a word is forgotten after",
            forgotten.as_secs_f64(),
            "s",
        )
        .target(Target::AtMost(60.0))
        .note(format!("{GONE} sockets that answer no ping")),
    ])
}

/// A reading of each unit of the loud site a second.
fn publish(fleet: &Fleet, hub: &HubProcess, secs: u64) -> anyhow::Result<()> {
    let units = UNITS as u64;
    let begins_ms = unix_ns() / 1_000_000 + 50;
    let mut pace = fleet.pace(hub, begins_ms, 1_000_000 / i64::try_from(units)?, units * secs);
    pace.units.truncate(UNITS);
    pace.keep().map(drop)
}

/// The delay of what `publish` brings.
fn p99(crowd: &Crowd<Delays>, publish: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    crowd.listener().begin(0, i64::MAX);
    publish()?;
    std::thread::sleep(Duration::from_millis(500));
    Ok(quantile_ms(&crowd.listener().since_published, 0.99))
}

fn look(hub: &HubProcess, is_over: &AtomicBool) -> anyhow::Result<Seen> {
    let mut wire = Wire::connect(hub.port())?;
    let (begun, mut seen) = (Instant::now(), Seen::default());
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(250));
        seen.queued = seen.queued.max(count(&mut wire, QUEUED)?);
        if count(&mut wire, OPEN)? <= READING {
            seen.closed_after.get_or_insert_with(|| begun.elapsed());
        }
    }
    Ok(seen)
}

/// Sockets that are let in, and neither read nor say anything from then on.
async fn enter(entrance: &Entrance, sockets: usize) -> anyhow::Result<Vec<TcpStream>> {
    let mut entered = Vec::new();
    for _ in 0..sockets {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, entrance.port));
        let stream = socket.connect(address).await?.into_std()?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        entered.push(let_in(stream, entrance)?);
    }
    Ok(entered)
}

fn let_in(mut stream: TcpStream, entrance: &Entrance) -> anyhow::Result<TcpStream> {
    let greeting = entrance.greeting.as_ref().context("it greets")?;
    let welcome = entrance.welcome.context("it is welcomed")?;
    stream.write_all(entrance.upgrade().as_bytes())?;
    let (mut heard, mut part, mut is_greeted) = (Vec::new(), [0; 4096], false);
    while find(&heard, welcome).is_none() {
        let read = stream.read(&mut part)?;
        ensure!(read > 0, "a socket was not let in");
        heard.extend_from_slice(&part[..read]);
        if !is_greeted && find(&heard, b"\r\n\r\n").is_some() {
            stream.write_all(&text_frame(greeting))?;
            is_greeted = true;
        }
    }
    Ok(stream)
}
