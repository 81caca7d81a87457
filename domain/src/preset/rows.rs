//! The table of presets, one row for each type of unit.

use super::{
    Mark::{self, Known as K, Verified as V},
    Native, Preset, Said, Support,
};

const fn f(degrees: i64) -> Option<Native> {
    Some(Native::F(degrees * 1000))
}

const fn c(degrees: i64) -> Option<Native> {
    Some(Native::C(degrees * 1000))
}

/// A unit that is checked every 5 minutes, with no limits yet.
const FOOD: Said = Said {
    high: None,
    low: None,
    high_delay: (0, 0),
    low_delay: (0, 0),
    high_ceiling: None,
    ceiling_hours: None,
    interval_minutes: 5,
    plausible_min: None,
};

/// At most `high`, with the delay of a shut and of an open door in minutes.
const fn at_most(high: Option<Native>, shut: i64, open: i64) -> Said {
    Said { high, high_delay: (shut, open), ..FOOD }
}

/// At least `low`.
const fn at_least(low: Option<Native>, shut: i64, open: i64) -> Said {
    Said { low, low_delay: (shut, open), ..FOOD }
}

/// From `low` to `high`, checked every 15 minutes: the most that the table allows for medicine.
const fn medicine(low: Option<Native>, high: Option<Native>, minutes: i64) -> Said {
    let delay = (minutes, minutes);
    Said { high, low, high_delay: delay, low_delay: delay, interval_minutes: 15, ..FOOD }
}

/// A row whose limit was checked as `mark` says, with proposed delays.
const fn row(id: &'static str, mark: Mark, texts: [&'static str; 4], said: Said) -> Preset {
    let [name, jurisdiction, limit, citation] = texts;
    let (delay_mark, support) = (Mark::Proposed, Support::Supported);
    Preset { id, name, jurisdiction, limit, citation, limit_mark: mark, delay_mark, support, said }
}

/// A row that the hub cannot judge by yet.
const fn later(id: &'static str, mark: Mark, support: Support, texts: [&'static str; 4]) -> Preset {
    Preset { support, delay_mark: mark, ..row(id, mark, texts, FOOD) }
}

