//! The plan of a notification policy as it is stored: JSON with the number of its form.
//!
//! What is not known here is corrupt, never a default: somebody may not be told who should be.

use hub_domain::{AlertKind, Severity};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    StoreError,
    entity::known,
    records::{Channel, Plan, QuietHours, Repeat, Step},
};

/// The form that is written, and the only one there is so far.
const FORM: u8 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Stored {
    form: u8,
    steps: Vec<StoredStep>,
    kinds: Option<Vec<String>>,
    min_severity: String,
    quiet_hours: Option<StoredHours>,
    notify_on_resolve: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StoredStep {
    after_minutes: u16,
    contact_ids: Vec<Uuid>,
    channels: Vec<String>,
    repeat_every_minutes: Option<u16>,
    repeat_times: Option<u16>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StoredHours {
    from_minute: u16,
    to_minute: u16,
    timezone: String,
    except_critical: bool,
}

/// A plan as it is stored.
pub(crate) fn encode(plan: &Plan) -> Result<String, StoreError> {
    let names = |kinds: &Vec<AlertKind>| kinds.iter().map(|kind| kind.name().to_owned()).collect();
    let hours = plan.quiet_hours.as_ref();
    let stored = Stored {
        form: FORM,
        steps: plan.steps.iter().map(stored_step).collect(),
        kinds: plan.kinds.as_ref().map(names),
        min_severity: plan.min_severity.name().to_owned(),
        quiet_hours: hours.map(|hours| StoredHours {
            from_minute: hours.from_minute,
            to_minute: hours.to_minute,
            timezone: hours.timezone.clone(),
            except_critical: hours.except_critical,
        }),
        notify_on_resolve: plan.notify_on_resolve,
    };
    serde_json::to_string(&stored).map_err(corrupt)
}

fn stored_step(step: &Step) -> StoredStep {
    StoredStep {
        after_minutes: step.after_minutes,
        contact_ids: step.contacts.clone(),
        channels: step.channels.iter().map(|channel| channel.name().to_owned()).collect(),
        repeat_every_minutes: step.repeat.map(|repeat| repeat.every_minutes),
        repeat_times: step.repeat.map(|repeat| repeat.times),
    }
}

/// The plan of a stored text.
pub(crate) fn decode(text: &str) -> Result<Plan, StoreError> {
    let stored: Stored = serde_json::from_str(text).map_err(corrupt)?;
    if stored.form != FORM {
        return Err(corrupt(format!("form {}", stored.form)));
    }
    let kind = |name: &String| known("kind of alert", name, AlertKind::parse);
    let kinds = stored.kinds.map(|kinds| kinds.iter().map(kind).collect()).transpose()?;
    Ok(Plan {
        steps: stored.steps.into_iter().map(step).collect::<Result<_, _>>()?,
        kinds,
        min_severity: known("severity", &stored.min_severity, Severity::parse)?,
        quiet_hours: stored.quiet_hours.map(|hours| QuietHours {
            from_minute: hours.from_minute,
            to_minute: hours.to_minute,
            timezone: hours.timezone,
            except_critical: hours.except_critical,
        }),
        notify_on_resolve: stored.notify_on_resolve,
    })
}

fn step(stored: StoredStep) -> Result<Step, StoreError> {
    let channel = |name: &String| known("channel", name, Channel::parse);
    let repeat = match (stored.repeat_every_minutes, stored.repeat_times) {
        (Some(every_minutes), Some(times)) => Some(Repeat { every_minutes, times }),
        (None, None) => None,
        _ => return Err(corrupt("half of a repetition")),
    };
    Ok(Step {
        after_minutes: stored.after_minutes,
        contacts: stored.contact_ids,
        channels: stored.channels.iter().map(channel).collect::<Result<_, _>>()?,
        repeat,
    })
}

fn corrupt(why: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("plan of a notification policy: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let step = Step {
            after_minutes: 15,
            contacts: vec![Uuid::from_u128(7)],
            channels: vec![Channel::Sms, Channel::Email],
            repeat: Some(Repeat { every_minutes: 30, times: 3 }),
        };
        Plan {
            steps: vec![Step { after_minutes: 0, repeat: None, ..step.clone() }, step],
            kinds: Some(vec![AlertKind::TemperatureHigh, AlertKind::DoorOpen]),
            min_severity: Severity::Critical,
            quiet_hours: Some(QuietHours {
                from_minute: 22 * 60,
                to_minute: 6 * 60,
                timezone: "Europe/Berlin".to_owned(),
                except_critical: true,
            }),
            notify_on_resolve: true,
        }
    }

    #[test]
    fn a_plan_comes_back_whole() {
        let bare = Plan { kinds: None, quiet_hours: None, notify_on_resolve: false, ..plan() };
        for plan in [plan(), bare] {
            assert_eq!(decode(&encode(&plan).unwrap()).unwrap(), plan);
        }
    }

    #[test]
    fn what_is_not_known_is_corrupt() {
        let good = encode(&plan()).unwrap();
        let bad = [
            ("\"form\":1", "\"form\":2"),
            ("door_open", "door_ajar"),
            ("\"critical\"", "\"dire\""),
            ("\"email\"", "\"pigeon\""),
            ("\"repeatTimes\":3", "\"repeatTimes\":null"),
            ("\"notifyOnResolve\"", "\"notifyWhenOver\""),
        ];
        for (from, to) in bad {
            let text = good.replace(from, to);
            assert_ne!(text, good, "{from}");
            assert!(matches!(decode(&text), Err(StoreError::Corrupt(_))), "{to}");
        }
    }
}
