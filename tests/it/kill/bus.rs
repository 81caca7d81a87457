//! Two hubs with a Redis that is killed, emptied, put to sleep and taken away, configured as it comes: that costs dashboards
//! of the other's sites a moment, and readings and alarms nothing. A hub without Redis is asked beside them, and tells how
//! much slower the machine itself has become meanwhile.

use std::time::Duration;

use hub_testkit::{hub::HubProcess, postgres::PrivatePostgres, redis::PrivateRedis};
use tokio::time::sleep;

use super::{
    pair::{Pair, until_heard},
    probe::{Answer, PROBE, Probe, p99},
    shown,
};
use crate::{promises::Story, trials::Size};

/// What one answer may take longer on a debug build among other tests, whatever is done to Redis.
const NOISE: Duration = Duration::from_millis(150);

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_be_killed_emptied_asleep_and_away() {
    let size = Size::asked();
    let mut pair = Pair::begin(|node, _| node).await;
    let control = Control::begin().await;
    answered(&pair.answers());
    control.p99();
    pair.probes.iter().for_each(|probe| drop(probe.delays()));
    sleep(Duration::from_secs(size.of(5, 30))).await;
    let quiet = p99(answered(&pair.answers()));
    let control_quiet = control.p99();
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
    let beside = p99(answered(&pair.answers()));
    let control_beside = control.p99();
    pair.until_redis_is("ok").await;
    eprintln!(
        "ingest p99 {quiet:?}, beside it {beside:?}; without Redis {control_quiet:?} and {control_beside:?}; \
         shown at the other node p99 {told:?}"
    );
    let slower = (control_beside.as_secs_f64() / control_quiet.as_secs_f64()).max(1.0);
    let slower = size.of(slower, 1.0); // the night has the machine to itself
    let most = quiet.mul_f64(2.0 * slower) + size.of(NOISE, Duration::ZERO);
    assert!(beside <= most, "{beside:?}, {quiet:?} before, on a machine {slower:.2} times slower");
    let complaints = pair.complaints().await;
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), shown(&complaints));
}

/// How long answers took; all of them were good.
fn answered(answers: &[Answer]) -> Vec<Duration> {
    let wrong = answers.iter().find(|(status, _)| *status != Some(200));
    assert_eq!(wrong, None);
    answers.iter().map(|(_, took)| *took).collect()
}

/// A hub without Redis, asked as the others are.
struct Control {
    probe: Probe,
    _story: Story,
}

impl Control {
    async fn begin() -> Self {
        let url = PrivatePostgres::shared().create_database();
        let hub = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).database_url(url);
        let story = Story::on(hub).await;
        let unit = story.api.create_unit(&story.site, PROBE).await;
        let probe = Probe::start(&story.api, &unit, &story.hub.socket_url(), &story.token);
        Self { probe, _story: story }
    }

    /// Of its answers since this was last asked.
    fn p99(&self) -> Duration {
        p99(answered(&self.probe.answers()))
    }
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
