//! Operators of the platform, who belong to no organization. To everybody else what is theirs is not there.

use axum::{extract::FromRequestParts, http::request::Parts};
use hub_domain::UserId;

use super::caller::SignedIn;
use crate::{app::Hub, http::error::ApiError};

/// Somebody who runs the platform.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// Who.
    pub user: UserId,
}

impl FromRequestParts<Hub> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, ApiError> {
        let user = SignedIn::from_request_parts(parts, hub).await?.identity.user;
        if hub.store.is_operator(user).await? { Ok(Self { user }) } else { Err(ApiError::NotFound) }
    }
}
