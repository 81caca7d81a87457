//! What a unit is judged by, and every field that a rule may say something of.

use axum::{Json, extract::State};
use hub_domain::{Preset, RuleField, RuleLayer, UnitId, rule::Resolved};
use hub_store::EffectiveRule;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answers::ReadErrors,
    asked::{Id, Listed},
    error::ApiError,
    measures::{shown, unit_name},
    openapi::{ById, InOrganization},
    schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
};

/// The rule that a unit is judged by, and who said what.
#[derive(Debug, Serialize, ToSchema)]
pub struct EffectiveOut {
    version: i64,
    #[schema(schema_with = schemas::effective_fields)]
    fields: Map<String, Value>,
}

/// What may be said of a field.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldOut {
    name: &'static str,
    #[schema(schema_with = schemas::rule_unit)]
    unit: &'static str,
    #[schema(schema_with = schemas::any_number)]
    minimum: Value,
    #[schema(schema_with = schemas::any_number)]
    maximum: Value,
    #[schema(schema_with = schemas::any_number_or_none)]
    default: Value,
    meaning: &'static str,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(effective)).routes(routes!(fields))
}

/// The rule that a unit is judged by.
///
/// # Errors
/// 404 for a unit that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/units/{id}/effective-rule",
    operation_id = "getEffectiveRule",
    tag = "Alert rules",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("read"))),
    responses(
        (status = 200, description = "As it is now.", body = EffectiveOut),
        ReadErrors,
    ),
)]
pub async fn effective(
    State(hub): State<Hub>,
    caller: Caller,
    Id(unit): Id<UnitId>,
) -> Result<Json<EffectiveOut>, ApiError> {
    caller.may(Deed::Read)?;
    let rule = hub.store.effective_rule(caller.scope(), unit).await?.ok_or(ApiError::NotFound)?;
    let field = |resolved: &Resolved| (resolved.field.name().to_owned(), said(resolved, &rule));
    Ok(Json(EffectiveOut {
        version: rule.version,
        fields: rule.fields.iter().map(field).collect(),
    }))
}

/// A field with its value and where that was said.
fn said(resolved: &Resolved, rule: &EffectiveRule) -> Value {
    let Resolved { field, value, from } = *resolved;
    let mut said =
        json!({ "value": shown(field, value), "unit": unit_name(field), "from": from.name() });
    match from {
        RuleLayer::Unit | RuleLayer::Site | RuleLayer::Organization => {
            if let Some(rule) = rule.rule_at(from) {
                said["ruleId"] = rule.id.to_string().into();
                said["ruleVersion"] = rule.version.into();
            }
        }
        RuleLayer::Preset => {
            if let Some(preset) = rule.preset.as_deref().and_then(Preset::find) {
                said["preset"] = preset.id.into();
                said["source"] = preset.citation.into();
            }
        }
        RuleLayer::Default => {}
    }
    said
}

/// Every field that a rule may say something of.
///
/// # Errors
/// 403 below inspector.
#[utoipa::path(
    get,
    path = "/api/v1/rule-fields",
    operation_id = "listRuleFields",
    tag = "Alert rules",
    params(InOrganization),
    extensions(("x-deed" = json!("read"))),
    responses(
        (status = 200, description = "All of them.", body = Listed<FieldOut>),
        ReadErrors,
    ),
)]
pub async fn fields(caller: Caller) -> Result<Json<Listed<FieldOut>>, ApiError> {
    caller.may(Deed::Read)?;
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
    Ok(Json(Listed::whole(RuleField::ALL.iter().map(shape).collect())))
}