/// Every preset.
pub(super) const ALL: &[Preset] = &[
    row(
        "us.cold.reachin",
        V,
        ["Reach-in fridge", "US", "≤ 41 °F; low guard 32 °F (proposed)", "FDA FC 3-501.16(A)(2)"],
        // two hours out of range ask for attention, whatever the door
        Said { low: f(32), low_delay: (15, 30), ceiling_hours: Some(2), ..at_most(f(41), 15, 30) },
    ),
    row(
        "us.cold.walkin",
        V,
        ["Walk-in cooler", "US", "≤ 41 °F", "FDA FC 3-501.16(A)(2)"],
        Said { ceiling_hours: Some(2), ..at_most(f(41), 20, 30) },
    ),
    row(
        "us.cold.prep",
        V,
        ["Prep table", "US", "≤ 41 °F", "FDA FC 3-501.16(A)(2)"],
        Said { ceiling_hours: Some(2), ..at_most(f(41), 10, 20) },
    ),
    row(
        "us.cold.display",
        V,
        ["Open display", "US", "≤ 41 °F", "FDA FC 3-501.16(A)(2)"],
        Said { ceiling_hours: Some(2), ..at_most(f(41), 30, 30) },
    ),
    row(
        "us.eggs",
        V,
        ["Raw shell-egg cooler (air)", "US", "≤ 45 °F", "FDA FC 3-501.14(D), WAC 246-215-03525"],
        Said { ceiling_hours: Some(4), ..at_most(f(45), 30, 30) },
    ),
    row("us.milk", K, ["Grade A milk storage", "US", "≤ 45 °F", "PMO"], at_most(f(45), 30, 30)),
    row(
        "us.fish.histamine",
        K,
        ["Scombroid storage", "US", "≤ 40 °F", "FDA Fish Hazards Guide"],
        at_most(f(40), 30, 30),
    ),
    row(
        "us.fish.rop",
        K,
        ["Vacuum-packed fish", "US", "≤ 38 °F", "FDA Fish Hazards Guide / FC 3-502.12"],
        at_most(f(38), 30, 30),
    ),
    row(
        "us.frozen",
        K,
        [
            "Freezer, walk-in freezer",
            "US",
            "≤ 0 °F (quality); thawing above 32 °F",
            "FDA FC 3-501.11",
        ],
        // food that thaws is an alarm at once
        Said { high_ceiling: f(32), ..at_most(f(0), 30, 45) },
    ),
    row(
        "us.icecream",
        K,
        [
            "Ice cream dipping, hardening",
            "US",
            "≤ −10 to 0 °F by product; here 0 °F",
            "trade practice",
        ],
        Said { high_ceiling: f(10), ..at_most(f(0), 30, 30) },
    ),
    row(
        "us.hot",
        V,
        ["Hot holding", "US", "≥ 135 °F (roasts 130 °F)", "FDA FC 3-501.16(A)(1)"],
        Said { ceiling_hours: Some(4), ..at_least(f(135), 15, 15) },
    ),
    row(
        "us.nyc.hot",
        V,
        ["Hot holding, New York City", "US-NYC", "≥ 140 °F", "NYC Health Code 81.10 table 1"],
        Said { ceiling_hours: Some(4), ..at_least(f(140), 15, 15) },
    ),
    later(
        "us.cool.cooked",
        V,
        Support::Cooling,
        ["Cooling batch", "US", "135 → 70 °F ≤ 2 h; → 41 °F ≤ 6 h total", "FDA FC 3-501.14(A)"],
    ),
    later(
        "us.cool.ambient",
        V,
        Support::Cooling,
        ["Cooling from ambient", "US", "≤ 41 °F in 4 h", "FDA FC 3-501.14(B)"],
    ),
    later(
        "us.tphc.4h",
        V,
        Support::TimeAsControl,
        ["Time as control, 4 h", "US", "4 h", "FDA FC 3-501.19(B)"],
    ),
    later(
        "us.tphc.6h",
        V,
        Support::TimeAsControl,
        ["Time as control, 6 h", "US", "6 h with food ≤ 70 °F", "FDA FC 3-501.19(C)"],
    ),
    row(
        "eu.qff",
        V,
        // above −15 °C only a lasting rise counts, so it is left to the confirm time
        [
            "Quick-frozen store",
            "EU",
            "≤ −18 °C; brief rise ≤ 3 °C in distribution",
            "Dir 89/108, Reg 37/2005",
        ],
        at_most(c(-18), 30, 45),
    ),
    row(
        "eu.frozen.other",
        V,
        ["Other frozen food", "FR", "≤ −12 °C", "French order, via Legaware"],
        at_most(c(-12), 30, 30),
    ),
    row(
        "eu.icecream",
        V,
        ["Ice cream", "FR", "≤ −18 °C", "French order, via Legaware"],
        at_most(c(-18), 30, 30),
    ),
    row("eu.meat.red", V, ["Meat", "EU", "≤ 7 °C", "Reg 853/2004"], at_most(c(7), 20, 30)),
    row("eu.meat.offal", V, ["Offal", "EU", "≤ 3 °C", "Reg 853/2004"], at_most(c(3), 20, 30)),
    row(
        "eu.meat.poultry",
        V,
        ["Poultry, meat preparations", "EU", "≤ 4 °C", "Reg 853/2004"],
        at_most(c(4), 20, 30),
    ),
    row(
        "eu.meat.minced",
        V,
        ["Minced meat", "EU", "≤ 2 °C", "Reg 853/2004"],
        at_most(c(2), 15, 20),
    ),
    row(
        "eu.fish.fresh",
        K,
        ["Fresh fish", "EU", "melting ice, 0 to 2 °C", "Reg 853/2004 annex III sec VIII"],
        Said { low: c(0), low_delay: (20, 20), ..at_most(c(2), 20, 20) },
    ),
    row(
        "rx.vaccine.fridge",
        V,
        ["Vaccine refrigerator", "US", "2 to 8 °C, aim 5 °C", "CDC toolkit, via EZIZ and Tovatech"],
        // frost spoils a vaccine for good: the longest low delay that the table proposes (0 to 5 min)
        Said { low_delay: (5, 5), ..medicine(c(2), c(8), 15) },
    ),
    row(
        "rx.vaccine.freezer",
        V,
        ["Vaccine freezer", "US", "−50 to −15 °C", "CDC toolkit, via Tovatech"],
        medicine(c(-50), c(-15), 15),
    ),
    row(
        "rx.vaccine.ult",
        K,
        ["Ultra-cold vaccine freezer", "US", "−90 to −60 °C", "CDC toolkit"],
        // the default range of plausible values ends above the lower limit
        Said { plausible_min: c(-120), ..medicine(c(-90), c(-60), 15) },
    ),
    Preset {
        delay_mark: K,
        ..row(
            "who.fridge.30dtr",
            K,
            [
                "EPI fridge logger",
                "WHO",
                "> +8 °C for 10 h; < −0.5 °C for 60 min",
                "WHO PQS E006/TR06",
            ],
            Said {
                high_delay: (600, 600),
                low_delay: (60, 60),
                ..medicine(Some(Native::C(-500)), c(8), 60)
            },
        )
    },
    later(
        "who.ship.type1",
        V,
        Support::Cumulative,
        [
            "Shipment device I",
            "WHO",
            "≥ 45 °C 1 h; ≥ 30 °C 10 h cumulative; ≤ −0.5 °C 1 h",
            "WHO Q-tag guide",
        ],
    ),
    later(
        "who.ship.type2",
        V,
        Support::Cumulative,
        [
            "Shipment device II",
            "WHO",
            "≥ 45 °C 1 h; ≥ 30 °C 10 h cumulative; ≥ 10 °C 20 h cumulative",
            "WHO Q-tag guide",
        ],
    ),
    later(
        "rx.crt",
        K,
        Support::MeanKinetic,
        [
            "Controlled room temperature",
            "US",
            "20 to 25 °C, excursions 15 to 30 °C, mean kinetic ≤ 25 °C",
            "USP <659>, <1079.2>",
        ],
    ),
    row(
        "rx.blood",
        K,
        ["Blood refrigerator", "US", "1 to 6 °C", "21 CFR 640 / AABB"],
        medicine(c(1), c(6), 5),
    ),
    row(
        "env.ambient",
        V,
        [
            "Kitchen, plant room",
            "none",
            "> 90 °F for 30 min (information)",
            "FreshTrack Pro's library",
        ],
        at_most(f(90), 30, 30),
    ),
];
