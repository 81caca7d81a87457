//! What actors start from.

use std::sync::Arc;

use hub_domain::{Reading, Rule, UnitState, Version};

use super::{AlertRecord, Site, UnitRecord};

/// A unit as its actor starts from: checkpoint, readings since, and rule.
#[derive(Clone, Debug)]
pub struct LoadedUnit {
    /// As configured.
    pub record: UnitRecord,
    /// How many transitions it has made.
    pub version: Version,
    /// The last checkpoint.
    pub state: UnitState,
    /// Readings judged since, in the order they were judged: by (`received_at`, `recorded_at`, source, channel,
    /// sequence). Late ones are left out.
    pub since: Vec<Reading>,
    /// The effective rule.
    pub rule: Arc<Rule>,
    /// The organization's rule version at loading.
    pub rule_version: i64,
}

/// A site as its supervisor starts from.
#[derive(Clone, Debug)]
pub struct LoadedSite {
    /// As configured.
    pub site: Site,
    /// The epoch of this ownership: raised by this load.
    pub owner_epoch: i64,
    /// All its units.
    pub units: Vec<LoadedUnit>,
    /// All its unresolved alerts' records.
    pub alerts: Vec<AlertRecord>,
    /// Units whose checkpoint or rule cannot be read: they must not keep the others from starting.
    pub broken: Vec<hub_domain::UnitId>,
}
