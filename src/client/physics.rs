//! The physics of one unit: air, contents and sensor, a compressor and what disturbs them.
//!
//! Three bodies exchange heat at rates proportional to their difference in temperature. The wall
//! joins the air to the room, the contents slow it down, the compressor draws heat from it between
//! two thresholds, the sensor follows it with a lag. Rates are degrees a minute, which is what a
//! logger shows; they were fitted to look like a kitchen's units, not taken from a data sheet.

/// What kind of unit is simulated.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum UnitKind {
    /// A reach-in fridge of a kitchen.
    Fridge,
    /// A prep table, opened more often than anything else.
    PrepTable,
    /// A walk-in cooler.
    WalkIn,
    /// An upright or chest freezer.
    Freezer,
    /// A walk-in freezer.
    WalkInFreezer,
    /// A pharmacy's refrigerator with a buffered probe.
    VaccineFridge,
}

impl UnitKind {
    /// All of them, in the order in which a made-up fleet takes them.
    pub const ALL: [Self; 6] = [
        Self::Fridge,
        Self::Freezer,
        Self::WalkIn,
        Self::PrepTable,
        Self::WalkInFreezer,
        Self::VaccineFridge,
    ];

    /// A person's word for it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Fridge => "Fridge",
            Self::PrepTable => "Prep table",
            Self::WalkIn => "Walk-in cooler",
            Self::Freezer => "Freezer",
            Self::WalkInFreezer => "Walk-in freezer",
            Self::VaccineFridge => "Vaccine fridge",
        }
    }

    /// The hub's preset that fits it.
    pub fn preset(self) -> &'static str {
        match self {
            Self::Fridge => "us.cold.reachin",
            Self::PrepTable => "us.cold.prep",
            Self::WalkIn => "us.cold.walkin",
            Self::Freezer | Self::WalkInFreezer => "us.frozen",
            Self::VaccineFridge => "rx.vaccine.fridge",
        }
    }

    /// How it behaves.
    pub fn profile(self) -> &'static Profile {
        match self {
            Self::Fridge => &FRIDGE,
            Self::PrepTable => &PREP_TABLE,
            Self::WalkIn => &WALK_IN,
            Self::Freezer => &FREEZER,
            Self::WalkInFreezer => &WALK_IN_FREEZER,
            Self::VaccineFridge => &VACCINE_FRIDGE,
        }
    }
}

/// The constants of one kind of unit; times are time constants in minutes.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Middle of the thermostat's band, °C.
    pub setpoint_c: f64,
    /// The compressor starts this far above the setpoint and stops this far below it, K.
    pub band_k: f64,
    /// The room around it, °C.
    pub ambient_c: f64,
    /// Air to room through the wall.
    pub wall_min: f64,
    /// Air to contents.
    pub exchange_min: f64,
    /// Contents to air: longer by as much as they hold more heat.
    pub contents_min: f64,
    /// What the compressor draws from the air, K a minute.
    pub cooling_k_per_min: f64,
    /// Air to room through the open door.
    pub door_min: f64,
    /// Sensor to air.
    pub sensor_min: f64,
    /// What the defrost heater adds to the air, K a minute; 0 where defrost is only a pause.
    pub defrost_k_per_min: f64,
    /// Defrost cycles a day.
    pub defrosts_per_day: f64,
    /// Shortest and longest defrost, minutes.
    pub defrost_min: (f64, f64),
    /// Door openings a day.
    pub doors_per_day: f64,
    /// Middle of the humidity, per cent.
    pub humidity_pct: f64,
    /// Spread of the sensor's noise, K.
    pub noise_k: f64,
    /// Step of the sensor's scale, K.
    pub quantum_k: f64,
}

const FRIDGE: Profile = Profile {
    setpoint_c: 3.4,
    band_k: 0.9,
    ambient_c: 22.0,
    wall_min: 120.0,
    exchange_min: 20.0,
    contents_min: 150.0,
    cooling_k_per_min: 0.42,
    door_min: 12.0,
    sensor_min: 3.0,
    defrost_k_per_min: 0.0,
    defrosts_per_day: 0.0,
    defrost_min: (15.0, 20.0),
    doors_per_day: 40.0,
    humidity_pct: 55.0,
    noise_k: 0.04,
    quantum_k: 0.1,
};

const PREP_TABLE: Profile = Profile {
    band_k: 0.8,
    wall_min: 100.0,
    contents_min: 120.0,
    cooling_k_per_min: 0.5,
    ambient_c: 24.0,
    doors_per_day: 70.0,
    humidity_pct: 60.0,
    ..FRIDGE
};

const WALK_IN: Profile = Profile {
    setpoint_c: 3.0,
    wall_min: 180.0,
    exchange_min: 25.0,
    contents_min: 250.0,
    cooling_k_per_min: 0.35,
    door_min: 20.0,
    defrosts_per_day: 2.0,
    defrost_min: (15.0, 25.0),
    doors_per_day: 45.0,
    humidity_pct: 75.0,
    ..FRIDGE
};

/// Defrosting 2 to 4 times a day for 25 to 45 minutes is the trade's figure.
const FREEZER: Profile = Profile {
    setpoint_c: -21.5,
    band_k: 1.2,
    wall_min: 220.0,
    exchange_min: 25.0,
    contents_min: 300.0,
    cooling_k_per_min: 0.5,
    door_min: 20.0,
    defrost_k_per_min: 0.06,
    defrosts_per_day: 3.0,
    defrost_min: (25.0, 45.0),
    doors_per_day: 15.0,
    humidity_pct: 45.0,
    ..FRIDGE
};

