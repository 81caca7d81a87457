//! What a notification policy says of alerts, as bodies have it: read whole, or refused with each field that is wrong.

use hub_domain::{AlertKind, OrgId, Severity};
use hub_store::records::{Channel, Contact, Plan, QuietHours, Repeat, Step};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type},
};
use uuid::Uuid;

use super::{
    asked,
    error::{ApiError, FieldError, UNKNOWN_REFERENCE},
    schemas::{self, AnySchema},
    sites::zone,
    whole,
};
use crate::app::Hub;

/// The most steps, the most contacts of one, and the longest times.
const MOST_STEPS: usize = 10;
const MOST_CONTACTS: usize = 50;
const DAY: i64 = 1_440;
const MOST_REPEATS: i64 = 50;

/// A time of day.
const HOUR: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";

fn hour() -> AnySchema {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(HOUR)).into()
}

fn channels() -> AnySchema {
    let words = schemas::words(Channel::ALL.map(Channel::name));
    ArrayBuilder::new().items(words).min_items(Some(1)).max_items(Some(2)).unique_items(true).into()
}

fn contact_ids() -> AnySchema {
    let ids = ArrayBuilder::new().items(schemas::id());
    ids.min_items(Some(1)).max_items(Some(MOST_CONTACTS)).unique_items(true).into()
}

/// Kinds of alert, or `null`.
#[must_use]
pub fn kinds_or_none() -> AnySchema {
    let either = SchemaType::from_iter([Type::Array, Type::Null]);
    let kinds = ArrayBuilder::new().schema_type(either).items(schemas::alert_kind());
    kinds.min_items(Some(1)).max_items(Some(AlertKind::ALL.len())).unique_items(true).into()
}

/// The least severity where none is said.
#[must_use]
pub fn warning() -> String {
    Severity::Warning.name().to_owned()
}

/// Where nothing is said, yes.
#[must_use]
pub const fn yes() -> bool {
    true
}

/// One step of an escalation.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewStep)]
pub struct StepIn {
    /// So many minutes after the alert opened, if nobody acknowledged it; more than the step before.
    #[serde(deserialize_with = "whole::number")]
    #[schema(minimum = 0, maximum = 1440)]
    after_minutes: i64,
    #[schema(schema_with = contact_ids)]
    contact_ids: Vec<String>,
    #[schema(schema_with = channels)]
    channels: Vec<String>,
    /// Told again after so many minutes; needs `repeatTimes`.
    #[serde(default, deserialize_with = "whole::number_or_none")]
    #[schema(minimum = 1, maximum = 1440)]
    repeat_every_minutes: Option<i64>,
    #[serde(default, deserialize_with = "whole::number_or_none")]
    #[schema(minimum = 1, maximum = 50)]
    repeat_times: Option<i64>,
}

/// The time of day in which nobody is told.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewQuietHours)]
pub struct HoursIn {
    #[schema(schema_with = hour, example = "22:00")]
    from: String,
    #[schema(schema_with = hour, example = "06:00")]
    to: String,
    #[schema(schema_with = schemas::timezone)]
    timezone: String,
    /// Critical alerts are told all the same.
    #[serde(default = "yes")]
    #[schema(default = true)]
    except_critical: bool,
}

/// A plan as bodies have it.
#[derive(Clone, Debug)]
pub struct PlanIn {
    /// Who is told next.
    pub steps: Vec<StepIn>,
    /// Of which kinds.
    pub kinds: Option<Vec<String>>,
    /// Of alerts at least so bad.
    pub min_severity: String,
    /// When to keep still.
    pub quiet_hours: Option<HoursIn>,
    /// Whether the end is told.
    pub notify_on_resolve: bool,
}

/// One step of an escalation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Step)]
pub struct StepOut {
    after_minutes: u16,
    #[schema(schema_with = contact_ids)]
    contact_ids: Vec<String>,
    #[schema(schema_with = channels)]
    channels: Vec<&'static str>,
    #[schema(required)]
    repeat_every_minutes: Option<u16>,
    #[schema(required)]
    repeat_times: Option<u16>,
}

impl From<&Step> for StepOut {
    fn from(step: &Step) -> Self {
        Self {
            after_minutes: step.after_minutes,
            contact_ids: step.contacts.iter().map(Uuid::to_string).collect(),
            channels: step.channels.iter().map(|channel| channel.name()).collect(),
            repeat_every_minutes: step.repeat.map(|repeat| repeat.every_minutes),
            repeat_times: step.repeat.map(|repeat| repeat.times),
        }
    }
}

