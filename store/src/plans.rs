//! The plan of a notification policy as it is stored: JSON with the number of its form.
//!
//! What is not known here is corrupt, never a default: somebody may not be told who should be. What is not there is
//! left to a wider scope; fields that came later are left out where they say nothing.

use hub_domain::{AlertKind, Severity, Zone};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    StoreError,
    entity::known,
    records::{Channel, Plan, QuietHours, QuietRule, Repeat, Role, Step},
};

/// The form that is written, and the only one there is so far.
const FORM: u8 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Stored {
    form: u8,
    steps: Vec<StoredStep>,
    kinds: Option<Vec<String>>,
    min_severity: Option<String>,
    quiet_hours: Option<StoredHours>,
    #[serde(default, skip_serializing_if = "is_false")]
    never_quiet: bool,
    notify_on_resolve: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack_minutes: Option<u16>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_false(it: &bool) -> bool {
    !*it
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StoredStep {
    after_minutes: u16,
    contact_ids: Vec<Uuid>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    channels: Vec<String>,
    repeat_every_minutes: Option<u16>,
    repeat_times: Option<u16>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StoredHours {
    from_minute: u16,
    to_minute: u16,
    timezone: Option<String>,
    except_critical: bool,
}

/// A plan as it is stored.
pub(crate) fn encode(plan: &Plan) -> Result<String, StoreError> {
    let names = |kinds: &Vec<AlertKind>| kinds.iter().map(|kind| kind.name().to_owned()).collect();
    let hours = plan.quiet.as_ref().and_then(|quiet| match quiet {
        QuietRule::Never => None,
        QuietRule::Hours(hours) => Some(hours),
    });
    let stored = Stored {
        form: FORM,
        steps: plan.steps.iter().map(stored_step).collect(),
        kinds: plan.kinds.as_ref().map(names),
        min_severity: plan.min_severity.map(|severity| severity.name().to_owned()),
        quiet_hours: hours.map(|hours| StoredHours {
            from_minute: hours.from_minute,
            to_minute: hours.to_minute,
            timezone: hours.zone.map(|zone| zone.name().to_owned()),
            except_critical: hours.except_critical,
        }),
        never_quiet: plan.quiet == Some(QuietRule::Never),
        notify_on_resolve: plan.notify_on_resolve,
        ack_minutes: plan.ack_minutes,
    };
    serde_json::to_string(&stored).map_err(corrupt)
}

fn stored_step(step: &Step) -> StoredStep {
    StoredStep {
        after_minutes: step.after_minutes,
        contact_ids: step.contacts.clone(),
        roles: step.roles.iter().map(|role| role.name().to_owned()).collect(),
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
    let severity = |name: &String| known("severity", name, Severity::parse);
    Ok(Plan {
        steps: stored.steps.into_iter().map(step).collect::<Result<_, _>>()?,
        kinds: stored.kinds.map(|kinds| kinds.iter().map(kind).collect()).transpose()?,
        min_severity: stored.min_severity.as_ref().map(severity).transpose()?,
        quiet: quiet(stored.quiet_hours, stored.never_quiet)?,
        notify_on_resolve: stored.notify_on_resolve,
        ack_minutes: stored.ack_minutes,
    })
}

fn quiet(hours: Option<StoredHours>, never: bool) -> Result<Option<QuietRule>, StoreError> {
    let Some(hours) = hours else { return Ok(never.then_some(QuietRule::Never)) };
    if never {
        return Err(corrupt("quiet hours that are never"));
    }
    let zone = |name: &String| known("time zone", name, Zone::parse);
    Ok(Some(QuietRule::Hours(QuietHours {
        from_minute: hours.from_minute,
        to_minute: hours.to_minute,
        zone: hours.timezone.as_ref().map(zone).transpose()?,
        except_critical: hours.except_critical,
    })))
}

fn step(stored: StoredStep) -> Result<Step, StoreError> {
    let channel = |name: &String| known("channel", name, Channel::parse);
    let role = |name: &String| known("role", name, Role::parse);
    let repeat = match (stored.repeat_every_minutes, stored.repeat_times) {
        (Some(every_minutes), Some(times)) => Some(Repeat { every_minutes, times }),
        (None, None) => None,
        _ => return Err(corrupt("half of a repetition")),
    };
    Ok(Step {
        after_minutes: stored.after_minutes,
        contacts: stored.contact_ids,
        roles: stored.roles.iter().map(role).collect::<Result<_, _>>()?,
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
            roles: vec![Role::Manager, Role::Owner],
            channels: vec![Channel::Sms, Channel::Email],
            repeat: Some(Repeat { every_minutes: 30, times: 3 }),
        };
        Plan {
            steps: vec![Step { after_minutes: 0, repeat: None, ..step.clone() }, step],
            kinds: Some(vec![AlertKind::TemperatureHigh, AlertKind::DoorOpen]),
            min_severity: Some(Severity::Critical),
            quiet: Some(QuietRule::Hours(hours())),
            notify_on_resolve: Some(true),
            ack_minutes: Some(45),
        }
    }

    fn hours() -> QuietHours {
        let zone = Zone::parse("Europe/Berlin");
        QuietHours { from_minute: 22 * 60, to_minute: 6 * 60, zone, except_critical: true }
    }

    #[test]
    fn a_plan_comes_back_whole() {
        let of_the_site = QuietHours { zone: None, ..hours() };
        let plans = [
            plan(),
            Plan { quiet: Some(QuietRule::Hours(of_the_site)), ..plan() },
            Plan { quiet: Some(QuietRule::Never), ..plan() },
            Plan { ack_minutes: Some(5), ..Plan::default() },
        ];
        for plan in plans {
            assert_eq!(decode(&encode(&plan).unwrap()).unwrap(), plan);
        }
    }

    #[test]
    fn a_plan_of_before_there_were_roles_is_read_as_it_was() {
        let text = r#"{"form":1,"steps":[{"afterMinutes":0,"contactIds":["00000000-0000-0000-0000-000000000007"],
            "channels":["sms"],"repeatEveryMinutes":null,"repeatTimes":null}],"kinds":null,"minSeverity":"warning",
            "quietHours":{"fromMinute":1320,"toMinute":360,"timezone":"Europe/Berlin","exceptCritical":true},
            "notifyOnResolve":true}"#;
        let plan = decode(text).unwrap();
        assert_eq!(plan.steps[0].contacts, [Uuid::from_u128(7)]);
        assert!(plan.steps[0].roles.is_empty());
        assert_eq!(plan.quiet, Some(QuietRule::Hours(hours())));
        assert_eq!((plan.notify_on_resolve, plan.ack_minutes), (Some(true), None));
    }

    #[test]
    fn what_is_not_known_is_corrupt() {
        let good = encode(&plan()).unwrap();
        let bad = [
            ("\"form\":1", "\"form\":2"),
            ("door_open", "door_ajar"),
            ("\"critical\"", "\"dire\""),
            ("\"email\"", "\"pigeon\""),
            ("\"manager\"", "\"king\""),
            ("Europe/Berlin", "Europe/Atlantis"),
            ("\"notifyOnResolve\":true", "\"notifyOnResolve\":true,\"neverQuiet\":true"),
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
