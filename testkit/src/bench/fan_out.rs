//! How many deliveries a second of the hub's processor time buys, with 1,000 sockets on one channel.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::crowd::{Crowd, Entrance, unix_ns};
use super::delays::{Delays, as_f64, quantile_ms};
use super::figures::{Figure, Target};
use super::fleet::Fleet;
use super::lab::Lab;
use super::report::say;
use super::rivals::{Kind, Rival, WINDOW};
use super::usage;
use super::wire::{Batch, Wire};
use crate::hub::HubProcess;

const SOCKETS: usize = 1_000;
const UNITS: usize = 100;
/// Half of the messages that may be under way when as many are sent as can be.
const HALF_WINDOW: usize = WINDOW / 2;
const RATES: [u64; 2] = [50, 300];
const MEASURE: &str = "fan-out";
const OURS: &str = "hub";
const SATURATED: &str = "saturated";
const DELIVERIES: &str = "deliveries a processor second";

/// The fan-out figures.
///
/// # Errors
/// When a reading is refused, or a socket closed.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let database = lab.postgres_database()?;
    let fleet = Fleet::seed(lab, &database, 1, UNITS).await?;
    let hub = lab.start_hub(&database).await?;
    fleet.wait_until_live(&hub).await?;
    let channel = format!("site:{}", fleet.sites[0]);
    let entrance = Entrance::hub(hub.port(), &fleet.token, &channel);
    let crowd = Crowd::gather(vec![entrance; SOCKETS], Delays::new(false))?;
    let mut figures = Vec::new();
    for rate in RATES {
        figures.extend(at_rate(lab, &fleet, &hub, &crowd, rate)?);
    }
    figures.extend(saturated(lab, &fleet, &hub, &crowd)?);
    crowd.ensure_whole()?;
    drop((crowd, hub));
    for kind in [Kind::Nchan, Kind::Nats] {
        let others = rival(lab, kind).await?;
        aim_at(&mut figures, &others, kind);
        figures.extend(others);
    }
    Ok(figures)
}

/// The same sockets on a server that only fans out.
async fn rival(lab: &Lab, kind: Kind) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let Some(rival) = Rival::start(kind).await? else {
        say(&format!("  {} is not installed, and left out", kind.name()));
        return Ok(figures);
    };
    let crowd = Crowd::gather(vec![rival.entrance(); SOCKETS], Delays::new(false))?;
    for rate in RATES {
        let send = || rival.publish_at(rate, lab.span(8).max(Duration::from_secs(1))).map(drop);
        let counted = count(|| rival.cpu_secs(), &crowd, send)?;
        figures.extend(counted.figures(
            kind.name(),
            &format!("{rate} messages/s"),
            &crowd.listener(),
        ));
    }
    let send = || rival.saturate(&crowd, SOCKETS as u64, lab.span(6)).map(drop);
    let counted = count(|| rival.cpu_secs(), &crowd, send)?;
    figures.extend(counted.figures(kind.name(), SATURATED, &crowd.listener()));
    crowd.ensure_whole()?;
    Ok(figures)
}

/// Gives our figures the better of the others' as targets.
fn aim_at(ours: &mut [Figure], others: &[Figure], kind: Kind) {
    for other in others {
        let Some((name, what)) = other.name.split_once(", ") else { continue };
        debug_assert_eq!(name, kind.name());
        let Some(our) = ours.iter_mut().find(|our| our.name == format!("{OURS}, {what}")) else {
            continue;
        };
        our.target = match (our.target, what) {
            (Some(Target::AtLeast(bound)), _) => Some(Target::AtLeast(bound.max(other.value))),
            (Some(Target::AtMost(bound)), _) => Some(Target::AtMost(bound.min(other.value))),
            (None, what) if what.ends_with(DELIVERIES) => Some(Target::AtLeast(other.value)),
            (None, what) if what.ends_with("p99") => Some(Target::AtMost(other.value)),
            (None, _) => None,
        };
    }
}

