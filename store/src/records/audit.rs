//! Who did what.

use hub_domain::{KeyId, OrgId, Timestamp, UserId};
use serde_json::Value;
use uuid::Uuid;

use crate::by::RequestKey;

/// Who did something, for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person.
    User(UserId),
    /// An API key.
    Key(KeyId),
    /// The hub itself, or its command line.
    Hub,
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id; sorts by time.
    pub id: Uuid,
    /// The tenant.
    pub org: OrgId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What, e.g. `site.created`.
    pub action: String,
    /// To what kind of thing.
    pub object_kind: String,
    /// To which.
    pub object_id: Uuid,
    /// More on it, a JSON object.
    pub detail: String,
    /// Why, in their words.
    pub reason: Option<String>,
    /// The object before.
    pub before: Option<Value>,
    /// The object after.
    pub after: Option<Value>,
    /// The stay in the organization under which an operator of the platform did it.
    pub impersonation: Option<Uuid>,
    /// The request that must be done once only. Kept elsewhere: none when read.
    pub request: Option<RequestKey>,
}

/// Which entries of the audit log are wanted. Fields left out do not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this kind of thing.
    pub object_kind: Option<String>,
    /// Of this thing.
    pub object_id: Option<Uuid>,
    /// Of what this person or key did.
    pub actor: Option<Uuid>,
    /// Of this action.
    pub action: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}
