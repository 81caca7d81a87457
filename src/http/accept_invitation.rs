//! Accepting an invitation: whoever holds its link gets its place in the organization, once.

use std::net::IpAddr;

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::HeaderMap,
};
use hub_domain::UserId;
use hub_store::{
    StoreError,
    records::{Account, Joiner, OpenInvitation, Secret, Subject},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    account::{account_of, check_password},
    answers::WriteErrors,
    asked, body,
    error::ApiError,
    schemas,
    server::Peer,
    sessions::{self, PlaceOut, TokenOut},
};
use crate::{
    app::Hub,
    auth::{
        LinkToken, TokenError,
        caller::token_in,
        proof::{self, Shown},
    },
};

/// A link's token, and who accepts: somebody signed in (by the request's token), somebody who has an account (by its
/// password), or somebody new (who chooses one).
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcceptIn {
    token: String,
    /// What somebody new is called; without it the part of the address before the @.
    #[schema(schema_with = schemas::name_or_none)]
    name: Option<String>,
    password: Option<String>,
    totp: Option<String>,
    recovery_code: Option<String>,
}

/// The place that was taken.
#[derive(Serialize, ToSchema)]
pub struct AcceptedOut {
    organization: PlaceOut,
    /// A session of the hub's own, for whoever came without a token.
    session: Option<TokenOut>,
}

/// Who accepts.
enum Accepter {
    /// Somebody signed in who has an account.
    SignedIn(UserId),
    /// Somebody signed in with an issuer who has none, and the address that the issuer has seen them prove.
    Stranger(Subject, Option<String>),
    /// Somebody who shows no token.
    Nobody,
}

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(accept))
}

/// Accepts an invitation.
///
/// With an access token the place is for whoever it is of; somebody whom an issuer knows and the hub does not gets an
/// account, if their token proves the invitation's address. Without one, the account of that address is taken or made.
///
/// # Errors
/// 401 `bad_link`, or as for sign-in; 403 `unproven_address`; 409 `account_exists` or `taken`; 422 for a bad name or password.
#[utoipa::path(
    post,
    path = "/api/v1/auth/accept-invitation",
    operation_id = "acceptInvitation",
    tag = "Sign-in",
    request_body = AcceptIn,
    security(()),
    responses(
        (status = 200, description = "The place is taken.", body = AcceptedOut),
        WriteErrors,
    ),
)]
pub async fn accept(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    body::Json(asked): body::Json<AcceptIn>,
) -> Result<Json<AcceptedOut>, ApiError> {
    let place = peer.0.ip();
    let bad = || proof::refused(&hub, place, ApiError::BadLink);
    let shown = LinkToken::parse(&asked.token).ok_or_else(bad)?.secret();
    let open = hub.store.open_invitation(shown).await?.ok_or_else(bad)?;
    let accepter = accepter_of(&hub, &headers).await?;
    let is_here = !matches!(accepter, Accepter::Nobody);
    let joiner = joiner_of(&hub, &open, accepter, asked, place).await?;
    let account = join(&hub, shown, joiner).await?;
    let session = if is_here { None } else { Some(sessions::begin(&hub, &account).await?) };
    let me = sessions::me_of(&hub, account.user.id).await?;
    let organization = me.place(&open.org.to_string()).ok_or(ApiError::NotFound)?;
    Ok(Json(AcceptedOut { organization, session }))
}

/// Accepts an invitation for whoever filled in the page of its link: somebody new, or who shows that an account is theirs.
///
/// # Errors
/// As for the request.
pub(super) async fn by_page(
    hub: &Hub,
    place: IpAddr,
    token: &str,
    name: Option<String>,
    password: String,
    totp: Option<String>,
) -> Result<(), ApiError> {
    let shown = LinkToken::parse(token).ok_or(ApiError::BadLink)?.secret();
    let open = hub.store.open_invitation(shown).await?.ok_or(ApiError::BadLink)?;
    let (token, password) = (token.to_owned(), Some(password));
    let asked = AcceptIn { token, name, password, totp, recovery_code: None };
    let joiner = joiner_of(hub, &open, Accepter::Nobody, asked, place).await?;
    join(hub, shown, joiner).await.map(drop)
}

