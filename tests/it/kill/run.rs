//! A run: a hub, its senders and its subscribers; and what was found after it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::Utc;
use futures_util::{StreamExt as _, stream};
use hub_domain::rule::Measure;
use hub_domain::{Layer, MilliCelsius, Rule, RuleField, RuleLayer, Timestamp};
use hub_testkit::hub::HubBuilder;
use hub_testkit::ledger::{Lane, Ledger, Script, Sent, judge};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::told::Told;
use super::watcher::{Watch, Watcher};
use crate::promises::{Backend, SOON, Story};

/// Units that report ten times a second: 500 readings/s.
const BUSY: usize = 50;
/// Senders for them, each with two batches of 25 a second: 5 readings of each of 5 units at both sites.
const LANES: usize = 10;
const READINGS_A_UNIT: i64 = 5;
/// Units that are too warm once and silent ever after: the timer alone must confirm them.
const QUIET: usize = 20;
/// How soon a hub must be ready again.
const READY_AGAIN: Duration = Duration::from_secs(5);

/// The rule of busy units: judged by readings alone, so that the time of a restart has no say in the outcome.
const BUSY_RULE: &[(RuleField, i64)] = &[
    (RuleField::LowLimit, 0),
    (RuleField::HighLimit, 8_000),
    (RuleField::ConfirmHighShutSecs, 2),
    (RuleField::ConfirmLowShutSecs, 3),
    (RuleField::RestoreReadings, 3),
    (RuleField::ExpectedIntervalSecs, 86_400),
    (RuleField::BacklogSettleSecs, 3_600),
];

/// What differs for quiet units.
const QUIET_RULE: &[(RuleField, i64)] =
    &[(RuleField::ConfirmHighShutSecs, 3), (RuleField::BacklogSettleSecs, 1)];

pub(crate) struct Run {
    seed: u64,
    draw: Xoshiro256PlusPlus,
    pub(crate) story: Story,
    pub(crate) told: Told,
    pub(crate) sites: Vec<String>,
    busy: Vec<String>,
    quiet: Vec<String>,
    stop: watch::Sender<bool>,
    senders: Vec<JoinHandle<Ledger>>,
    begun: Instant,
    watchers: Vec<Watcher>,
}

impl Run {
    /// Starts a hub with two sites, its senders and two subscribers of each site.
    pub(crate) async fn begin(backend: Backend) -> Self {
        let mut run = Self::prepare(backend.hub(), 2).await;
        let heard_at = run.story.hub.socket_url();
        run.start(&heard_at);
        run
    }

