//! How sites, areas and units are edited and looked for.

use hub_domain::{AreaId, SiteId};

use super::UnitRecord;

/// An edit of a site. What is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteEdit {
    /// Its name.
    pub name: Option<String>,
    /// Its IANA time zone.
    pub timezone: Option<String>,
    /// Whether an alert is resolved by hand only with a corrective action.
    pub requires_corrective_action: Option<bool>,
}

/// An edit of a unit. What is left out stays; `Some(None)` clears.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitEdit {
    /// Its name.
    pub name: Option<String>,
    /// Its part of the site.
    pub area: Option<Option<AreaId>>,
    /// The id of its type's preset.
    pub preset: Option<Option<String>>,
}

/// A unit after an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditedUnit {
    /// The unit.
    pub unit: UnitRecord,
    /// Whether it is judged by another rule now.
    pub is_judged_anew: bool,
}

/// Which units are wanted. What is left out does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitFilter {
    /// Of this site.
    pub site: Option<SiteId>,
    /// Of this part of a site.
    pub area: Option<AreaId>,
    /// With this text in the name.
    pub name: Option<String>,
}

impl From<Option<SiteId>> for UnitFilter {
    fn from(site: Option<SiteId>) -> Self {
        Self { site, ..Self::default() }
    }
}
