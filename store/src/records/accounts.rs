//! People's accounts: sessions, second factors, links, invitations as they are accepted; operators and their stays.

use hub_domain::{OrgId, Timestamp, UserId};
use uuid::Uuid;

use super::{Membership, Role, User};

/// A secret of which only the hash is known here, and the row that it belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    /// The row.
    pub id: Uuid,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A person with what guards their account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The person.
    pub user: User,
    /// Since when it is known that the address is theirs.
    pub email_verified_at: Option<Timestamp>,
    /// Their second factor, in use or about to be.
    pub totp: Option<Totp>,
    /// The issuer that knows them by a subject.
    pub issuer: Option<String>,
}

/// A second factor.
#[derive(Clone, PartialEq, Eq)]
pub struct Totp {
    /// The secret that is shared with the person's device.
    pub secret: Vec<u8>,
    /// Since when it is asked for; `None` while it is being set up.
    pub confirmed_at: Option<Timestamp>,
}

impl std::fmt::Debug for Totp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Totp").field("confirmed_at", &self.confirmed_at).finish_non_exhaustive()
    }
}

impl Account {
    /// The secret of the second factor, if one is asked for.
    #[must_use]
    pub fn second_factor(&self) -> Option<&[u8]> {
        let totp = self.totp.as_ref().filter(|totp| totp.confirmed_at.is_some())?;
        Some(&totp.secret)
    }
}

/// What came of a token that was to renew a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It was good, and is used up now; whose session it is, and the generation of their tokens.
    Renewed(UserId, i64),
    /// It is unknown, over, revoked, or was used a moment ago.
    Refused,
    /// It was used before: one of two holders is a thief. The whole session was ended, and with it every access token
    /// of the person.
    Stolen(UserId),
}

/// What a link to an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// To set a password without the old one.
    PasswordReset,
    /// To prove that the address is theirs.
    EmailVerification,
}

impl LinkPurpose {
    /// How long a link is good, in seconds: an hour, and 48 hours.
    #[must_use]
    pub const fn good_for_secs(self) -> u32 {
        match self {
            Self::PasswordReset => 3_600,
            Self::EmailVerification => 48 * 3_600,
        }
    }

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PasswordReset => "password_reset",
            Self::EmailVerification => "email_verification",
        }
    }
}

/// An invitation that can be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenInvitation {
    /// Its id.
    pub id: Uuid,
    /// Into which organization.
    pub org: OrgId,
    /// Whom it was made for, lower-cased.
    pub email: String,
    /// As what.
    pub role: Role,
}

/// Who accepts an invitation.
#[derive(Clone, PartialEq, Eq)]
pub enum Joiner {
    /// Somebody who has an account.
    Known(UserId),
    /// Somebody who has an account, known from now on to an issuer by this subject. The issuer has seen them prove the
    /// invitation's address.
    Linked(UserId, Subject),
    /// Somebody new who will sign in here with a password of this hash.
    WithPassword {
        /// What they are called.
        name: String,
        /// The argon2id hash in PHC form.
        password_hash: String,
    },
    /// Somebody new who signs in with an issuer, which has seen them prove the invitation's address.
    WithSubject {
        /// What they are called.
        name: String,
        /// Who they are to the issuer.
        subject: Subject,
    },
}

impl std::fmt::Debug for Joiner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(user) => f.debug_tuple("Known").field(user).finish(),
            Self::Linked(user, _) => f.debug_tuple("Linked").field(user).finish_non_exhaustive(),
            Self::WithPassword { .. } => f.debug_struct("WithPassword").finish_non_exhaustive(),
            Self::WithSubject { .. } => f.debug_struct("WithSubject").finish_non_exhaustive(),
        }
    }
}

/// Who somebody is to an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The issuer.
    pub issuer: String,
    /// Its name for them.
    pub subject: String,
}

/// Where somebody is, and which of their tokens are good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// The generation of their access tokens; `None` for nobody.
    pub generation: Option<i64>,
    /// Their places.
    pub memberships: Vec<Membership>,
}

/// What somebody may do in an organization, and by what right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What they may do.
    pub role: Role,
    /// The stay of an operator; `None` for a member.
    pub impersonation: Option<Uuid>,
}

/// A stay of an operator of the platform in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impersonation {
    /// Its id.
    pub id: Uuid,
    /// Where.
    pub org: OrgId,
    /// Who.
    pub operator: UserId,
    /// As what.
    pub role: Role,
    /// Why.
    pub reason: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub ends_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A stay to be begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImpersonation {
    /// Where.
    pub org: OrgId,
    /// Who.
    pub operator: UserId,
    /// As what.
    pub role: Role,
    /// Why.
    pub reason: String,
    /// For how long, in seconds.
    pub secs: i64,
}

/// An organization to be made for somebody who is not here yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    /// Its name.
    pub name: String,
    /// Its first owner's address.
    pub owner_email: String,
    /// The owner's invitation.
    pub invitation: Secret,
    /// The mail of it, whose id the secret follows from, where it is mailed.
    pub mail: Option<Uuid>,
    /// How long the invitation is good, in seconds.
    pub invited_for_secs: i64,
}
