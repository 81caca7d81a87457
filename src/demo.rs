//! The story that `hub demo` tells: three businesses whose units live a minute a second.
//!
//! It knows the hub only by its HTTP interface, so the board shows what real senders would cause.
//! Sites and units are found by name when the same demo starts again.

pub mod places;
pub mod script;

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::client::fleet::{Fleet, FleetOptions, SimulatedReading, UnitSpec};
use crate::client::ingest::{ReadingOut, Sender, SenderOptions, Target, Verdict};
use crate::client::physics::UnitKind;
use crate::client::scenario::Scenario;
use crate::client::tree::Tree;
use places::{PLACES, Place};
use script::Script;

/// Heat flows, and things happen, a minute a second.
pub const LAPSE: f64 = 60.0;
/// How much of the past is told before the live part begins.
pub const HISTORY_MS: i64 = 10 * 60_000;
/// How long an excursion lasts in the demo before it is an alarm.
pub const CONFIRM_SECS: i64 = 20;

const TICK: Duration = Duration::from_millis(250);
const START_PATIENCE: Duration = Duration::from_secs(60);
const BATCH: usize = 1_000;

/// Makes the demo's sites and units, tells their last minutes, then keeps them alive until it is dropped.
///
/// # Errors
/// The hub refused something, or was away for more than a minute.
pub async fn drive(url: &str, token: &str, api_key: &str, seed: u64) -> anyhow::Result<()> {
    let tree = Tree::new(url, token)?;
    tree.ready(START_PATIENCE).await?;
    tree.organization_rule(rule()).await?;
    let units = seed_units(&tree).await?;
    let sender = Sender::new(SenderOptions {
        url: url.to_owned(),
        api_key: api_key.to_owned(),
        gzip: false,
        ndjson: false,
        patience: START_PATIENCE,
    })?;
    let live_ms = Utc::now().timestamp_millis();
    let (mut fleet, mut script) = stage(seed, &units, live_ms);
    tell_history(&sender, &mut fleet, &units, live_ms).await?;
    tracing::info!(units = units.len(), "demo units are live, a minute a second");
    live(&sender, &mut fleet, &mut script).await
}

/// The demo's rule: everything that takes minutes in a kitchen takes seconds here.
fn rule() -> Value {
    json!({
        "confirmHighShutSecs": CONFIRM_SECS,
        "confirmHighOpenSecs": CONFIRM_SECS,
        "confirmLowShutSecs": CONFIRM_SECS,
        "confirmLowOpenSecs": CONFIRM_SECS,
        "backlogSettleSecs": 5,
        "expectedIntervalSecs": 5,
        "lateMisses": 3,
        "offlineMisses": 6,
        "offlineMinSecs": 40,
        "linkGraceSecs": 5,
        "doorWarningSecs": 10,
        "doorCriticalSecs": 60,
    })
}

/// A unit of the demo as the hub knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoUnit {
    /// What is simulated.
    pub spec: UnitSpec,
    /// Its newest reading at the hub, unix milliseconds: nothing older is told again.
    pub known_until_ms: i64,
}

impl DemoUnit {
    fn new(number: usize, site: usize, id: String, kind: UnitKind, known_until_ms: i64) -> Self {
        let target = Target::UnitId(id);
        // 2 to 5 seconds, not all in step
        let interval_ms = 2_000 + i64::try_from(number % 7).unwrap_or_default() * 500;
        Self { spec: UnitSpec { target, site, kind, interval_ms }, known_until_ms }
    }
}

async fn seed_units(tree: &Tree) -> anyhow::Result<Vec<DemoUnit>> {
    let mut units = Vec::new();
    for (site, place) in PLACES.iter().enumerate() {
        let site_id = tree.site(place.name, place.timezone).await?;
        let ids = seed_place(tree, place, &site_id).await?;
        let known = newest_readings(&tree.units(&site_id).await?);
        for (id, (_, _, kind)) in ids.into_iter().zip(place.units()) {
            let known_until_ms = known.get(&id).copied().unwrap_or(i64::MIN);
            units.push(DemoUnit::new(units.len(), site, id, kind, known_until_ms));
        }
    }
    Ok(units)
}

async fn seed_place(tree: &Tree, place: &Place, site_id: &str) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    let mut areas: HashMap<&str, String> = HashMap::new();
    for (area, name, kind) in place.units() {
        if !areas.contains_key(area) {
            areas.insert(area, tree.area(site_id, area).await?);
        }
        let area_id = areas.get(area).map(String::as_str);
        ids.push(tree.unit(site_id, area_id, name, kind.preset()).await?);
    }
    Ok(ids)
}

fn newest_readings(units: &[Value]) -> HashMap<String, i64> {
    let newest = |unit: &Value| {
        let at = DateTime::parse_from_rfc3339(unit["live"]["recordedAt"].as_str()?).ok()?;
        Some((unit["id"].as_str()?.to_owned(), at.timestamp_millis()))
    };
    units.iter().filter_map(newest).collect()
}

/// Sets up the fleet, its past included, and the script of what befalls it from `live_ms` on.
pub fn stage(seed: u64, units: &[DemoUnit], live_ms: i64) -> (Fleet, Script) {
    let specs: Vec<UnitSpec> = units.iter().map(|unit| unit.spec.clone()).collect();
    let options = FleetOptions {
        seed,
        start_ms: live_ms - HISTORY_MS,
        lapse: LAPSE,
        scenario: Scenario::default(),
    };
    let mut script = Script::new(seed, &specs, live_ms);
    let mut fleet = Fleet::new(&options, specs);
    script.past(&mut fleet);
    (fleet, script)
}

async fn tell_history(
    sender: &Sender,
    fleet: &mut Fleet,
    units: &[DemoUnit],
    live_ms: i64,
) -> anyhow::Result<()> {
    let mut past = fleet.advance(live_ms);
    past.retain(|one| one.recorded_at_ms > units[one.unit].known_until_ms);
    send(sender, &past).await
}

async fn live(sender: &Sender, fleet: &mut Fleet, script: &mut Script) -> anyhow::Result<()> {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let now_ms = Utc::now().timestamp_millis();
        script.direct(fleet, now_ms);
        send(sender, &fleet.advance(now_ms)).await?;
    }
}

async fn send(sender: &Sender, readings: &[SimulatedReading]) -> anyhow::Result<()> {
    for chunk in readings.chunks(BATCH) {
        let batch: Vec<ReadingOut> = chunk.iter().map(|one| one.reading.clone()).collect();
        let verdict = sender.send(&batch).await?;
        complain(&verdict);
    }
    Ok(())
}

fn complain(verdict: &Verdict) {
    if let Some(first) = verdict.rejected.first() {
        let rejected = verdict.rejected.len();
        tracing::warn!(rejected, code = %first.code, detail = %first.detail, "demo readings were refused");
    }
}

#[cfg(test)]
mod tests;
