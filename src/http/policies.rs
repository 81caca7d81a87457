//! Notification policies: who is told of alerts, when, and how.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::{Severity, UnitId};
use hub_store::records::NotificationPolicy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    areas::not_there,
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    edition::{self, EditionOut, IfMatch, Tagged},
    error::ApiError,
    openapi::{ById, InOrganization},
    plan_checks,
    plans::{self, HoursIn, HoursOut, KindOut, StepIn, StepOut},
    schemas,
    scopes::{ScopesIn, layer_of, scope_of},
    whole,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// A policy to be made. What is left out or `null`, a policy of a wider scope says, or the hub.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewPolicy)]
pub struct PolicyIn {
    #[schema(schema_with = schemas::name)]
    name: String,
    #[schema(schema_with = schemas::scope)]
    scope: String,
    #[schema(schema_with = schemas::id_or_none)]
    scope_id: Option<String>,
    #[schema(min_items = 1, max_items = 10)]
    steps: Option<Vec<StepIn>>,
    #[schema(schema_with = plans::kinds_or_none)]
    kinds: Option<Vec<String>>,
    #[schema(schema_with = plans::severity_or_none)]
    min_severity: Option<String>,
    quiet_hours: Option<HoursIn>,
    notify_on_resolve: Option<bool>,
    /// How long somebody has to acknowledge: so long after the last step, and again each time so long after that, the
    /// owners are told.
    #[serde(default, deserialize_with = "whole::number_or_none")]
    #[schema(minimum = 1, maximum = 1440)]
    ack_minutes: Option<i64>,
}

/// An edit of a policy: what is left out stays as it is. Its scope does not change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = PolicyEdit)]
pub struct PolicyEditIn {
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, schema_with = schemas::name)]
    name: Option<String>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(required = false, value_type = Option<Vec<StepIn>>, min_items = 1, max_items = 10)]
    steps: Option<Option<Vec<StepIn>>>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(required = false, schema_with = plans::kinds_or_none)]
    kinds: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(required = false, schema_with = plans::severity_or_none)]
    min_severity: Option<Option<String>>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(required = false, value_type = Option<HoursIn>)]
    quiet_hours: Option<Option<HoursIn>>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(required = false, value_type = Option<bool>)]
    notify_on_resolve: Option<Option<bool>>,
    #[serde(default, deserialize_with = "whole::patched")]
    #[schema(required = false, value_type = Option<i64>, minimum = 1, maximum = 1440)]
    ack_minutes: Option<Option<i64>>,
}

/// A policy.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NotificationPolicy)]
pub struct PolicyOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    name: String,
    #[schema(schema_with = schemas::scope)]
    scope: &'static str,
    #[schema(schema_with = schemas::id)]
    scope_id: String,
    /// `null` where a wider scope says them.
    #[schema(required)]
    steps: Option<Vec<StepOut>>,
    /// The kinds of alert that it is for; `null` for every kind.
    #[schema(required, schema_with = plans::kinds_or_none)]
    kinds: Option<Vec<&'static str>>,
    #[schema(required, schema_with = plans::severity_or_none)]
    min_severity: Option<&'static str>,
    #[schema(required)]
    quiet_hours: Option<HoursOut>,
    #[schema(required)]
    notify_on_resolve: Option<bool>,
    #[schema(required)]
    ack_minutes: Option<u16>,
    created_at: InstantOut,
    #[serde(flatten)]
    edition: EditionOut,
}

impl From<NotificationPolicy> for PolicyOut {
    fn from(policy: NotificationPolicy) -> Self {
        let plan = &policy.plan;
        Self {
            id: policy.id.to_string(),
            scope: policy.scope.layer().name(),
            scope_id: policy.scope.id().to_string(),
            steps: (!plan.steps.is_empty()).then(|| plan.steps.iter().map(StepOut::from).collect()),
            kinds: plan.kinds.as_ref().map(|kinds| kinds.iter().map(|kind| kind.name()).collect()),
            min_severity: plan.min_severity.map(Severity::name),
            quiet_hours: plan.quiet.as_ref().map(HoursOut::from),
            notify_on_resolve: plan.notify_on_resolve,
            ack_minutes: plan.ack_minutes,
            created_at: InstantOut(policy.created_at),
            edition: policy.edition.into(),
            name: policy.name,
        }
    }
}

