//! Two hubs on one PostgreSQL: each looks after its share, readings find their way, and when one is gone the other sees to
//! what was its.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use hub_testkit::{
    api::Api,
    hub::{Bootstrap, HubProcess},
    postgres::PrivatePostgres,
    socket::{Event, Socket},
    wait,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::promises::{ago, assert_counts, reading, text};

/// So many sites that each node has some: that one has none would be one chance in eight million.
const SITES: usize = 24;

/// How long it may take until the nodes know of each other's comings and goings.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

/// Who is silent for so long, in milliseconds, counts no more.
const SILENT_MILLIS: u32 = 3_000;

/// How long what is stored may take to be seen by all dashboards.
const SEEN_WITHIN: Duration = Duration::from_secs(5);

/// How late, beyond its time, something may be that fell due while its node was gone.
const LATE_MOST: TimeDelta = TimeDelta::seconds(5);

/// When an excursion becomes an alarm, in seconds.
const CONFIRM_SECS: i64 = 3;

/// Two nodes, and the units of one organization, each at a site of its own.
struct Pair {
    first: HubProcess,
    second: HubProcess,
    database: String,
    owner: Bootstrap,
    sites: Vec<String>,
    units: Vec<String>,
}

impl Pair {
    async fn begin() -> Self {
        Self::on(PrivatePostgres::shared().create_database()).await
    }

    async fn on(url: String) -> Self {
        let node = || HubProcess::builder(env!("CARGO_BIN_EXE_hub")).database_url(&url);
        let first = node().start().await.expect("the first node starts");
        let (owner, api) = first.owner("Nodes").await.expect("an owner is made");
        let (mut sites, mut units) = (Vec::new(), Vec::new());
        for number in 0..SITES {
            let site = api.create_site(&format!("Site {number}")).await;
            let unit = api.create_unit(&site, "Cooler").await;
            let quick = json!({ "lowLimit": 0, "highLimit": 5, "confirmHighShutSecs": CONFIRM_SECS, "backlogSettleSecs": 1 });
            api.set_unit_rule(&unit, quick).await;
            sites.push(site);
            units.push(unit);
        }
        let second = node().start().await.expect("the second node starts");
        let pair = Self { first, second, database: url, owner, sites, units };
        pair.until_shared().await;
        pair
    }

    fn at(&self, node: &HubProcess) -> Api {
        let api = node.api().with_token(&self.owner.token);
        api.with_key(&self.owner.api_key)
    }

    /// Waits until each site is live at one node, and each node has some.
    async fn until_shared(&self) {
        wait::until("each node to have its share", SETTLED_WITHIN, async || {
            let (first, second) = (live_sites(&self.first).await, live_sites(&self.second).await);
            (first + second == SITES && first > 0 && second > 0).then_some(())
        })
        .await;
    }

    fn readings(&self, at: DateTime<Utc>, celsius: f64) -> Value {
        self.units.iter().map(|unit| reading(unit, at, celsius)).collect()
    }

    /// Waits until the excursions that began then are alarms at all units, each at its instant and seen to soon after it.
    async fn until_confirmed(&self, api: &Api, began: DateTime<Utc>) {
        wait::until("all alarms", Duration::from_secs(20), async || {
            (self.confirmed(api).await.len() == SITES).then_some(())
        })
        .await;
        let due = began + TimeDelta::seconds(CONFIRM_SECS);
        let late = Utc::now() - due;
        assert!(late < LATE_MOST, "{late}");
        let confirmed: BTreeSet<_> = self.confirmed(api).await.into_iter().collect();
        assert_eq!(confirmed, BTreeSet::from([text(due)]));
    }

