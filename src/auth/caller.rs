//! The person behind a request: taken from the token, placed in one organization, with the role of this moment.

use std::sync::Arc;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use hub_domain::{OrgId, SiteId, UserId};
use hub_store::{
    By, RequestKey, Scope,
    records::{Actor, Membership, Presence, Role, Standing},
};
use uuid::Uuid;

use super::{Deed, Identity, inspectors};
use crate::{
    app::Hub,
    http::{asked, error::ApiError, server::Peer},
};

/// Why something is changed, in the changer's words, percent-encoded where it is not ASCII. Kept in the audit log.
pub const REASON_HEADER: &str = "x-change-reason";

/// Somebody in an organization.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub who: Who,
    /// In which organization.
    pub org: OrgId,
    /// As what.
    pub role: Role,
    /// The only sites that they see, where they do not see all.
    pub sites: Option<Arc<[SiteId]>>,
    /// The stay under which an operator of the platform is here.
    pub impersonation: Option<Uuid>,
    reason: Option<String>,
    request: Option<RequestKey>,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Somebody signed in.
    User(UserId),
    /// Somebody with an inspector's link.
    Inspector(Uuid),
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
    /// Goes on only if the caller's role takes in `deed`, and it is none that outlives an operator's stay.
    ///
    /// # Errors
    /// 403 otherwise.
    pub fn may(&self, deed: Deed) -> Result<(), ApiError> {
        if self.impersonation.is_some() && deed.outlives_a_stay() {
            return Err(ApiError::NotWhileVisiting);
        }
        if self.role >= deed.takes() { Ok(()) } else { Err(ApiError::Forbidden(deed.takes())) }
    }

    /// The same, by a request that must be done once only.
    #[must_use]
    pub fn once(self, request: RequestKey) -> Self {
        Self { request: Some(request), ..self }
    }

    /// What they may see.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope { org: self.org, sites: self.sites.clone() }
    }

    /// The person.
    ///
    /// # Errors
    /// 403 for an inspector, who is nobody in particular.
    pub const fn user(&self) -> Result<UserId, ApiError> {
        match self.who {
            Who::User(user) => Ok(user),
            Who::Inspector(_) => Err(ApiError::Forbidden(Role::Viewer)),
        }
    }

    /// The id that their idempotency keys and rates go by.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        match self.who {
            Who::User(user) => user.0,
            Who::Inspector(link) => link,
        }
    }

    /// Who changes something, as the audit log has it.
    #[must_use]
    pub fn by(&self) -> By {
        let actor = match self.who {
            Who::User(user) => Actor::User(user),
            Who::Inspector(_) => Actor::Hub, // they change nothing
        };
        By {
            actor,
            reason: self.reason.clone(),
            impersonation: self.impersonation,
            request: self.request.clone(),
        }
    }
}

impl SignedIn {
    /// Who changes something in an organization that is not there for them, as its audit log has it.
    ///
    /// # Errors
    /// 400 for a reason that cannot be read.
    pub fn by(&self, headers: &HeaderMap) -> Result<By, ApiError> {
        Ok(By::from(Actor::User(self.identity.user)).because(reason_in(headers)?))
    }
}

impl FromRequestParts<Hub> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, ApiError> {
        let token = token_in(&parts.headers).ok_or(ApiError::Unauthorized)?;
        let identity = hub.verifier.whose(token).await?;
        hub.rates.admit_caller(identity.user.0)?;
        let Presence { generation, memberships } = hub.store.presence(identity.user).await?;
        identity.check(generation)?;
        Ok(Self { identity, memberships })
    }
}

impl FromRequestParts<Hub> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, ApiError> {
        // a layer has asked already: a request is counted once
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        if token_in(&parts.headers).is_some_and(inspectors::is_of_a_link) {
            return inspector(parts, hub).await;
        }
        let signed_in = SignedIn::from_request_parts(parts, hub).await?;
        let (org, standing) = standing_of(&signed_in, &parts.headers, hub).await?;
        hub.rates.admit_organization(org)?;
        Ok(Self {
            who: Who::User(signed_in.identity.user),
            org,
            role: standing.role,
            sites: None,
            impersonation: standing.impersonation,
            reason: reason_in(&parts.headers)?,
            request: None,
        })
    }
}

/// Whoever has an inspector's link: in its organization, with its sites.
async fn inspector(parts: &Parts, hub: &Hub) -> Result<Caller, ApiError> {
    let token = token_in(&parts.headers).ok_or(ApiError::Unauthorized)?;
    let peer = parts.extensions.get::<ConnectInfo<Peer>>().ok_or(ApiError::Internal)?;
    let link = hub.inspectors.admit(token, peer.0.0.ip(), hub.clock.now()).await?;
    hub.rates.admit_caller(link.id)?;
    hub.rates.admit_organization(link.org)?;
    let named = parts.headers.get("x-organization-id");
    if named.is_some_and(|named| named.as_bytes() != link.org.to_string().as_bytes()) {
        return Err(ApiError::NotFound);
    }
    Ok(Caller {
        who: Who::Inspector(link.id),
        org: link.org,
        role: Role::Inspector,
        sites: Some(link.sites),
        impersonation: None,
        reason: None,
        request: None,
    })
}

/// Why, as the request's header says.
fn reason_in(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(header) = headers.get(REASON_HEADER) else { return Ok(None) };
    let wrong =
        || asked::bad_query(REASON_HEADER, "is no percent-encoded text of at most 500 characters");
    let text = percent_encoding::percent_decode(header.as_bytes()).decode_utf8();
    let text = text.map_err(|_| wrong())?;
    let is_good = text.chars().count() <= 500 && !text.chars().any(char::is_control);
    is_good.then(|| Some(text.into_owned()).filter(|text| !text.is_empty())).ok_or_else(wrong)
}

/// The organization that is meant and what the caller may do there: as a member, or as an operator of the platform
/// whose stay runs.
async fn standing_of(
    signed_in: &SignedIn,
    headers: &HeaderMap,
    hub: &Hub,
) -> Result<(OrgId, Standing), ApiError> {
    match chosen(&signed_in.memberships, headers) {
        Ok(Membership { organization, role, .. }) => {
            Ok((organization.id, Standing { role: *role, impersonation: None }))
        }
        Err(ApiError::NotFound) => {
            let org = named_in(headers).ok_or(ApiError::NotFound)?;
            let stay = hub.store.stay(org, signed_in.identity.user).await?;
            let stay = stay.ok_or(ApiError::NotFound)?;
            Ok((org, Standing { role: stay.role, impersonation: Some(stay.id) }))
        }
        Err(error) => Err(error),
    }
}

/// The organization that the request names, if it is one.
fn named_in(headers: &HeaderMap) -> Option<OrgId> {
    headers.get("x-organization-id")?.to_str().ok()?.parse().ok()
}

/// The organization that the request names, or the caller's only one.
fn chosen<'a>(
    memberships: &'a [Membership],
    headers: &HeaderMap,
) -> Result<&'a Membership, ApiError> {
    if headers.contains_key("x-organization-id") {
        let named = named_in(headers);
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
#[must_use]
pub fn token_in(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| bearer(value.to_str().ok()?));
    bearer.or_else(|| headers.get("x-stack-access-token")?.to_str().ok())
}

/// What follows the scheme `Bearer`.
#[must_use]
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
