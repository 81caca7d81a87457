//! The person behind a request: taken from the token, placed in one organization, with the role of this moment.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use hub_domain::{OrgId, UserId};
use hub_store::records::{Actor, Membership, Role};

use super::{Deed, Identity};
use crate::{app::Hub, http::error::ApiError};

/// Somebody signed in, in one of their organizations.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Who.
    pub user: UserId,
    /// In which organization.
    pub org: OrgId,
    /// As what.
    pub role: Role,
}

/// Somebody signed in, in whatever organizations.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who, and until when.
    pub identity: Identity,
    /// Their places.
    pub memberships: Vec<Membership>,
}

impl Caller {
    /// Goes on only if the caller's role takes in `deed`.
    ///
    /// # Errors
    /// 403 otherwise.
    pub fn may(&self, deed: Deed) -> Result<(), ApiError> {
        if self.role >= deed.takes() { Ok(()) } else { Err(ApiError::Forbidden(deed.takes())) }
    }

    /// The caller as the audit log names them.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        Actor::User(self.user)
    }
}

impl FromRequestParts<Hub> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, ApiError> {
        let token = token_in(&parts.headers).ok_or(ApiError::Unauthorized)?;
        let identity = hub.verifier.identify(token).await?;
        let memberships = hub.store.memberships(identity.user).await?;
        Ok(Self { identity, memberships })
    }
}

impl FromRequestParts<Hub> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, ApiError> {
        let signed_in = SignedIn::from_request_parts(parts, hub).await?;
        let membership = chosen(&signed_in.memberships, &parts.headers)?;
        Ok(Self {
            user: signed_in.identity.user,
            org: membership.organization.id,
            role: membership.role,
        })
    }
}

/// The organization that the request names, or the caller's only one.
fn chosen<'a>(
    memberships: &'a [Membership],
    headers: &HeaderMap,
) -> Result<&'a Membership, ApiError> {
    if let Some(named) = headers.get("x-organization-id") {
        let named = named.to_str().ok().and_then(|text| text.parse::<OrgId>().ok());
        let found = memberships.iter().find(|membership| Some(membership.organization.id) == named);
        return found.ok_or(ApiError::NotFound); // one that is not theirs is as one that does not exist
    }
    match memberships {
        [only] => Ok(only),
        [] => Err(ApiError::NoOrganization),
        _ => Err(ApiError::OrganizationRequired),
    }
}

/// The token of a request: `Authorization: Bearer`, or `x-stack-access-token`.
fn token_in(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| bearer(value.to_str().ok()?));
    bearer.or_else(|| headers.get("x-stack-access-token")?.to_str().ok())
}

/// What follows the scheme `Bearer`.
#[must_use]
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
