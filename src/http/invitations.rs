//! Invitations: how somebody new comes into the organization.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::Timestamp;
use hub_store::{
    account_mails::MailState,
    records::{Invitation, InvitationFilter, InvitationState, NewInvitation, Role},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{ActErrors, ReadErrors, WriteErrors},
    asked::{self, Id, Listed, Query},
    body,
    created::Created,
    error::ApiError,
    members::{editor, role_in},
    openapi::{ById, InOrganization},
    schemas,
};
use crate::{
    app::Hub,
    auth::{Caller, Deed, links::FreshLink, proof},
    wire::InstantOut,
};

/// How long an invitation is good, in seconds: 7 days.
const GOOD_FOR_SECS: u32 = 7 * 24 * 3600;

/// The page of the board that takes the token.
const PAGE: &str = "invitations";

/// An invitation to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationIn {
    #[schema(schema_with = schemas::email)]
    email: String,
    #[schema(schema_with = schemas::member_role)]
    role: String,
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    email: String,
    #[schema(schema_with = schemas::role)]
    role: &'static str,
    #[schema(schema_with = schemas::invitation_state)]
    status: &'static str,
    /// Who invited.
    #[schema(schema_with = schemas::id_or_none)]
    invited_by: Option<String>,
    created_at: InstantOut,
    expires_at: InstantOut,
    accepted_at: Option<InstantOut>,
    /// Who accepted.
    #[schema(schema_with = schemas::id_or_none)]
    accepted_by: Option<String>,
    revoked_at: Option<InstantOut>,
    /// Where its mail stands, if it was mailed.
    #[schema(required)]
    mail: Option<InvitationMailOut>,
}

/// The mail of an invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationMailOut {
    #[schema(schema_with = schemas::mail_state)]
    state: String,
    /// How it ended, or why it is tried again.
    #[schema(required)]
    reason: Option<String>,
    /// Since when.
    at: InstantOut,
}

/// An invitation with its token, which is shown once, and not where it is mailed.
#[derive(Serialize, ToSchema)]
pub struct FreshInvitationOut {
    #[serde(flatten)]
    invitation: InvitationOut,
    /// What the invited person accepts with.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// The same as an address to be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// Which invitations are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InvitationsIn {
    /// Those that stand so.
    #[param(schema_with = schemas::invitation_state)]
    status: Option<String>,
    #[param(schema_with = schemas::limit)]
    limit: Option<String>,
    #[param(schema_with = schemas::cursor)]
    cursor: Option<String>,
}

impl InvitationOut {
    fn of(invitation: Invitation, mail: Option<MailState>, now: Timestamp) -> Self {
        Self {
            mail: mail.map(InvitationMailOut::from),
            id: invitation.id.to_string(),
            status: invitation.state(now).name(),
            email: invitation.email,
            role: invitation.role.name(),
            invited_by: invitation.invited_by.map(|user| user.to_string()),
            created_at: InstantOut(invitation.created_at),
            expires_at: InstantOut(invitation.expires_at),
            accepted_at: invitation.accepted_at.map(InstantOut),
            accepted_by: invitation.accepted_by.map(|user| user.to_string()),
            revoked_at: invitation.revoked_at.map(InstantOut),
        }
    }
}

impl From<MailState> for InvitationMailOut {
    fn from(mail: MailState) -> Self {
        Self { state: mail.state, reason: mail.reason, at: InstantOut(mail.at) }
    }
}

impl FreshInvitationOut {
    fn of(invitation: Invitation, link: &FreshLink, hub: &Hub) -> Self {
        Self {
            invitation: InvitationOut::of(invitation, None, hub.clock.now()),
            token: Some(link.token.clone()),
            link: Some(link.url(&hub.public_url, PAGE)),
        }
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, revoke))
        .routes(routes!(renew))
}

/// Invites somebody, by mail where the hub sends mails; where it does not, the answer alone has the token. It is good for
/// 7 days.
///
/// # Errors
/// 403 for a role beyond the caller's reach, 409 for an address that is invited already or a member's, 422 for a bad
/// address or role.
#[utoipa::path(
    post,
    path = "/api/v1/invitations",
    operation_id = "createInvitation",
    tag = "Invitations",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization),
    request_body = InvitationIn,
    responses(
        (status = 201, description = "It was made.", body = FreshInvitationOut, headers(("Location" = String, description = "Where it can be read."))),
        WriteErrors,
    ),
)]
pub async fn create(
    State(hub): State<Hub>,
    caller: Caller,
    body::Json(asked): body::Json<InvitationIn>,
) -> Result<Created<FreshInvitationOut>, ApiError> {
    caller.may(Deed::EditMembers)?;
    let bad_email = || ApiError::field("/email", "bad_email", "this is no e-mail address");
    let email = proof::email_of(&asked.email).ok_or_else(bad_email)?;
    let role = role_in("/role", &asked.role)?;
    if hub.mails {
        return mail(&hub, &caller, email, role).await;
    }
    let link = FreshLink::new(Uuid::now_v7());
    let asked = asked_for(&hub, link.id, email, role, link.secret_hash);
    let made = hub.store.invite(caller.org, asked, editor(&caller)).await?;
    let location = format!("/api/v1/invitations/{}", made.id);
    Ok(Created { location, object: FreshInvitationOut::of(made, &link, &hub) })
}

