//! Schemas that no type says by itself: names, notes, ids in text, words of the domain, rules.
//!
//! For `#[schema(schema_with = …)]` and `#[param(schema_with = …)]`. The words come from the domain's own tables, so
//! that the document cannot fall behind them. A function that ends in `_or_none` is for a field that may be `null`.

use hub_domain::{
    AlertEventKind, AlertKind, AlertStatus, DoorState, LinkState, ManualLogState, Preset,
    RuleField, RuleLayer, Severity, Status,
    notify::{Channel, IntentState, Standing},
    rule::Measure,
};
use hub_store::records::{InvitationState, Role, WindowKind};
use serde_json::{Number, Value};
use utoipa::openapi::{
    KnownFormat, Ref, RefOr, Schema, SchemaFormat,
    schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, SchemaType, Type},
};

use super::measures;

/// A schema as utoipa takes it.
pub type AnySchema = RefOr<Schema>;

/// No control characters, no white space at the ends.
const NAME: &str = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$";
/// No control characters but line breaks and tabs.
const NOTE: &str = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$";
/// The same, and something that is no white space.
const WORDS: &str = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$";
/// Something, `@`, something, of visible ASCII; spaces around it are dropped.
const EMAIL: &str = "^ *[!-?A-~]+@[!-?A-~]+ *$";
/// The name of the schema of time zones.
const TIMEZONE: &str = "Timezone";
/// 16 hex digits.
const DEV_EUI: &str = "^[0-9A-Fa-f]{16}$";

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn or_none(schema: ObjectBuilder, kind: Type) -> ObjectBuilder {
    schema.schema_type(SchemaType::from_iter([kind, Type::Null]))
}

fn uuid() -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
}

fn named() -> ObjectBuilder {
    string().min_length(Some(1)).max_length(Some(200)).pattern(Some(NAME))
}

fn eui() -> ObjectBuilder {
    string().pattern(Some(DEV_EUI))
}

/// A UUID with hyphens.
#[must_use]
pub fn id() -> AnySchema {
    uuid().into()
}

/// A UUID with hyphens, or `null`.
#[must_use]
pub fn id_or_none() -> AnySchema {
    or_none(uuid(), Type::String).into()
}

/// An instant with an offset, as asked for.
#[must_use]
pub fn instant() -> AnySchema {
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
}

/// A name, as [`asked::name`](super::asked::name) takes it.
#[must_use]
pub fn name() -> AnySchema {
    named().into()
}

/// A name, or `null`.
#[must_use]
pub fn name_or_none() -> AnySchema {
    or_none(named(), Type::String).into()
}

/// A note, as [`asked::note`](super::asked::note) takes it, or `null`.
#[must_use]
pub fn note_or_none() -> AnySchema {
    or_none(string().max_length(Some(2000)).pattern(Some(NOTE)), Type::String).into()
}

/// Words that must be there, as [`recorded::words`](super::recorded::words) takes them.
#[must_use]
pub fn words_text() -> AnySchema {
    string().min_length(Some(1)).max_length(Some(2000)).pattern(Some(WORDS)).into()
}

/// The same, or `null`.
#[must_use]
pub fn words_or_none_text() -> AnySchema {
    let words = string().min_length(Some(1)).max_length(Some(2000)).pattern(Some(WORDS));
    or_none(words, Type::String).into()
}

/// An instant with an offset, or `null`.
#[must_use]
pub fn instant_or_none() -> AnySchema {
    let instant = string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    or_none(instant, Type::String).into()
}

/// Yes, no, or not said, in a query.
#[must_use]
pub fn any_flag() -> AnySchema {
    ObjectBuilder::new().schema_type(Type::Boolean).into()
}

/// What a maintenance window is for.
#[must_use]
pub fn window_kind() -> AnySchema {
    words(WindowKind::MODES.map(WindowKind::name))
}

/// Where a maintenance window stands.
#[must_use]
pub fn window_state() -> AnySchema {
    words(["planned", "active", "ended"])
}

/// What a line of an alert's timeline is.
#[must_use]
pub fn timeline() -> AnySchema {
    words([
        "event",
        "corrective_action",
        "snoozed",
        "snooze_ended",
        "maintenance_began",
        "maintenance_ended",
    ])
}

/// What happened to an alert, or `null`.
#[must_use]
pub fn alert_event_or_none() -> AnySchema {
    words_or_none(AlertEventKind::ALL.iter().map(|event| event.name()))
}

/// A devEui.
#[must_use]
pub fn dev_eui() -> AnySchema {
    eui().into()
}

/// A devEui, or `null`.
#[must_use]
pub fn dev_eui_or_none() -> AnySchema {
    or_none(eui(), Type::String).into()
}

