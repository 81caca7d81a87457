//! N1: notifications of many organizations while those who send them are killed at random and started again.

use std::time::{Duration, Instant};

use hub_testkit::worker::WorkerProcess;
use rand::RngExt as _;
use tokio::time::sleep;

use super::{
    Size,
    crowd::{Company, Shape, Stand, a_moment},
    judge::judge,
    reports::Reports,
};
use crate::promises::Backend;

/// What is under way in one process by one channel at most, whose answers a kill may lose.
const IN_FLIGHT: usize = 16;

/// Twenty notifications a place: two units, five people, both ways.
const fn shape(places: usize) -> Shape {
    Shape { places, units: 2, people: 5, channels: &["sms", "email"] }
}

/// The time in which a killed worker's jobs are taken over and what is in doubt is sent again; and that of the work itself.
const fn patience(size: Size) -> Duration {
    size.of(Duration::from_secs(240), Duration::from_secs(900))
}

async fn companies(stand: &mut Stand, size: Size) -> Vec<Company> {
    let mut companies = Vec::new();
    for _ in 0..size.of(5, 25) {
        companies.push(stand.company(shape(size.of(5, 20))).await);
    }
    companies
}

/// Has everybody's alarms raised, one place after another.
async fn raise(companies: &[Company], pause: Duration) {
    let most = companies.iter().map(|company| company.places.len()).max().unwrap_or(0);
    for number in 0..most {
        for company in companies {
            company.heat(&company.places[number].units).await;
        }
        sleep(pause).await;
    }
}

/// Four `hub worker`s, one of them killed again and again, beside a hub that works nothing itself.
pub(crate) async fn on_postgres(size: Size) -> Option<String> {
    let begin = Stand::begin(Backend::Postgres, |hub, _, _| hub.env("HUB_WORKERS", "false"));
    let mut stand = begin.await?;
    let companies = companies(&mut stand, size).await;
    let _reports = Reports::start(&stand, |_| true);
    let start = || stand.world.hub.start_worker().unwrap();
    let mut workers: Vec<WorkerProcess> = (0..4).map(|_| start()).collect();
    let begun = Instant::now();
    let mut kills = 0;
    let kill_at_random = async {
        loop {
            a_moment(300..1_500).await;
            let which = rand::rng().random_range(0..workers.len());
            std::mem::replace(&mut workers[which], start()).kill9();
            kills += 1;
        }
    };
    tokio::select! {
        () = raise(&companies, Duration::from_secs(2)) => {}
        () = kill_at_random => {}
    }
    assert!(kills >= 5, "only {kills} kills");
    Some(ended(&stand, &companies, kills, begun, size).await)
}

/// The hub in one process, which is killed with all that it does.
pub(crate) async fn on_sqlite(size: Size) -> Option<String> {
    let mut stand = Stand::begin(Backend::Sqlite, |hub, _, _| hub).await?;
    let companies = companies(&mut stand, size).await;
    let _reports = Reports::start(&stand, |_| true);
    let begun = Instant::now();
    let mut kills = 0;
    let most = companies[0].places.len();
    for number in 0..most {
        for some in companies.chunks(5) {
            for company in some {
                company.heat(&company.places[number].units).await;
            }
            // what was just decided is being planned and sent
            a_moment(0..800).await;
            stand.world.hub.kill9();
            stand.world.hub.restart().await.unwrap();
            kills += 1;
        }
    }
    Some(ended(&stand, &companies, kills, begun, size).await)
}

async fn ended(
    stand: &Stand,
    companies: &[Company],
    kills: usize,
    begun: Instant,
    size: Size,
) -> String {
    let hours = stand.until_told(companies, patience(size)).await;
    let took = begun.elapsed().as_secs();
    let verdict = judge(stand, companies).await;
    verdict.ensure();
    stand.world.telnyx.ensure_clean().await;
    let (doubles, messages) = (verdict.doubles.len(), verdict.messages);
    // SMS are reported, so that of what a kill left in doubt only mails may come twice
    let sms = verdict.doubles.keys().filter(|told| told.address.starts_with('+')).count();
    assert_eq!(sms, 0, "{:?}", verdict.doubles);
    assert!(doubles <= kills * IN_FLIGHT, "{doubles} doubles by {kills} kills");
    format!(
        "{messages} messages within {took} s, {kills} kills; {doubles} twice, {} marked, none missing; {hours} hours' balances 0",
        verdict.marked
    )
}
