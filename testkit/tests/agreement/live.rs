//! A unit as its actor keeps it: live state, the last checkpoint, and the readings judged since.

use std::sync::Arc;

use hub_domain::{
    AlertEvent, Input, Judged, Reading, Rule, Timestamp, Transition, Unit, UnitId, UnitState,
    Verdict,
};
use uuid::Uuid;

pub(crate) struct Live {
    pub(crate) unit: Unit,
    checkpoint: UnitState,
    since: Vec<Reading>,
}

impl Live {
    pub(crate) fn new(rule: &Rule) -> Self {
        let (id, state) = (UnitId(Uuid::from_u128(77)), UnitState::default());
        let unit = Unit { id, rule: Arc::new(rule.clone()), state: state.clone() };
        Self { unit, checkpoint: state, since: Vec::new() }
    }

    /// Steps on a batch that arrives at `now`, in the order in which an actor judges it.
    pub(crate) fn ingest(
        &mut self,
        readings: &[Reading],
        now: Timestamp,
    ) -> Result<Vec<AlertEvent>, String> {
        let batch = in_judged_order(readings, now);
        self.step(&batch.iter().map(Input::Reading).collect::<Vec<_>>(), now)
    }

    /// One step, kept as an actor keeps it.
    pub(crate) fn step(
        &mut self,
        inputs: &[Input<'_>],
        now: Timestamp,
    ) -> Result<Vec<AlertEvent>, String> {
        let transition = self.unit.step(inputs, now);
        let fresh: Vec<Reading> = fresh(inputs, &transition.verdicts).cloned().collect();
        self.check(&transition, &fresh, now)?;
        if transition.moved {
            (self.checkpoint, self.since) = (transition.state.clone(), Vec::new());
        } else {
            self.since.extend(fresh);
        }
        self.unit.state = transition.state;
        Ok(transition.events)
    }

    /// Lets every timer fire that is due by `now`, none of them before `earliest`.
    pub(crate) fn wait(
        &mut self,
        earliest: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<AlertEvent>, String> {
        let mut events = Vec::new();
        while let Some(wake_at) = self.unit.wake_at().filter(|wake_at| *wake_at <= now) {
            events.extend(self.step(&[], wake_at.max(earliest))?);
        }
        Ok(events)
    }

    /// Judges by another rule from now on. An edit writes a checkpoint, so that no start folds old readings by
    /// the new rule.
    pub(crate) fn edit_rule(
        &mut self,
        rule: &Rule,
        now: Timestamp,
    ) -> Result<Vec<AlertEvent>, String> {
        self.unit.rule = Arc::new(rule.clone());
        let events = self.step(&[], now)?;
        (self.checkpoint, self.since) = (self.unit.state.clone(), Vec::new());
        Ok(events)
    }

    /// Kills the unit and starts it from what is stored: the live state is the same, and nothing is told twice.
    pub(crate) fn restart(&mut self) -> Result<(), String> {
        let mut unit = Unit { state: self.checkpoint.clone(), ..self.unit.clone() };
        for batch in self.since.chunk_by(|a, b| a.received_at == b.received_at) {
            let inputs: Vec<_> = batch.iter().map(Input::Reading).collect();
            let transition = unit.step(&inputs, batch[0].received_at);
            if !transition.events.is_empty() || transition.moved {
                return Err(format!("a start told again: {:?}", transition.events));
            }
            unit.state = transition.state;
        }
        if unit.state != self.unit.state {
            let (started, was) = (&unit.state, &self.unit.state);
            return Err(format!("a start came to {started:?}\nand not to {was:?}"));
        }
        self.unit = unit;
        Ok(())
    }

    /// What holds of every step.
    fn check(
        &self,
        transition: &Transition,
        fresh: &[Reading],
        now: Timestamp,
    ) -> Result<(), String> {
        let (before, after) = (&self.unit.state, &transition.state);
        if transition.wake_at.is_some_and(|wake_at| wake_at <= now) {
            return Err(format!("something is due and was left: {:?}", transition.wake_at));
        }
        if !transition.moved && !transition.events.is_empty() {
            return Err("alerts changed and nothing moved".to_owned());
        }
        if !transition.moved && fresh.is_empty() && after != before {
            return Err("a state that no reading gives again was not kept".to_owned());
        }
        let again = Unit { state: after.clone(), ..self.unit.clone() }.step(&[], now);
        if again.moved || again.state != *after {
            return Err("a second look changed something".to_owned());
        }
        Ok(())
    }
}

/// A batch as an actor judges it.
pub(crate) fn in_judged_order(readings: &[Reading], now: Timestamp) -> Vec<Reading> {
    let mut batch = readings.to_vec();
    batch.iter_mut().for_each(|reading| reading.received_at = now);
    batch.sort_by_key(|r| (r.recorded_at, r.point.clone(), r.sequence));
    batch
}

/// The readings that a step took in.
fn fresh<'a>(inputs: &[Input<'a>], verdicts: &[Verdict]) -> impl Iterator<Item = &'a Reading> {
    inputs.iter().zip(verdicts).filter_map(|(input, verdict)| match (input, verdict) {
        (Input::Reading(reading), Verdict::Reading(Judged::InOrder)) => Some(*reading),
        _ => None,
    })
}
