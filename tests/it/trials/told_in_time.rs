//! A3: from the answer to a reading that makes an alarm to the provider, while others send theirs.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hub_testkit::wait;
use tokio::time::sleep;

use super::{
    Size,
    crowd::{Company, Shape, Stand},
    judge::unit_in,
    reports::Reports,
    steady::{self, Times},
};
use crate::promises::Backend;

/// What a person waits for at most, at the whole size: half of all messages, and 99 of 100.
pub(crate) const HALF_WITHIN: Duration = Duration::from_secs(1);
pub(crate) const NEARLY_ALL_WITHIN: Duration = Duration::from_secs(5);

/// With a worker killed each minute: 999 of 1,000, and all.
const KILLED_WITHIN: Duration = Duration::from_secs(60);
const KILLED_LATEST: Duration = Duration::from_secs(300);

pub(crate) fn now_secs() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// When each unit's first message was asked for at the provider, in seconds since 1970.
pub(crate) async fn asked_at(stand: &Stand) -> HashMap<String, f64> {
    let mut asked = HashMap::new();
    for entry in stand.world.telnyx.ledger().await {
        if let Some(unit) = entry.body["text"].as_str().and_then(unit_in) {
            asked.entry(unit).or_insert(entry.at);
        }
    }
    asked
}

pub(crate) async fn run(size: Size) -> Option<String> {
    let begin = Stand::begin(Backend::Postgres, |hub, _, _| hub.env("HUB_WORKERS", "false"));
    let mut stand = begin.await?;
    let _reports = Reports::start(&stand, |_| true);
    let mut workers =
        [stand.world.hub.start_worker().unwrap(), stand.world.hub.start_worker().unwrap()];
    let load = Shape { places: size.of(2, 10), units: 95, people: 0, channels: &["sms"] };
    let load = stand.company(load).await;
    // one unit in twenty, with somebody of its own: nobody's messages are gathered
    let alarms = Shape { places: size.of(40, 25), units: 1, people: 1, channels: &["sms"] };
    let mut companies = Vec::new();
    for _ in 0..size.of(1, 20) {
        companies.push(stand.company(alarms).await);
    }
    let rate = size.of(200, 1_000);
    let pause = size.of(Duration::from_millis(400), Duration::from_millis(1_200));
    // all workers have begun
    sleep(Duration::from_secs(3)).await;
    let half = companies.len().div_ceil(2);
    let (calm, killed) = companies.split_at(half);
    let (times, ingest) = under_load(&stand, calm, &load, rate, pause).await;
    let (p50, p99) = (times.at(500), times.at(990));
    // a debug build, and the mock's judging, share two cores with other tests: twice the bounds
    let slack = size.of(2, 1);
    assert!(p50 <= HALF_WITHIN * slack, "half within {p50:?}");
    assert!(p99 <= NEARLY_ALL_WITHIN * slack, "99 of 100 within {p99:?}");
    let mut figures = format!(
        "{} alarms at {rate} readings/s: to the provider p50 {} ms, p99 {} ms; ingest p99 {} ms",
        times.len(),
        p50.as_millis(),
        p99.as_millis(),
        ingest.at(990).as_millis()
    );
    if size == Size::Night {
        let mut kills = 0;
        let kill_each_minute = async {
            loop {
                sleep(Duration::from_secs(60)).await;
                let next = stand.world.hub.start_worker().unwrap();
                std::mem::replace(&mut workers[kills % 2], next).kill9();
                kills += 1;
            }
        };
        let (times, _) = tokio::select! {
            times = under_load(&stand, killed, &load, rate, pause) => times,
            () = kill_each_minute => unreachable!("it goes on"),
        };
        let (nearly, latest) = (times.at(999), times.max());
        assert!(nearly <= KILLED_WITHIN, "999 of 1,000 within {nearly:?}");
        assert!(latest <= KILLED_LATEST, "the latest after {latest:?}");
        figures +=
            &format!("; with {kills} kills 99.9 % within {nearly:.1?}, all within {latest:.1?}");
    }
    Some(figures)
}

/// Raises the companies' alarms one after another while others send readings; gives how long each took to the provider, and
/// each reading to its answer.
async fn under_load(
    stand: &Stand,
    companies: &[Company],
    load: &Company,
    rate: u32,
    pause: Duration,
) -> (Times, Times) {
    let alarms: Vec<_> = companies
        .iter()
        .flat_map(|company| company.units().map(move |unit| (company, unit)))
        .collect();
    let length = pause * u32::try_from(alarms.len()).expect("they are few");
    let units: Vec<String> = load.units().map(|unit| unit.id.clone()).collect();
    let (api, length) = (load.api.clone(), Duration::from_secs(length.as_secs().max(1)));
    let sending = tokio::spawn(async move { steady::send(&api, &units, rate, length).await });
    let mut answered = HashMap::new();
    for (company, unit) in alarms {
        company.heat([unit]).await;
        answered.insert(unit.name.clone(), now_secs());
        sleep(pause).await;
    }
    let ingest = sending.await.expect("every reading is taken");
    let all = || async {
        let asked = asked_at(stand).await;
        answered.keys().all(|unit| asked.contains_key(unit)).then_some(asked)
    };
    let asked = wait::until("all to be told", KILLED_LATEST, all).await;
    let mut times = Times::default();
    for (unit, at) in answered {
        times.add(Duration::from_secs_f64((asked[&unit] - at).max(0.0)));
    }
    (times, ingest)
}
