//! One simulated unit: its physics, what befalls it, its sensor and its radio.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::ingest::{ReadingOut, Target};
use super::instant;
use super::physics::{Acting, Thermal, UnitKind};
use super::scenario::{MINUTES_A_DAY, Mishap, Scenario, Spell, Step, minutes_ms};

/// A unit to simulate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitSpec {
    /// Whose readings they are at the hub.
    pub target: Target,
    /// The site it stands at; a power cut takes a whole one.
    pub site: usize,
    /// What kind of unit it is.
    pub kind: UnitKind,
    /// The sensor's check-in interval, milliseconds.
    pub interval_ms: i64,
}

/// How a reading came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// At once.
    Direct,
    /// A second copy of one that came before.
    Duplicate,
    /// After later ones.
    Late,
}

/// A reading that a simulated sensor sent.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedReading {
    /// Which unit of the fleet.
    pub unit: usize,
    /// When it was measured, unix milliseconds.
    pub recorded_at_ms: i64,
    /// When it reaches the hub, unix milliseconds.
    pub delivered_at_ms: i64,
    /// How it came.
    pub delivery: Delivery,
    /// What is sent.
    pub reading: ReadingOut,
}

/// Half of the network's second copies come later than this, in minutes (of 1,983 copies in 8.5
/// months of one LoRaWAN sensor's frames, doi:10.18709/perscido.2023.06.ds395).
const COPY_DELAY_MEDIAN_MIN: f64 = 3.3;

/// A cell of 3.6 V falls by this much a minute: 0.3 V a year.
const VOLTS_A_MINUTE: f64 = 0.3 / (365.0 * MINUTES_A_DAY);
const FULL_VOLTS: f64 = 3.6;
const EMPTY_VOLTS: f64 = 2.6;

/// Streams of chance, one for each thing that draws, so that one does not shift another.
struct Chances {
    events: Xoshiro256PlusPlus,
    sensor: Xoshiro256PlusPlus,
    radio: Xoshiro256PlusPlus,
}

impl Chances {
    fn new(seed: u64, unit: usize) -> Self {
        let stream = |number: u64| {
            let unit = (unit as u64).wrapping_mul(8) + number;
            Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ unit)
        };
        Self { events: stream(0), sensor: stream(1), radio: stream(2) }
    }
}

/// A unit as it is at the end of the last step.
pub(super) struct SimulatedUnit {
    pub(super) spec: UnitSpec,
    index: usize,
    thermal: Thermal,
    spells: Vec<Spell>,
    chances: Chances,
    next_reading_ms: i64,
    sequence: i64,
    volts: f64,
    ambient_offset_k: f64,
    signal_dbm: f64,
    /// How long the defrost timer has run, minutes of the unit's own life.
    run_min: f64,
    door_reported: bool,
}

impl SimulatedUnit {
    pub(super) fn new(seed: u64, index: usize, spec: UnitSpec, start_ms: i64) -> Self {
        let mut chances = Chances::new(seed, index);
        let draw = &mut chances.sensor;
        let thermal = Thermal::settled(spec.kind.profile(), draw.random(), draw.random());
        Self {
            next_reading_ms: start_ms + draw.random_range(0..spec.interval_ms.max(1)),
            volts: draw.random_range(3.1..FULL_VOLTS),
            ambient_offset_k: draw.random_range(-1.5..1.5),
            signal_dbm: draw.random_range(-108.0..-62.0),
            run_min: draw.random_range(0.0..MINUTES_A_DAY),
            index,
            spec,
            thermal,
            spells: Vec::new(),
            chances,
            sequence: 0,
            door_reported: false,
        }
    }

    pub(super) fn befall(&mut self, spell: Spell) {
        self.spells.push(spell);
    }

    /// Lets one step pass and hands over what the sensor sent in it.
    pub(super) fn step(
        &mut self,
        scenario: &Scenario,
        step: Step,
        mut send: impl FnMut(SimulatedReading),
    ) {
        self.draw_events(scenario, step);
        self.spells.retain(|spell| spell.until_ms > step.at_ms);
        let acting = Acting {
            cooling_lost: self.suffers(Mishap::CompressorFailure, step.at_ms)
                || self.suffers(Mishap::PowerCut, step.at_ms),
            door_open: self.suffers(Mishap::DoorOpen, step.at_ms),
            defrosting: self.suffers(Mishap::Defrost, step.at_ms),
        };
        let profile = self.spec.kind.profile();
        self.thermal.step(profile, acting, self.ambient_c(step), step.minutes());
        self.volts -= VOLTS_A_MINUTE * step.minutes();
        let silent = self.suffers(Mishap::Silence, step.at_ms);
        if acting.door_open != self.door_reported && !silent {
            self.door_reported = acting.door_open;
            self.report(scenario, step, step.at_ms, acting, &mut send);
        }
        while self.next_reading_ms <= step.at_ms {
            let at_ms = self.next_reading_ms;
            self.next_reading_ms += self.jittered_interval();
            if !silent {
                self.report(scenario, step, at_ms, acting, &mut send);
            }
        }
    }