fn tagged(policy: NotificationPolicy) -> Tagged<PolicyOut> {
    Tagged { version: policy.edition.version, object: policy.into() }
}

/// The policies that hold for a unit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EffectivePolicy)]
pub struct EffectivePolicyOut {
    /// Every policy that is for it, nearest scope first.
    policies: Vec<PolicyOut>,
    /// By kind of alert: the nearest scope that has steps for it, its policies, and what they come to.
    by_kind: BTreeMap<&'static str, KindOut>,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, edit, delete))
        .routes(routes!(restore))
        .routes(routes!(purge))
        .routes(routes!(effective))
}

/// Makes a policy.
///
/// # Errors
/// 403 below admin, 422 for bad fields, a scope or contacts that are not the caller's, or contacts that are not reached
/// in the way that is said.
#[utoipa::path(
    post,
    path = "/api/v1/notification-policies",
    operation_id = "createNotificationPolicy",
    tag = "Notification policies",
    params(InOrganization),
    extensions(("x-deed" = json!("editContacts"))),
    request_body = PolicyIn,
    responses(
        (status = 201, description = "It was made.", body = PolicyOut, headers(("Location" = String, description = "Where it can be read."), ("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<PolicyIn>,
) -> Result<Created<PolicyOut>, ApiError> {
    caller.may(Deed::EditContacts)?;
    asked::all_good([asked::name("/name", &asked.name)])?;
    let layer = layer_of(&asked.scope)?;
    let scope = scope_of(&hub, &caller, layer, asked.scope_id.as_deref()).await?;
    let plan = plans::PlanIn {
        steps: asked.steps,
        kinds: asked.kinds,
        min_severity: asked.min_severity,
        quiet_hours: asked.quiet_hours,
        notify_on_resolve: asked.notify_on_resolve,
        ack_minutes: asked.ack_minutes,
    };
    let plan = plan_checks::read(&plan)?;
    plan_checks::need_reach(&hub, caller.org, &plan).await?;
    let made = hub.store.create_policy(caller.org, &asked.name, scope, plan, caller.by()).await;
    let policy = made.map_err(|error| not_there(error, "/scopeId"))?;
    let location = format!("/api/v1/notification-policies/{}", policy.id);
    Ok(Created { location, object: policy.into() })
}

/// The policies of the organization.
///
/// # Errors
/// 403 below viewer, 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/notification-policies",
    operation_id = "listNotificationPolicies",
    tag = "Notification policies",
    params(InOrganization, ScopesIn),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "A page of them.", body = Listed<PolicyOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<ScopesIn>,
) -> Result<Json<Listed<PolicyOut>>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let (filter, page) = asked.read()?;
    Ok(Json(Listed::of(hub.store.policies(caller.org, filter, page).await?, PolicyOut::from)))
}

/// One policy.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/notification-policies/{id}",
    operation_id = "getNotificationPolicy",
    tag = "Notification policies",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "As it is now.", body = PolicyOut, headers(("ETag" = String, description = "Its edition."))),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<PolicyOut>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    hub.store.policy(caller.org, id).await?.map(tagged).ok_or(ApiError::NotFound)
}