/// Yes or no, in a query.
#[must_use]
pub fn flag() -> AnySchema {
    ObjectBuilder::new().schema_type(Type::Boolean).default(Some(false.into())).into()
}

/// A text that is looked for in names.
#[must_use]
pub fn part_of_name() -> AnySchema {
    let schema = string().min_length(Some(1)).max_length(Some(200));
    schema.pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]+$")).into()
}

/// An e-mail address.
#[must_use]
pub fn email() -> AnySchema {
    string().min_length(Some(3)).max_length(Some(254)).pattern(Some(EMAIL)).into()
}

/// What somebody who is invited may become.
#[must_use]
pub fn member_role() -> AnySchema {
    words(Role::ALL.iter().filter(|role| **role != Role::Inspector).map(|role| role.name()))
}

/// Where a page begins: what the page before it gave.
#[must_use]
pub fn cursor() -> AnySchema {
    // 16 bytes in base64url: the last of 22 characters has two bits
    string().pattern(Some("^[A-Za-z0-9_-]{21}[AQgw]$")).into()
}

/// The same for lists that do not go by an id.
#[must_use]
pub fn long_cursor() -> AnySchema {
    string().pattern(Some("^[A-Za-z0-9_-]{2,400}$")).into()
}

/// The same for lists that go by an instant and something of 16 bytes.
#[must_use]
pub fn moment_cursor() -> AnySchema {
    string().pattern(Some("^[A-Za-z0-9_-]{32}$")).into()
}

/// The same for the door: an instant of 8 bytes, and a byte that is 0 or 1.
#[must_use]
pub fn door_cursor() -> AnySchema {
    string().pattern(Some("^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048][AB]$")).into()
}

/// A time zone, by reference: the names are many.
#[must_use]
pub fn timezone() -> AnySchema {
    Ref::from_schema_name(TIMEZONE).into()
}

/// The schemas that others refer to.
pub fn components() -> impl Iterator<Item = (String, AnySchema)> {
    let names = chrono_tz::TZ_VARIANTS.map(|zone| Value::from(zone.name()));
    let zones = string().enum_values(Some(names)).default(Some("UTC".into()));
    let zones = zones.examples(["Europe/Berlin"]);
    let said = "The name of a time zone in the IANA time zone database.";
    [(TIMEZONE.to_owned(), zones.description(Some(said)).into())].into_iter()
}

/// A number.
#[must_use]
pub fn any_number() -> AnySchema {
    ObjectBuilder::new().schema_type(Type::Number).into()
}

/// A number, or `null`.
#[must_use]
pub fn any_number_or_none() -> AnySchema {
    or_none(ObjectBuilder::new(), Type::Number).into()
}

/// A deviation in degrees, or `null`.
#[must_use]
pub fn deviation_or_none() -> AnySchema {
    or_none(ObjectBuilder::new().minimum(Some(-50)).maximum(Some(50)), Type::Number).into()
}

/// How many items a page holds at most.
#[must_use]
pub fn limit() -> AnySchema {
    let schema = ObjectBuilder::new().schema_type(Type::Integer);
    schema.minimum(Some(1)).maximum(Some(200)).default(Some(50.into())).into()
}

/// An object of whatever fields.
#[must_use]
pub fn any_object() -> AnySchema {
    ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(true))).into()
}

/// Any JSON at all.
#[must_use]
pub fn any_value() -> AnySchema {
    let kinds = [Type::Object, Type::Array, Type::String, Type::Number, Type::Boolean, Type::Null];
    ObjectBuilder::new().schema_type(SchemaType::from_iter(kinds)).into()
}

/// One of these words.
#[must_use]
pub fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> AnySchema {
    let words: Vec<Value> = words.into_iter().map(Value::from).collect();
    string().enum_values(Some(words)).into()
}

/// One of these words, or `null`.
#[must_use]
pub fn words_or_none<'a>(words: impl IntoIterator<Item = &'a str>) -> AnySchema {
    let words = words.into_iter().map(Value::from).chain([Value::Null]);
    or_none(string().enum_values(Some(words.collect::<Vec<_>>())), Type::String).into()
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident $type:ident;)*) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name() -> AnySchema {
                words($type::ALL.iter().map(|value| value.name()))
            }
        )*
    };
}

tables! {
    /// What an alert is about.
    alert_kind AlertKind;
    /// Where an alert stands.
    alert_status AlertStatus;
    /// How bad it is.
    severity Severity;
    /// What happened to an alert.
    alert_event AlertEventKind;
    /// The one word for a unit.
    unit_status Status;
    /// The link to a unit's sensors.
    link LinkState;
    /// The door of a unit.
    door DoorState;
    /// Logging by hand.
    manual_log ManualLogState;
    /// Where a line of the ledger stands.
    intent_state IntentState;
    /// How somebody stands with an alert.
    standing Standing;
    /// A way of telling somebody.
    channel Channel;
    /// What a member may do.
    role Role;
    /// Where an invitation stands.
    invitation_state InvitationState;
}

