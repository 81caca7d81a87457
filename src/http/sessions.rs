//! Sessions: sign-in with e-mail and password, their renewal and end; and who one is.

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::StatusCode,
};
use hub_domain::UserId;
use hub_store::{
    StoreError,
    records::{Account, Membership, Renewal},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{OpenBodyErrors, OpenErrors, SignedInErrors},
    body,
    error::ApiError,
    schemas,
    server::Peer,
};
use crate::{
    app::Hub,
    auth::{
        FreshLink, LinkToken,
        caller::SignedIn,
        proof::{self, Shown},
    },
    wire::InstantOut,
};

/// E-mail and password, and the second factor where one is in use.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignInIn {
    email: String,
    password: String,
    /// A one-time password of six digits.
    totp: Option<String>,
    /// A recovery code in its place.
    recovery_code: Option<String>,
}

/// A token that renews a session, once.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefreshIn {
    refresh_token: String,
}

/// A session: an access token, and what it is renewed with.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenOut {
    token: String,
    token_type: &'static str,
    expires_at: InstantOut,
    /// Good for one renewal.
    refresh_token: String,
    refresh_expires_at: InstantOut,
    #[serde(flatten)]
    me: MeOut,
}

/// Somebody and their places.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeOut {
    user: UserOut,
    organizations: Vec<PlaceOut>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    email: String,
    name: String,
    email_verified: bool,
    /// Whether a second factor is in use.
    totp: bool,
    /// The issuer whose tokens open the account too, if one does.
    #[schema(required)]
    issuer: Option<String>,
    /// Whether they run the platform.
    is_operator: bool,
}

/// An organization and what somebody is in it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlaceOut {
    #[schema(schema_with = schemas::id)]
    id: String,
    name: String,
    #[schema(schema_with = schemas::role)]
    role: &'static str,
}

/// The public keys, as RFC 7517 has them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object, as = JwksOut)]
pub struct JwksOut(Value);

impl MeOut {
    fn of(account: Account, is_operator: bool, memberships: Vec<Membership>) -> Self {
        let totp = account.second_factor().is_some();
        let email_verified = account.email_verified_at.is_some();
        let (user, issuer) = (account.user, account.issuer);
        let (id, email, name) = (user.id.to_string(), user.email, user.name);
        Self {
            user: UserOut { id, email, name, email_verified, totp, issuer, is_operator },
            organizations: memberships.into_iter().map(PlaceOut::from).collect(),
        }
    }

    /// The place of that organization.
    #[must_use]
    pub fn place(&self, organization: &str) -> Option<PlaceOut> {
        self.organizations.iter().find(|place| place.id == organization).cloned()
    }
}

impl TokenOut {
    /// Whose session it is.
    #[must_use]
    pub const fn me(&self) -> &MeOut {
        &self.me
    }
}

impl From<Membership> for PlaceOut {
    fn from(membership: Membership) -> Self {
        Self {
            id: membership.organization.id.to_string(),
            name: membership.organization.name,
            role: membership.role.name(),
        }
    }
}

impl SignInIn {
    fn shown(self) -> (String, Shown) {
        let Self { email, password, totp, recovery_code } = self;
        (email, Shown { password, totp, recovery_code })
    }
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(sign_in))
        .routes(routes!(refresh))
        .routes(routes!(sign_out))
        .routes(routes!(me))
        .routes(routes!(jwks))
}

/// Signs somebody in. Whether the address is unknown or the password wrong looks and takes the same.
///
/// # Errors
/// 401 `bad_credentials`, and once the password was right `totp_required` or `bad_totp`; 429 after too many failures.
#[utoipa::path(
    post,
    path = "/api/v1/auth/sign-in",
    operation_id = "signIn",
    tag = "Sign-in",
    request_body = SignInIn,
    security(()),
    responses(
        (status = 200, description = "Signed in.", body = TokenOut),
        OpenBodyErrors,
    ),
)]
pub async fn sign_in(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body::Json(asked): body::Json<SignInIn>,
) -> Result<Json<TokenOut>, ApiError> {
    let (email, shown) = asked.shown();
    let account = proof::by_email(&hub, &email, peer.0.ip(), &shown).await?;
    begin(&hub, &account).await.map(Json)
}

