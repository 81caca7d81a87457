//! Alert rules: what is said at each scope, what it comes to for a unit, and what may be said at all.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header::LOCATION},
};
use hub_actors::AskError;
use hub_domain::{
    Layer, MilliCelsius, OrgId, RuleError, RuleField, RuleId, RuleLayer, SiteId, UnitId,
    rule::{Measure, Resolved},
};
use hub_store::{RuleScope, records::AlertRule};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

use super::{
    areas::{not_there, reference, unknown},
    asked::{Id, Listed, Query},
    body,
    error::{ApiError, FieldError},
    fields::Fields,
    sites::PageIn,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    decimal,
    wire::{CelsiusOut, InstantOut},
};

/// A rule to be set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RuleIn {
    scope: String,
    scope_id: Option<String>,
    temperature_unit: Option<String>,
    rule: Fields,
}

/// A rule. Temperatures are in °C, whatever they were set in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleOut {
    id: String,
    scope: &'static str,
    scope_id: String,
    version: i64,
    rule: Map<String, Value>,
    created_at: InstantOut,
    updated_at: InstantOut,
}

impl From<AlertRule> for RuleOut {
    fn from(rule: AlertRule) -> Self {
        let said = rule.layer.iter();
        Self {
            id: rule.id.to_string(),
            scope: rule.scope.name(),
            scope_id: rule.scope_id.to_string(),
            version: rule.version,
            rule: said
                .map(|(field, value)| (field.name().to_owned(), shown(field, value)))
                .collect(),
            created_at: InstantOut(rule.created_at),
            updated_at: InstantOut(rule.updated_at),
        }
    }
}

/// The rule that a unit is judged by, and who said what.
#[derive(Debug, Serialize)]
pub struct EffectiveOut {
    version: i64,
    fields: Map<String, Value>,
}

/// What may be said of a field.
#[derive(Debug, Serialize)]
pub struct FieldOut {
    name: &'static str,
    unit: &'static str,
    minimum: Value,
    maximum: Value,
    default: Value,
    meaning: &'static str,
}

/// Sets the rule of a scope: makes it or replaces it. Running units are judged by it when this answers.
///
/// # Errors
/// 403 below the role that the scope takes, 422 for bad fields, a scope that is not the caller's, or a rule that would
/// contradict itself for a unit below it.
pub async fn put(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<RuleIn>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<RuleOut>), ApiError> {
    let (scope, scope_id) = scope_of(&hub, &caller, &asked).await?;
    let layer = layer(&asked)?;
    let put = hub.store.put_rule(caller.org, scope, scope_id, layer, caller.actor()).await;
    let (rule, is_new) = put.map_err(|error| not_there(error, "/scopeId"))?;
    tell_units(&hub, scope, scope_id).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/api/v1/alert-rules/{}", rule.id);
    Ok((status, [(LOCATION, location)], Json(rule.into())))
}

/// The rules of the organization.
///
/// # Errors
/// 400 for a bad page.
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(page): Query<PageIn>,
) -> Result<Json<Listed<RuleOut>>, ApiError> {
    caller.may(Deed::Read)?;
    Ok(Json(Listed::of(hub.store.rules(caller.org, page.page()?).await?, RuleOut::from)))
}

