//! A person's own account: name, password, and the links that set a password or prove an address.

use std::net::IpAddr;

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::StatusCode,
};
use hub_domain::UserId;
use hub_store::{
    StoreError,
    account_mails::MailedAccount,
    records::{Account, LinkPurpose},
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{OpenBodyErrors, SignedInErrors, WriteErrors},
    asked, body, edition,
    error::ApiError,
    schemas,
    server::Peer,
    sessions::{self, MeOut, TokenOut},
};
use crate::{
    app::Hub,
    auth::{
        FreshLink, LinkToken,
        caller::SignedIn,
        passwords,
        proof::{self, Shown},
        tokens::OWN_ISSUER,
    },
};

/// How long a link to set a password is good, in seconds.
pub const RESET_SECS: u32 = LinkPurpose::PasswordReset.good_for_secs();
/// How long a link that proves an address is good, in seconds.
pub const VERIFICATION_SECS: u32 = LinkPurpose::EmailVerification.good_for_secs();

/// What one is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileIn {
    #[serde(default, deserialize_with = "edition::present")]
    #[schema(schema_with = schemas::name)]
    name: Option<String>,
}

/// The present password and the next.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordIn {
    current: String,
    /// At least 12 characters, 5 of them different, at most 1,024 bytes, and more than the e-mail address.
    #[schema(min_length = 12)]
    new: String,
}

/// Whose password is forgotten.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordResetIn {
    email: String,
}

/// A link's token, and the next password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasswordIn {
    pub(super) token: String,
    #[schema(min_length = 12)]
    pub(super) password: String,
}

/// A token of a configured issuer, and the account's password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerIn {
    token: String,
    password: String,
}

/// A link's token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkIn {
    pub(super) token: String,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(edit))
        .routes(routes!(change_password))
        .routes(routes!(tie_issuer))
        .routes(routes!(ask_for_reset))
        .routes(routes!(reset))
        .routes(routes!(ask_for_verification))
        .routes(routes!(verify))
}

/// Edits the caller's own name.
///
/// # Errors
/// 422 for a bad name.
#[utoipa::path(
    patch,
    path = "/api/v1/me",
    operation_id = "editMe",
    tag = "Account",
    request_body = ProfileIn,
    responses(
        (status = 200, description = "As it is now.", body = MeOut),
        WriteErrors,
    ),
)]
pub async fn edit(
    State(hub): State<Hub>,
    caller: SignedIn,
    body::Json(asked): body::Json<ProfileIn>,
) -> Result<Json<MeOut>, ApiError> {
    let user = caller.identity.user;
    if let Some(name) = asked.name {
        asked::all_good([asked::name("/name", &name)])?;
        hub.store.rename_user(user, &name).await?;
    }
    Ok(Json(sessions::me_of(&hub, user).await?))
}

/// Changes the caller's password. All of their sessions end; the answer is a new one.
///
/// # Errors
/// 403 `wrong_password`; 422 for a password that is too easy; 429 after too many failures.
#[utoipa::path(
    post,
    path = "/api/v1/me/password",
    operation_id = "changePassword",
    tag = "Account",
    request_body = PasswordIn,
    responses(
        (status = 200, description = "Changed.", body = TokenOut),
        WriteErrors,
    ),
)]
pub async fn change_password(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    caller: SignedIn,
    body::Json(asked): body::Json<PasswordIn>,
) -> Result<Json<TokenOut>, ApiError> {
    let account = proven(&hub, &caller, peer.0.ip(), asked.current).await?;
    check_password("/new", &asked.new, &account.user.email)?;
    let to = hub.passwords.hash(asked.new).await?;
    let from = account.user.password_hash.clone().unwrap_or_default();
    let changed = hub.store.change_password(account.user.id, &from, &to).await;
    changed.map_err(|error| match error {
        StoreError::Stale => ApiError::WrongPassword, // another change was first
        other => other.into(),
    })?;
    let mut account = account;
    account.user.password_hash = Some(to);
    sessions::begin(&hub, &account).await.map(Json)
}

