//! What bodies say of alerts, read into a plan, or refused with each field that is wrong.

use std::ops::RangeInclusive;

use hub_domain::{AlertKind, OrgId, Severity, Zone};
use hub_store::records::{Channel, Contact, Plan, QuietHours, QuietRule, Repeat, Step};
use uuid::Uuid;

use super::{
    asked,
    error::{ApiError, FieldError, UNKNOWN_REFERENCE},
    plans::{DAY, HoursIn, MOST_CONTACTS, MOST_ROLES, MOST_STEPS, PlanIn, StepIn, told_roles},
};
use crate::app::Hub;

/// The most repetitions of a step.
const MOST_REPEATS: i64 = 50;

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
        many: RangeInclusive<usize>,
        unknown: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        if !many.contains(&items.len()) {
            let (least, most) = many.into_inner();
            self.say(pointer, "out_of_range", &format!("must have {least} to {most} items"));
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
pub(super) fn read(asked: &PlanIn) -> Result<Plan, ApiError> {
    let mut wrong = Wrong::default();
    let steps = asked.steps.as_ref().map(|asked| steps(&mut wrong, asked)).unwrap_or_default();
    let kinds = asked.kinds.as_ref().map(|kinds| {
        wrong.list("/kinds", kinds, 1..=AlertKind::ALL.len(), "bad_kind", AlertKind::parse)
    });
    let min_severity = asked.min_severity.as_deref().map(Severity::parse);
    if min_severity == Some(None) {
        wrong.say("/minSeverity", "bad_severity", "minSeverity must be warning or critical");
    }
    let quiet = asked.quiet_hours.as_ref().and_then(|asked| quiet(&mut wrong, asked));
    let ack_minutes = asked.ack_minutes;
    let ack_minutes =
        ack_minutes.and_then(|minutes| wrong.number("/ackMinutes".to_owned(), minutes, 1, DAY));
    if wrong.0.is_empty() && says_nothing(asked) {
        wrong.say("/steps", "missing_field", "a policy without steps must say something else");
    }
    if !wrong.0.is_empty() {
        return Err(ApiError::Invalid(wrong.0));
    }
    let (min_severity, notify_on_resolve) = (min_severity.flatten(), asked.notify_on_resolve);
    Ok(Plan { steps, kinds, min_severity, quiet, notify_on_resolve, ack_minutes })
}

/// Whether everything is left to a wider scope.
const fn says_nothing(asked: &PlanIn) -> bool {
    asked.steps.is_none()
        && asked.min_severity.is_none()
        && asked.quiet_hours.is_none()
        && asked.notify_on_resolve.is_none()
        && asked.ack_minutes.is_none()
}

fn steps(wrong: &mut Wrong, asked: &[StepIn]) -> Vec<Step> {
    if !(1..=MOST_STEPS).contains(&asked.len()) {
        wrong.say("/steps", "out_of_range", "must have 1 to 10 items");
    }
    let few = asked.iter().take(MOST_STEPS).enumerate();
    let steps = few.filter_map(|(n, asked)| step(wrong, n, asked)).collect();
    for (n, pair) in asked.windows(2).enumerate() {
        if pair[1].after_minutes <= pair[0].after_minutes {
            let pointer = format!("/steps/{}/afterMinutes", n + 1);
            wrong.say(pointer, "not_rising", "must be more than the step before");
        }
    }
    steps
}

fn step(wrong: &mut Wrong, n: usize, asked: &StepIn) -> Option<Step> {
    let at = |field: &str| format!("/steps/{n}/{field}");
    let after_minutes = wrong.number(at("afterMinutes"), asked.after_minutes, 0, DAY);
    // without a role, whom it tells are its contacts
    let least = usize::from(asked.roles.is_empty());
    let (ids, many) = (&asked.contact_ids, least..=MOST_CONTACTS);
    let contacts = wrong.list(&at("contactIds"), ids, many, UNKNOWN_REFERENCE, asked::id);
    let role = |name: &str| told_roles().find(|role| role.name() == name);
    let roles = wrong.list(&at("roles"), &asked.roles, 0..=MOST_ROLES, "bad_role", role);
    let channels =
        wrong.list(&at("channels"), &asked.channels, 1..=2, "bad_channel", Channel::parse);
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
    Some(Step { after_minutes: after_minutes?, contacts, roles, channels, repeat })
}

fn quiet(wrong: &mut Wrong, asked: &HoursIn) -> Option<QuietRule> {
    if !asked.off {
        return hours(wrong, asked).map(QuietRule::Hours);
    }
    if asked.from.is_some() || asked.to.is_some() || asked.timezone.is_some() {
        wrong.say("/quietHours/off", "bad_combination", "must be alone");
    }
    Some(QuietRule::Never)
}

fn hours(wrong: &mut Wrong, asked: &HoursIn) -> Option<QuietHours> {
    let from_minute = time_of_day(wrong, "from", asked.from.as_deref());
    let to_minute = time_of_day(wrong, "to", asked.to.as_deref());
    if from_minute.is_some() && from_minute == to_minute {
        wrong.say("/quietHours/to", "bad_time", "must be another time than from");
    }
    let zone = asked.timezone.as_deref().map(Zone::parse);
    if zone == Some(None) {
        let detail = "the time zone is no IANA name such as Europe/Berlin";
        wrong.say("/quietHours/timezone", "bad_timezone", detail);
    }
    Some(QuietHours {
        from_minute: from_minute?,
        to_minute: to_minute?,
        zone: zone.flatten(),
        except_critical: asked.except_critical,
    })
}

fn time_of_day(wrong: &mut Wrong, field: &str, text: Option<&str>) -> Option<u16> {
    let pointer = format!("/quietHours/{field}");
    let Some(text) = text else {
        wrong.say(pointer, "missing_field", &format!("{field} is missing"));
        return None;
    };
    let minute = minute_of(text);
    if minute.is_none() {
        wrong.say(pointer, "bad_time", "must be a time of day such as 22:00");
    }
    minute
}

/// `HH:MM` as the minute of the day.
pub(super) fn minute_of(text: &str) -> Option<u16> {
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
pub(super) async fn need_reach(hub: &Hub, org: OrgId, plan: &Plan) -> Result<(), ApiError> {
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
    use super::{super::plans::clock, *};

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
