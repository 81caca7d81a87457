//! Organizations that the caller is in.

use axum::Json;
use serde::Serialize;

use super::asked::Listed;
use crate::auth::caller::SignedIn;

/// An organization.
#[derive(Debug, Serialize)]
pub struct OrganizationOut {
    id: String,
    name: String,
}

/// The caller's organizations.
pub async fn list(caller: SignedIn) -> Json<Listed<OrganizationOut>> {
    let shape = |place: hub_store::records::Membership| OrganizationOut {
        id: place.organization.id.to_string(),
        name: place.organization.name,
    };
    Json(Listed::whole(caller.memberships.into_iter().map(shape).collect()))
}