    /// Starts a hub that is described, and makes so many sites, and their units, of each of which somebody is told.
    pub(crate) async fn prepare(hub: HubBuilder, sites: usize) -> Self {
        let told = Told::start();
        let story = Story::on(told.by(hub)).await;
        let seed = std::env::var("HUB_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(rand::random);
        eprintln!("HUB_TEST_SEED={seed}");
        let more = 1..sites;
        let mut sites = vec![story.site.clone()];
        for number in more {
            sites.push(story.api.create_site(&format!("Cellar {number}")).await);
        }
        set_rule(&story, json!({ "scope": "organization" }), BUSY_RULE).await;
        let busy = units(&story, &sites, "Busy", BUSY).await;
        let quiet = units(&story, &sites, "Quiet", QUIET).await;
        for unit in &quiet {
            set_rule(&story, json!({ "scope": "unit", "scopeId": unit }), QUIET_RULE).await;
        }
        Told::of_each(&story.api, busy.iter().chain(&quiet)).await;
        let draw = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (stop, _) = watch::channel(false);
        let (senders, watchers, begun) = (Vec::new(), Vec::new(), Instant::now());
        Self { seed, draw, story, told, sites, busy, quiet, stop, senders, begun, watchers }
    }

    /// Starts its senders, and two subscribers of each site.
    pub(crate) fn start(&mut self, heard_at: &str) {
        let heard = (heard_at, heard_at != self.story.hub.socket_url());
        for (number, site) in self.sites.iter().flat_map(|site| [site, site]).enumerate() {
            let seed = self.seed.wrapping_add(number as u64);
            self.watchers.push(Watcher::start(heard, &self.story.token, site, seed));
        }
        self.begun = Instant::now();
        let first = now();
        for lane in 0..LANES {
            let units = self.busy.iter().enumerate().filter(|(unit, _)| unit % LANES == lane);
            let units =
                units.map(|(unit, id)| (id.clone(), Script::new(self.seed, unit))).collect();
            let lane = Lane::new(
                self.story.api.clone(),
                units,
                READINGS_A_UNIT,
                self.seed.wrapping_add(lane as u64),
            );
            self.senders.push(tokio::spawn(lane.run(first, self.stop.subscribe())));
        }
        let lane = Lane::new(self.story.api.clone(), Vec::new(), 1, self.seed);
        self.senders.push(tokio::spawn(warm_once(lane, self.quiet.clone(), self.stop.subscribe())));
    }

    /// Kills the hub at random instants and starts it again on the same port and data.
    pub(crate) async fn kill_at_random(&mut self, kills: usize) {
        let mut slowest = Duration::ZERO;
        for _ in 0..kills {
            sleep(Duration::from_millis(self.draw.random_range(500..5_000))).await;
            self.story.hub.kill9();
            let took = self.story.hub.restart().await.expect("the hub starts again");
            slowest = slowest.max(took);
        }
        eprintln!("{kills} kills: ready again within {slowest:?} each time");
        assert!(slowest <= READY_AGAIN, "ready again only after {slowest:?}");
    }

    /// Lets the senders finish, waits until nothing moves any more, and gathers what the hub shows.
    pub(crate) async fn end(self) -> Outcome {
        self.stop.send_replace(true);
        let mut ledger = Ledger::default();
        for sender in self.senders {
            ledger.merge(sender.await.expect("a sender was refused"));
        }
        let sending = self.begun.elapsed();
        eprintln!("in {sending:?}: batches, sent again, given up: {:?}", ledger.batches());
        for unit in &self.quiet {
            if self.story.readings(unit).await.is_empty() {
                continue; // its one reading was given up and never arrived
            }
            self.story.api.wait_for_status(unit, "alarm_active", SOON).await;
        }
        let mut found = HashMap::new();
        for unit in self.busy.iter().chain(&self.quiet) {
            found.insert(unit.clone(), Found::of(&self.story, unit).await);
        }
        let mut watches = Vec::new();
        for watcher in self.watchers {
            watches.push(watcher.end(&self.story.api).await);
        }
        let of_messages = self.told.complaints(&self.story.api, &found).await;
        Outcome { ledger, busy: self.busy, quiet: self.quiet, found, watches, of_messages }
    }
}

/// Sends one warm reading of each unit, one every second or so.
async fn warm_once(mut lane: Lane, units: Vec<String>, stop: watch::Receiver<bool>) -> Ledger {
    for unit in units {
        if *stop.borrow() {
            break;
        }
        lane.send(vec![Sent { unit, recorded_at: now(), temperature: MilliCelsius(9_000) }]).await;
        sleep(Duration::from_millis(900)).await;
    }
    lane.into_ledger()
}

/// What the hub shows of one unit.
pub(crate) struct Found {
    pub(crate) readings: Vec<judge::Stored>,
    /// Its alerts, with their events.
    pub(crate) alerts: Vec<Value>,
    of_buckets: Vec<String>,
}

impl Found {
    async fn of(story: &Story, unit: &str) -> Self {
        let raw = judge::raw(&story.api, unit).await;
        let series =
            story.api.read(&format!("/api/v1/units/{unit}/readings?resolution=auto")).await;
        let (readings, of_buckets) = (judge::stored(&raw), judge::buckets_agree(&series, &raw));
        let alerts = stream::iter(story.api.alerts_of(unit).await).map(|alert| async move {
            let id = alert["id"].as_str().expect("an alert has an id");
            story.api.read(&format!("/api/v1/alerts/{id}")).await
        });
        Self { readings, alerts: alerts.buffered(8).collect().await, of_buckets }
    }
}

/// How much has to have happened, so that a run is a trial.
#[derive(Clone, Copy)]
pub(crate) struct Least {
    pub(crate) alerts: usize,
    /// Those of each subscriber.
    pub(crate) snapshots: usize,
}

impl Least {
    /// Half a minute in which subscribers may have lost nothing.
    pub(crate) const SHORT: Self = Self { alerts: BUSY, snapshots: 1 };