    /// The alarms of all units: when each was confirmed. None is there twice.
    async fn confirmed(&self, api: &Api) -> Vec<String> {
        let alerts = join_all(self.units.iter().map(|unit| api.alerts_of(unit))).await;
        let mut confirmed = Vec::new();
        for alerts in alerts {
            let of_heat = alerts.iter().filter(|alert| alert["kind"] == "temperature_high");
            let of_heat: Vec<_> = of_heat.collect();
            assert!(of_heat.len() <= 1, "{of_heat:?}");
            let at = of_heat.iter().filter_map(|alert| alert["confirmedAt"].as_str());
            confirmed.extend(at.map(str::to_owned));
        }
        confirmed
    }
}

pub(crate) async fn metric(node: &HubProcess, name: &str) -> usize {
    let shown = node.api().get("/metrics").await.body;
    let shown = shown.as_str().expect("a text");
    let line = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().expect("a count"))
}

pub(crate) async fn live_sites(node: &HubProcess) -> usize {
    metric(node, "hub_live_sites").await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_has_its_share_and_readings_find_their_way() {
    let pair = Pair::begin().await;
    let shares = [live_sites(&pair.first).await, live_sites(&pair.second).await];
    let at = ago(60);
    let answer = pair.at(&pair.second).ingest(pair.readings(at, 3.0)).await;
    assert_counts(&answer, SITES as u64, 0, 0);
    let forwarded = metric(&pair.second, "hub_readings_forwarded_total").await;
    assert_eq!(forwarded, shares[0], "to the node that has them, and no others");
    assert_eq!(metric(&pair.second, "hub_node_failures_total").await, 0);
    let again = pair.at(&pair.first).ingest(pair.readings(at, 3.0)).await;
    assert_counts(&again, 0, 0, SITES as u64);
    assert_eq!(shares, [live_sites(&pair.first).await, live_sites(&pair.second).await]);

    // whoever is nobody's node is told nothing
    for (path, secret) in [("readings", ""), ("readings", "guessed"), ("rules", "guessed")] {
        let path = format!("/internal/nodes/1/{path}");
        let asked = pair.first.api().request(reqwest::Method::POST, &path);
        let asked = asked.bearer_auth(secret).body("\0");
        let answer = pair.first.api().send(asked).await.expect("the hub answers");
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "not_found"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_node_has_its_share_and_two_take_over_from_one() {
    let mut pair = Pair::begin().await;
    let third = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).database_url(&pair.database);
    let third = third.start().await.expect("the third node starts");
    let until_shared = async |nodes: &[&HubProcess]| {
        wait::until("each node to have its share", SETTLED_WITHIN, async || {
            let live = join_all(nodes.iter().map(|node| live_sites(node))).await;
            (live.iter().sum::<usize>() == SITES && !live.contains(&0)).then_some(())
        })
        .await;
    };
    until_shared(&[&pair.first, &pair.second, &third]).await;
    let at = ago(0);
    let sent = pair.at(&third).ingest(pair.readings(at, 9.0)).await;
    assert_counts(&sent, SITES as u64, 0, 0);
    pair.first.kill9();
    until_shared(&[&pair.second, &third]).await;
    pair.until_confirmed(&pair.at(&third), at).await;
    let again = pair.at(&pair.second).ingest(pair.readings(at, 9.0)).await;
    assert_counts(&again, 0, 0, SITES as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_edited_at_one_node_judges_the_very_next_reading_at_the_other() {
    let pair = Pair::begin().await;
    let (first, second) = (pair.at(&pair.first), pair.at(&pair.second));
    let sites = [live_sites(&pair.first).await, live_sites(&pair.second).await];
    for (round, high) in [7, 9, 7, 9, 7].into_iter().enumerate() {
        let rule = json!({ "lowLimit": 0, "highLimit": high, "confirmHighShutSecs": 600 });
        for unit in &pair.units {
            first.set_unit_rule(unit, rule.clone()).await;
        }
        let back = i64::try_from(100 - 10 * round).expect("a few");
        assert_counts(&second.ingest(pair.readings(ago(back), 8.0)).await, SITES as u64, 0, 0);
        for unit in &pair.units {
            let status = second.live(unit).await["status"].clone();
            assert_eq!(status == "excursion", high == 7, "{round}: {status}");
        }
    }
    assert_eq!(sites, [live_sites(&pair.first).await, live_sites(&pair.second).await]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_falls_due_while_a_node_is_dead_is_seen_to_by_the_other() {
    let mut pair = Pair::begin().await;
    let api = pair.at(&pair.second);
    let at = ago(0);
    assert_counts(&api.ingest(pair.readings(at, 9.0)).await, SITES as u64, 0, 0);
    pair.first.kill9();

    // nothing waits for anybody to notice: what is sent meanwhile is taken in
    let begun = Instant::now();
    let next = at + TimeDelta::milliseconds(500);
    assert_counts(&api.ingest(pair.readings(next, 9.0)).await, SITES as u64, 0, 0);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());

    pair.until_confirmed(&api, at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_of_a_dead_node_go_on_though_nobody_asks() {
    let mut pair = Pair::begin().await;
    let api = pair.at(&pair.second);
    let at = ago(0);
    assert_counts(&api.ingest(pair.readings(at, 9.0)).await, SITES as u64, 0, 0);
    pair.first.kill9();
    wait::until("all sites to be the other's", Duration::from_secs(20), async || {
        (live_sites(&pair.second).await == SITES).then_some(())
    })
    .await;
    pair.until_confirmed(&api, at).await;

    // who was dead comes back, and has its share again
    pair.first.restart().await.expect("it starts again");
    pair.until_shared().await;
    assert_eq!(pair.confirmed(&api).await.len(), SITES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_slept_doubles_nothing_when_it_wakes() {
    let pair = Pair::begin().await;
    let api = pair.at(&pair.second);
    let at = ago(0);
    assert_counts(&api.ingest(pair.readings(at, 9.0)).await, SITES as u64, 0, 0);
    pair.first.pause();
    let (begun, mut sent, mut slowest) = (Instant::now(), 1, Duration::ZERO);
    while begun.elapsed() < Duration::from_secs(8) {
        let asked = Instant::now();
        assert_counts(&api.ingest(pair.readings(ago(0), 9.0)).await, SITES as u64, 0, 0);
        slowest = slowest.max(asked.elapsed());
        sent += 1;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(slowest < Duration::from_secs(6), "{slowest:?}");
    let due = at + TimeDelta::seconds(CONFIRM_SECS);
    let told = BTreeSet::from([text(due)]);
    assert_eq!(pair.confirmed(&api).await.into_iter().collect::<BTreeSet<_>>(), told);

    // it wakes with timers that are long due, at sites that are another's now, and is asked at once
    pair.first.resume();
    let woken = pair.at(&pair.first).ingest(pair.readings(ago(0), 9.0)).await;
    assert_counts(&woken, SITES as u64, 0, 0);
    pair.until_shared().await;
    let confirmed = pair.confirmed(&api).await;
    assert_eq!(confirmed.len(), SITES);
    assert_eq!(confirmed.into_iter().collect::<BTreeSet<_>>(), told);
    for unit in &pair.units {
        let stored = api.list(&format!("/api/v1/units/{unit}/readings")).await;
        assert_eq!(stored.len(), sent + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_away_moves_no_site() {
    let server = tokio::task::spawn_blocking(|| PrivatePostgres::start().expect("it starts"));
    let server = server.await.expect("it starts");
    let url = server.create_database();
    let database = url.rsplit('/').next().expect("it has a name").to_owned();
    let pair = Pair::on(url).await;
    let shares = [live_sites(&pair.first).await, live_sites(&pair.second).await];
    let epochs = "SELECT site_id, owner_epoch FROM site_owners ORDER BY site_id";
    let before = server.run_sql(&database, epochs);
    server.kill9();
    tokio::time::sleep(Duration::from_secs(5)).await; // longer than a node may be silent
    let server = tokio::task::spawn_blocking(move || {
        server.restart();
        server
    });
    let server = server.await.expect("it starts again");
    let (first, second) = (pair.at(&pair.first), pair.at(&pair.second));
    wait::until("both to be ready", SETTLED_WITHIN, async || {
        (first.is_ready().await && second.is_ready().await).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(6)).await; // whatever is to move has moved
    for (node, at) in [(&first, ago(60)), (&second, ago(50))] {
        assert_counts(&node.ingest(pair.readings(at, 3.0)).await, SITES as u64, 0, 0);
    }
    assert_eq!(shares, [live_sites(&pair.first).await, live_sites(&pair.second).await]);
    assert_eq!(server.run_sql(&database, epochs), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_long_about_taking_over_is_not_silent_meanwhile() {
    let server = PrivatePostgres::shared();
    let mut pair = Pair::begin().await;
    let database = pair.database.rsplit('/').next().expect("it has a name").to_owned();
    pair.first.kill9();
    // none of what it takes over can be loaded for a while
    let held = "BEGIN; LOCK TABLE sites IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(7); COMMIT";
    let holding = {
        let database = database.clone();
        tokio::task::spawn_blocking(move || server.run_sql(&database, held))
    };
    let silence = "SELECT (1000 * extract(epoch FROM clock_timestamp()))::bigint - max(seen_at) FROM hub_nodes";
    let mut longest = 0;
    while !holding.is_finished() {
        let database = database.clone();
        let said = tokio::task::spawn_blocking(move || server.run_sql(&database, silence)).await;
        let millis: u32 = said.expect("it answers").trim().parse().expect("a number");
        longest = longest.max(millis);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    holding.await.expect("it was held");
    assert!(longest < SILENT_MILLIS, "silent for {longest} ms");
    wait::until("all sites to be the other's", Duration::from_secs(20), async || {
        (live_sites(&pair.second).await == SITES).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_leaves_is_missed_by_nobody() {
    let mut pair = Pair::begin().await;
    let api = pair.at(&pair.second);
    let sender = {
        let (api, units) = (api.clone(), pair.units.clone());
        tokio::spawn(async move {
            let mut sent = 0;
            for step in 0..60 {
                let at = ago(60) + TimeDelta::milliseconds(step * 10);
                let readings: Value = units.iter().map(|unit| reading(unit, at, 3.0)).collect();
                let answer = api.ingest(readings).await;
                sent += answer["accepted"].as_u64().expect("a count");
                sent += answer["duplicates"].as_u64().expect("a count");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            sent
        })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(pair.first.terminate().await.expect("it ends"), "in order");
    assert_eq!(sender.await.expect("it sends"), 60 * SITES as u64);
    wait::until("all sites to be the other's", SETTLED_WITHIN, async || {
        (live_sites(&pair.second).await == SITES).then_some(())
    })
    .await;
    for unit in &pair.units {
        let stored = api.list(&format!("/api/v1/units/{unit}/readings")).await;
        assert_eq!(stored.len(), 60);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_sees_what_the_other_node_takes_in() {
    let pair = Pair::begin().await;
    let shares = [live_sites(&pair.first).await, live_sites(&pair.second).await];
    let (first, second) = (pair.at(&pair.first), pair.at(&pair.second));
    let mut socket = Socket::connect(&pair.first.socket_url(), &pair.owner.token).await.unwrap();
    for site in &pair.sites {
        socket.subscribe(&format!("site:{site}")).await.unwrap();
    }

    // each unit's reading is seen here, whoever looks after it, and nothing is taken from anybody for it
    assert_counts(&second.ingest(pair.readings(ago(1), 4.5)).await, SITES as u64, 0, 0);
    let sent = Instant::now();
    let mut unseen: BTreeSet<_> = pair.units.iter().map(String::as_str).collect();
    while !unseen.is_empty() {
        assert!(sent.elapsed() < SEEN_WITHIN, "not seen: {unseen:?}");
        if let Ok(Event::Publication(told)) = socket.next_within(SEEN_WITHIN).await {
            let unit = &told.data["unit"];
            assert_eq!(unit["temperature"], json!(4.5), "{told:?}");
            unseen.remove(unit["id"].as_str().unwrap());
        }
    }
    for unit in &pair.units {
        assert_eq!(first.live(unit).await["temperature"], json!(4.5));
    }
    assert_eq!(shares, [live_sites(&pair.first).await, live_sites(&pair.second).await]);

    // an alarm, too: as an event where the site is looked after here, in a new snapshot where it is not
    assert_counts(&second.ingest(pair.readings(ago(0), 9.0)).await, SITES as u64, 0, 0);
    let sent = Instant::now();
    let mut unseen: BTreeSet<_> = pair.sites.iter().map(|site| format!("site:{site}")).collect();
    while !unseen.is_empty() {
        assert!(sent.elapsed() < SEEN_WITHIN, "not seen: {unseen:?}");
        match socket.next_within(SEEN_WITHIN).await {
            Ok(Event::Publication(told)) if told.data["type"] == "alert" => {
                unseen.remove(&told.channel);
            }
            Ok(Event::Other(push)) if push["push"]["unsubscribe"]["code"] == 2500 => {
                let channel = push["push"]["channel"].as_str().unwrap();
                let begun = socket.subscribe(channel).await.unwrap();
                if begun["data"]["alerts"].as_array().is_some_and(|alerts| !alerts.is_empty()) {
                    unseen.remove(channel);
                }
            }
            _ => {}
        }
    }
    assert_eq!(shares, [live_sites(&pair.first).await, live_sites(&pair.second).await]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hears_a_site_that_another_node_takes_goes_on_hearing_it() {
    let mut pair = Pair::begin().await;
    let api = pair.at(&pair.second);
    let mut socket = Socket::connect(&pair.second.socket_url(), &pair.owner.token).await.unwrap();
    pair.first.kill9();
    wait::until("all sites to be the other's", Duration::from_secs(20), async || {
        (live_sites(&pair.second).await == SITES).then_some(())
    })
    .await;
    let org = format!("org:{}", pair.owner.organization_id);
    let mut heard: BTreeSet<_> = pair.sites.iter().map(|site| format!("site:{site}")).collect();
    heard.insert(org.clone());
    for channel in &heard {
        socket.subscribe(channel).await.unwrap();
    }
    // who comes back takes its share, and whoever hears that is told to come again
    pair.first.restart().await.expect("it starts again");
    let mut again = BTreeSet::new();
    wait::until("each node to have its share", SETTLED_WITHIN, async || {
        let (first, second) = (live_sites(&pair.first).await, live_sites(&pair.second).await);
        (first + second == SITES && first > 0).then_some(())
    })
    .await;
    let moved = live_sites(&pair.first).await;
    while again.len() <= moved {
        let Ok(Event::Other(push)) = socket.next_within(SETTLED_WITHIN).await else { continue };
        if push["push"]["unsubscribe"]["code"] == 2500 {
            let channel = push["push"]["channel"].as_str().unwrap().to_owned();
            socket.subscribe(&channel).await.unwrap();
            again.insert(channel);
        }
    }
    assert!(again.remove(&org));
    assert_eq!(again.len(), moved);
    assert_counts(&api.ingest(pair.readings(ago(1), 4.5)).await, SITES as u64, 0, 0);
    let mut unseen = pair.sites.iter().map(|site| format!("site:{site}")).collect::<BTreeSet<_>>();
    let sent = Instant::now();
    while !unseen.is_empty() {
        assert!(sent.elapsed() < SEEN_WITHIN, "not seen: {unseen:?}");
        if let Ok(Event::Publication(told)) = socket.next_within(SEEN_WITHIN).await
            && told.data["unit"]["temperature"] == json!(4.5)
        {
            unseen.remove(&told.channel);
        }
    }
}
