//! The businesses of the demo: names, areas, units.

use crate::client::physics::UnitKind;
use UnitKind::{Freezer, Fridge, PrepTable, VaccineFridge, WalkIn, WalkInFreezer};

/// A site of the demo.
#[derive(Debug)]
pub struct Place {
    /// Its name.
    pub name: &'static str,
    /// Where it is, by the IANA name.
    pub timezone: &'static str,
    areas: &'static [Area],
}

#[derive(Debug)]
struct Area {
    name: &'static str,
    units: &'static [(&'static str, UnitKind)],
}

impl Place {
    /// Its units with the area each stands in, in a fixed order.
    pub fn units(&self) -> impl Iterator<Item = (&'static str, &'static str, UnitKind)> {
        let of_area =
            |area: &'static Area| area.units.iter().map(|(name, kind)| (area.name, *name, *kind));
        self.areas.iter().flat_map(of_area)
    }
}

/// All sites of the demo.
pub const PLACES: [Place; 3] = [
    Place {
        name: "Osteria Aurora",
        timezone: "Europe/Rome",
        areas: &[
            Area {
                name: "Kitchen",
                units: &[
                    ("Reach-in 1", Fridge),
                    ("Reach-in 2", Fridge),
                    ("Prep table: salads", PrepTable),
                    ("Prep table: pizza", PrepTable),
                    ("Fish fridge", Fridge),
                ],
            },
            Area {
                name: "Store room",
                units: &[
                    ("Walk-in cooler", WalkIn),
                    ("Walk-in freezer", WalkInFreezer),
                    ("Chest freezer", Freezer),
                ],
            },
            Area { name: "Bar", units: &[("Bar fridge", Fridge), ("Gelato freezer", Freezer)] },
        ],
    },
    Place {
        name: "Linden Pharmacy",
        timezone: "Europe/Berlin",
        areas: &[
            Area {
                name: "Dispensary",
                units: &[
                    ("Vaccine fridge A", VaccineFridge),
                    ("Vaccine fridge B", VaccineFridge),
                    ("Insulin fridge", VaccineFridge),
                    ("Returns fridge", Fridge),
                ],
            },
            Area {
                name: "Back room",
                units: &[("Reserve fridge", VaccineFridge), ("Ice pack freezer", Freezer)],
            },
        ],
    },
    Place {
        name: "Northgate Warehouse",
        timezone: "Europe/London",
        areas: &[
            Area {
                name: "Cold hall",
                units: &[
                    ("Cooler 1: dairy", WalkIn),
                    ("Cooler 2: produce", WalkIn),
                    ("Cooler 3: meat", WalkIn),
                    ("Cooler 4: drinks", WalkIn),
                ],
            },
            Area {
                name: "Freezer hall",
                units: &[
                    ("Freezer 1: fish", WalkInFreezer),
                    ("Freezer 2: bread", WalkInFreezer),
                    ("Freezer 3: ice cream", WalkInFreezer),
                ],
            },
            Area {
                name: "Loading dock",
                units: &[
                    ("Staging cooler", WalkIn),
                    ("Sample fridge", Fridge),
                    ("Quarantine fridge", Fridge),
                ],
            },
        ],
    },
];
