//! PostgreSQL is killed and stopped under load: whoever sends is told so at once, nothing is answered that is not stored, and
//! the hub goes on as soon as it is back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hub_testkit::{hub::HubProcess, postgres::PrivatePostgres, wait};
use serde_json::json;
use tokio::{task::spawn_blocking, time::sleep};

use super::{
    probe::{PROBE, Probe},
    run::{Least, Run},
    shown,
};
use crate::trials::Size;

/// How soon it must be said that the database is away, and how much a test on a crowded machine allows beside that.
const SAID_WITHIN: Duration = Duration::from_secs(2);
const NOISE: Duration = Duration::from_secs(1);

/// How soon after the database the hub must be ready.
const READY_AGAIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn the_database_may_be_killed_and_stopped() {
    let size = Size::asked();
    let server = spawn_blocking(|| PrivatePostgres::start().expect("PostgreSQL starts"));
    let server = Arc::new(server.await.expect("it starts"));
    let url = server.create_database();
    let node = || HubProcess::builder(env!("CARGO_BIN_EXE_hub")).database_url(&url);
    let mut run = Run::prepare(node(), 2).await;
    let unit = run.story.api.create_unit(&run.sites[0], PROBE).await;
    run.story.api.set_unit_rule(&unit, json!({ "lowLimit": 0, "highLimit": 5 })).await;
    let socket = run.story.hub.socket_url();
    run.start(&socket);
    let probe = Probe::start(&run.story.api, &unit, &socket, &run.story.token);
    sleep(Duration::from_secs(2)).await;

    let mut slowest = Duration::ZERO;
    for _ in 0..size.of(2, 10) {
        on(&server, PrivatePostgres::kill9).await;
        on(&server, PrivatePostgres::restart).await;
        slowest = slowest.max(until_ready(&run, &probe, READY_AGAIN).await);
        sleep(Duration::from_secs(2)).await;
    }
    on(&server, PrivatePostgres::stop).await;
    sleep(Duration::from_secs(size.of(5, 60))).await;
    on(&server, PrivatePostgres::restart).await;
    slowest = slowest.max(until_ready(&run, &probe, READY_AGAIN).await);
    eprintln!("ready again within {slowest:?} each time");

    let answers = probe.answers();
    let refused = answers.iter().filter(|(status, _)| *status == Some(503)).count();
    let longest = answers.iter().map(|(_, took)| *took).max().unwrap_or_default();
    eprintln!("{} answers, {refused} of them 503, the slowest after {longest:?}", answers.len());
    let wrong = answers.iter().find(|(status, _)| !matches!(status, Some(200 | 503)));
    assert_eq!(wrong, None);
    assert!(refused > 0, "nobody noticed anything: no trial");
    assert!(longest <= SAID_WITHIN + NOISE, "{longest:?}");

    drop(probe);
    let complaints = run.end().await.complaints(Least::SHORT);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), shown(&complaints));

    // and a hub does not start where commits are not waited for, though somebody set that behind its back
    let database = url.rsplit('/').next().expect("it has a name");
    let hasty = format!("ALTER DATABASE {database} SET synchronous_commit = off");
    server.run_sql("postgres", &hasty);
    let refused = node().start().await.expect_err("it refuses");
    assert!(format!("{refused:#}").contains("synchronous_commit"), "{refused:#}");
}

pub(crate) async fn on(server: &Arc<PrivatePostgres>, act: fn(&PrivatePostgres)) {
    let server = Arc::clone(server);
    spawn_blocking(move || act(&server)).await.expect("it is done");
}

/// Waits until the hub says that it is ready and readings are shown; gives how long that took.
pub(crate) async fn until_ready(run: &Run, probe: &Probe, within: Duration) -> Duration {
    let begun = Instant::now();
    wait::until("the hub to be ready", within, async || {
        run.story.api.is_ready().await.then_some(())
    })
    .await;
    probe.until_shown(within).await;
    begun.elapsed()
}
