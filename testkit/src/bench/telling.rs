//! How long it takes from the answer to a reading that makes an alarm until the message about it is with the provider, at a
//! steady thousand readings a second.
//!
//! The provider is a mail server in this process: the judge of SMS is slower than what is measured. Each alarm has
//! somebody who is told of it, and few others: a mailbox that gets many is sent some of them together.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::crowd::unix_ns;
use super::delays::{max_ms, microseconds, quantile_ms, record};
use super::figures::{Figure, Target};
use super::fleet::Fleet;
use super::lab::Lab;
use crate::api::{self, Api};
use crate::mail_sink::{Mail, MailSink};
use crate::usage;

const MEASURE: &str = "alarm-to-provider";
const SITES: usize = 50;
const UNITS_PER_SITE: usize = 24;
/// Units that report; the others become alarms, one after another.
const BUSY: usize = 1_000;
const RATE: i64 = 1_000;
/// Between two alarms.
const STEP: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(60);
/// Alarms of which one person is told: fewer than ten in five minutes, which are mailed one by one.
const TOLD_ONE: usize = 8;

/// The figures of telling.
///
/// # Errors
/// When a reading is refused, or an alarm is not told within a minute.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Figure>> {
    let database = lab.postgres_database()?;
    let fleet = Fleet::seed(lab, &database, SITES, UNITS_PER_SITE).await?;
    let sink = MailSink::start();
    let hub = lab.hub_builder(&database).env("HUB_SMTP_URL", sink.url()).start().await?;
    fleet.wait_until_live(&hub).await?;
    let api = hub.api().with_token(&fleet.token).with_key(&fleet.key);
    let rule = json!({ "scope": "organization", "rule": {
        "confirmHighShutSecs": 1, "expectedIntervalSecs": 86_400,
    } });
    let set = api.post("/api/v1/alert-rules", &rule).await;
    ensure!(set.status.is_success(), "the rule is refused: {}", set.body);
    let span = lab.span(50);
    let alarms = usize::try_from(span.as_millis() / STEP.as_millis())?;
    let becoming =
        fleet.units.get(BUSY..BUSY + alarms).context("there are units for all alarms")?;
    tell_by_mail(&api, becoming).await;
    let process = hub.process_id().context("the hub is running")?;
    let begins_ms = unix_ns() / 1_000_000 + 200;
    let readings = u64::try_from(span.as_millis())? * u64::try_from(RATE)? / 1_000;
    let mut pace = fleet.pace(&hub, begins_ms, 1_000_000 / RATE, readings);
    pace.units.truncate(BUSY);
    let cpu_before = usage::cpu_secs(process)?;
    let sending = std::thread::spawn(move || pace.keep());
    let mut answered = HashMap::new();
    for (number, unit) in (BUSY..).zip(becoming) {
        tokio::time::sleep(STEP).await;
        let now = Utc::now();
        let hot = |secs| {
            let at = text(now - TimeDelta::seconds(secs));
            json!({ "unitId": unit, "temperature": 14, "recordedAt": at })
        };
        let sent = api.ingest(json!([hot(20), hot(1)])).await;
        ensure!(sent["accepted"] == 2, "an alarm's readings are refused: {sent}");
        answered.insert(number, SystemTime::now());
    }
    let ingest = sending.join().expect("it does not panic")?;
    let told = until_told(&sink, answered.len()).await;
    let cores = (usage::cpu_secs(process)? - cpu_before) / span.as_secs_f64();
    let mut delays = microseconds();
    for mail in &told {
        let unit = mail.subject().as_deref().and_then(number_in);
        let Some(at) = unit.and_then(|unit| answered.remove(&unit)) else { continue };
        let delay = mail.at.duration_since(at).unwrap_or_default();
        record(&mut delays, i64::try_from(delay.as_nanos())?);
    }
    ensure!(answered.is_empty(), "{} alarms were not told", answered.len());
    let ms = |what: &str, value: f64| Figure::new(MEASURE, what, value, "ms");
    Ok(vec![
        ms("alarm's answer to mail server, p50", quantile_ms(&delays, 0.5)),
        ms("alarm's answer to mail server, p99", quantile_ms(&delays, 0.99))
            .target(Target::AtMost(1_000.0))
            .note(format!("{} alarms, {RATE} readings/s", delays.len())),
        ms("alarm's answer to mail server, max", max_ms(&delays)),
        ms("other readings to their answers, p99", quantile_ms(&ingest, 0.99)),
        Figure::new(MEASURE, "hub", cores, "cores"),
    ])
}

/// Makes for each unit a policy of its own, with one person for a few of them.
async fn tell_by_mail(api: &Api, units: &[Uuid]) {
    for (number, some) in units.chunks(TOLD_ONE).enumerate() {
        let email = format!("person-{number}@example.org");
        let person = json!({ "name": format!("Person {number}"), "email": email });
        let person = api::id(&api.create("/api/v1/contacts", person).await);
        for unit in some {
            let policy = json!({
                "name": format!("Of {unit}"), "scope": "unit", "scopeId": unit,
                "kinds": ["temperature_high"], "minSeverity": "critical", "notifyOnResolve": false,
                "steps": [{ "afterMinutes": 0, "contactIds": [person], "channels": ["email"] }],
            });
            api.create("/api/v1/notification-policies", policy).await;
        }
    }
}

/// Waits until each alarm has its mail.
async fn until_told(sink: &MailSink, alarms: usize) -> Vec<Mail> {
    let look = || std::future::ready(Some(sink.messages()).filter(|mails| mails.len() >= alarms));
    crate::wait::until("a mail for each alarm", PATIENCE, look).await
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The number in `Unit 1042`.
fn number_in(text: &str) -> Option<usize> {
    let rest = text.split("Unit ").nth(1)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_unit_is_known_by_its_number() {
        assert_eq!(super::number_in("ALARM: Unit 1042, Site 43"), Some(1042));
        assert_eq!(super::number_in("Unit"), None);
    }
}
