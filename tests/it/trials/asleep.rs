//! O2: a worker is stopped where it is while a provider's answer is on its way, longer than it takes to be missed; another
//! takes its jobs over; then it goes on. The jobs are done once in effect, and what the late one says of them changes
//! nothing.

use std::time::Duration;

use hub_testkit::{relay::Relay, wait};

use super::{
    Size,
    crowd::{Shape, Stand},
    judge::judge,
    reports::Reports,
};
use crate::promises::Backend;

const SOON: Duration = Duration::from_secs(30);

/// A worker that gave no sign of life for 15 s is replaced by 20.
const MISSED_WITHIN: Duration = Duration::from_secs(45);

/// After so long what was not reported is sent again.
const DOUBTFUL: Duration = Duration::from_secs(60);

pub(crate) async fn run(backend: Backend, size: Size) -> Option<String> {
    let mut relay = None;
    let mut stand = Stand::begin(backend, |hub, telnyx, _| {
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
    let slept = std::time::Instant::now();
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

/// The jobs that a process has ended, with all that the queue says of each; `None` before there are any.
async fn taken_over(stand: &Stand, process: u32) -> Option<Vec<String>> {
    let table = if stand.is_postgres() { "apalis.jobs" } else { "Jobs" };
    let sql = format!(
        "SELECT id || ' ' || status || ' ' || CAST(attempts AS TEXT) || ' ' || lock_by || ' ' || CAST(done_at AS TEXT)
         FROM {table} WHERE lock_by LIKE 'send_sms@{process}-%' AND status = 'Done'"
    );
    let found = stand.rows.texts(&sql).await.unwrap();
    (!found.is_empty()).then_some(found)
}