/// Where the mail of an invitation stands.
#[must_use]
pub fn mail_state() -> AnySchema {
    words(["queued", "sending", "sent", "failed", "superseded"])
}

/// Which alerts are wanted: a status, or `open` for those that are not over.
#[must_use]
pub fn alert_filter() -> AnySchema {
    words(AlertStatus::ALL.iter().map(|status| status.name()).chain(["open"]))
}

/// Who ended an alert, or `null`.
#[must_use]
pub fn resolution_or_none() -> AnySchema {
    words_or_none(["automatic", "manual"])
}

/// The temperature of a unit against its limits.
#[must_use]
pub fn thermal() -> AnySchema {
    words(["ok", "restoring", "excursion", "alarm_active"])
}

/// What a unit is in.
#[must_use]
pub fn mode() -> AnySchema {
    words(["normal", "maintenance", "defrosting", "commissioning"])
}

/// The scopes that may have a rule.
#[must_use]
pub fn scope() -> AnySchema {
    words([RuleLayer::Organization, RuleLayer::Site, RuleLayer::Unit].map(RuleLayer::name))
}

/// The id of a preset that a unit may have, or `null`.
#[must_use]
pub fn preset_or_none() -> AnySchema {
    words_or_none(
        Preset::all().iter().filter(|preset| preset.is_supported()).map(|preset| preset.id),
    )
}

/// Celsius or Fahrenheit, or `null`.
#[must_use]
pub fn temperature_unit_or_none() -> AnySchema {
    words_or_none(["C", "F"])
}

/// A rule as shown: any of the fields, in the unit of each, °C where it is a temperature.
#[must_use]
pub fn rule_out() -> AnySchema {
    rule(|field| number(field, true))
}

/// A rule as said: temperatures may be in °F, so the document does not bound them; the hub does.
#[must_use]
pub fn rule_in() -> AnySchema {
    rule(|field| number(field, !is_temperature(field)))
}

/// The rule of a unit, each field with where it was said.
#[must_use]
pub fn effective_fields() -> AnySchema {
    let layers = [
        RuleLayer::Unit,
        RuleLayer::Site,
        RuleLayer::Organization,
        RuleLayer::Preset,
        RuleLayer::Default,
    ];
    let shape = |field: RuleField| {
        ObjectBuilder::new()
            .property("value", number(field, true))
            .property("unit", words([measures::unit_name(field)]))
            .property("from", words(layers.map(RuleLayer::name)))
            .property("ruleId", id())
            .property("ruleVersion", ObjectBuilder::new().schema_type(Type::Integer))
            .property("preset", string())
            .property("source", string())
            .required("value")
            .required("unit")
            .required("from")
            .description(Some(field.doc()))
    };
    rule(shape)
}

/// Names of a rule's fields.
#[must_use]
pub fn rule_fields() -> AnySchema {
    let names = words(RuleField::ALL.iter().map(|field| field.name()));
    ArrayBuilder::new().items(names).max_items(Some(100)).into()
}

/// The units of measure of a rule's fields.
#[must_use]
pub fn rule_unit() -> AnySchema {
    let mut units: Vec<&str> =
        RuleField::ALL.iter().map(|field| measures::unit_name(*field)).collect();
    units.sort_unstable();
    units.dedup();
    words(units)
}

fn rule(shape: impl Fn(RuleField) -> ObjectBuilder) -> AnySchema {
    let object = ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    let with =
        |object: ObjectBuilder, field: &RuleField| object.property(field.name(), shape(*field));
    RuleField::ALL.iter().fold(object, with).into()
}

const fn is_temperature(field: RuleField) -> bool {
    matches!(field.measure(), Measure::Temperature | Measure::Degrees)
}

fn number(field: RuleField, is_bounded: bool) -> ObjectBuilder {
    let kind = if is_temperature(field) { Type::Number } else { Type::Integer };
    let schema = ObjectBuilder::new().schema_type(kind.clone()).description(Some(field.doc()));
    let schema = if field.may_be_none() { or_none(schema, kind) } else { schema };
    let (min, max) = field.range();
    let bound = |value| match measures::shown(field, Some(value)) {
        Value::Number(number) => Some(number),
        _ => None,
    };
    if is_bounded {
        schema.minimum(bound(min).map(bounded)).maximum(bound(max).map(bounded))
    } else {
        schema
    }
}

fn bounded(number: Number) -> utoipa::Number {
    number.as_i64().map_or_else(
        || utoipa::Number::Float(number.as_f64().unwrap_or_default()),
        |whole| utoipa::Number::Int(isize::try_from(whole).unwrap_or_default()),
    )
}
