//! Lists with 100,000 of everything: how soon the first page is there, and a month of one unit in buckets.
//!
//! The units are live, since a page of units asks each for its view. The alerts are copies of one, written beside the
//! hub while it is down. The readings came in as readings do, all of one unit: the worst there is for a list that has
//! no index of its own.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use uuid::Uuid;

use super::crowd::unix_ns;
use super::database::Database;
use super::delays::{max_ms, quantile_ms};
use super::figures::{Figure, Target};
use super::fleet::Fleet;
use super::lab::Lab;
use crate::api::Api;

const MEASURE: &str = "lists";
const UNITS_PER_SITE: usize = 100;
/// Readings in a request.
const BATCH: usize = 5_000;
/// A month at one a minute.
const MONTH: usize = 43_200;
const ALERT_WITHIN: Duration = Duration::from_secs(10);

/// The figures of lists.
///
/// # Errors
/// When the hub refuses, or answers something else than the page that was asked for.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let count = if lab.is_quick() { 5_000 } else { 100_000 };
    let database = lab.postgres_database()?;
    let fleet = Fleet::seed(lab, &database, count / UNITS_PER_SITE, UNITS_PER_SITE).await?;
    let mut hub = lab.start_hub(&database).await?;
    let as_owner = |api: Api| api.with_token(&fleet.token).with_key(&fleet.key);
    let alert = first_alert(&as_owner(hub.api()), fleet.units[0]).await?;
    hub.terminate().await?;
    copy_alerts(&database, &fleet, &alert).await?;
    hub.restart().await?;
    fleet.wait_until_live(&hub).await?;
    let api = as_owner(hub.api());
    let (many, monthly) = (fleet.units[1], fleet.units[2]);
    send(&api, many, count, 26).await?;
    send(&api, monthly, if lab.is_quick() { 5_000 } else { MONTH }, 60).await?;
    let rounds = if lab.is_quick() { 30 } else { 300 };
    let mut figures = Vec::new();
    for (name, path) in [
        (format!("of {count} units"), "/api/v1/units?limit=50".to_owned()),
        (format!("of {count} alerts"), "/api/v1/alerts?limit=50".to_owned()),
        (
            format!("of {count} readings of one unit"),
            format!("/api/v1/units/{many}/readings?limit=50"),
        ),
        (
            format!("of {count} readings of one unit, newest first"),
            format!("/api/v1/units/{many}/readings?limit=50&order=desc"),
        ),
    ] {
        let times = ask(&api, &path, rounds, |page| {
            page["items"].as_array().is_some_and(|items| items.len() == 50)
        })
        .await?;
        let target = Target::AtMost(50.0);
        figures.push(figure(format!("first page of 50 {name}, p99"), &times, target));
    }
    let path = format!("/api/v1/units/{monthly}/readings?resolution=auto");
    let times =
        ask(&api, &path, rounds / 3, |series| series["points"][0]["buckets"].is_array()).await?;
    figures.push(figure(
        "a month of one unit in buckets, p99".to_owned(),
        &times,
        Target::AtMost(100.0),
    ));
    Ok(figures)
}

fn figure(name: String, times: &Histogram<u64>, target: Target) -> Figure {
    let note = format!(
        "p50 {:.1} ms, longest {:.1} ms, {} requests one after the other",
        quantile_ms(times, 0.5),
        max_ms(times),
        times.len()
    );
    Figure::new(MEASURE, name, quantile_ms(times, 0.99), "ms").target(target).note(note)
}

/// Asks again and again, after a few times that do not count.
async fn ask(
    api: &Api,
    path: &str,
    rounds: u64,
    is_good: impl Fn(&Value) -> bool,
) -> anyhow::Result<Histogram<u64>> {
    let mut times = Histogram::new(3)?;
    for round in 0..rounds + 10 {
        let begun = Instant::now();
        let answer = api.get(path).await;
        let took = begun.elapsed();
        ensure!(answer.status == 200 && is_good(&answer.body), "{path}: {}", answer.status);
        if round >= 10 {
            times.record(u64::try_from(took.as_micros())?)?;
        }
    }
    Ok(times)
}

/// Makes a unit too warm, and gives the id of the alert that follows.
async fn first_alert(api: &Api, unit: Uuid) -> anyhow::Result<Uuid> {
    let recorded_at = unix_ns() / 1_000_000 - 60_000;
    let hot = json!([{ "unitId": unit, "temperature": 30, "recordedAt": instant(recorded_at) }]);
    ensure!(api.ingest(hot).await["accepted"] == 1, "the reading is refused");
    let begun = Instant::now();
    loop {
        let alerts = api.alerts_of(&unit.to_string()).await;
        if let Some(alert) = alerts.first() {
            return alert["id"].as_str().context("an alert has an id")?.parse().map_err(Into::into);
        }
        ensure!(begun.elapsed() < ALERT_WITHIN, "a hot reading opens no alert");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Gives every other unit an alert that is over: nothing else has to agree with it.
async fn copy_alerts(database: &Database, fleet: &Fleet, first: &Uuid) -> anyhow::Result<()> {
    let now = unix_ns() / 1_000_000;
    let copies = (1..).zip(&fleet.units[1..]).map(|(number, unit): (usize, _)| {
        let site = fleet.sites[number / UNITS_PER_SITE];
        json!({
            "id": Uuid::now_v7(), "unit_id": unit, "site_id": site, "status": "resolved", "resolved_at": now,
        })
    });
    let copies: Vec<_> = copies.collect();
    database.copy_rows("alerts", &copies).await.with_context(|| format!("copies of {first}"))
}

/// Sends so many readings of a unit up to now, so many seconds apart, oldest first.
async fn send(api: &Api, unit: Uuid, count: usize, secs: i64) -> anyhow::Result<()> {
    let now = unix_ns() / 1_000_000;
    let numbers: Vec<i64> = (0..i64::try_from(count)?).rev().collect();
    for batch in numbers.chunks(BATCH) {
        let reading = |number: &i64| {
            let temperature = 3.0 + (number % 17) as f64 / 10.0;
            let recorded_at = instant(now - number * secs * 1000);
            json!({ "unitId": unit, "temperature": temperature, "recordedAt": recorded_at })
        };
        let answer = api.ingest(batch.iter().map(reading).collect()).await;
        ensure!(answer["accepted"] == batch.len(), "readings are refused: {answer}");
    }
    Ok(())
}

fn instant(millis: i64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(millis).unwrap_or_default();
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
