//! How long a reading takes from its sender to the boards, at a steady thousand a second.
//!
//! 1,000 sockets hear 50 sites, 20 to a site; each site has 20 units; each request has one reading. So each second
//! brings 20,000 deliveries.

use hdrhistogram::Histogram;

use super::crowd::{Crowd, Entrance, unix_ns};
use super::delays::{Delays, as_f64, max_ms, quantile_ms};
use super::figures::{Figure, Target};
use super::fleet::Fleet;
use super::lab::Lab;
use super::pace::Pace;
use super::two_nodes::until_shared;
use crate::hub::HubProcess;
use crate::redis::PrivateRedis;
use crate::usage;

const SITES: usize = 50;
const UNITS_PER_SITE: usize = 20;
const SOCKETS_PER_SITE: usize = 20;
/// Across nodes, where a second hub has its share of the machine.
const SOCKETS_PER_SITE_ACROSS: usize = 4;
const RATE: u64 = 1_000;

/// The latency figures.
///
/// # Errors
/// When a reading is refused, or a socket closed.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let database = lab.postgres_database()?;
    let fleet = Fleet::seed(lab, &database, SITES, UNITS_PER_SITE).await?;
    let hub = lab.start_hub(&database).await?;
    fleet.wait_until_live(&hub).await?;
    let taken = take(lab, &fleet, &hub, &hub, SOCKETS_PER_SITE)?;
    let since_meant = taken.delays.since_meant.as_ref().expect("this measure counts from there");
    Ok(figures(
        "latency",
        &taken,
        [
            ms("latency", "POST to socket, p50", quantile_ms(since_meant, 0.5))
                .target(Target::AtMost(3.0)),
            ms("latency", "POST to socket, p99", quantile_ms(since_meant, 0.99))
                .target(Target::AtMost(15.0)),
        ],
    ))
}

/// The same of two nodes with a Redis: one is sent all readings and hands half of them on, the other has all sockets.
///
/// # Errors
/// When a reading is refused, or a socket closed.
pub(super) async fn across(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let database = lab.postgres_database()?;
    let redis = PrivateRedis::start()?;
    let fleet = Fleet::seed(lab, &database, SITES, UNITS_PER_SITE).await?;
    let node = || lab.hub_builder(&database).env("REDIS_URL", redis.url()).start();
    let (one, two) = (node().await?, node().await?);
    until_shared(&fleet, &one, &two).await?;
    let taken = take(lab, &fleet, &one, &two, SOCKETS_PER_SITE_ACROSS)?;
    let since_meant = taken.delays.since_meant.as_ref().expect("this measure counts from there");
    Ok(figures(
        "latency-across",
        &taken,
        [
            ms("latency-across", "POST to socket, p50", quantile_ms(since_meant, 0.5)),
            ms("latency-across", "POST to socket, p99", quantile_ms(since_meant, 0.99))
                .target(Target::AtMost(25.0)),
        ],
    ))
}

/// What was measured.
struct Taken {
    delays: Delays,
    expected: u64,
    answered: Histogram<u64>,
    /// Of the hubs, PostgreSQL, and the clients with their sockets.
    cores: [f64; 3],
}

fn take(
    lab: &Lab,
    fleet: &Fleet,
    sent_to: &HubProcess,
    heard_at: &HubProcess,
    sockets_per_site: usize,
) -> anyhow::Result<Taken> {
    let mut hubs: Vec<u32> =
        [sent_to, heard_at].into_iter().filter_map(HubProcess::process_id).collect();
    hubs.dedup();
    let hub_secs =
        || hubs.iter().map(|process| usage::cpu_secs(*process)).sum::<anyhow::Result<f64>>();
    let crowd =
        Crowd::gather(entrances(fleet, heard_at.port(), sockets_per_site), Delays::new(true))?;
    let warm_up_ms = i64::try_from(lab.span(3).as_millis())?;
    let span_ms = i64::try_from(lab.span(15).as_millis())?;
    let begins_ms = unix_ns() / 1_000_000 + 200;
    let counted_ms = (begins_ms + warm_up_ms, begins_ms + warm_up_ms + span_ms);
    crowd.listener().begin(counted_ms.0 * 1_000_000, counted_ms.1 * 1_000_000);
    let readings = u64::try_from(warm_up_ms + span_ms)? * RATE / 1000;
    let cpu_before = (hub_secs()?, lab.postgres_cpu_secs()?, usage::own_cpu_secs());
    let pace = fleet.pace(sent_to, begins_ms, 1000, readings);
    let answered = Pace { counts_from_ms: counted_ms.0, ..pace }.keep()?;
    std::thread::sleep(std::time::Duration::from_millis(500)); // what is under way arrives, or is missing below
    let secs = as_f64(readings) / as_f64(RATE);
    let cores = [
        (hub_secs()? - cpu_before.0) / secs,
        (lab.postgres_cpu_secs()? - cpu_before.1) / secs,
        (usage::own_cpu_secs() - cpu_before.2) / secs,
    ];
    crowd.ensure_whole()?;
    let expected = u64::try_from(span_ms)? * RATE / 1000 * sockets_per_site as u64;
    let delays = crowd.listener().clone();
    Ok(Taken { delays, expected, answered, cores })
}

fn entrances(fleet: &Fleet, port: u16, sockets_per_site: usize) -> Vec<Entrance> {
    let sockets = fleet.sites.iter().flat_map(|site| std::iter::repeat_n(site, sockets_per_site));
    sockets.map(|site| Entrance::hub(port, &fleet.token, &format!("site:{site}"))).collect()
}

fn ms(measure: &'static str, name: &str, value: f64) -> Figure {
    Figure::new(measure, name, value, "ms")
}

fn figures(measure: &'static str, taken: &Taken, [p50, p99]: [Figure; 2]) -> Vec<Figure> {
    let heard = &taken.delays;
    let since_meant = heard.since_meant.as_ref().expect("this measure counts from there");
    let [hub, postgres, own] = taken.cores;
    let ms = |name: &str, value: f64| ms(measure, name, value);
    let missing = taken.expected.saturating_sub(heard.messages);
    vec![
        p50,
        p99.note(format!("{} deliveries", heard.messages)),
        ms("POST to socket, max", max_ms(since_meant)),
        ms("publication to socket, p50", quantile_ms(&heard.since_published, 0.5)),
        ms("publication to socket, p99", quantile_ms(&heard.since_published, 0.99)),
        ms("POST to its answer, p50", quantile_ms(&taken.answered, 0.5)),
        ms("POST to its answer, p99", quantile_ms(&taken.answered, 0.99)),
        Figure::new(measure, "deliveries missing", as_f64(missing), "").target(Target::AtMost(0.0)),
        Figure::new(measure, "hub", hub, "cores")
            .note(format!("PostgreSQL {postgres:.2}, clients and sockets {own:.2}")),
    ]
}
