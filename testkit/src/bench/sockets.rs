//! Ten thousand sockets on one hub: what an idle one costs, how soon all are in, and in again after a kill, and how late all hear.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::crowd::{Crowd, Entrance, unix_ns};
use super::delays::{Delays, as_f64, quantile_ms};
use super::figures::{Figure, Target};
use super::fleet::Fleet;
use super::lab::Lab;
use crate::hub::HubProcess;
use crate::usage;

const SOCKETS: usize = 10_000;
const SITES: usize = 50;
/// One reading of each site a second, so that each socket hears one a second.
const RATE: u64 = SITES as u64;
const MEASURE: &str = "sockets";

/// The socket figures.
///
/// # Errors
/// When a socket is refused, or closed.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let database = lab.postgres_database()?;
    let fleet = Fleet::seed(lab, &database, SITES, 10).await?;
    let mut hub = lab.start_hub(&database).await?;
    fleet.wait_until_live(&hub).await?;
    let process = hub.process_id().context("the hub is running")?;
    std::thread::sleep(Duration::from_secs(1));
    let before = usage::resident_bytes(process)?;
    let begun = Instant::now();
    let crowd = gather(&fleet, &hub)?;
    let joined = begun.elapsed();
    std::thread::sleep(Duration::from_secs(2));
    let after = usage::resident_bytes(process)?;
    let per_socket = (as_f64(after) - as_f64(before)) / as_f64(SOCKETS as u64);

    let secs = lab.span(10).as_secs().max(1);
    let begins_ms = unix_ns() / 1_000_000 + 200;
    let readings = RATE * secs;
    crowd.listener().begin(begins_ms * 1_000_000, i64::MAX);
    fleet.pace(&hub, begins_ms, 1_000_000 / i64::try_from(RATE)?, readings).keep()?;
    std::thread::sleep(Duration::from_secs(1)); // what is under way arrives, or is missing
    crowd.ensure_whole()?;
    let (heard, late) = {
        let heard = crowd.listener();
        (heard.messages, quantile_ms(&heard.since_published, 0.99))
    };
    let missing = (readings * (SOCKETS / SITES) as u64).saturating_sub(heard);

    hub.kill9();
    drop(crowd);
    let killed = Instant::now();
    hub.restart().await?;
    let again = gather(&fleet, &hub)?;
    let back = killed.elapsed();
    again.ensure_whole()?;
    let secs = |name: &str, took: Duration| Figure::new(MEASURE, name, took.as_secs_f64(), "s");
    Ok(vec![
        Figure::new(MEASURE, "resident memory of an idle socket", per_socket / 1024.0, "KiB")
            .target(Target::AtMost(12.0))
            .note(format!("{SOCKETS} sockets, each with a site's channel and its snapshot")),
        secs("all connected and subscribed", joined).target(Target::AtMost(15.0)),
        Figure::new(MEASURE, "publication to socket, one a second to each, p99", late, "ms")
            .target(Target::AtMost(500.0))
            .note(format!("{heard} deliveries, {missing} missing")),
        secs("all in again after kill -9", back)
            .target(Target::AtMost(60.0))
            .note("the start of the hub in it; all come at once, with a snapshot each".to_owned()),
    ])
}

fn gather(fleet: &Fleet, hub: &HubProcess) -> anyhow::Result<Crowd<Delays>> {
    let entrances = (0..SOCKETS).map(|number| {
        let site = fleet.sites[number % SITES];
        Entrance::hub(hub.port(), &fleet.token, &format!("site:{site}"))
    });
    Crowd::gather(entrances.collect(), Delays::new(false))
}
