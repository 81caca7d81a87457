//! O2: a worker is stopped where it is while a provider's answer is on its way, longer than it takes to be missed; another
//! takes its jobs over; then it goes on. The jobs are done once in effect, and what the late one says of them changes
//! nothing.

use std::time::{Duration, Instant};

use hub_testkit::{
    relay::Relay,
    statements::{Cut, How, Statements},
    wait,
};
use reqwest::Method;
use serde_json::json;

use super::{
    Size,
    aborted::{PLANS, relayed},
    crowd::{Named, Shape, Stand, database, server},
    judge::{accepted, judge},
    reports::Reports,
};
use crate::promises::Backend;

const SOON: Duration = Duration::from_secs(30);

/// A worker that gave no sign of life for 15 s is replaced by 20.
const MISSED_WITHIN: Duration = Duration::from_secs(45);

/// After so long what was not reported is sent again.
const DOUBTFUL: Duration = Duration::from_secs(60);

/// After so long the database ends a transaction in which nothing is said.
const HELD_FOR: Duration = Duration::from_secs(10);

/// On PostgreSQL, where there are workers beside the hub: a process that is stopped while it writes to a SQLite file holds all
/// of it.
pub(crate) async fn run(size: Size) -> Option<String> {
    let mut relay = None;
    let mut stand = Stand::begin(Backend::Postgres, |hub, telnyx, _| {
        let relay = relay.insert(Relay::to(telnyx.port()));
        let url = format!("http://127.0.0.1:{}/v2", relay.port());
        hub.env("HUB_TELNYX_URL", url).env("HUB_WORKERS", "false")
    })
    .await?;
    let relay = relay.unwrap();
    let shape = Shape { places: 1, units: 1, people: 8, channels: &["sms"] };
    let companies = [stand.company(shape).await];
    let people = companies[0].places[0].people.clone();
    // one half is reported, which takes the doubt away; the other stays in doubt
    let known: Vec<String> = people.iter().take(4).map(|person| person.phone.clone()).collect();
    let reported = known.clone();
    let _reports = Reports::start(&stand, move |phone| reported.iter().any(|it| it == phone));

    let sleeper = stand.world.hub.start_worker().unwrap();
    relay.hold_answers(0);
    companies[0].heat(companies[0].units()).await;
    relay.until_held(people.len(), SOON).await;
    sleeper.pause();
    let slept = Instant::now();
    relay.pass();
    let other = stand.world.hub.start_worker().unwrap();
    let jobs = || async { taken_over(&stand, other.id()).await };
    let before = wait::until("the jobs to be taken over", MISSED_WITHIN, || async {
        jobs().await.filter(|jobs| jobs.len() >= people.len())
    })
    .await;
    let least = size.of(Duration::from_secs(20), Duration::from_secs(600));
    tokio::time::sleep(least.saturating_sub(slept.elapsed())).await;
    let slept = slept.elapsed();
    sleeper.resume();
    // it writes down what the provider said, and tells the queue, which has these jobs from another by now
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = taken_over(&stand, other.id()).await.unwrap_or_default();
    let unchanged = before.iter().all(|job| after.contains(job));
    assert!(unchanged, "the second completion was taken: {before:#?} {after:#?}");

    stand.until_told(&companies, DOUBTFUL * 3).await;
    let verdict = judge(&stand, &companies).await;
    verdict.ensure();
    stand.world.telnyx.ensure_clean().await;
    let twice = verdict.doubles.len();
    let is_known = |address: &str| known.iter().any(|it| it == address);
    assert!(!verdict.doubles.keys().any(|told| is_known(&told.address)), "{:?}", verdict.doubles);
    // of the others the sleeper's own patience with the provider was over when it woke: sent again, and marked
    assert!(verdict.doubles.values().all(|count| *count == 2), "{:?}", verdict.doubles);
    Some(format!(
        "asleep for {} s, {} jobs taken over, none completed twice; {} messages to {} people, {twice} twice and marked",
        slept.as_secs(),
        before.len(),
        verdict.messages,
        people.len(),
    ))
}

/// A worker is stopped in the middle of a plan, which holds what others want to change: they go on within seconds.
pub(crate) async fn in_a_transaction(size: Size) -> Option<String> {
    let relay = Statements::to(server().port());
    let url = database(Backend::Postgres).await?;
    let relayed = relayed(&url, &relay);
    let begin = Stand::on(Some(url), |hub, _, _| hub.env("HUB_WORKERS", "false"));
    let mut stand = begin.await?;
    let shape = Shape { places: 1, units: 2, people: 1, channels: &["email"] };
    let (company, neighbour) = (stand.company(shape).await, stand.company(shape).await);
    let sleeper = stand.world.hub.start_worker_by(&relayed).unwrap();
    // it has written when the alerts are to be looked at next, and not committed that
    relay.cut(Cut { mark: PLANS, nth: 4, how: How::Stall });
    company.heat(company.units()).await;
    wait::until("a plan", SOON, || std::future::ready(relay.take_fate())).await;
    sleeper.pause();
    let slept = Instant::now();
    let other = stand.world.hub.start_worker().unwrap();
    neighbour.heat(neighbour.units()).await;
    let seen = &company.places[0].units[0];
    let alert = company.api.alerts_of(&seen.id).await.swap_remove(0);
    let path = format!("/api/v1/alerts/{}/acknowledge", alert["id"].as_str()?);
    let acknowledge = || async {
        let asked = company.api.request(Method::POST, &path).json(&json!({}));
        company.api.send(asked).await.ok().filter(|answer| answer.status.is_success())
    };
    wait::until("the acknowledgement", HELD_FOR * 3, acknowledge).await;
    let acknowledged = slept.elapsed();
    let others: Vec<&Named> = neighbour.units().chain(&company.places[0].units[1..]).collect();
    let told = || async {
        let accepted = accepted(&stand).await;
        let is_told = |unit: &&Named| accepted.keys().any(|told| told.unit == unit.name);
        others.iter().all(is_told).then_some(())
    };
    wait::until("all to be told by another worker", HELD_FOR * 3, told).await;
    let told = slept.elapsed();
    let least = size.of(Duration::ZERO, Duration::from_secs(600));
    tokio::time::sleep(least.saturating_sub(slept.elapsed())).await;
    sleeper.resume();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let counts = accepted(&stand).await;
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    drop((other, sleeper));
    Some(format!(
        "asleep in the middle of a plan: its alert acknowledged after {:.1} s, the others told after {:.1} s, each once",
        acknowledged.as_secs_f64(),
        told.as_secs_f64(),
    ))
}

/// The jobs that a process has ended, with all that the queue says of each; `None` before there are any.
async fn taken_over(stand: &Stand, process: u32) -> Option<Vec<String>> {
    let sql = format!(
        "SELECT id || ' ' || status || ' ' || CAST(attempts AS TEXT) || ' ' || lock_by || ' ' || CAST(done_at AS TEXT)
         FROM apalis.jobs WHERE lock_by LIKE 'send_sms@{process}-%' AND status = 'Done'"
    );
    let found = stand.rows.texts(&sql).await.unwrap();
    (!found.is_empty()).then_some(found)
}
