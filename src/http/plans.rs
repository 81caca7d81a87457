//! What a notification policy says of alerts, as bodies have it.

use hub_domain::{AlertKind, RuleLayer, Severity, Zone};
use hub_store::records::{Channel, Plan, QuietHours, QuietRule, Role, Step, Terms};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type},
};
use uuid::Uuid;

use super::{
    schemas::{self, AnySchema},
    whole,
};

/// The most steps.
pub(super) const MOST_STEPS: usize = 10;
/// The most contacts of one.
pub(super) const MOST_CONTACTS: usize = 50;
/// The most roles: all that members have.
pub(super) const MOST_ROLES: usize = 5;
/// The longest times, in minutes.
pub(super) const DAY: i64 = 1_440;

/// A time of day.
const HOUR: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";

pub(super) fn hour() -> AnySchema {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(HOUR)).into()
}

fn channels() -> AnySchema {
    let words = schemas::words(Channel::ALL.iter().map(|channel| channel.name()));
    ArrayBuilder::new().items(words).min_items(Some(1)).max_items(Some(2)).unique_items(true).into()
}

fn contact_ids() -> AnySchema {
    let ids = ArrayBuilder::new().items(schemas::id());
    ids.max_items(Some(MOST_CONTACTS)).unique_items(true).into()
}

fn roles() -> AnySchema {
    let words = schemas::words(told_roles().map(Role::name));
    ArrayBuilder::new().items(words).max_items(Some(MOST_ROLES)).unique_items(true).into()
}

/// The roles that a step may name: those of members.
pub(super) fn told_roles() -> impl Iterator<Item = Role> {
    Role::ALL.into_iter().filter(|role| *role != Role::Inspector)
}

fn timezone_or_none() -> AnySchema {
    let none = ObjectBuilder::new().schema_type(Type::Null);
    OneOfBuilder::new().item(none).item(schemas::timezone()).into()
}

/// Kinds of alert, or `null`.
#[must_use]
pub fn kinds_or_none() -> AnySchema {
    let either = SchemaType::from_iter([Type::Array, Type::Null]);
    let kinds = ArrayBuilder::new().schema_type(either).items(schemas::alert_kind());
    kinds.min_items(Some(1)).max_items(Some(AlertKind::ALL.len())).unique_items(true).into()
}

/// A severity, or `null`.
#[must_use]
pub fn severity_or_none() -> AnySchema {
    schemas::words_or_none(Severity::ALL.iter().map(|severity| severity.name()))
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
    /// So many minutes after the alert opened, or became as bad as is asked for, if nobody acknowledged it; more than the
    /// step before.
    #[serde(deserialize_with = "whole::number")]
    #[schema(minimum = 0, maximum = 1440)]
    pub(super) after_minutes: i64,
    #[serde(default)]
    #[schema(required = false, schema_with = contact_ids)]
    pub(super) contact_ids: Vec<String>,
    /// All members that have one of these roles; a step names contacts, roles or both.
    #[serde(default)]
    #[schema(required = false, schema_with = roles)]
    pub(super) roles: Vec<String>,
    #[schema(schema_with = channels)]
    pub(super) channels: Vec<String>,
    /// Told again after so many minutes; needs `repeatTimes`.
    #[serde(default, deserialize_with = "whole::number_or_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub(super) repeat_every_minutes: Option<i64>,
    #[serde(default, deserialize_with = "whole::number_or_none")]
    #[schema(minimum = 1, maximum = 50)]
    pub(super) repeat_times: Option<i64>,
}

/// The time of day in which nobody is told.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewQuietHours)]
pub struct HoursIn {
    /// Needed unless `off`.
    #[schema(required = false, schema_with = hour, example = "22:00")]
    pub(super) from: Option<String>,
    /// Needed unless `off`; on the next day if it is not after `from`.
    #[schema(required = false, schema_with = hour, example = "06:00")]
    pub(super) to: Option<String>,
    /// By the clocks of this zone; left out or `null`, the site's.
    #[schema(schema_with = timezone_or_none)]
    pub(super) timezone: Option<String>,
    /// Critical alerts are told all the same.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub(super) except_critical: bool,
    /// `true` alone: there are none, whatever a wider scope says.
    #[serde(default)]
    #[schema(default = false)]
    pub(super) off: bool,
}

/// A plan as bodies have it.
#[derive(Clone, Debug)]
pub struct PlanIn {
    /// Who is told next.
    pub steps: Option<Vec<StepIn>>,
    /// Of which kinds.
    pub kinds: Option<Vec<String>>,
    /// Of alerts at least so bad.
    pub min_severity: Option<String>,
    /// When to keep still.
    pub quiet_hours: Option<HoursIn>,
    /// Whether the end is told.
    pub notify_on_resolve: Option<bool>,
    /// How long somebody has to acknowledge.
    pub ack_minutes: Option<i64>,
}