/// The time of day in which nobody is told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QuietHours)]
pub struct HoursOut {
    #[schema(schema_with = hour)]
    from: String,
    #[schema(schema_with = hour)]
    to: String,
    timezone: String,
    except_critical: bool,
}

impl From<&QuietHours> for HoursOut {
    fn from(hours: &QuietHours) -> Self {
        let (from, to) = (clock(hours.from_minute), clock(hours.to_minute));
        Self { from, to, timezone: hours.timezone.clone(), except_critical: hours.except_critical }
    }
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

impl From<&Plan> for PlanIn {
    fn from(plan: &Plan) -> Self {
        let step = |step: &Step| StepIn {
            after_minutes: step.after_minutes.into(),
            contact_ids: step.contacts.iter().map(Uuid::to_string).collect(),
            channels: step.channels.iter().map(|channel| channel.name().to_owned()).collect(),
            repeat_every_minutes: step.repeat.map(|repeat| repeat.every_minutes.into()),
            repeat_times: step.repeat.map(|repeat| repeat.times.into()),
        };
        let names =
            |kinds: &Vec<AlertKind>| kinds.iter().map(|kind| kind.name().to_owned()).collect();
        Self {
            steps: plan.steps.iter().map(step).collect(),
            kinds: plan.kinds.as_ref().map(names),
            min_severity: plan.min_severity.name().to_owned(),
            quiet_hours: plan.quiet_hours.as_ref().map(|hours| HoursIn {
                from: clock(hours.from_minute),
                to: clock(hours.to_minute),
                timezone: hours.timezone.clone(),
                except_critical: hours.except_critical,
            }),
            notify_on_resolve: plan.notify_on_resolve,
        }
    }
}

/// Fields that were found wrong so far.
#[derive(Default)]
struct Wrong(Vec<FieldError>);

impl Wrong {
    fn say(&mut self, pointer: impl Into<String>, code: &'static str, detail: &str) {
        self.0.push(FieldError::new(pointer, code, detail));
    }

    /// The number, if it is within the bounds.
    fn number(&mut self, pointer: String, value: i64, least: i64, most: i64) -> Option<u16> {
        if !(least..=most).contains(&value) {
            self.say(pointer, "out_of_range", &format!("must be from {least} to {most}"));
            return None;
        }
        u16::try_from(value).ok()
    }

    /// What each item stands for, if they are so many and none is there twice.
    fn list<T: PartialEq>(
        &mut self,
        pointer: &str,
        items: &[String],
        most: usize,
        unknown: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        if !(1..=most).contains(&items.len()) {
            self.say(pointer, "out_of_range", &format!("must have 1 to {most} items"));
            return Vec::new();
        }
        let mut all = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match read(item) {
                None => self.say(format!("{pointer}/{index}"), unknown, "there is no such thing"),
                Some(value) if all.contains(&value) => {
                    self.say(format!("{pointer}/{index}"), "duplicate", "it is there twice");
                }
                Some(value) => all.push(value),
            }
        }
        all
    }
}

/// The plan that a body says.
///
/// # Errors
/// 422 with all that is wrong.
pub fn read(asked: &PlanIn) -> Result<Plan, ApiError> {
    let mut wrong = Wrong::default();
    if !(1..=MOST_STEPS).contains(&asked.steps.len()) {
        wrong.say("/steps", "out_of_range", "must have 1 to 10 items");
    }
    let few = asked.steps.iter().take(MOST_STEPS).enumerate();
    let steps: Vec<Step> = few.filter_map(|(n, asked)| step(&mut wrong, n, asked)).collect();
    let mut before = None;
    for (n, step) in asked.steps.iter().enumerate() {
        if before.is_some_and(|before| step.after_minutes <= before) {
            wrong.say(
                format!("/steps/{n}/afterMinutes"),
                "not_rising",
                "must be more than the step before",
            );
        }
        before = Some(step.after_minutes);
    }
    let kinds = asked.kinds.as_ref().map(|kinds| {
        wrong.list("/kinds", kinds, AlertKind::ALL.len(), "bad_kind", AlertKind::parse)
    });
    let min_severity = Severity::parse(&asked.min_severity);
    if min_severity.is_none() {
        wrong.say("/minSeverity", "bad_severity", "minSeverity must be warning or critical");
    }
    let quiet_hours = asked.quiet_hours.as_ref().and_then(|asked| hours(&mut wrong, asked));
    match min_severity {
        Some(min_severity) if wrong.0.is_empty() => {
            let notify_on_resolve = asked.notify_on_resolve;
            Ok(Plan { steps, kinds, min_severity, quiet_hours, notify_on_resolve })
        }
        _ => Err(ApiError::Invalid(wrong.0)),
    }
}

