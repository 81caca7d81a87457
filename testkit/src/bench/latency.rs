//! How long a reading takes from its sender to the boards, at a steady thousand a second.
//!
//! 1,000 sockets hear 50 sites, 20 to a site; each site has 20 units; each request has one reading. So each second
//! brings 20,000 deliveries.

use super::crowd::{Crowd, Entrance, unix_ns};
use super::delays::{Delays, as_f64, max_ms, quantile_ms};
use super::figures::{Figure, Target};
use super::fleet::Fleet;
use super::lab::Lab;
use super::pace::Pace;
use super::usage;

const SITES: usize = 50;
const UNITS_PER_SITE: usize = 20;
const SOCKETS_PER_SITE: usize = 20;
const RATE: u64 = 1_000;
const MEASURE: &str = "latency";

/// The latency figures.
///
/// # Errors
/// When a reading is refused, or a socket closed.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let database = lab.postgres_database()?;
    let fleet = Fleet::seed(lab, &database, SITES, UNITS_PER_SITE).await?;
    let hub = lab.start_hub(&database).await?;
    fleet.wait_until_live(&hub).await?;
    let process = hub.process_id().unwrap_or_default();
    let crowd = Crowd::gather(entrances(&fleet, hub.port()), Delays::new(true))?;
    let warm_up_ms = i64::try_from(lab.span(3).as_millis())?;
    let span_ms = i64::try_from(lab.span(15).as_millis())?;
    let begins_ms = unix_ns() / 1_000_000 + 200;
    let counted_ms = (begins_ms + warm_up_ms, begins_ms + warm_up_ms + span_ms);
    crowd.listener().begin(counted_ms.0 * 1_000_000, counted_ms.1 * 1_000_000);
    let readings = u64::try_from(warm_up_ms + span_ms)? * RATE / 1000;
    let cpu_before = (usage::cpu_secs(process)?, lab.postgres_cpu_secs()?, usage::own_cpu_secs());
    let pace = fleet.pace(&hub, begins_ms, 1000, readings);
    let answered = Pace { counts_from_ms: counted_ms.0, ..pace }.keep()?;
    std::thread::sleep(std::time::Duration::from_millis(500)); // what is under way arrives, or is missing below
    let secs = as_f64(readings) / as_f64(RATE);
    let cores = [
        (usage::cpu_secs(process)? - cpu_before.0) / secs,
        (lab.postgres_cpu_secs()? - cpu_before.1) / secs,
        (usage::own_cpu_secs() - cpu_before.2) / secs,
    ];
    crowd.ensure_whole()?;
    let expected = u64::try_from(span_ms)? * RATE / 1000 * SOCKETS_PER_SITE as u64;
    Ok(figures(&crowd.listener(), expected, &answered, cores))
}

fn entrances(fleet: &Fleet, port: u16) -> Vec<Entrance> {
    let sockets = fleet.sites.iter().flat_map(|site| std::iter::repeat_n(site, SOCKETS_PER_SITE));
    sockets.map(|site| Entrance::hub(port, &fleet.token, &format!("site:{site}"))).collect()
}

fn figures(
    heard: &Delays,
    expected: u64,
    answered: &hdrhistogram::Histogram<u64>,
    [hub, postgres, own]: [f64; 3],
) -> Vec<Figure> {
    let since_meant = heard.since_meant.as_ref().expect("this measure counts from there");
    let since_published = &heard.since_published;
    let ms = |name: &str, value: f64| Figure::new(MEASURE, name, value, "ms");
    let missing = expected.saturating_sub(heard.messages);
    vec![
        ms("POST to socket, p50", quantile_ms(since_meant, 0.5)).target(Target::AtMost(3.0)),
        ms("POST to socket, p99", quantile_ms(since_meant, 0.99))
            .target(Target::AtMost(15.0))
            .note(format!("{} deliveries", heard.messages)),
        ms("POST to socket, max", max_ms(since_meant)),
        ms("publication to socket, p50", quantile_ms(since_published, 0.5)),
        ms("publication to socket, p99", quantile_ms(since_published, 0.99)),
        ms("POST to its answer, p50", quantile_ms(answered, 0.5)),
        ms("POST to its answer, p99", quantile_ms(answered, 0.99)),
        Figure::new(MEASURE, "deliveries missing", as_f64(missing), "").target(Target::AtMost(0.0)),
        Figure::new(MEASURE, "hub", hub, "cores")
            .note(format!("PostgreSQL {postgres:.2}, clients and sockets {own:.2}")),
    ]
}
