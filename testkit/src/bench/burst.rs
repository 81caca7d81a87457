//! A power cut: 10,000 units out of range at once, on either database.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use uuid::Uuid;

use super::crowd::{Crowd, Entrance, Listener, unix_ns};
use super::database::Database;
use super::delays::as_f64;
use super::figures::{Figure, Target};
use super::fleet::{Fleet, opened_alert};
use super::lab::Lab;
use super::wire::{Batch, Wire};
use crate::hub::HubProcess;
use crate::wait;

const SITES: usize = 100;
const UNITS_PER_SITE: usize = 100;
const UNITS: usize = SITES * UNITS_PER_SITE;
const BATCH: usize = 500;
const CLIENTS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

/// The burst figures.
///
/// # Errors
/// When a reading is refused, or an alert does not come within a minute.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let mut figures = on(lab, "PostgreSQL", lab.postgres_database()?).await?;
    figures.extend(on(lab, "SQLite", lab.sqlite_database()?).await?);
    Ok(figures)
}

async fn on(lab: &Lab, name: &str, database: Database) -> anyhow::Result<Vec<Figure>> {
    let fleet = Fleet::seed(lab, &database, SITES, UNITS_PER_SITE).await?;
    let hub = lab.start_hub(&database).await?;
    fleet.wait_until_live(&hub).await?;
    let now_ms = unix_ns() / 1_000_000;
    send_all(&fleet, &hub, 300, now_ms - 1000).context("good readings")?;
    let channel = format!("org:{}", fleet.organization);
    let crowd =
        Crowd::gather(vec![Entrance::hub(hub.port(), &fleet.token, &channel)], Opened::default())?;
    let begun = Instant::now();
    let answered = send_all(&fleet, &hub, 950, now_ms).context("hot readings")?;
    let durable = wait_until_durable(&database, begun).await?;
    let published = wait_until_published(&crowd, begun).await;
    std::thread::sleep(Duration::from_millis(200)); // a second publication of the same alert would come now
    crowd.ensure_whole()?;
    let repeated = as_f64(crowd.listener().repeated());
    let figure =
        |what: &str, value: f64, unit| Figure::new("burst", format!("{name}: {what}"), value, unit);
    let target = Target::AtMost(2.0);
    Ok(vec![
        figure("10,000 alerts open, durable and published", durable.max(published), "s")
            .target(target)
            .note(format!(
                "answered after {answered:.2} s, durable {durable:.2} s, published {published:.2} s"
            )),
        figure("alerts told twice", repeated, "").target(Target::AtMost(0.0)),
    ])
}

/// One reading for each unit, and the seconds that it took until all were answered.
fn send_all(fleet: &Fleet, hub: &HubProcess, hundredths: u64, at_ms: i64) -> anyhow::Result<f64> {
    let mut batches: Vec<Batch> =
        fleet.units.chunks(BATCH).map(|units| Batch::new(&fleet.key, units)).collect();
    for batch in &mut batches {
        batch.heat(hundredths);
        batch.stamp(at_ms);
    }
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let send = |client: usize| {
            let mut wire = Wire::connect(hub.port())?;
            batches
                .iter()
                .skip(client)
                .step_by(CLIENTS)
                .try_for_each(|batch| wire.post(batch).map(drop))
        };
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || send(client))).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a client does not panic"))
    })?;
    Ok(begun.elapsed().as_secs_f64())
}

async fn wait_until_durable(database: &Database, begun: Instant) -> anyhow::Result<f64> {
    loop {
        let open = database.open_alerts().await?;
        if open >= i64::try_from(UNITS)? {
            return Ok(begun.elapsed().as_secs_f64());
        }
        anyhow::ensure!(begun.elapsed() < PATIENCE, "{open} alerts are open after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn wait_until_published(crowd: &Crowd<Opened>, begun: Instant) -> f64 {
    wait::until("every alert to be published", PATIENCE, || {
        std::future::ready(crowd.listener().complete_after(begun))
    })
    .await
}

/// The alerts that were told to be open, and how often each.
#[derive(Debug, Default)]
struct Opened {
    alerts: HashMap<Uuid, u64>,
    complete_at: Option<Instant>,
}

impl Opened {
    fn complete_after(&self, begun: Instant) -> Option<f64> {
        Some(self.complete_at?.duration_since(begun).as_secs_f64())
    }

    fn repeated(&self) -> u64 {
        self.alerts.values().map(|times| times - 1).sum()
    }
}

impl Listener for Opened {
    fn hear(&mut self, message: &[u8], _now_ns: i64) {
        if let Some(alert) = opened_alert(message) {
            *self.alerts.entry(alert).or_default() += 1;
            if self.alerts.len() == UNITS {
                self.complete_at.get_or_insert_with(Instant::now);
            }
        }
    }
}
