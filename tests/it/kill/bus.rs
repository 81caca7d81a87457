//! Two hubs with a Redis that is killed, emptied, put to sleep and taken away, configured as it comes: that costs dashboards
//! of the other's sites a moment, and readings and alarms nothing.

use std::time::Duration;

use hub_testkit::{hub::HubProcess, postgres::PrivatePostgres, redis::PrivateRedis};
use tokio::time::sleep;

use super::{
    pair::{Pair, until_heard},
    probe::{Probe, p99},
    shown,
};
use crate::trials::Size;

/// What one answer may take longer on a debug build among other tests, whatever is done to Redis.
const NOISE: Duration = Duration::from_millis(150);

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_be_killed_emptied_asleep_and_away() {
    let size = Size::asked();
    let mut pair = Pair::begin(|node, _| node).await;
    answered(&pair);
    pair.probes.iter().for_each(|probe| drop(probe.delays()));
    sleep(Duration::from_secs(size.of(5, 30))).await;
    let quiet = p99(answered(&pair));
    let told = p99(pair.probes.iter().flat_map(Probe::delays).collect());

    for _ in 0..size.of(2, 10) {
        pair.redis.kill9();
        sleep(Duration::from_secs(1)).await;
        pair.redis.restart().expect("Redis starts again");
        pair.until_right().await;
    }
    pair.redis.command("FLUSHALL").expect("Redis is emptied");
    pair.until_right().await;
    pair.redis.pause();
    sleep(Duration::from_secs(size.of(5, 30))).await;
    pair.until_redis_is("away").await;
    pair.redis.resume();
    pair.until_right().await;
    pair.until_redis_is("ok").await;
    pair.redis.kill9();
    sleep(Duration::from_secs(size.of(5, 60))).await;
    pair.until_redis_is("away").await;
    pair.until_right().await; // by what is stored
    pair.redis.restart().expect("Redis starts again");
    pair.until_right().await;
    let beside = p99(answered(&pair));
    pair.until_redis_is("ok").await;
    eprintln!("ingest p99 {quiet:?}, beside it {beside:?}; shown at the other node p99 {told:?}");
    assert!(beside <= quiet * 2 + size.of(NOISE, Duration::ZERO), "{beside:?}, {quiet:?} before");
    let complaints = pair.complaints().await;
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), shown(&complaints));
}

/// How long answers took since this was last asked; all of them were good.
fn answered(pair: &Pair) -> Vec<Duration> {
    let answers = pair.answers();
    let wrong = answers.iter().find(|(status, _)| *status != Some(200));
    assert_eq!(wrong, None);
    answers.into_iter().map(|(_, took)| took).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_ask_for_tls_by_an_authority_of_ones_own() {
    let (redis, authority) = PrivateRedis::start_with_tls().expect("Redis starts");
    let url = PrivatePostgres::shared().create_database();
    let node = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).database_url(url);
    let node = node.env("REDIS_URL", format!("rediss://127.0.0.1:{}", redis.port()));
    let node = node.env("SSL_CERT_FILE", authority).start().await.expect("the hub starts");
    until_heard(&node, "ok").await;
}