/// Lets a configured issuer open the caller's account too: by whoever its token is of, if it proves the account's address.
///
/// # Errors
/// 403 `wrong_password` or `unproven_address`; 409 `taken` if either is tied to another; 422 for a token that is not good;
/// 429 after too many failures.
#[utoipa::path(
    post,
    path = "/api/v1/me/issuer",
    operation_id = "tieIssuer",
    tag = "Account",
    request_body = IssuerIn,
    responses(
        (status = 200, description = "Tied.", body = MeOut),
        WriteErrors,
    ),
)]
pub async fn tie_issuer(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    caller: SignedIn,
    body::Json(asked): body::Json<IssuerIn>,
) -> Result<Json<MeOut>, ApiError> {
    let user = proven(&hub, &caller, peer.0.ip(), asked.password).await?.user;
    let bad = || ApiError::field("/token", "bad_token", "the token is none of a configured issuer");
    let claims = hub.verifier.claims(&asked.token).await.map_err(|_| bad())?;
    if claims.issuer == OWN_ISSUER || claims.subject.contains('\0') {
        return Err(bad());
    }
    if claims.proven_email.as_deref() != Some(user.email.as_str()) {
        return Err(ApiError::UnprovenAddress);
    }
    hub.store.link_subject(user.id, &claims.issuer, &claims.subject).await?;
    Ok(Json(sessions::me_of(&hub, user.id).await?))
}

/// Asks for a link to set a password, by mail. The answer is the same whether or not anybody has the address.
///
/// # Errors
/// 429 where too many were asked for.
#[utoipa::path(
    post,
    path = "/api/v1/auth/password-reset",
    operation_id = "requestPasswordReset",
    tag = "Account",
    request_body = PasswordResetIn,
    security(()),
    responses(
        (status = 202, description = "If somebody has the address, a link goes there."),
        OpenBodyErrors,
    ),
)]
pub async fn ask_for_reset(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body::Json(asked): body::Json<PasswordResetIn>,
) -> Result<StatusCode, ApiError> {
    let email: String =
        asked.email.trim().to_ascii_lowercase().chars().take(proof::LONGEST_EMAIL).collect();
    hub.sign_ins.ask_for_link(&email, peer.0.ip()).map_err(ApiError::TooManyRequests)?;
    let Some(email) = proof::email_of(&email) else { return Ok(StatusCode::ACCEPTED) };
    if hub.mails {
        // whose it is is looked up when the mail is sent: to ask is the same for nobody's
        let account = MailedAccount::Address(email);
        hub.store.mail_account_link(&account, LinkPurpose::PasswordReset).await?;
    } else {
        // beside the answer, which takes as long for nobody's address
        tokio::spawn(async move { make_reset_link(&hub, &email).await });
    }
    Ok(StatusCode::ACCEPTED)
}

/// Sets a password by a link, which is used up. All of the person's sessions end.
///
/// Where neither their own mailbox nor an issuer has proven the address, the account's issuer and its second factor go, too.
///
/// # Errors
/// 401 `bad_link`; 422 for a password that is too easy.
#[utoipa::path(
    post,
    path = "/api/v1/auth/password-reset/complete",
    operation_id = "completePasswordReset",
    tag = "Account",
    request_body = NewPasswordIn,
    security(()),
    responses(
        (status = 204, description = "The password is set."),
        OpenBodyErrors,
    ),
)]
pub async fn reset(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body::Json(asked): body::Json<NewPasswordIn>,
) -> Result<StatusCode, ApiError> {
    let bad = || proof::refused(&hub, peer.0.ip(), ApiError::BadLink);
    let shown = LinkToken::parse(&asked.token).ok_or_else(bad)?.secret();
    let owner = hub.store.link_owner(shown, LinkPurpose::PasswordReset).await?.ok_or_else(bad)?;
    let user = hub.store.user(owner).await?.ok_or(ApiError::BadLink)?;
    check_password("/password", &asked.password, &user.email)?;
    let hash = hub.passwords.hash(asked.password).await?;
    hub.store.reset_password(shown, &hash).await.map_err(link_error)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks for a link that proves the caller's address, by mail.
///
/// # Errors
/// 429 where too many were asked for.
#[utoipa::path(
    post,
    path = "/api/v1/me/email-verification",
    operation_id = "requestEmailVerification",
    tag = "Account",
    responses(
        (status = 202, description = "There is a link, unless the address is proven."),
        SignedInErrors,
    ),
)]
pub async fn ask_for_verification(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    caller: SignedIn,
) -> Result<StatusCode, ApiError> {
    let account = account_of(&hub, caller.identity.user).await?;
    let email = &account.user.email;
    hub.sign_ins.ask_for_link(email, peer.0.ip()).map_err(ApiError::TooManyRequests)?;
    let (user, purpose) = (account.user.id, LinkPurpose::EmailVerification);
    match (account.email_verified_at, hub.mails) {
        (Some(_), _) => {}
        (None, true) => {
            hub.store.mail_account_link(&MailedAccount::User(user), purpose).await?;
        }
        (None, false) => make_link(&hub, user, purpose).await?,
    }
    Ok(StatusCode::ACCEPTED)
}

