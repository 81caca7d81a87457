//! What operators of the platform do: make organizations, and enter one for a while and a reason.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::{OrgId, Timestamp};
use hub_store::{
    StoreError,
    records::{Actor, Impersonation, NewImpersonation, NewTenant, Organization, Role, Secret},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    asked::{self, Id, Listed, Query},
    body,
    error::{ApiError, FieldError},
    openapi::ById,
    schemas, whole,
};
use crate::{
    app::Hub,
    auth::{FreshLink, Operator, proof},
    wire::InstantOut,
};

/// How long the invitation of a first owner is good, in seconds.
const INVITED_FOR_SECS: i64 = 7 * 24 * 3600;
/// The longest stay, in minutes.
const LONGEST_STAY: i64 = 60;
/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// An organization to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantIn {
    #[schema(schema_with = schemas::name)]
    name: String,
    /// Who is invited to own it.
    #[schema(schema_with = schemas::email)]
    owner_email: String,
}

/// An organization of the platform.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    name: String,
    created_at: InstantOut,
}

/// An organization that was made, with its owner's invitation. The link is shown once.
#[derive(Serialize, ToSchema)]
pub struct NewTenantOut {
    organization: TenantOut,
    invitation: OwnerInvitationOut,
}

/// An owner's invitation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnerInvitationOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    email: String,
    expires_at: InstantOut,
    /// What the link ends in. Not there where it is mailed.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// A stay to be begun.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImpersonationIn {
    #[schema(schema_with = schemas::id)]
    organization_id: String,
    #[schema(schema_with = stay_roles)]
    role: String,
    /// Kept in the organization's audit log.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    #[serde(deserialize_with = "whole::number")]
    #[schema(minimum = 1, maximum = 60)]
    minutes: i64,
}

/// A stay of an operator in an organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImpersonationOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    #[schema(schema_with = schemas::id)]
    organization_id: String,
    #[schema(schema_with = schemas::id)]
    operator_id: String,
    #[schema(schema_with = stay_roles)]
    role: &'static str,
    reason: String,
    created_at: InstantOut,
    /// When it ends by itself.
    ends_at: InstantOut,
    ended_at: Option<InstantOut>,
}

/// Which page is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PlatformPageIn {
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
}

/// The roles that an operator may take on.
const STAY_ROLES: [Role; 4] = [Role::Viewer, Role::Staff, Role::Manager, Role::Admin];

fn stay_roles() -> schemas::AnySchema {
    schemas::words(STAY_ROLES.map(Role::name))
}

impl From<Organization> for TenantOut {
    fn from(organization: Organization) -> Self {
        let created_at = InstantOut(organization.created_at);
        Self { id: organization.id.to_string(), name: organization.name, created_at }
    }
}

impl OwnerInvitationOut {
    fn of(fresh: FreshLink, email: String, expires_at: Timestamp, hub: &Hub) -> Self {
        Self {
            id: fresh.id.to_string(),
            email,
            expires_at: InstantOut(expires_at),
            link: Some(fresh.url(&hub.public_url, "invitations")),
            token: Some(fresh.token),
        }
    }
}

impl From<Impersonation> for ImpersonationOut {
    fn from(stay: Impersonation) -> Self {
        Self {
            id: stay.id.to_string(),
            organization_id: stay.org.to_string(),
            operator_id: stay.operator.to_string(),
            role: stay.role.name(),
            reason: stay.reason,
            created_at: InstantOut(stay.created_at),
            ends_at: InstantOut(stay.ends_at),
            ended_at: stay.ended_at.map(InstantOut),
        }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(organizations, create_organization))
        .routes(routes!(renew_invitation))
        .routes(routes!(impersonations, begin))
        .routes(routes!(end))
}

/// Every organization of the platform.
///
/// # Errors
/// 404 for who is no operator.
#[utoipa::path(
    get,
    path = "/api/v1/platform/organizations",
    operation_id = "listPlatformOrganizations",
    tag = "Platform",
    params(PlatformPageIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<TenantOut>),
        ReadErrors,
    ),
)]
pub async fn organizations(
    State(hub): State<Hub>,
    _operator: Operator,
    Query(page): Query<PlatformPageIn>,
) -> Result<Json<Listed<TenantOut>>, ApiError> {
    let page = asked::page(page.limit.as_deref(), page.cursor)?;
    Ok(Json(Listed::of(hub.store.all_organizations(page).await?, TenantOut::from)))
}

