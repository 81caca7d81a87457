//! From what is asked to a step, and from its verdicts to the answers.

use hub_domain::{Input, Judged, Point, Reading, Timestamp, Transition, Unit, Verdict};
use hub_store::{By, PastFate};

use crate::answer::ReadingFate;

/// What an advance takes in.
pub(super) enum Asked {
    /// Readings in the order of their own time, each with its place in the caller's batch.
    Readings(Vec<(usize, Reading)>),
    /// Readings that are to move nothing, each with its place in the caller's batch.
    Past(Vec<(usize, Reading)>),
    /// One other input.
    Input(Input<'static>),
    /// The unit's end, by them.
    End(By),
    /// Nothing but the time that passed.
    Time,
}

/// What an advance came to: the verdicts in the order asked, and the fates of past readings.
pub(super) struct Advanced {
    pub(super) verdicts: Vec<(usize, Verdict)>,
    pub(super) past: Vec<PastFate>,
}

pub(super) type Stepped = (Box<Transition>, Vec<(usize, Verdict)>, Vec<Reading>, Vec<Reading>);

/// Steps, and sorts readings into those certainly new and those the store must look up.
pub(super) fn step(unit: &Unit, asked: Asked, now: Timestamp) -> Stepped {
    let readings = match asked {
        Asked::Readings(readings) => readings,
        Asked::Past(readings) => return step_past(unit, readings, now),
        Asked::Input(input) => return step_one(unit, input, now),
        Asked::End(by) => return step_one(unit, Input::Retire { by: by.user() }, now),
        Asked::Time => return (Box::new(unit.step(&[], now)), Vec::new(), Vec::new(), Vec::new()),
    };
    let inputs: Vec<_> = readings.iter().map(|(_, reading)| Input::Reading(reading)).collect();
    let transition = Box::new(unit.step(&inputs, now));
    let places = readings.iter().map(|(place, _)| *place);
    let verdicts = places.zip(transition.verdicts.iter().copied()).collect();
    let (mut fresh, mut past) = (Vec::with_capacity(readings.len()), Vec::new());
    for ((_, reading), verdict) in readings.into_iter().zip(&transition.verdicts) {
        match verdict {
            Verdict::Reading(Judged::InOrder) => fresh.push(reading),
            Verdict::Reading(Judged::Past) => past.push(reading),
            Verdict::Reading(Judged::Quarantined(_) | Judged::TooManyPoints)
            | Verdict::Done
            | Verdict::Refused(_) => {}
        }
    }
    (transition, verdicts, fresh, past)
}

fn step_one(unit: &Unit, input: Input<'_>, now: Timestamp) -> Stepped {
    let transition = Box::new(unit.step(&[input], now));
    let verdicts = transition.verdicts.iter().map(|verdict| (0, *verdict)).collect();
    (transition, verdicts, Vec::new(), Vec::new())
}

/// Steps by time alone, beside readings that the store looks up.
fn step_past(unit: &Unit, readings: Vec<(usize, Reading)>, now: Timestamp) -> Stepped {
    let transition = Box::new(unit.step(&[], now));
    let mut past = Vec::with_capacity(readings.len());
    let mut verdicts = Vec::with_capacity(readings.len());
    for (place, reading) in readings {
        let suspicion = reading.suspicion();
        verdicts
            .push((place, Verdict::Reading(suspicion.map_or(Judged::Past, Judged::Quarantined))));
        past.extend(Some(reading).filter(|_| suspicion.is_none()));
    }
    (transition, verdicts, Vec::new(), past)
}

/// The order in which a batch is judged. The store gives readings back in it.
pub(super) fn judging_order(reading: &Reading) -> (Timestamp, &Point, i64) {
    (reading.recorded_at, &reading.point, reading.sequence)
}

/// The fates of a batch, in the caller's order.
pub(super) fn fates(advanced: Advanced) -> Vec<ReadingFate> {
    let mut past = advanced.past.into_iter();
    let mut fates: Vec<_> = advanced
        .verdicts
        .into_iter()
        .map(|(place, verdict)| {
            let fate = match verdict {
                Verdict::Reading(Judged::Past) => match past.next() {
                    Some(PastFate::Late) => ReadingFate::Late,
                    Some(PastFate::Conflicting) => ReadingFate::Conflicting,
                    Some(PastFate::Duplicate) | None => ReadingFate::Duplicate,
                },
                Verdict::Reading(Judged::Quarantined(suspicion)) => {
                    ReadingFate::Quarantined(suspicion)
                }
                Verdict::Reading(Judged::TooManyPoints) => ReadingFate::TooManyPoints,
                Verdict::Reading(Judged::InOrder) | Verdict::Done | Verdict::Refused(_) => {
                    ReadingFate::Accepted
                }
            };
            (place, fate)
        })
        .collect();
    fates.sort_by_key(|(place, _)| *place);
    fates.into_iter().map(|(_, fate)| fate).collect()
}