fn step(wrong: &mut Wrong, n: usize, asked: &StepIn) -> Option<Step> {
    let at = |field: &str| format!("/steps/{n}/{field}");
    let after_minutes = wrong.number(at("afterMinutes"), asked.after_minutes, 0, DAY);
    let contacts = wrong.list(
        &at("contactIds"),
        &asked.contact_ids,
        MOST_CONTACTS,
        UNKNOWN_REFERENCE,
        asked::id,
    );
    let channels = wrong.list(&at("channels"), &asked.channels, 2, "bad_channel", Channel::parse);
    let repeat = match (asked.repeat_every_minutes, asked.repeat_times) {
        (None, None) => None,
        (Some(every), Some(times)) => {
            let every_minutes = wrong.number(at("repeatEveryMinutes"), every, 1, DAY);
            let times = wrong.number(at("repeatTimes"), times, 1, MOST_REPEATS);
            every_minutes.zip(times).map(|(every_minutes, times)| Repeat { every_minutes, times })
        }
        (Some(_), None) => {
            wrong.say(at("repeatTimes"), "missing_field", "repeatTimes is missing");
            None
        }
        (None, Some(_)) => {
            wrong.say(at("repeatEveryMinutes"), "missing_field", "repeatEveryMinutes is missing");
            None
        }
    };
    Some(Step { after_minutes: after_minutes?, contacts, channels, repeat })
}

fn hours(wrong: &mut Wrong, asked: &HoursIn) -> Option<QuietHours> {
    let mut minute = |pointer, text| {
        let minute = minute_of(text);
        if minute.is_none() {
            wrong.say(pointer, "bad_time", "must be a time of day such as 22:00");
        }
        minute
    };
    let from_minute = minute("/quietHours/from", &asked.from);
    let to_minute = minute("/quietHours/to", &asked.to);
    if from_minute.is_some() && from_minute == to_minute {
        wrong.say("/quietHours/to", "bad_time", "must be another time than from");
    }
    if let Err(error) = zone("/quietHours/timezone", &asked.timezone) {
        wrong.0.push(error);
    }
    Some(QuietHours {
        from_minute: from_minute?,
        to_minute: to_minute?,
        timezone: asked.timezone.clone(),
        except_critical: asked.except_critical,
    })
}

/// `HH:MM` as the minute of the day.
fn minute_of(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str| {
        let is_good = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_good.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// Goes on only if each contact of the plan is the organization's and is reached in each way that is said.
///
/// # Errors
/// 422 with all that are not.
pub async fn need_reach(hub: &Hub, org: OrgId, plan: &Plan) -> Result<(), ApiError> {
    let mut ids: Vec<Uuid> = plan.steps.iter().flat_map(|step| step.contacts.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let contacts = hub.store.contacts_of(org, &ids).await?;
    let mut wrong = Wrong::default();
    for (n, step) in plan.steps.iter().enumerate() {
        for (index, id) in step.contacts.iter().enumerate() {
            let contact = contacts.iter().find(|contact| contact.id == *id);
            check_reach(
                &mut wrong,
                &format!("/steps/{n}/contactIds/{index}"),
                contact,
                &step.channels,
            );
        }
    }
    if wrong.0.is_empty() { Ok(()) } else { Err(ApiError::Invalid(wrong.0)) }
}

fn check_reach(wrong: &mut Wrong, pointer: &str, contact: Option<&Contact>, channels: &[Channel]) {
    let Some(contact) = contact else {
        return wrong.say(pointer, UNKNOWN_REFERENCE, "there is no such object");
    };
    for channel in channels.iter().filter(|channel| !contact.is_reached_by(**channel)) {
        let lack = match channel {
            Channel::Sms => "the contact has no phone",
            Channel::Email => "the contact has no e-mail address",
        };
        wrong.say(pointer, "unreachable", lack);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_read_and_shown() {
        for (text, minute) in [("00:00", 0), ("06:05", 365), ("23:59", 1_439)] {
            assert_eq!(minute_of(text), Some(minute));
            assert_eq!(clock(minute), text);
        }
        for bad in ["", ":", "6:00", "24:00", "12:60", "12:5", "+1:00", "12:00:00", "１２:00"] {
            assert_eq!(minute_of(bad), None, "{bad}");
        }
    }
}