/// Makes an organization and invites its first owner, by mail where the hub sends mails.
///
/// # Errors
/// 404 for who is no operator; 422 for a bad name or address.
#[utoipa::path(
    post,
    path = "/api/v1/platform/organizations",
    operation_id = "createPlatformOrganization",
    tag = "Platform",
    request_body = TenantIn,
    responses(
        (status = 201, description = "It was made.", body = NewTenantOut),
        WriteErrors,
    ),
)]
pub async fn create_organization(
    State(hub): State<Hub>,
    operator: Operator,
    body::Json(asked): body::Json<TenantIn>,
) -> Result<(StatusCode, Json<NewTenantOut>), ApiError> {
    asked::all_good([asked::name("/name", &asked.name)])?;
    let bad = || ApiError::field("/ownerEmail", "bad_email", "this is no e-mail address");
    let email = proof::email_of(&asked.owner_email).ok_or_else(bad)?;
    let fresh = FreshLink::new(Uuid::now_v7());
    let mail = hub.mails.then(Uuid::now_v7);
    let new = NewTenant {
        name: asked.name,
        owner_email: email.clone(),
        invitation: match mail {
            Some(mail) => Secret { id: fresh.id, hash: hub.link_keys.secret_hash_of(mail) },
            None => fresh.secret(),
        },
        mail,
        invited_for_secs: INVITED_FOR_SECS,
    };
    let by = Actor::User(operator.user);
    let (organization, expires_at) = hub.store.create_tenant(&new, by).await?;
    let mut invitation = OwnerInvitationOut::of(fresh, email, expires_at, &hub);
    if mail.is_some() {
        (invitation.token, invitation.link) = (None, None);
    }
    let made = NewTenantOut { organization: organization.into(), invitation };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Gives the invitation of an organization's first owner a fresh token, good for another 7 days, while the organization
/// has no member. The one before is refused from now on.
///
/// # Errors
/// 404 for who is no operator, or no such organization; 409 `not_open` once it has a member.
#[utoipa::path(
    post,
    path = "/api/v1/platform/organizations/{id}/owner-invitation",
    operation_id = "renewOwnerInvitation",
    tag = "Platform",
    params(ById),
    responses(
        (status = 200, description = "The invitation with its token.", body = OwnerInvitationOut),
        ActErrors,
    ),
)]
pub async fn renew_invitation(
    State(hub): State<Hub>,
    operator: Operator,
    Id(org): Id<OrgId>,
) -> Result<Json<OwnerInvitationOut>, ApiError> {
    let waiting = hub.store.first_invitation(org).await?;
    let Some(waiting) = waiting else {
        let is_there = hub.store.organization(org).await?.is_some();
        return Err(if is_there { ApiError::NotOpen } else { ApiError::NotFound });
    };
    let fresh = FreshLink::new(waiting.id);
    let (secret, by) = (fresh.secret(), operator.user);
    let renewed = hub.store.renew_first_invitation(org, secret, INVITED_FOR_SECS, by).await?;
    Ok(Json(OwnerInvitationOut::of(fresh, renewed.email, renewed.expires_at, &hub)))
}

/// Every stay of an operator in an organization, newest first.
///
/// # Errors
/// 404 for who is no operator.
#[utoipa::path(
    get,
    path = "/api/v1/platform/impersonations",
    operation_id = "listImpersonations",
    tag = "Platform",
    params(PlatformPageIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<ImpersonationOut>),
        ReadErrors,
    ),
)]
pub async fn impersonations(
    State(hub): State<Hub>,
    _operator: Operator,
    Query(page): Query<PlatformPageIn>,
) -> Result<Json<Listed<ImpersonationOut>>, ApiError> {
    let page = asked::page(page.limit.as_deref(), page.cursor)?;
    Ok(Json(Listed::of(hub.store.impersonations(page).await?, ImpersonationOut::from)))
}

