//! Sites and units to measure with, as many as it takes.
//!
//! One site and one unit are made over HTTP, as anybody would make them. The others are copies of these two rows
//! under ids of their own, written beside the hub while it is down: 100,000 requests would only measure themselves.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use uuid::Uuid;

use super::database::Database;
use super::lab::Lab;
use super::pace::Pace;
use super::wire::Wire;
use crate::api::id;
use crate::hub::HubProcess;

/// Refrigerators between 0 and 5 °C.
const PRESET: &str = "us.cold.reachin";

/// All units of a fleet are to be live by then.
const LIVE_WITHIN: Duration = Duration::from_secs(120);

/// The gauge of units that have an actor.
const LIVE_GAUGE: &str = "hub_live_units";

/// An organization with units.
#[derive(Debug)]
pub(super) struct Fleet {
    /// The organization.
    pub(super) organization: String,
    /// A token of its owner.
    pub(super) token: String,
    /// A key for readings of all its units.
    pub(super) key: String,
    /// Its sites.
    pub(super) sites: Vec<Uuid>,
    /// Its units, those of the first site first.
    pub(super) units: Vec<Uuid>,
}

impl Fleet {
    /// Makes an organization with so many sites of so many units each.
    ///
    /// # Errors
    /// When the hub or its database refuses.
    pub(super) async fn seed(
        lab: &Lab,
        database: &Database,
        sites: usize,
        units_per_site: usize,
    ) -> anyhow::Result<Self> {
        let mut hub = lab.start_hub(database).await?;
        let (made, api) = hub.owner("Bench").await?;
        let site = api.create_site("Site 0").await;
        let unit = json!({ "siteId": site, "name": "Unit 0", "preset": PRESET });
        let unit = id(&api.create("/api/v1/units", unit).await);
        hub.terminate().await?;
        let mut fleet = Self {
            organization: made.organization_id,
            token: made.token,
            key: made.api_key,
            sites: vec![site.parse()?],
            units: vec![unit.parse()?],
        };
        fleet.multiply(database, sites, units_per_site).await?;
        Ok(fleet)
    }

    async fn multiply(
        &mut self,
        database: &Database,
        sites: usize,
        units_per_site: usize,
    ) -> anyhow::Result<()> {
        self.sites.extend((1..sites).map(|_| Uuid::now_v7()));
        self.units.extend((1..sites * units_per_site).map(|_| Uuid::now_v7()));
        let sites = (1..).zip(&self.sites[1..]);
        let sites: Vec<_> = sites
            .map(|(number, id)| json!({ "id": id, "name": format!("Site {number}") }))
            .collect();
        let units: Vec<_> = (1..)
            .zip(&self.units[1..])
            .map(|(number, id)| {
                let site = self.sites[number / units_per_site];
                json!({ "id": id, "site_id": site, "name": format!("Unit {number}") })
            })
            .collect();
        let owners: Vec<_> = sites.iter().map(|site| json!({ "site_id": site["id"] })).collect();
        let states: Vec<_> = units
            .iter()
            .map(|unit| json!({ "unit_id": unit["id"], "site_id": unit["site_id"] }))
            .collect();
        database.copy_rows("sites", &sites).await?;
        database.copy_rows("site_owners", &owners).await?;
        database.copy_rows("units", &units).await?;
        database.copy_rows("unit_states", &states).await
    }

    /// Waits until every unit has its actor.
    ///
    /// # Errors
    /// When the hub does not tell how many have.
    pub(super) async fn wait_until_live(&self, hub: &HubProcess) -> anyhow::Result<()> {
        let mut wire = Wire::connect(hub.port())?;
        let begun = Instant::now();
        loop {
            let live = live_units(&mut wire)?;
            if live >= self.units.len() {
                return Ok(());
            }
            ensure!(begun.elapsed() < LIVE_WITHIN, "{live} of {} units are live", self.units.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Readings one a request, a thousand a second or another rate, beginning in a moment.
    pub(super) fn pace(
        &self,
        hub: &HubProcess,
        begins_ms: i64,
        step_us: i64,
        readings: u64,
    ) -> Pace {
        let (key, units) = (self.key.clone(), self.units.clone());
        let (port, counts_from_ms) = (hub.port(), begins_ms);
        Pace { port, key, units, begins_ms, step_us, readings, senders: 32, counts_from_ms }
    }
}

/// How many units have an actor, as the hub's metrics say.
///
/// # Errors
/// When they do not.
pub(super) fn live_units(wire: &mut Wire) -> anyhow::Result<usize> {
    count(wire, LIVE_GAUGE)
}

/// A count of the hub's metrics.
///
/// # Errors
/// When it has none of that name.
pub(super) fn count(wire: &mut Wire, name: &str) -> anyhow::Result<usize> {
    let request = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let text = String::from_utf8_lossy(wire.exchange(request)?.body).into_owned();
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    let value = value.with_context(|| format!("/metrics has no {name}"))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a count")]
    Ok(value as usize)
}

/// The fields of an alert's publication that a measure looks at.
pub(super) fn opened_alert(message: &[u8]) -> Option<Uuid> {
    let value: Value = serde_json::from_slice(message).ok()?;
    let data = &value["push"]["pub"]["data"];
    let is_opened = data["type"] == "alert" && data["event"] == "opened";
    data["alert"]["id"].as_str().filter(|_| is_opened)?.parse().ok()
}
