//! Two hubs on one database, with a Redis between them, and a unit of each that is looked at through the second.

use std::time::Duration;

use hub_domain::{NodeId, SiteId, placement};
use hub_testkit::{
    hub::{HubBuilder, HubProcess},
    postgres::PrivatePostgres,
    redis::PrivateRedis,
    wait,
};
use serde_json::json;

use super::{
    probe::{Answer, PROBE, Probe},
    run::{Least, Run},
};
use crate::{
    nodes::{live_sites, metric},
    promises::Story,
};

/// So many sites that each node has some: that one has none would be one chance in 2,048.
const SITES: usize = 12;

/// How long it may take until the nodes know of each other.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

/// How soon dashboards are right again after whatever was done.
pub(crate) const RIGHT_WITHIN: Duration = Duration::from_secs(5);

/// The two, and what is sent to them.
pub(crate) struct Pair {
    /// The first takes all that is sent.
    pub(crate) run: Run,
    /// The second shows it.
    pub(crate) second: HubProcess,
    pub(crate) redis: PrivateRedis,
    pub(crate) probes: Vec<Probe>,
}

impl Pair {
    /// Two hubs, each as `described`, that share their sites, under load.
    pub(crate) async fn begin(described: impl Fn(HubBuilder, usize) -> HubBuilder) -> Self {
        let redis = PrivateRedis::start().expect("Redis starts");
        let server = PrivatePostgres::shared();
        let url = server.create_database();
        let node = |number| {
            let node = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).database_url(&url);
            described(node.env("REDIS_URL", redis.url()), number)
        };
        let mut run = Run::prepare(node(0), SITES).await;
        let mut probed = Vec::new();
        for site in &run.sites {
            let unit = run.story.api.create_unit(site, PROBE).await;
            let rule = json!({ "lowLimit": 0, "highLimit": 5 });
            run.story.api.set_unit_rule(&unit, rule).await;
            probed.push((site.clone(), unit));
        }
        let second = run.told.by(node(1)).start().await.expect("the second node starts");
        wait::until("the nodes to share the sites", SETTLED_WITHIN, async || {
            let nodes = [&run.story.hub, &second];
            let mut live = [0; 2];
            for (live, node) in live.iter_mut().zip(nodes) {
                *live = live_sites(node).await;
            }
            let is_shared = live.iter().sum::<usize>() == SITES && live.iter().all(|it| *it > 0);
            (is_shared && metric(&second, "hub_nodes").await == 2).then_some(())
        })
        .await;
        let database = url.rsplit('/').next().expect("it has a name");
        let nodes = server.run_sql(database, "SELECT id FROM hub_nodes ORDER BY id");
        let nodes: Vec<_> =
            nodes.lines().map(|id| NodeId(id.trim().parse().expect("an id"))).collect();
        let home = |site: &String| placement::home(SiteId(site.parse().expect("an id")), &nodes);
        let mut probes = Vec::new();
        for node in &nodes {
            let its = probed.iter().find(|(site, _)| home(site) == Some(*node));
            let (_, unit) = its.expect("each node has a site");
            let Story { api, token, .. } = &run.story;
            probes.push(Probe::start(api, unit, &second.socket_url(), token));
        }
        until_heard(&second, "ok").await;
        run.start(&second.socket_url());
        let pair = Self { run, second, redis, probes };
        pair.until_right().await;
        pair
    }

    /// Waits until both see Redis as it is.
    pub(crate) async fn until_redis_is(&self, expected: &str) {
        until_heard(&self.run.story.hub, expected).await;
        until_heard(&self.second, expected).await;
    }

    /// Waits until what is sent from now on is shown of both units.
    pub(crate) async fn until_right(&self) {
        for probe in &self.probes {
            probe.until_shown(RIGHT_WITHIN).await;
        }
    }

    /// The answers since this was last asked.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        self.probes.iter().flat_map(Probe::answers).collect()
    }

    /// Ends it; gives what is wrong.
    pub(crate) async fn complaints(self) -> Vec<String> {
        drop(self.probes);
        self.run.end().await.complaints(Least::SHORT)
    }
}

pub(crate) async fn until_heard(node: &HubProcess, expected: &str) {
    wait::until("Redis to be seen as it is", SETTLED_WITHIN, async || {
        let ready = node.api().get("/health/ready").await;
        (ready.status == 200 && ready.body["redis"] == expected).then_some(())
    })
    .await;
}