/// One step of an escalation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Step)]
pub struct StepOut {
    after_minutes: u16,
    #[schema(schema_with = contact_ids)]
    contact_ids: Vec<String>,
    #[schema(schema_with = roles)]
    roles: Vec<&'static str>,
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
            roles: step.roles.iter().map(|role| role.name()).collect(),
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
    #[schema(required = false, schema_with = hour)]
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[schema(required = false, schema_with = hour)]
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    /// `null` for the site's.
    #[schema(required, schema_with = timezone_or_none)]
    timezone: Option<&'static str>,
    except_critical: bool,
    off: bool,
}

impl From<&QuietHours> for HoursOut {
    fn from(hours: &QuietHours) -> Self {
        Self {
            from: Some(clock(hours.from_minute)),
            to: Some(clock(hours.to_minute)),
            timezone: hours.zone.map(Zone::name),
            except_critical: hours.except_critical,
            off: false,
        }
    }
}

impl From<&QuietRule> for HoursOut {
    fn from(quiet: &QuietRule) -> Self {
        match quiet {
            QuietRule::Hours(hours) => hours.into(),
            QuietRule::Never => {
                Self { from: None, to: None, timezone: None, except_critical: true, off: true }
            }
        }
    }
}

/// What holds for alerts of one kind by one policy, each field from the nearest scope that says it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PolicyTerms)]
pub struct TermsOut {
    /// The policy whose steps these are; `null` for the hub's own.
    #[schema(required, schema_with = schemas::id_or_none)]
    policy_id: Option<String>,
    steps: Vec<StepOut>,
    #[schema(schema_with = schemas::severity)]
    min_severity: &'static str,
    #[schema(required)]
    quiet_hours: Option<HoursOut>,
    notify_on_resolve: bool,
    /// `null` where nobody said so: 30 for critical alerts, a day for warnings.
    #[schema(required)]
    ack_minutes: Option<u16>,
}

impl From<&Terms> for TermsOut {
    fn from(terms: &Terms) -> Self {
        Self {
            policy_id: terms.policy.map(|id| id.to_string()),
            steps: terms.steps.iter().map(StepOut::from).collect(),
            min_severity: terms.min_severity.name(),
            quiet_hours: terms.quiet_hours.as_ref().map(HoursOut::from),
            notify_on_resolve: terms.notify_on_resolve,
            ack_minutes: terms.ack_minutes,
        }
    }
}

/// What holds for alerts of one kind.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KindPolicy)]
pub struct KindOut {
    /// The scope whose steps hold; `default` for the hub's own.
    from: &'static str,
    #[schema(schema_with = contact_ids)]
    policy_ids: Vec<String>,
    terms: Vec<TermsOut>,
}

impl From<&[Terms]> for KindOut {
    fn from(terms: &[Terms]) -> Self {
        let from = terms.first().map_or(RuleLayer::Default, |terms| terms.from).name();
        let policies = terms.iter().filter_map(|terms| terms.policy);
        let policy_ids = policies.map(|id| id.to_string()).collect();
        Self { from, policy_ids, terms: terms.iter().map(TermsOut::from).collect() }
    }
}

/// The minute of the day as `HH:MM`.
pub(super) fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

impl From<&Plan> for PlanIn {
    fn from(plan: &Plan) -> Self {
        let names =
            |kinds: &Vec<AlertKind>| kinds.iter().map(|kind| kind.name().to_owned()).collect();
        let steps = (!plan.steps.is_empty()).then_some(&plan.steps);
        Self {
            steps: steps.map(|steps| steps.iter().map(StepIn::from).collect()),
            kinds: plan.kinds.as_ref().map(names),
            min_severity: plan.min_severity.map(|severity| severity.name().to_owned()),
            quiet_hours: plan.quiet.as_ref().map(HoursIn::from),
            notify_on_resolve: plan.notify_on_resolve,
            ack_minutes: plan.ack_minutes.map(i64::from),
        }
    }
}

impl From<&Step> for StepIn {
    fn from(step: &Step) -> Self {
        Self {
            after_minutes: step.after_minutes.into(),
            contact_ids: step.contacts.iter().map(Uuid::to_string).collect(),
            roles: step.roles.iter().map(|role| role.name().to_owned()).collect(),
            channels: step.channels.iter().map(|channel| channel.name().to_owned()).collect(),
            repeat_every_minutes: step.repeat.map(|repeat| repeat.every_minutes.into()),
            repeat_times: step.repeat.map(|repeat| repeat.times.into()),
        }
    }
}

impl From<&QuietRule> for HoursIn {
    fn from(quiet: &QuietRule) -> Self {
        match quiet {
            QuietRule::Never => {
                Self { from: None, to: None, timezone: None, except_critical: true, off: true }
            }
            QuietRule::Hours(hours) => Self {
                from: Some(clock(hours.from_minute)),
                to: Some(clock(hours.to_minute)),
                timezone: hours.zone.map(|zone| zone.name().to_owned()),
                except_critical: hours.except_critical,
                off: false,
            },
        }
    }
}
