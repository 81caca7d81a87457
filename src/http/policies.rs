//! Notification policies: who is told of alerts, when, and how.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::UnitId;
use hub_store::records::NotificationPolicy;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
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
    plans::{self, HoursIn, HoursOut, StepIn, StepOut},
    schemas::{self, AnySchema},
    scopes::{ScopesIn, layer_of, scope_of},
};
use crate::{
    app::Hub,
    auth::{Caller, Deed},
    wire::InstantOut,
};

/// A policy to be made.
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
    steps: Vec<StepIn>,
    #[schema(schema_with = plans::kinds_or_none)]
    kinds: Option<Vec<String>>,
    #[serde(default = "plans::warning")]
    #[schema(schema_with = schemas::severity, default = "warning")]
    min_severity: String,
    quiet_hours: Option<HoursIn>,
    #[serde(default = "plans::yes")]
    #[schema(default = true)]
    notify_on_resolve: bool,
}

/// An edit of a policy: what is left out stays as it is. Its scope does not change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = PolicyEdit)]
pub struct PolicyEditIn {
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, schema_with = schemas::name)]
    name: Option<String>,
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, value_type = Vec<StepIn>, min_items = 1, max_items = 10)]
    steps: Option<Vec<StepIn>>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(required = false, schema_with = plans::kinds_or_none)]
    kinds: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, schema_with = schemas::severity)]
    min_severity: Option<String>,
    #[serde(default, deserialize_with = "edition::patched")]
    #[schema(required = false, value_type = Option<HoursIn>)]
    quiet_hours: Option<Option<HoursIn>>,
    #[serde(default, deserialize_with = "edition::given")]
    #[schema(required = false, value_type = bool)]
    notify_on_resolve: Option<bool>,
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
    steps: Vec<StepOut>,
    /// The kinds of alert that it is for; `null` for every kind.
    #[schema(required, schema_with = plans::kinds_or_none)]
    kinds: Option<Vec<&'static str>>,
    #[schema(schema_with = schemas::severity)]
    min_severity: &'static str,
    #[schema(required)]
    quiet_hours: Option<HoursOut>,
    notify_on_resolve: bool,
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
            steps: plan.steps.iter().map(StepOut::from).collect(),
            kinds: plan.kinds.as_ref().map(|kinds| kinds.iter().map(|kind| kind.name()).collect()),
            min_severity: plan.min_severity.name(),
            quiet_hours: plan.quiet_hours.as_ref().map(HoursOut::from),
            notify_on_resolve: plan.notify_on_resolve,
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
    /// Every policy that holds for some kind of alert, nearest scope first.
    policies: Vec<PolicyOut>,
    /// By kind of alert: the nearest scope that has a policy for it, and its policies. A kind of which nobody is told
    /// is not there.
    #[schema(schema_with = by_kind)]
    by_kind: Map<String, Value>,
}

fn by_kind() -> AnySchema {
    schemas::any_object()
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
    };
    let plan = plans::read(&plan)?;
    plans::need_reach(&hub, caller.org, &plan).await?;
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
    let plan = plans::read(&plans::PlanIn {
        steps: asked.steps.unwrap_or(before.steps),
        kinds: asked.kinds.unwrap_or(before.kinds),
        min_severity: asked.min_severity.unwrap_or(before.min_severity),
        quiet_hours: asked.quiet_hours.unwrap_or(before.quiet_hours),
        notify_on_resolve: asked.notify_on_resolve.unwrap_or(before.notify_on_resolve),
    })?;
    plans::need_reach(&hub, caller.org, &plan).await?;
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

/// The policies that hold for a unit: of each kind of alert, those of the nearest scope that has any for it.
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
    let by_kind = found.by_kind.into_iter().map(|(kind, (from, ids))| {
        (kind.name().to_owned(), json!({ "from": from.name(), "policyIds": ids }))
    });
    let by_kind = by_kind.collect();
    let policies = found.policies.into_iter().map(PolicyOut::from).collect();
    Ok(Json(EffectivePolicyOut { policies, by_kind }))
}