    /// A minute in which they lose their place.
    pub(crate) const LONG: Self = Self { alerts: 2 * BUSY, snapshots: 2 };
}

/// All that is known after a run.
pub(crate) struct Outcome {
    ledger: Ledger,
    busy: Vec<String>,
    quiet: Vec<String>,
    found: HashMap<String, Found>,
    watches: Vec<Watch>,
    of_messages: Vec<String>,
}

impl Outcome {
    /// What is wrong, if anything: checks 1 (readings), 2 (alerts), 3 (messages), 4 (subscribers) and 5 (buckets); or that
    /// it was no trial.
    pub(crate) fn complaints(&self, least: Least) -> Vec<String> {
        let quiet_rule = [BUSY_RULE, QUIET_RULE].concat();
        let mut complaints = self.of_units(&self.busy, BUSY_RULE);
        complaints.extend(self.of_units(&self.quiet, &quiet_rule));
        complaints.extend(
            self.watches.iter().flat_map(|watch| watch.complaints(&self.found, least.snapshots)),
        );
        complaints.extend_from_slice(&self.of_messages);
        let alerts: usize = self.found.values().map(|found| found.alerts.len()).sum();
        let readings: usize = self.found.values().map(|found| found.readings.len()).sum();
        eprintln!("{readings} readings and {alerts} alerts judged");
        if alerts < least.alerts {
            complaints.push(format!("only {alerts} alerts: the script was no trial"));
        }
        complaints
    }

    fn of_units(&self, units: &[String], fields: &[(RuleField, i64)]) -> Vec<String> {
        let (rule, end) = (rule(fields), now().plus_secs(60));
        let mut complaints = Vec::new();
        for unit in units {
            let (sent, found) = (self.ledger.of_unit(unit), &self.found[unit]);
            let modelled = judge::modelled(&rule, &sent, &found.readings, end);
            let of_unit = [
                judge::kept_once(&sent, &found.readings),
                judge::alerts_agree(&modelled, &found.alerts),
                found.of_buckets.clone(),
            ];
            complaints.extend(
                of_unit.concat().iter().map(|complaint| format!("unit {unit}: {complaint}")),
            );
        }
        complaints
    }
}

/// Units by turns at the sites.
async fn units(story: &Story, sites: &[String], name: &str, count: usize) -> Vec<String> {
    let mut units = Vec::new();
    for number in 0..count {
        units.push(
            story
                .api
                .create_unit(&sites[number / 2 % sites.len()], &format!("{name} {number}"))
                .await,
        );
    }
    units
}

/// Says `fields` for the scope in `body`, through the interface.
async fn set_rule(story: &Story, mut body: Value, fields: &[(RuleField, i64)]) {
    body["rule"] = json!({});
    for (field, value) in fields {
        let is_degrees = field.measure() == Measure::Temperature;
        body["rule"][field.name()] = if is_degrees { json!(value / 1000) } else { json!(value) };
    }
    let answer = story.api.post("/api/v1/alert-rules", &body).await;
    assert!(answer.status.is_success(), "the rule is refused: {}", answer.body);
}

/// The same as the model takes it.
fn rule(fields: &[(RuleField, i64)]) -> Rule {
    let mut layer = Layer::default();
    for (field, value) in fields {
        layer.set(*field, Some(*value)).expect("the value is in range");
    }
    Rule::resolve(&[(RuleLayer::Unit, &layer)]).expect("the rule is free of contradiction")
}

fn now() -> Timestamp {
    Timestamp::from_millis(Utc::now().timestamp_millis())
}