    fn draw_events(&mut self, scenario: &Scenario, step: Step) {
        let profile = self.spec.kind.profile();
        let draw = &mut self.chances.events;
        self.spells.extend(scenario.chance(profile, draw, step).into_iter().flatten());
        self.run_min += step.minutes();
        self.spells.extend(scenario.defrost_due(profile, draw, step, self.run_min));
    }

    fn suffers(&self, mishap: Mishap, at_ms: i64) -> bool {
        self.spells.iter().any(|spell| spell.mishap == mishap && spell.covers(at_ms))
    }

    /// The room: warmest in the afternoon, coolest before dawn.
    fn ambient_c(&self, step: Step) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an instant of this age, far below 2^53")]
        let days = step.at_ms as f64 / minutes_ms(MINUTES_A_DAY) as f64;
        let swing = ((days - 0.375) * std::f64::consts::TAU).sin() * 1.5;
        self.spec.kind.profile().ambient_c + self.ambient_offset_k + swing
    }

    fn jittered_interval(&mut self) -> i64 {
        let spread = self.spec.interval_ms / 20;
        self.spec.interval_ms + self.chances.sensor.random_range(-spread..=spread)
    }

    fn report(
        &mut self,
        scenario: &Scenario,
        step: Step,
        at_ms: i64,
        acting: Acting,
        send: &mut impl FnMut(SimulatedReading),
    ) {
        let reading = self.measure(at_ms, acting);
        let draw = &mut self.chances.radio;
        let (late, twice, delay) =
            (draw.random::<f64>(), draw.random::<f64>(), draw.random::<f64>());
        // an exponential spread, by its median
        let copied_ms = minutes_ms(-delay.max(1e-6).log2() * COPY_DELAY_MEDIAN_MIN / step.lapse);
        let overtaken_ms = self.spec.interval_ms * 3 / 2 + copied_ms;
        let delivered = |delivery, delivered_at_ms| SimulatedReading {
            unit: self.index,
            recorded_at_ms: at_ms,
            delivered_at_ms,
            delivery,
            reading: reading.clone(),
        };
        if late < scenario.late {
            send(delivered(Delivery::Late, at_ms + overtaken_ms));
        } else {
            send(delivered(Delivery::Direct, at_ms));
        }
        if twice < scenario.radio_duplicates {
            let after_ms = if late < scenario.late { overtaken_ms } else { 0 };
            send(delivered(Delivery::Duplicate, at_ms + after_ms + copied_ms.max(1)));
        }
    }

    fn measure(&mut self, at_ms: i64, acting: Acting) -> ReadingOut {
        let profile = self.spec.kind.profile();
        let draw = &mut self.chances.sensor;
        let felt = self.thermal.sensor_c + profile.noise_k * bell(draw);
        let celsius = rounded(felt, profile.quantum_k);
        let mut reading =
            ReadingOut::new(self.spec.target.clone(), celsius, instant::rfc3339(at_ms));
        let damp = if acting.door_open { 15.0 } else { 0.0 };
        let humidity = profile.humidity_pct + damp + 1.5 * bell(draw);
        reading.humidity = Some(rounded(humidity.clamp(0.0, 100.0), 0.1));
        reading.signal_strength = Some(whole(self.signal_dbm + 3.0 * bell(draw)));
        reading.battery_voltage = Some(rounded(self.volts, 0.001));
        let charge = (self.volts - EMPTY_VOLTS) / (FULL_VOLTS - EMPTY_VOLTS) * 100.0;
        reading.battery = Some(rounded(charge.clamp(0.0, 100.0), 1.0));
        reading.door_open = Some(acting.door_open);
        reading.sequence = Some(self.sequence);
        self.sequence += 1;
        reading
    }
}

/// Noise of spread 1, bounded by 3.5: the sum of four even draws.
fn bell(rng: &mut Xoshiro256PlusPlus) -> f64 {
    let sum: f64 = (0..4).map(|_| rng.random::<f64>()).sum();
    (sum - 2.0) * 3f64.sqrt()
}

/// The nearest step of a scale, without the dust of binary fractions.
fn rounded(value: f64, quantum: f64) -> f64 {
    let steps = (value / quantum).round() * quantum;
    (steps * 1000.0).round() / 1000.0
}

fn whole(value: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest i32 there is")]
    let whole = value.round() as i32;
    whole
}
