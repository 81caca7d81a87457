//! Records of digests: who wants them, and what they told.

use hub_domain::{
    AlertKind, OrgId, SiteId, Timestamp, Zone,
    digest::{AttentionReason, Last, Schedule, Skip, Totals},
    notify::PersonId,
};
use uuid::Uuid;

use super::Edition;

/// When somebody is told, of which sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestPlan {
    /// When.
    pub schedule: Schedule,
    /// Of these sites; none named is all there are.
    pub sites: Vec<SiteId>,
    /// Only if there is something to say.
    pub only_if_needed: bool,
}

/// Somebody who is told of each day or week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestSubscription {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub org: OrgId,
    /// Who is told.
    pub reader: PersonId,
    /// When, of which sites.
    pub plan: DigestPlan,
    /// How far it has come.
    pub last: Last,
    /// When the next one is due.
    pub due_at: Timestamp,
    /// Counts edits and digests.
    pub seq: i64,
    /// Since when.
    pub created_at: Timestamp,
    /// How it was edited.
    pub edition: Edition,
}

/// A digest that is yet to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenDigest {
    /// Its id, and that of its line in the ledger.
    pub id: Uuid,
    /// Whose.
    pub org: OrgId,
    /// It tells from then on,
    pub from: Timestamp,
    /// and of what was before then.
    pub to: Timestamp,
    /// Of these sites; none named is all there are.
    pub sites: Vec<SiteId>,
    /// Only if there is something to say.
    pub only_if_needed: bool,
}

/// One unit in a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitDigest {
    /// What it is called.
    pub name: String,
    /// Why it wants somebody; none if it does not.
    pub reasons: Vec<AttentionReason>,
    /// Milliseconds out of its limits.
    pub outside_millis: i64,
    /// The manual logs that were missed.
    pub missed_logs: u32,
    /// The alerts that were open at the end.
    pub open: Vec<AlertKind>,
}

/// What a digest says of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteDigest {
    /// What it is called.
    pub name: String,
    /// Its sums. Which units want somebody is said beside them.
    pub totals: Totals,
    /// The units that want somebody, the most urgent first.
    pub attention: Vec<UnitDigest>,
    /// How many more of them there are than are named.
    pub more: u32,
}

/// What there is to say, or the rule by which nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedDigest {
    /// By site, in the order to be shown.
    pub sites: Vec<SiteDigest>,
    /// Why it is not sent.
    pub skip: Option<Skip>,
}

/// A digest as its message tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldDigest {
    /// Of a week; of a day otherwise.
    pub is_weekly: bool,
    /// Its reader's clocks.
    pub zone: Zone,
    /// It tells from then on,
    pub from: Timestamp,
    /// and of what was before then.
    pub to: Timestamp,
    /// By site, in the order to be shown.
    pub sites: Vec<SiteDigest>,
}