async fn join(hub: &Hub, shown: Secret, joiner: Joiner) -> Result<Account, ApiError> {
    let joined = hub.store.accept_invitation(shown, joiner).await;
    let user = joined.map_err(|error| match error {
        StoreError::NotFound => ApiError::BadLink,
        StoreError::Taken("email") => ApiError::AccountExists, // made meanwhile
        other => other.into(),
    })?;
    account_of(hub, user).await
}

/// Whom the request's token is of. A token that is not good is refused, not passed over.
async fn accepter_of(hub: &Hub, headers: &HeaderMap) -> Result<Accepter, ApiError> {
    let Some(token) = token_in(headers) else { return Ok(Accepter::Nobody) };
    match hub.verifier.identify(token).await {
        Ok(identity) => Ok(Accepter::SignedIn(identity.user)),
        Err(TokenError::NoAccount) => {
            let claims = hub.verifier.claims(token).await?;
            let is_storable = !claims.subject.contains('\0');
            let subject = Subject { issuer: claims.issuer, subject: claims.subject };
            let stranger = Accepter::Stranger(subject, claims.proven_email);
            is_storable.then_some(stranger).ok_or(ApiError::NoAccount)
        }
        Err(error) => Err(error.into()),
    }
}

async fn joiner_of(
    hub: &Hub,
    open: &OpenInvitation,
    accepter: Accepter,
    asked: AcceptIn,
    place: IpAddr,
) -> Result<Joiner, ApiError> {
    if let Accepter::SignedIn(user) = accepter {
        return Ok(Joiner::Known(user));
    }
    need_proof(open, &accepter)?;
    if hub.store.user_by_email(&open.email).await?.is_some() {
        let user = known(hub, open, asked, place).await?;
        return Ok(match accepter {
            Accepter::Stranger(subject, _) => Joiner::Linked(user, subject),
            Accepter::SignedIn(_) | Accepter::Nobody => Joiner::Known(user),
        });
    }
    let name = name_of(open, asked.name)?;
    if let Accepter::Stranger(subject, _) = accepter {
        return Ok(Joiner::WithSubject { name, subject });
    }
    let needed = || ApiError::field("/password", "required", "somebody new chooses a password");
    let password = asked.password.ok_or_else(needed)?;
    check_password("/password", &password, &open.email)?;
    Ok(Joiner::WithPassword { name, password_hash: hub.passwords.hash(password).await? })
}

/// An issuer's subject opens an account ever after: it is tied to one only where the issuer says whose address it is.
fn need_proof(open: &OpenInvitation, accepter: &Accepter) -> Result<(), ApiError> {
    match accepter {
        Accepter::Stranger(_, proven) if proven.as_deref() != Some(open.email.as_str()) => {
            Err(ApiError::UnprovenAddress)
        }
        Accepter::SignedIn(_) | Accepter::Stranger(..) | Accepter::Nobody => Ok(()),
    }
}

/// Who has the invitation's address, if they prove it: whoever made the link may be somebody else.
async fn known(
    hub: &Hub,
    open: &OpenInvitation,
    asked: AcceptIn,
    place: IpAddr,
) -> Result<UserId, ApiError> {
    let AcceptIn { password, totp, recovery_code, .. } = asked;
    let password = password.ok_or(ApiError::AccountExists)?;
    let shown = Shown { password, totp, recovery_code };
    Ok(proof::by_email(hub, &open.email, place, &shown).await?.user.id)
}

fn name_of(open: &OpenInvitation, name: Option<String>) -> Result<String, ApiError> {
    match name {
        Some(name) => asked::all_good([asked::name("/name", &name)]).map(|()| name),
        None => Ok(open.email.split('@').next().unwrap_or_default().chars().take(200).collect()),
    }
}