/// One rule.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<RuleId>,
) -> Result<Json<RuleOut>, ApiError> {
    caller.may(Deed::Read)?;
    let rule = hub.store.rule(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    Ok(Json(rule.into()))
}

/// The rule that a unit is judged by.
///
/// # Errors
/// 404 for a unit that is not there, or not the caller's.
pub async fn effective(
    State(hub): State<Hub>,
    caller: Caller,
    Id(unit): Id<UnitId>,
) -> Result<Json<EffectiveOut>, ApiError> {
    caller.may(Deed::Read)?;
    let (version, fields) =
        hub.store.effective_rule(caller.org, unit).await?.ok_or(ApiError::NotFound)?;
    let shape = |resolved: Resolved| {
        let Resolved { field, value, from } = resolved;
        let shown = serde_json::json!({ "value": shown(field, value), "unit": unit_name(field), "from": from.name() });
        (field.name().to_owned(), shown)
    };
    Ok(Json(EffectiveOut { version, fields: fields.into_iter().map(shape).collect() }))
}

/// Every field that a rule may say something of.
pub async fn fields(_caller: Caller) -> Json<Listed<FieldOut>> {
    let shape = |field: &RuleField| {
        let (min, max) = field.range();
        FieldOut {
            name: field.name(),
            unit: unit_name(*field),
            minimum: shown(*field, Some(min)),
            maximum: shown(*field, Some(max)),
            default: shown(*field, field.default_value()),
            meaning: field.doc(),
        }
    };
    Json(Listed::whole(RuleField::ALL.iter().map(shape).collect()))
}

/// The scope that is meant, if the caller may set its rule and it is theirs.
async fn scope_of(
    hub: &Hub,
    caller: &Caller,
    asked: &RuleIn,
) -> Result<(RuleLayer, Uuid), ApiError> {
    let named = || {
        asked
            .scope_id
            .as_deref()
            .ok_or_else(|| ApiError::field("/scopeId", "missing_field", "scopeId is missing"))
    };
    match asked.scope.as_str() {
        "organization" => {
            caller.may(Deed::EditRules)?;
            let id = asked
                .scope_id
                .as_deref()
                .map(|id| reference::<OrgId>("/scopeId", id))
                .transpose()?;
            let good = id.is_none_or(|id| id == caller.org);
            if good {
                Ok((RuleLayer::Organization, caller.org.0))
            } else {
                Err(unknown("/scopeId"))
            }
        }
        "site" => {
            caller.may(Deed::EditRules)?;
            let id: SiteId = reference("/scopeId", named()?)?;
            hub.store.site(caller.org, id).await?.ok_or_else(|| unknown("/scopeId"))?;
            Ok((RuleLayer::Site, id.0))
        }
        "unit" => {
            caller.may(Deed::EditUnitRule)?;
            let id: UnitId = reference("/scopeId", named()?)?;
            hub.store.unit(caller.org, id).await?.ok_or_else(|| unknown("/scopeId"))?;
            Ok((RuleLayer::Unit, id.0))
        }
        _ => {
            Err(ApiError::field("/scope", "bad_scope", "scope must be organization, site or unit"))
        }
    }
}

/// Brings the rule to running units. It is stored: a unit that is not told loads it when it starts next.
async fn tell_units(hub: &Hub, scope: RuleLayer, id: Uuid) -> Result<(), ApiError> {
    let scope = match scope {
        RuleLayer::Unit => RuleScope::Unit(id.into()),
        RuleLayer::Site => RuleScope::Site(id.into()),
        RuleLayer::Organization | RuleLayer::Preset | RuleLayer::Default => {
            RuleScope::Organization(id.into())
        }
    };
    match hub.units.rules_changed(scope).await {
        Ok(()) | Err(AskError::UnknownUnit) => Ok(()),
        Err(error) => Err(error.into()), // setting the same rule again is safe and tells them again
    }
}

/// The fields of the body as a layer, in the measure of each.
fn layer(asked: &RuleIn) -> Result<Layer, ApiError> {
    let fahrenheit = match asked.temperature_unit.as_deref() {
        None | Some("C") => false,
        Some("F") => true,
        Some(_) => {
            return Err(ApiError::field(
                "/temperatureUnit",
                "bad_unit",
                "temperatureUnit must be C or F",
            ));
        }
    };
    let (mut layer, mut errors) = (Layer::default(), Vec::new());
    for (name, value) in &asked.rule.0 {
        if let Err((code, detail)) = say(&mut layer, name, value, fahrenheit) {
            let name: String = name.chars().take(64).collect();
            errors.push(FieldError::new(format!("/rule/{name}"), code, detail));
        }
    }
    if errors.is_empty() { Ok(layer) } else { Err(ApiError::Invalid(errors)) }
}

type Wrong = (&'static str, String);

fn say(layer: &mut Layer, name: &str, value: &RawValue, fahrenheit: bool) -> Result<(), Wrong> {
    let field = RuleField::parse(name)
        .ok_or(("unknown_field", "there is no such field in a rule".to_owned()))?;
    let value = match value.get() {
        "null" => None,
        text => Some(measured(field, text, fahrenheit)?),
    };
    layer.set(field, value).map_err(|error| ("out_of_range", in_words(error)))
}

/// The number in `text` in the field's own measure.
fn measured(field: RuleField, text: &str, fahrenheit: bool) -> Result<i64, Wrong> {
    let milli =
        decimal::milli(text).ok_or(("wrong_type", format!("{} must be a number", field.name())))?;
    match field.measure() {
        Measure::Temperature if fahrenheit => match MilliCelsius::from_milli_fahrenheit(milli) {
            Some(temperature) => Ok(temperature.0.into()),
            None => Err(("out_of_range", format!("{} is no possible temperature", field.name()))),
        },
        Measure::Degrees if fahrenheit => Ok(five_ninths(milli)),
        Measure::Temperature | Measure::Degrees => Ok(milli),
        Measure::Seconds | Measure::Count | Measure::Percent | Measure::Millivolts
            if milli % 1000 == 0 =>
        {
            Ok(milli / 1000)
        }
        Measure::Seconds | Measure::Count | Measure::Percent | Measure::Millivolts => {
            Err(("wrong_type", format!("{} must be a whole number", field.name())))
        }
    }
}

/// A difference in thousandths of a degree Fahrenheit as one in Celsius, rounded half away from zero.
fn five_ninths(milli: i64) -> i64 {
    let scaled = milli.saturating_mul(5);
    (if scaled < 0 { scaled.saturating_sub(4) } else { scaled.saturating_add(4) }) / 9
}

fn in_words(error: RuleError) -> String {
    match error {
        RuleError::OutOfRange { field, min, max } => {
            let (min, max) = (shown(field, Some(min)), shown(field, Some(max)));
            format!("{} must be from {min} to {max} {}", field.name(), unit_name(field))
        }
        RuleError::NotNone { .. } | RuleError::NotAbove { .. } | RuleError::HysteresisTooWide => {
            error.to_string()
        }
    }
}

/// A field's value as a number of the unit that it is shown in.
pub fn shown(field: RuleField, value: Option<i64>) -> Value {
    let Some(value) = value else { return Value::Null };
    match field.measure() {
        Measure::Temperature | Measure::Degrees => thousandths(value),
        Measure::Seconds | Measure::Count | Measure::Percent | Measure::Millivolts => value.into(),
    }
}

fn thousandths(milli: i64) -> Value {
    let milli = MilliCelsius(i32::try_from(milli).unwrap_or(i32::MAX));
    serde_json::to_value(CelsiusOut(milli)).unwrap_or_default()
}

const fn unit_name(field: RuleField) -> &'static str {
    match field.measure() {
        Measure::Temperature => "celsius",
        Measure::Degrees => "celsius_degrees",
        Measure::Seconds => "seconds",
        Measure::Count => "count",
        Measure::Percent => "percent",
        Measure::Millivolts => "millivolts",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn layer_of(body: Value) -> Result<Layer, ApiError> {
        layer(&body::parse::<RuleIn>(body.to_string().as_bytes())?)
    }

    #[test]
    fn limits_and_differences_convert_each_in_its_own_way() {
        let rule = json!({ "highLimit": 41, "hysteresis": 0.9, "confirmHighShutSecs": 900, "lowLimit": null });
        let layer =
            layer_of(json!({ "scope": "organization", "temperatureUnit": "F", "rule": rule }))
                .unwrap();
        assert_eq!(layer.get(RuleField::HighLimit), Some(Some(5_000)));
        assert_eq!(layer.get(RuleField::Hysteresis), Some(Some(500)));
        assert_eq!(layer.get(RuleField::ConfirmHighShutSecs), Some(Some(900)));
        assert_eq!(layer.get(RuleField::LowLimit), Some(None));
        assert_eq!(layer.get(RuleField::RestoreReadings), None);
    }

    #[test]
    fn each_wrong_field_is_told() {
        let rule = json!({ "highLimit": "8", "hihgLimit": 8, "restoreReadings": 2.5, "confirmLowShutSecs": -1, "hysteresis": null });
        let Err(ApiError::Invalid(errors)) = layer_of(json!({ "scope": "unit", "rule": rule }))
        else {
            panic!("the rule is refused");
        };
        let mut told: Vec<_> =
            errors.iter().map(|error| (error.pointer.as_str(), error.code)).collect();
        told.sort_unstable();
        assert_eq!(
            told,
            [
                ("/rule/confirmLowShutSecs", "out_of_range"),
                ("/rule/highLimit", "wrong_type"),
                ("/rule/hihgLimit", "unknown_field"),
                ("/rule/hysteresis", "out_of_range"),
                ("/rule/restoreReadings", "wrong_type"),
            ]
        );
    }

    #[test]
    fn a_field_said_twice_is_refused() {
        let text = br#"{"scope":"unit","rule":{"highLimit":8,"highLimit":9}}"#;
        assert!(matches!(body::parse::<RuleIn>(text), Err(ApiError::Invalid(_))));
    }
}
