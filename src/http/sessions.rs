//! Sign-in with e-mail and password, fresh tokens, and who one is.

use axum::{
    Json,
    extract::{ConnectInfo, State},
};
use hub_domain::{Timestamp, UserId};
use hub_store::records::{Membership, User};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{body, error::ApiError, server::Peer};
use crate::{app::Hub, auth::caller::SignedIn, wire::InstantOut};

/// No address is longer (RFC 5321), and failures are remembered by it, in characters.
const LONGEST_EMAIL: usize = 254;

/// E-mail and password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInIn {
    email: String,
    password: String,
}

/// A fresh token.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenOut {
    token: String,
    token_type: &'static str,
    expires_at: InstantOut,
    #[serde(flatten)]
    me: MeOut,
}

/// Somebody and their places.
#[derive(Debug, Serialize)]
pub struct MeOut {
    user: UserOut,
    organizations: Vec<PlaceOut>,
}

#[derive(Debug, Serialize)]
struct UserOut {
    id: String,
    email: String,
    name: String,
}

#[derive(Debug, Serialize)]
struct PlaceOut {
    id: String,
    name: String,
    role: &'static str,
}

impl MeOut {
    fn of(user: User, memberships: Vec<Membership>) -> Self {
        let place = |membership: Membership| PlaceOut {
            id: membership.organization.id.to_string(),
            name: membership.organization.name,
            role: membership.role.name(),
        };
        Self {
            user: UserOut { id: user.id.to_string(), email: user.email, name: user.name },
            organizations: memberships.into_iter().map(place).collect(),
        }
    }
}

/// Signs somebody in. Whether the address is unknown or the password wrong looks and takes the same.
///
/// # Errors
/// 401 `bad_credentials`; 429 after too many failures from the place or with the e-mail.
pub async fn sign_in(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body::Json(asked): body::Json<SignInIn>,
) -> Result<Json<TokenOut>, ApiError> {
    let email: String = asked.email.trim().to_lowercase().chars().take(LONGEST_EMAIL).collect();
    let taken = hub.sign_ins.take(&email, peer.0.ip()).map_err(ApiError::TooManyRequests)?;
    let user = user_of(&hub, &email, asked.password).await;
    if user != Err(ApiError::BadCredentials) {
        taken.give_back();
    }
    token_of(&hub, user?).await
}

async fn user_of(hub: &Hub, email: &str, password: String) -> Result<UserId, ApiError> {
    if email.chars().any(char::is_control) {
        return Err(ApiError::BadCredentials); // nobody's, and not every database can be asked for it
    }
    let user = hub.store.user_by_email(email).await?;
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let right = hub.passwords.is_right(password, hash).await?;
    user.filter(|_| right).map(|user| user.id).ok_or(ApiError::BadCredentials)
}

/// Gives a fresh token for one that is still good.
///
/// # Errors
/// 401 without a good token of the hub's own: an issuer's session must not outlive what the issuer says.
pub async fn refresh(State(hub): State<Hub>, caller: SignedIn) -> Result<Json<TokenOut>, ApiError> {
    if !caller.identity.is_own {
        return Err(ApiError::Unauthorized);
    }
    token_of(&hub, caller.identity.user).await
}

/// Who the caller is.
///
/// # Errors
/// 401 without a good token.
pub async fn me(State(hub): State<Hub>, caller: SignedIn) -> Result<Json<MeOut>, ApiError> {
    Ok(Json(me_of(&hub, caller.identity.user).await?))
}

/// The public keys of the hub's own sign-in.
pub async fn jwks(State(hub): State<Hub>) -> Json<Value> {
    Json(hub.signer.jwks().clone())
}

async fn token_of(hub: &Hub, user: UserId) -> Result<Json<TokenOut>, ApiError> {
    let me = me_of(hub, user).await?;
    let (token, expires_at) = signed(hub, user)?;
    Ok(Json(TokenOut { token, token_type: "Bearer", expires_at: InstantOut(expires_at), me }))
}

async fn me_of(hub: &Hub, user: UserId) -> Result<MeOut, ApiError> {
    let memberships = hub.store.memberships(user).await?;
    let user = hub.store.user(user).await?.ok_or(ApiError::Unauthorized)?;
    Ok(MeOut::of(user, memberships))
}

fn signed(hub: &Hub, user: UserId) -> Result<(String, Timestamp), ApiError> {
    hub.signer.token(user, hub.clock.now()).map_err(|error| {
        tracing::error!(error = format!("{error:#}"), "a token could not be signed");
        ApiError::Internal
    })
}
