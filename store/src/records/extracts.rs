//! What goes into files for people.

use hub_domain::{SiteId, Timestamp, UnitId};

/// Which alerts or manual logs go into a file. Fields left out do not narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtractFilter {
    /// Not opened or recorded before.
    pub from: Timestamp,
    /// Opened or recorded before.
    pub to: Timestamp,
    /// Of this site.
    pub site: Option<SiteId>,
    /// Of this unit.
    pub unit: Option<UnitId>,
}

/// What a unit and its site are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceNames {
    /// The unit's name.
    pub unit: String,
    /// The site's name.
    pub site: String,
    /// The site's IANA time zone.
    pub timezone: String,
}
