//! Links to a member's account that a colleague hands over, where no mail goes out.

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

/// A link. It is shown once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberLinkOut {
    /// What the link ends in.
    token: String,
    link: String,
    expires_at: InstantOut,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(password_reset)).routes(routes!(email_verification))
}

/// Makes a link with which a member sets a password, good for an hour. Only for a member of no other organization,
/// whose role the caller may edit: who holds the link can become them.
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

/// Makes a link with which a member proves their address, good for 48 hours. For whom the link to set a password is.
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
    let fresh = FreshLink::new(Uuid::now_v7());
    let editor = Editor { by: caller.by(), role: caller.role };
    let secret = fresh.secret();
    let made = hub.store.make_link_of_member(caller.org, user, purpose, secret, secs, editor);
    let expires_at = InstantOut(made.await?);
    let link = fresh.url(&hub.public_url, page);
    Ok((StatusCode::CREATED, Json(MemberLinkOut { token: fresh.token, link, expires_at })))
}
