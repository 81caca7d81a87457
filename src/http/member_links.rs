//! Links to a member's account that a colleague asks for: mailed, or handed over where no mail goes out.

use axum::{Json, extract::State, http::StatusCode};
use hub_domain::UserId;
use hub_store::{Editor, records::LinkPurpose};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    account::{RESET_SECS, VERIFICATION_SECS},
    answers::ActErrors,
    asked::Id,
    error::ApiError,
    openapi::{ById, InOrganization},
};
use crate::{
    app::Hub,
    auth::{Caller, Deed, FreshLink},
    wire::InstantOut,
};

/// A link. It is mailed to the member where the hub sends mails, and shown once where it does not.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberLinkOut {
    /// Whether it is mailed to the member. It is good from when it is sent then, and shown to nobody else.
    is_mailed: bool,
    /// What the link ends in.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<InstantOut>,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(password_reset)).routes(routes!(email_verification))
}

/// Makes a link with which a member sets a password, good for an hour, and mails it to them where mails go out.
///
/// Only for a member of no other organization, whose role the caller may edit: who holds the link can become them.
///
/// # Errors
/// 403 for a member whose role takes more; 409 `shared_account` for one who belongs to others too.
#[utoipa::path(
    post,
    path = "/api/v1/members/{id}/password-reset-link",
    operation_id = "createPasswordResetLink",
    tag = "Members",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization, ById),
    responses(
        (status = 201, description = "It was made.", body = MemberLinkOut),
        ActErrors,
    ),
)]
pub async fn password_reset(
    State(hub): State<Hub>,
    caller: Caller,
    Id(user): Id<UserId>,
) -> Result<(StatusCode, Json<MemberLinkOut>), ApiError> {
    make(&hub, &caller, user, LinkPurpose::PasswordReset).await
}

/// Makes a link with which a member proves their address, good for 48 hours, and mails it likewise. For whom the link to set a password is.
///
/// # Errors
/// As for the link to set a password.
#[utoipa::path(
    post,
    path = "/api/v1/members/{id}/email-verification-link",
    operation_id = "createEmailVerificationLink",
    tag = "Members",
    extensions(("x-deed" = json!("editMembers"))),
    params(InOrganization, ById),
    responses(
        (status = 201, description = "It was made.", body = MemberLinkOut),
        ActErrors,
    ),
)]
pub async fn email_verification(
    State(hub): State<Hub>,
    caller: Caller,
    Id(user): Id<UserId>,
) -> Result<(StatusCode, Json<MemberLinkOut>), ApiError> {
    make(&hub, &caller, user, LinkPurpose::EmailVerification).await
}

async fn make(
    hub: &Hub,
    caller: &Caller,
    user: UserId,
    purpose: LinkPurpose,
) -> Result<(StatusCode, Json<MemberLinkOut>), ApiError> {
    caller.may(Deed::EditMembers)?;
    let (secs, page) = match purpose {
        LinkPurpose::PasswordReset => (RESET_SECS, "password-reset"),
        LinkPurpose::EmailVerification => (VERIFICATION_SECS, "verify-email"),
    };
    let editor = Editor { by: caller.by(), role: caller.role };
    if hub.mails {
        hub.store.mail_link_of_member(caller.org, user, purpose, editor).await?;
        let mailed = MemberLinkOut { is_mailed: true, token: None, link: None, expires_at: None };
        return Ok((StatusCode::CREATED, Json(mailed)));
    }
    let fresh = FreshLink::new(Uuid::now_v7());
    let secret = fresh.secret();
    let made = hub.store.make_link_of_member(caller.org, user, purpose, secret, secs, editor);
    let expires_at = Some(InstantOut(made.await?));
    let link = Some(fresh.url(&hub.public_url, page));
    let made = MemberLinkOut { is_mailed: false, token: Some(fresh.token), link, expires_at };
    Ok((StatusCode::CREATED, Json(made)))
}
