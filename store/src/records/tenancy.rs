//! Who is let into an organization, and how it ends.

use std::sync::Arc;

use hub_domain::{OrgId, SiteId, Timestamp, UserId};
use uuid::Uuid;

use super::{Edition, Role};

/// A person in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Their address.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Since when they are in it.
    pub since: Timestamp,
    /// When they showed that the address is theirs.
    pub email_verified_at: Option<Timestamp>,
    /// How their role was edited.
    pub edition: Edition,
}

/// An invitation into an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its id, the public half of its token.
    pub id: Uuid,
    /// Into which.
    pub org: OrgId,
    /// The lower-cased address that is invited.
    pub email: String,
    /// As what.
    pub role: Role,
    /// SHA-256 of the secret half of its token.
    pub secret_hash: [u8; 32],
    /// Who invited.
    pub invited_by: Option<UserId>,
    /// Since when.
    pub created_at: Timestamp,
    /// From when on it is not taken any more.
    pub expires_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// By whom.
    pub accepted_by: Option<UserId>,
    /// Since when it is taken back.
    pub revoked_at: Option<Timestamp>,
}

/// Where an invitation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationState {
    /// It may be accepted.
    Open,
    /// It was.
    Accepted,
    /// It was taken back.
    Revoked,
    /// It was neither in time.
    Expired,
}

impl InvitationState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Accepted, Self::Revoked, Self::Expired];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl Invitation {
    /// Where it stands at this instant.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> InvitationState {
        if self.accepted_at.is_some() {
            InvitationState::Accepted
        } else if self.revoked_at.is_some() {
            InvitationState::Revoked
        } else if self.expires_at <= now {
            InvitationState::Expired
        } else {
            InvitationState::Open
        }
    }
}

/// Which invitations are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvitationFilter {
    /// Those that stand so, at this instant.
    pub state: Option<(InvitationState, Timestamp)>,
}

/// An invitation to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvitation {
    /// Its id.
    pub id: Uuid,
    /// The address, in any case.
    pub email: String,
    /// As what.
    pub role: Role,
    /// SHA-256 of its secret.
    pub secret_hash: [u8; 32],
    /// From when on it is not taken any more.
    pub expires_at: Timestamp,
}

/// A link by which an inspector reads some sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectorLink {
    /// Its id, the public half of its token.
    pub id: Uuid,
    /// Its tenant.
    pub org: OrgId,
    /// What it is called.
    pub name: String,
    /// SHA-256 of the secret half of its token.
    pub secret_hash: [u8; 32],
    /// The sites that it shows.
    pub sites: Arc<[SiteId]>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// Since when.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// Since when it is taken back.
    pub revoked_at: Option<Timestamp>,
    /// About when it was last used; kept in whole minutes, so that using it writes no hot row.
    pub last_used_at: Option<Timestamp>,
}

/// An inspector's link to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInspectorLink {
    /// Its id.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// SHA-256 of its secret.
    pub secret_hash: [u8; 32],
    /// The sites that it shows.
    pub sites: Vec<SiteId>,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

/// An organization's erasure, which outlives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// What is erased.
    pub org: OrgId,
    /// Who asked for it.
    pub requested_by: Option<UserId>,
    /// When.
    pub requested_at: Timestamp,
    /// When nothing was left.
    pub done_at: Option<Timestamp>,
}