/// Invites by a mail, whose link nobody but its reader is shown.
async fn mail(
    hub: &Hub,
    caller: &Caller,
    email: String,
    role: Role,
) -> Result<Created<FreshInvitationOut>, ApiError> {
    let (id, mail) = (Uuid::now_v7(), Uuid::now_v7());
    let asked = asked_for(hub, id, email, role, hub.link_keys.secret_hash_of(mail));
    let made = hub.store.invite_by_mail(caller.org, asked, mail, editor(caller)).await?;
    let location = format!("/api/v1/invitations/{}", made.id);
    let invitation = shown(hub, made).await?;
    Ok(Created { location, object: FreshInvitationOut { invitation, token: None, link: None } })
}

fn asked_for(
    hub: &Hub,
    id: Uuid,
    email: String,
    role: Role,
    secret_hash: [u8; 32],
) -> NewInvitation {
    let expires_at = hub.clock.now().plus_secs(GOOD_FOR_SECS);
    NewInvitation { id, email, role, secret_hash, expires_at }
}

/// An invitation with where its mail stands.
async fn shown(hub: &Hub, invitation: Invitation) -> Result<InvitationOut, ApiError> {
    let mut mails = hub.store.mails_of_invitations(&[invitation.id]).await?;
    let mail = mails.remove(&invitation.id);
    Ok(InvitationOut::of(invitation, mail, hub.clock.now()))
}

/// The invitations of the organization.
///
/// # Errors
/// 400 for a bad page or filter.
#[utoipa::path(
    get,
    path = "/api/v1/invitations",
    operation_id = "listInvitations",
    tag = "Invitations",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization, InvitationsIn),
    responses(
        (status = 200, description = "A page of them.", body = Listed<InvitationOut>),
        ReadErrors,
    ),
)]
pub async fn list(
    State(hub): State<Hub>,
    caller: Caller,
    Query(asked): Query<InvitationsIn>,
) -> Result<Json<Listed<InvitationOut>>, ApiError> {
    caller.may(Deed::EditMembers)?;
    let now = hub.clock.now();
    let state = asked.status.map(|text| {
        let known = InvitationState::ALL.into_iter().find(|state| state.name() == text);
        let said = "must be open, accepted, revoked or expired";
        known.map(|state| (state, now)).ok_or_else(|| asked::bad_query("status", said))
    });
    let filter = InvitationFilter { state: state.transpose()? };
    let page = asked::page(asked.limit.as_deref(), asked.cursor)?;
    let invitations = hub.store.invitations(caller.org, filter, page).await?;
    let ids: Vec<Uuid> = invitations.items.iter().map(|one| one.id).collect();
    let mut mails = hub.store.mails_of_invitations(&ids).await?;
    let shape = |one: Invitation| {
        let mail = mails.remove(&one.id);
        InvitationOut::of(one, mail, now)
    };
    Ok(Json(Listed::of(invitations, shape)))
}

/// One invitation.
///
/// # Errors
/// 404 for one that is not there, or not the caller's.
#[utoipa::path(
    get,
    path = "/api/v1/invitations/{id}",
    operation_id = "getInvitation",
    tag = "Invitations",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now.", body = InvitationOut),
        ReadErrors,
    ),
)]
pub async fn get(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Json<InvitationOut>, ApiError> {
    caller.may(Deed::EditMembers)?;
    let invitation = hub.store.invitation(caller.org, id).await?.ok_or(ApiError::NotFound)?;
    Ok(Json(shown(&hub, invitation).await?))
}

/// Revokes an invitation: its token is refused from now on.
///
/// # Errors
/// 403 for one to a role beyond the caller's reach, 409 for one that was accepted.
#[utoipa::path(
    delete,
    path = "/api/v1/invitations/{id}",
    operation_id = "revokeInvitation",
    tag = "Invitations",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization, ById),
    responses(
        (status = 204, description = "It is revoked."),
        ActErrors,
    ),
)]
pub async fn revoke(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, ApiError> {
    caller.may(Deed::EditMembers)?;
    hub.store.revoke_invitation(caller.org, id, editor(&caller)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives an invitation a fresh token to hand over, good for another 7 days. The one before, mailed or not, is refused
/// from now on.
///
/// # Errors
/// 403 for one to a role beyond the caller's reach, 409 for one that was accepted or revoked.
#[utoipa::path(
    post,
    path = "/api/v1/invitations/{id}/link",
    operation_id = "renewInvitation",
    tag = "Invitations",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization, ById),
    responses(
        (status = 200, description = "As it is now, with its token.", body = FreshInvitationOut),
        ActErrors,
    ),
)]
pub async fn renew(
    State(hub): State<Hub>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<Json<FreshInvitationOut>, ApiError> {
    caller.may(Deed::EditMembers)?;
    let link = FreshLink::new(id);
    let expires_at = hub.clock.now().plus_secs(GOOD_FOR_SECS);
    let (org, hash) = (caller.org, link.secret_hash);
    let renewed = hub.store.renew_invitation(org, id, hash, expires_at, editor(&caller)).await?;
    Ok(Json(FreshInvitationOut::of(renewed, &link, &hub)))
}
