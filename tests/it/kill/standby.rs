//! PostgreSQL fails over to a standby that its commits wait for, again and again under load: nothing that was answered is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hub_testkit::{hub::HubProcess, postgres::PrivatePostgres, relay::Relay};
use serde_json::json;
use tokio::{task::spawn_blocking, time::sleep};

use super::{
    database::{on, until_ready},
    probe::{PROBE, Probe},
    run::{Least, Run},
    shown,
};
use crate::trials::Size;

/// How soon after the failover it must go on.
const GOES_ON_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn the_database_may_fail_over_to_its_standby() {
    let size = Size::asked();
    let server = spawn_blocking(|| PrivatePostgres::start().expect("PostgreSQL starts"));
    let mut primary = Arc::new(server.await.expect("it starts"));
    let link = Relay::to(primary.port());
    let url = primary.create_database();
    let url = url.replace(&format!(":{}/", primary.port()), &format!(":{}/", link.port()));
    let node = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).database_url(url);
    let mut run = Run::prepare(node, 2).await;
    let unit = run.story.api.create_unit(&run.sites[0], PROBE).await;
    run.story.api.set_unit_rule(&unit, json!({ "lowLimit": 0, "highLimit": 5 })).await;
    let socket = run.story.hub.socket_url();
    run.start(&socket);
    let probe = Probe::start(&run.story.api, &unit, &socket, &run.story.token);
    let mut slowest = Duration::ZERO;
    for _ in 0..size.of(1, 5) {
        let standby = standby_of(&primary).await;
        sleep(Duration::from_secs(5)).await;
        let killed = Instant::now();
        on(&primary, PrivatePostgres::kill9).await;
        on(&standby, PrivatePostgres::promote).await;
        link.aim_at(standby.port());
        until_ready(&run, &probe, GOES_ON_WITHIN).await;
        slowest = slowest.max(killed.elapsed());
        primary = standby;
        sleep(Duration::from_secs(3)).await;
    }
    eprintln!("it went on within {slowest:?} of the end of the server each time");
    assert!(slowest <= GOES_ON_WITHIN, "{slowest:?}");
    let wrong = probe.answers();
    let wrong = wrong.iter().find(|(status, _)| !matches!(status, Some(200 | 503)));
    assert_eq!(wrong, None);
    drop(probe);
    let complaints = run.end().await.complaints(Least::SHORT);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), shown(&complaints));
}

async fn standby_of(primary: &Arc<PrivatePostgres>) -> Arc<PrivatePostgres> {
    let primary = Arc::clone(primary);
    let standby = spawn_blocking(move || primary.standby().expect("a standby follows"));
    Arc::new(standby.await.expect("it starts"))
}