/// Renews a session. The token is used up; the answer has the next.
///
/// One that was used before ends the session and every access token of the person, for one of its two holders stole
/// it; within 10 s of its use it is refused and nothing more.
///
/// # Errors
/// 401 `session_over` for a token that is not good.
#[utoipa::path(
    post,
    path = "/api/v1/auth/refresh",
    operation_id = "refreshToken",
    tag = "Sign-in",
    request_body = RefreshIn,
    security(()),
    responses(
        (status = 200, description = "Renewed.", body = TokenOut),
        OpenBodyErrors,
    ),
)]
pub async fn refresh(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    body::Json(asked): body::Json<RefreshIn>,
) -> Result<Json<TokenOut>, ApiError> {
    let over = || proof::refused(&hub, peer.0.ip(), ApiError::SessionOver);
    let shown = LinkToken::parse(&asked.refresh_token).ok_or_else(over)?;
    let fresh = FreshLink::new(Uuid::now_v7());
    match hub.store.renew_session(shown.secret(), fresh.secret(), hub.refresh_secs).await? {
        Renewal::Renewed(user, generation) => {
            token_of(&hub, user, generation, &fresh).await.map(Json)
        }
        Renewal::Refused => Err(over()),
        Renewal::Stolen(user) => {
            tracing::warn!(%user, "a session's token was used twice; the session was ended");
            Err(over())
        }
    }
}

/// Ends a session. The access token stays good until its own end, which is near.
///
/// # Errors
/// 422 without a token. One that is not good (any more) is no error.
#[utoipa::path(
    post,
    path = "/api/v1/auth/sign-out",
    operation_id = "signOut",
    tag = "Sign-in",
    request_body = RefreshIn,
    security(()),
    responses(
        (status = 204, description = "The session is over."),
        OpenBodyErrors,
    ),
)]
pub async fn sign_out(
    State(hub): State<Hub>,
    body::Json(asked): body::Json<RefreshIn>,
) -> Result<StatusCode, ApiError> {
    if let Some(shown) = LinkToken::parse(&asked.refresh_token) {
        hub.store.end_session(shown.secret()).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Who the caller is.
///
/// # Errors
/// 401 without a good token.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    operation_id = "getMe",
    tag = "Sign-in",
    responses(
        (status = 200, description = "The caller.", body = MeOut),
        SignedInErrors,
    ),
)]
pub async fn me(State(hub): State<Hub>, caller: SignedIn) -> Result<Json<MeOut>, ApiError> {
    Ok(Json(me_of(&hub, caller.identity.user).await?))
}

/// The public keys of the hub's own sign-in.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "getJwks",
    tag = "Sign-in",
    security(()),
    responses(
        (status = 200, description = "A JSON Web Key Set (RFC 7517).", body = JwksOut),
        OpenErrors,
    ),
)]
pub async fn jwks(State(hub): State<Hub>) -> Json<JwksOut> {
    Json(JwksOut(hub.signer.jwks().clone()))
}

/// Begins a session of somebody who proved the account, as it was then.
///
/// # Errors
/// 401 if the password was changed meanwhile.
pub async fn begin(hub: &Hub, account: &Account) -> Result<TokenOut, ApiError> {
    let user = &account.user;
    let fresh = FreshLink::new(Uuid::now_v7());
    let hash = user.password_hash.as_deref();
    let begun = hub.store.open_session(user.id, hash, fresh.secret(), hub.refresh_secs).await;
    let generation = begun.map_err(|error| match error {
        StoreError::Stale | StoreError::NotFound => ApiError::BadCredentials,
        other => other.into(),
    })?;
    token_of(hub, user.id, generation, &fresh).await
}

/// An access token of somebody who proved the account, without a session that would renew it.
///
/// # Errors
/// 401 if the password was changed meanwhile.
pub async fn token_alone(hub: &Hub, account: &Account) -> Result<String, ApiError> {
    let session = begin(hub, account).await?;
    if let Some(shown) = LinkToken::parse(&session.refresh_token) {
        hub.store.end_session(shown.secret()).await?;
    }
    Ok(session.token)
}

/// Somebody as they see themselves.
///
/// # Errors
/// 401 for nobody.
pub async fn me_of(hub: &Hub, user: UserId) -> Result<MeOut, ApiError> {
    let memberships = hub.store.memberships(user).await?;
    let account = hub.store.account(user).await?.ok_or(ApiError::Unauthorized)?;
    let is_operator = hub.store.is_operator(user).await?;
    Ok(MeOut::of(account, is_operator, memberships))
}

async fn token_of(
    hub: &Hub,
    user: UserId,
    generation: i64,
    fresh: &FreshLink,
) -> Result<TokenOut, ApiError> {
    let me = me_of(hub, user).await?;
    let now = hub.clock.now();
    let signed = hub.signer.token(user, generation, now);
    let (token, expires_at) = signed.map_err(|error| {
        tracing::error!(error = format!("{error:#}"), "a token could not be signed");
        ApiError::Internal
    })?;
    Ok(TokenOut {
        token,
        token_type: "Bearer",
        expires_at: InstantOut(expires_at),
        refresh_token: fresh.token.clone(),
        refresh_expires_at: InstantOut(now.plus_secs(hub.refresh_secs)),
        me,
    })
}