/// Begins a stay.
///
/// Until it ends, the operator's requests that name the organization in `X-Organization-Id` have the role. Its
/// beginning, its end and all that is changed under it are in the organization's audit log.
///
/// # Errors
/// 404 for who is no operator; 409 while a stay of theirs there runs; 422 for a bad field.
#[utoipa::path(
    post,
    path = "/api/v1/platform/impersonations",
    operation_id = "beginImpersonation",
    tag = "Platform",
    request_body = ImpersonationIn,
    responses(
        (status = 201, description = "It runs.", body = ImpersonationOut),
        WriteErrors,
    ),
)]
pub async fn begin(
    State(hub): State<Hub>,
    operator: Operator,
    body::Json(asked): body::Json<ImpersonationIn>,
) -> Result<(StatusCode, Json<ImpersonationOut>), ApiError> {
    let unknown = || ApiError::field("/organizationId", "unknown", "there is no such organization");
    let role = STAY_ROLES.into_iter().find(|role| role.name() == asked.role);
    let bad_role =
        || FieldError::new("/role", "bad_role", "the role must be viewer, staff, manager or admin");
    asked::all_good([
        role.map(drop).ok_or_else(bad_role),
        reason("/reason", &asked.reason),
        minutes("/minutes", asked.minutes),
    ])?;
    let new = NewImpersonation {
        org: asked::id(&asked.organization_id).map(OrgId).ok_or_else(unknown)?,
        operator: operator.user,
        role: role.unwrap_or(Role::Viewer),
        reason: asked.reason,
        secs: asked.minutes * 60,
    };
    let begun = hub.store.begin_impersonation(new).await.map_err(|error| match error {
        StoreError::NotFound => unknown(),
        other => other.into(),
    })?;
    Ok((StatusCode::CREATED, Json(begun.into())))
}

/// Ends a stay at once, sockets too. One that is over stays as it is.
///
/// # Errors
/// 404 for who is no operator, or no such stay.
#[utoipa::path(
    delete,
    path = "/api/v1/platform/impersonations/{id}",
    operation_id = "endImpersonation",
    tag = "Platform",
    params(ById),
    responses(
        (status = 204, description = "It is over."),
        ActErrors,
    ),
)]
pub async fn end(
    State(hub): State<Hub>,
    operator: Operator,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, ApiError> {
    let stay = hub.store.end_impersonation(id, Actor::User(operator.user)).await?;
    leave(&hub, &stay).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the stays whose time is over.
pub async fn end_due(hub: &Hub) {
    let ended = match hub.store.end_due_impersonations().await {
        Ok(ended) => ended,
        Err(error) => {
            tracing::warn!(%error, "stays of operators were not ended; it is tried again");
            return;
        }
    };
    for stay in ended {
        if let Err(error) = leave(hub, &stay).await {
            let code = error.problem().code();
            tracing::warn!(code, "the sockets of a stay were not ended; it is asked again");
        }
    }
}

/// Ends what the operator hears of the organization, unless they are there by another right.
async fn leave(hub: &Hub, stay: &Impersonation) -> Result<(), ApiError> {
    if hub.store.standing(stay.org, stay.operator).await?.is_none() {
        hub.realtime.sessions().revoke(stay.org, stay.operator);
    }
    Ok(())
}

fn reason(pointer: &str, text: &str) -> Result<(), FieldError> {
    let wrong = |detail| Err(FieldError::new(pointer, "bad_reason", detail));
    if text.trim().is_empty() {
        wrong("the reason is empty")
    } else if text.chars().count() > LONGEST_REASON {
        wrong("the reason is longer than 500 characters")
    } else if text.chars().any(char::is_control) {
        wrong("the reason holds a control character")
    } else {
        Ok(())
    }
}

fn minutes(pointer: &str, minutes: i64) -> Result<(), FieldError> {
    if (1..=LONGEST_STAY).contains(&minutes) {
        Ok(())
    } else {
        Err(FieldError::new(pointer, "out_of_range", "a stay lasts 1 to 60 minutes"))
    }
}
