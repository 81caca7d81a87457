//! Alert rules and their versions.

use hub_domain::{Layer, OrgId, RuleId, RuleLayer, Timestamp};
use uuid::Uuid;

use super::Actor;

/// The rule of one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRule {
    /// Its id.
    pub id: RuleId,
    /// Its tenant.
    pub org: OrgId,
    /// Organization, site or unit.
    pub scope: RuleLayer,
    /// The id of the organization, site or unit.
    pub scope_id: Uuid,
    /// Rises with each edit.
    pub version: i64,
    /// What it says.
    pub layer: Layer,
    /// Since when.
    pub created_at: Timestamp,
    /// Last edit.
    pub updated_at: Timestamp,
    /// Since when it says nothing.
    pub deleted_at: Option<Timestamp>,
}

/// What a rule said at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleVersion {
    /// The rule.
    pub rule: RuleId,
    /// Its tenant.
    pub org: OrgId,
    /// Its number, from 1.
    pub version: i64,
    /// What it said.
    pub layer: Layer,
    /// Since when.
    pub at: Timestamp,
    /// `created`, `updated`, `deleted` or `restored`.
    pub action: String,
    /// Who said so.
    pub actor: Actor,
}