const WALK_IN_FREEZER: Profile = Profile {
    setpoint_c: -22.0,
    wall_min: 260.0,
    contents_min: 400.0,
    door_min: 30.0,
    defrosts_per_day: 4.0,
    doors_per_day: 25.0,
    humidity_pct: 65.0,
    ..FREEZER
};

const VACCINE_FRIDGE: Profile = Profile {
    setpoint_c: 5.0,
    band_k: 0.6,
    ambient_c: 21.0,
    sensor_min: 6.0,
    doors_per_day: 12.0,
    humidity_pct: 40.0,
    noise_k: 0.015,
    quantum_k: 0.01,
    ..FRIDGE
};

/// What acts on a unit during one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Acting {
    /// The compressor cannot run: broken, or without power.
    pub cooling_lost: bool,
    /// The door stands open.
    pub door_open: bool,
    /// A defrost cycle runs.
    pub defrosting: bool,
}

/// Temperatures of one unit at one instant, and what its compressor does.
#[derive(Debug, Clone, PartialEq)]
pub struct Thermal {
    /// The air inside, °C.
    pub air_c: f64,
    /// What is stored inside, °C.
    pub contents_c: f64,
    /// What the sensor feels, °C.
    pub sensor_c: f64,
    /// Whether the compressor runs.
    pub compressor_on: bool,
}

impl Thermal {
    /// A unit that has been running for long, `phase` (0 to 1) through its thermostat's band.
    pub fn settled(profile: &Profile, phase: f64, compressor_on: bool) -> Self {
        let air_c = profile.setpoint_c + profile.band_k * (2.0 * phase - 1.0);
        Self { air_c, contents_c: profile.setpoint_c, sensor_c: air_c, compressor_on }
    }

    /// Lets `minutes` pass, far fewer than the shortest time constant, in a room of `ambient_c`.
    pub fn step(&mut self, profile: &Profile, acting: Acting, ambient_c: f64, minutes: f64) {
        self.switch(profile, acting);
        let inwards = (ambient_c - self.air_c) / profile.wall_min;
        let exchange = (self.contents_c - self.air_c) / profile.exchange_min;
        let warming = (self.air_c - self.contents_c) / profile.contents_min;
        let following = (self.air_c - self.sensor_c) / profile.sensor_min;
        let mut change = inwards + exchange;
        if acting.door_open {
            change += (ambient_c - self.air_c) / profile.door_min;
        }
        if acting.defrosting && !acting.cooling_lost {
            change += profile.defrost_k_per_min;
        }
        if self.compressor_on {
            change -= profile.cooling_k_per_min;
        }
        self.air_c += change * minutes;
        self.contents_c += warming * minutes;
        self.sensor_c += following * minutes;
    }

    /// The thermostat: on above its band, off below it, in between as before.
    fn switch(&mut self, profile: &Profile, acting: Acting) {
        if acting.cooling_lost || acting.defrosting {
            self.compressor_on = false;
        } else if self.air_c >= profile.setpoint_c + profile.band_k {
            self.compressor_on = true;
        } else if self.air_c <= profile.setpoint_c - profile.band_k {
            self.compressor_on = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_MIN: f64 = 5.0 / 60.0;

    fn run(kind: UnitKind, acting: Acting, minutes: f64, mut each: impl FnMut(f64, &Thermal)) {
        let profile = kind.profile();
        let mut thermal = Thermal::settled(profile, 0.5, false);
        let mut now = 0.0;
        while now < minutes {
            thermal.step(profile, acting, profile.ambient_c, STEP_MIN);
            now += STEP_MIN;
            each(now, &thermal);
        }
    }

    /// Minutes the compressor runs, and rests, in one cycle.
    fn cycle(kind: UnitKind) -> (f64, f64) {
        let (mut on, mut switches, mut was_on) = (0.0, 0, false);
        run(kind, Acting::default(), 1440.0, |_, thermal| {
            on += if thermal.compressor_on { STEP_MIN } else { 0.0 };
            switches += u32::from(thermal.compressor_on && !was_on);
            was_on = thermal.compressor_on;
        });
        let cycles = f64::from(switches);
        (on / cycles, (1440.0 - on) / cycles)
    }

    #[test]
    fn compressors_run_for_minutes_and_rest_for_longer() {
        for kind in UnitKind::ALL {
            let (on, off) = cycle(kind);
            assert!((2.0..25.0).contains(&on), "{kind:?} runs {on} min");
            assert!((4.0..60.0).contains(&off), "{kind:?} rests {off} min");
            assert!((off - on).abs() > 0.5, "{kind:?} is symmetric: {on} min and {off} min");
        }
    }

    #[test]
    fn a_defrosting_freezer_thaws_its_sensor_but_not_its_contents() {
        let acting = Acting { defrosting: true, ..Acting::default() };
        run(UnitKind::Freezer, acting, 45.0, |minutes, thermal| {
            assert!(thermal.contents_c < -17.8, "contents at {} °C", thermal.contents_c);
            if minutes > 30.0 {
                assert!((-19.5..-12.0).contains(&thermal.sensor_c), "{} °C", thermal.sensor_c);
            }
        });
    }

    #[test]
    fn without_cooling_everything_ends_at_the_room() {
        let acting = Acting { cooling_lost: true, ..Acting::default() };
        for kind in UnitKind::ALL {
            let mut end = f64::NAN;
            run(kind, acting, 30.0 * 1440.0, |_, thermal| end = thermal.sensor_c);
            assert!((end - kind.profile().ambient_c).abs() < 0.5, "{kind:?} ends at {end} °C");
        }
    }
}
