//! The caller's second factor: set up, taken into use, removed.

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::StatusCode,
};
use hub_store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    account::{account_of, proven},
    answers::WriteErrors,
    body,
    error::ApiError,
    server::Peer,
};
use crate::{
    app::Hub,
    auth::{
        caller::SignedIn,
        proof::{self, Shown},
        totp::{self, FreshTotp},
    },
};

/// The caller's password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpIn {
    password: String,
}

/// What the caller's device shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpCodeIn {
    /// Six digits.
    code: String,
}

/// The caller's password, and what their device shows or a recovery code.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TotpRemovalIn {
    password: String,
    code: Option<String>,
    recovery_code: Option<String>,
}

/// The secret for the caller's device. It is shown once.
#[derive(Serialize, ToSchema)]
pub struct TotpOut {
    /// In base 32, to be typed.
    secret: String,
    /// An `otpauth` address, to be shown as a picture.
    uri: String,
}

/// Codes for when the device is lost, each good once. They are shown once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryCodesOut {
    recovery_codes: Vec<String>,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(begin, remove)).routes(routes!(confirm))
}

/// Begins to set a second factor up. It is asked for once it is confirmed.
///
/// # Errors
/// 403 `wrong_password`; 409 `totp_active` while one is in use.
#[utoipa::path(
    post,
    path = "/api/v1/me/totp",
    operation_id = "beginTotp",
    tag = "Account",
    request_body = TotpIn,
    responses(
        (status = 200, description = "For the caller's device.", body = TotpOut),
        WriteErrors,
    ),
)]
pub async fn begin(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    caller: SignedIn,
    body::Json(asked): body::Json<TotpIn>,
) -> Result<Json<TotpOut>, ApiError> {
    let account = proven(&hub, &caller, peer.0.ip(), asked.password).await?;
    let fresh = FreshTotp::new(&account.user.email).ok_or(ApiError::Internal)?;
    let begun = hub.store.begin_totp(account.user.id, &fresh.secret).await;
    begun.map_err(|error| match error {
        StoreError::Taken(_) => ApiError::TotpActive,
        other => other.into(),
    })?;
    Ok(Json(TotpOut { secret: fresh.text, uri: fresh.uri }))
}

/// Takes the second factor into use.
///
/// # Errors
/// 409 `totp_active` or `totp_inactive`; 422 for a wrong code; 429 after too many.
#[utoipa::path(
    post,
    path = "/api/v1/me/totp/confirm",
    operation_id = "confirmTotp",
    tag = "Account",
    request_body = TotpCodeIn,
    responses(
        (status = 200, description = "In use from now on.", body = RecoveryCodesOut),
        WriteErrors,
    ),
)]
pub async fn confirm(
    State(hub): State<Hub>,
    caller: SignedIn,
    body::Json(asked): body::Json<TotpCodeIn>,
) -> Result<Json<RecoveryCodesOut>, ApiError> {
    let user = caller.identity.user;
    let account = account_of(&hub, user).await?;
    if account.second_factor().is_some() {
        return Err(ApiError::TotpActive);
    }
    let secret = account.totp.ok_or(ApiError::TotpInactive)?.secret;
    let taken = hub.sign_ins.take_code(user).map_err(ApiError::TooManyRequests)?;
    let step = totp::step_of(&secret, &asked.code, hub.clock.now()).ok_or_else(wrong_code)?;
    taken.give_back();
    let (recovery_codes, hashes) = totp::recovery_codes();
    let confirmed = hub.store.confirm_totp(user, &secret, step, &hashes).await;
    confirmed.map_err(|error| match error {
        StoreError::Stale => ApiError::TotpActive, // another request was first
        other => other.into(),
    })?;
    Ok(Json(RecoveryCodesOut { recovery_codes }))
}

/// Takes the second factor out of use.
///
/// # Errors
/// 403 `wrong_password`; 409 `totp_inactive`; 422 for a wrong code; 429 after too many.
#[utoipa::path(
    delete,
    path = "/api/v1/me/totp",
    operation_id = "removeTotp",
    tag = "Account",
    request_body = TotpRemovalIn,
    responses(
        (status = 204, description = "There is none any more."),
        WriteErrors,
    ),
)]
pub async fn remove(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    caller: SignedIn,
    body::Json(asked): body::Json<TotpRemovalIn>,
) -> Result<StatusCode, ApiError> {
    let TotpRemovalIn { password, code, recovery_code } = asked;
    let account = proven(&hub, &caller, peer.0.ip(), password).await?;
    if account.second_factor().is_none() {
        return Err(ApiError::TotpInactive);
    }
    let shown = Shown { totp: code, recovery_code, ..Shown::default() };
    let right = proof::second_factor(&hub, &account, &shown).await;
    right.map_err(|error| match error {
        ApiError::TotpRequired | ApiError::BadTotp => wrong_code(),
        other => other,
    })?;
    hub.store.remove_totp(account.user.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whoever is signed in stays so after a wrong code: it is a wrong field.
fn wrong_code() -> ApiError {
    ApiError::field("/code", "bad_totp", "the code is wrong, or was used before")
}
