//! Who changes something, why, and by which request: what every change is told beside what it is to be.

use hub_domain::UserId;
use uuid::Uuid;

use crate::records::Actor;

/// Who changes something, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// Why, in their words.
    pub reason: Option<String>,
    /// The stay in the organization under which an operator of the platform does it.
    pub impersonation: Option<Uuid>,
    /// The request that must be done once only.
    pub request: Option<RequestKey>,
}

/// A request's key of its caller's choosing (`Idempotency-Key`), kept with what the request made, in its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// Whose key it is: two callers may choose the same.
    pub caller: Uuid,
    /// The key.
    pub key: String,
    /// SHA-256 of what was asked, so that the key of another request is told apart.
    pub fingerprint: [u8; 32],
}

impl By {
    /// The same, for this reason.
    #[must_use]
    pub fn because(mut self, reason: Option<String>) -> Self {
        self.reason = reason;
        self
    }

    /// The person, if it is one.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self.actor {
            Actor::User(user) => Some(user),
            Actor::Key(_) | Actor::Hub => None,
        }
    }
}

impl From<Actor> for By {
    fn from(actor: Actor) -> Self {
        Self { actor, reason: None, impersonation: None, request: None }
    }
}
