//! What an idle socket costs.

use std::time::Duration;

use anyhow::Context as _;

use super::crowd::{Crowd, Entrance};
use super::delays::{Delays, as_f64};
use super::figures::{Figure, Target};
use super::fleet::Fleet;
use super::lab::Lab;
use super::usage;

const SOCKETS: usize = 5_000;
const SITES: usize = 50;

/// The socket figures.
///
/// # Errors
/// When a socket is refused, or closed.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let database = lab.postgres_database()?;
    let fleet = Fleet::seed(lab, &database, SITES, 10).await?;
    let hub = lab.start_hub(&database).await?;
    fleet.wait_until_live(&hub).await?;
    let process = hub.process_id().context("the hub is running")?;
    std::thread::sleep(Duration::from_secs(1));
    let before = usage::resident_bytes(process)?;
    let entrances = (0..SOCKETS).map(|number| {
        let site = fleet.sites[number % SITES];
        Entrance::hub(hub.port(), &fleet.token, &format!("site:{site}"))
    });
    let begun = std::time::Instant::now();
    let crowd = Crowd::gather(entrances.collect(), Delays::new(false))?;
    let joined = begun.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(2));
    let after = usage::resident_bytes(process)?;
    crowd.ensure_whole()?;
    let per_socket = (as_f64(after) - as_f64(before)) / as_f64(SOCKETS as u64);
    Ok(vec![
        Figure::new("sockets", "resident memory of an idle socket", per_socket / 1024.0, "KiB")
            .target(Target::AtMost(12.0))
            .note(format!("{SOCKETS} sockets, each with a site's channel and its snapshot")),
        Figure::new("sockets", "5,000 sockets connected and subscribed", joined, "s"),
    ])
}