/// Edits a policy.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, 412 if it was edited meanwhile, 422 for bad fields or contacts.
#[utoipa::path(
    patch,
    path = "/api/v1/notification-policies/{id}",
    operation_id = "editNotificationPolicy",
    tag = "Notification policies",
    params(InOrganization, ById, IfMatch),
    extensions(("x-deed" = json!("editContacts"))),
    request_body = PolicyEditIn,
    responses(
        (status = 200, description = "As it is now.", body = PolicyOut, headers(("ETag" = String, description = "Its edition."))),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
    IfMatch(expected): IfMatch,
    body::Json(asked): body::Json<PolicyEditIn>,
) -> Result<Tagged<PolicyOut>, ApiError> {
    caller.may(Deed::EditContacts)?;
    let present = hub.store.policy(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    // what was left out is of this edition, so it must still be the present one
    expected.admit(present.edition.version)?;
    let expected = present.edition.version;
    let name = asked.name.unwrap_or(present.name);
    asked::all_good([asked::name("/name", &name)])?;
    let before = plans::PlanIn::from(&present.plan);
    let plan = plan_checks::read(&plans::PlanIn {
        steps: asked.steps.unwrap_or(before.steps),
        kinds: asked.kinds.unwrap_or(before.kinds),
        min_severity: asked.min_severity.unwrap_or(before.min_severity),
        quiet_hours: asked.quiet_hours.unwrap_or(before.quiet_hours),
        notify_on_resolve: asked.notify_on_resolve.unwrap_or(before.notify_on_resolve),
        ack_minutes: asked.ack_minutes.unwrap_or(before.ack_minutes),
    })?;
    plan_checks::need_reach(&hub, caller.org, &plan).await?;
    let edited = hub.store.edit_policy(caller.org, id, expected, &name, plan, caller.by()).await?;
    Ok(tagged(edited))
}

/// Deletes a policy.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, or not the caller's.
#[utoipa::path(
    delete,
    path = "/api/v1/notification-policies/{id}",
    operation_id = "deleteNotificationPolicy",
    tag = "Notification policies",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editContacts"))),
    responses(
        (status = 204, description = "It is deleted."),
        ActErrors,
    ),
)]
pub async fn delete(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditContacts)?;
    hub.store.delete_policy(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Brings a policy back.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, 409 if it is not deleted or what it speaks of is not there any more.
#[utoipa::path(
    post,
    path = "/api/v1/notification-policies/{id}/restore",
    operation_id = "restoreNotificationPolicy",
    tag = "Notification policies",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editContacts"))),
    responses(
        (status = 200, description = "As it is now.", body = PolicyOut, headers(("ETag" = String, description = "Its edition."))),
        ActErrors,
    ),
)]
pub async fn restore(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Tagged<PolicyOut>, ApiError> {
    caller.may(Deed::EditContacts)?;
    Ok(tagged(hub.store.restore_policy(caller.org, id, caller.by()).await?))
}

/// Deletes a deleted policy for good.
///
/// # Errors
/// 403 below admin, 404 for one that is not there, 409 if it is not deleted.
#[utoipa::path(
    post,
    path = "/api/v1/notification-policies/{id}/purge",
    operation_id = "purgeNotificationPolicy",
    tag = "Notification policies",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("editContacts"))),
    responses(
        (status = 204, description = "It is gone."),
        ActErrors,
    ),
)]
pub async fn purge(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditContacts)?;
    hub.store.purge_policy(caller.org, id, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What holds for a unit: of each kind of alert, the policies of the nearest scope that has steps for it, each field from
/// the nearest scope that says it.
///
/// # Errors
/// 403 below viewer, 404 for a unit that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/units/{id}/effective-policy",
    operation_id = "getEffectivePolicy",
    tag = "Notification policies",
    params(InOrganization, ById),
    extensions(("x-deed" = json!("readConfiguration"))),
    responses(
        (status = 200, description = "As it is now.", body = EffectivePolicyOut),
        ReadErrors,
    ),
)]
pub async fn effective(
    State(hub): State<Hub>,
    caller: Caller,
    Id(unit): Id<UnitId>,
) -> Result<Json<EffectivePolicyOut>, ApiError> {
    caller.may(Deed::ReadConfiguration)?;
    let found = hub.store.effective_policy(caller.org, unit).await?.ok_or(ApiError::NotFound)?;
    let by_kind = found.by_kind.iter().map(|(kind, terms)| (kind.name(), terms.as_slice().into()));
    let by_kind = by_kind.collect();
    let policies = found.policies.into_iter().map(PolicyOut::from).collect();
    Ok(Json(EffectivePolicyOut { policies, by_kind }))
}