/// One reading a request, so many a second.
fn at_rate(
    lab: &Lab,
    fleet: &Fleet,
    hub: &HubProcess,
    crowd: &Crowd<Delays>,
    rate: u64,
) -> anyhow::Result<Vec<Figure>> {
    let secs = lab.span(8).as_secs().max(1);
    let name = format!("{rate} messages/s");
    let counted = count(
        || hub_cpu_secs(hub),
        crowd,
        || {
            let begins_ms = unix_ns() / 1_000_000 + 50;
            fleet
                .pace(hub, begins_ms, 1_000_000 / i64::try_from(rate)?, rate * secs)
                .keep()
                .map(drop)
        },
    )?;
    let missing = (rate * secs * SOCKETS as u64).saturating_sub(crowd.listener().messages);
    let mut figures = counted.figures(OURS, &name, &crowd.listener());
    figures[0].note = format!("{}, {missing} overtaken or missing", figures[0].note);
    Ok(figures)
}

/// As many readings a request as may be under way in the others' runs, each of another unit; the next request goes
/// once these have been heard.
fn saturated(
    lab: &Lab,
    fleet: &Fleet,
    hub: &HubProcess,
    crowd: &Crowd<Delays>,
) -> anyhow::Result<Vec<Figure>> {
    let until = Instant::now() + lab.span(6);
    let mut sent = 0;
    let counted = count(
        || hub_cpu_secs(hub),
        crowd,
        || {
            let mut wire = Wire::connect(hub.port())?;
            let halves = fleet.units.chunks(HALF_WINDOW).take(2);
            let mut batches: Vec<Batch> =
                halves.map(|units| Batch::new(&fleet.key, units)).collect();
            for round in 0.. {
                let batch = &mut batches[round % 2];
                wait_until_heard(crowd, sent);
                batch.stamp(unix_ns() / 1_000_000);
                wire.post(batch)?;
                sent += HALF_WINDOW as u64;
                if Instant::now() > until {
                    break;
                }
            }
            Ok(())
        },
    )?;
    let mut figures = counted.figures(OURS, SATURATED, &crowd.listener());
    let overtaken = (sent * SOCKETS as u64).saturating_sub(crowd.listener().messages);
    figures[0].note = format!("{}, {overtaken} overtaken or missing", figures[0].note);
    Ok(figures)
}

/// Waits until no more than half a window is under way. What a slow socket was spared is never heard: so not for long.
fn wait_until_heard(crowd: &Crowd<Delays>, sent: u64) {
    let begun = Instant::now();
    let due = sent.saturating_sub(HALF_WINDOW as u64) * SOCKETS as u64;
    while crowd.listener().messages < due && begun.elapsed() < Duration::from_millis(100) {
        std::thread::sleep(Duration::from_micros(200));
    }
    // a new millisecond, or the reading would be a duplicate
    std::thread::sleep(Duration::from_millis(1).saturating_sub(begun.elapsed()));
}

struct Counted {
    secs: f64,
    cpu_secs: f64,
}

/// Runs `send`, and counts from its start until all that it caused has been heard.
fn count(
    cpu_secs: impl Fn() -> anyhow::Result<f64>,
    crowd: &Crowd<Delays>,
    send: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Counted> {
    crowd.listener().begin(0, i64::MAX);
    let (begun, cpu_before) = (Instant::now(), cpu_secs()?);
    send()?;
    let secs = begun.elapsed().as_secs_f64();
    wait_until_quiet(crowd);
    Ok(Counted { secs, cpu_secs: cpu_secs()? - cpu_before })
}

fn hub_cpu_secs(hub: &HubProcess) -> anyhow::Result<f64> {
    usage::cpu_secs(hub.process_id().context("the hub is running")?)
}

fn wait_until_quiet(crowd: &Crowd<Delays>) {
    let mut heard = u64::MAX;
    while heard != crowd.listener().messages {
        heard = crowd.listener().messages;
        std::thread::sleep(Duration::from_millis(200));
    }
}

impl Counted {
    fn figures(&self, server: &str, name: &str, heard: &Delays) -> Vec<Figure> {
        let figure = |what: &str, value, unit| {
            Figure::new(MEASURE, format!("{server}, {name}: {what}"), value, unit)
        };
        let deliveries = as_f64(heard.messages);
        vec![
            figure(DELIVERIES, deliveries / self.cpu_secs, "").note(format!(
                "{:.0} deliveries/s of {:.0} bytes, {:.2} cores",
                deliveries / self.secs,
                heard.message_bytes(),
                self.cpu_secs / self.secs
            )),
            figure("publication to socket, p50", quantile_ms(&heard.since_published, 0.5), "ms"),
            figure("publication to socket, p99", quantile_ms(&heard.since_published, 0.99), "ms"),
        ]
    }
}