/// Proves an address by a link, which is used up.
///
/// # Errors
/// 401 `bad_link`.
#[utoipa::path(
    post,
    path = "/api/v1/auth/verify-email",
    operation_id = "verifyEmail",
    tag = "Account",
    request_body = LinkIn,
    security(()),
    responses(
        (status = 204, description = "The address is proven."),
        OpenBodyErrors,
    ),
)]
pub async fn verify(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body::Json(asked): body::Json<LinkIn>,
) -> Result<StatusCode, ApiError> {
    let bad = || proof::refused(&hub, peer.0.ip(), ApiError::BadLink);
    let shown = LinkToken::parse(&asked.token).ok_or_else(bad)?;
    hub.store.verify_email(shown.secret()).await.map_err(|error| match error {
        StoreError::NotFound => bad(),
        other => other.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody's account.
///
/// # Errors
/// 401 for nobody.
pub async fn account_of(hub: &Hub, user: UserId) -> Result<Account, ApiError> {
    hub.store.account(user).await?.ok_or(ApiError::Unauthorized)
}

/// The account of somebody signed in who shows the password once more.
///
/// # Errors
/// 403 `wrong_password`, 429 after too many failures.
pub async fn proven(
    hub: &Hub,
    caller: &SignedIn,
    place: IpAddr,
    password: String,
) -> Result<Account, ApiError> {
    let account = account_of(hub, caller.identity.user).await?;
    let shown = Shown { password, ..Shown::default() };
    proof::again(hub, &account, place, &shown).await?;
    Ok(account)
}

/// Goes on only with a password that is hard to guess.
///
/// # Errors
/// 422 otherwise.
pub fn check_password(pointer: &str, password: &str, email: &str) -> Result<(), ApiError> {
    match passwords::fault_of(password, email) {
        None => Ok(()),
        Some(fault) => Err(ApiError::field(pointer, "bad_password", fault)),
    }
}

/// A link that is not there is not good.
fn link_error(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound => ApiError::BadLink,
        other => other.into(),
    }
}

async fn make_reset_link(hub: &Hub, email: &str) {
    let made = match hub.store.user_by_email(email).await {
        Ok(Some(user)) => make_link(hub, user.id, LinkPurpose::PasswordReset).await,
        Ok(None) => return,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = made {
        tracing::warn!(code = error.problem().code(), "a link to set a password was not made");
    }
}

/// Makes a link for whoever reads the person's mail.
async fn make_link(hub: &Hub, user: UserId, purpose: LinkPurpose) -> Result<(), ApiError> {
    let secs = match purpose {
        LinkPurpose::PasswordReset => RESET_SECS,
        LinkPurpose::EmailVerification => VERIFICATION_SECS,
    };
    let fresh = FreshLink::new(Uuid::now_v7());
    hub.store.make_link(user, purpose, fresh.secret(), secs).await?;
    Ok(())
}
