//! The engine agrees with the reference model on random histories of a unit.
//!
//! A history is readings (fresh, in batches, late, from the future, sent again, a backlog), door reports,
//! silences, rule edits and restarts. `HUB_SEQUENCES` (or `PROPTEST_CASES`) says how many histories are told, and
//! `HUB_SEED` tells a single one again. A failure prints its seed and the shortest history found that still fails.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use hub_domain::{
    AlertEvent, AlertEventKind, AlertKind, Input, LinkCause, ManualLogState, Mode, Reading, Rule,
    Status, Timestamp, UnitView, UserId,
};
use hub_testkit::model::{Model, ModelEvent};
use uuid::Uuid;

use crate::{
    chance::{Chance, number},
    live::{Live, in_judged_order},
    teller::{Deed, Event, GRID_MILLIS, History, START, Teller, rule},
};

/// The kinds that the model knows.
const KINDS: [AlertKind; 4] = [
    AlertKind::TemperatureHigh,
    AlertKind::TemperatureLow,
    AlertKind::MonitoringInterrupted,
    AlertKind::DoorOpen,
];

/// The engine as an actor uses it, beside the model.
struct Both {
    live: Live,
    model: Model,
    events: Vec<ModelEvent>,
    compared: (usize, usize),
    /// Instants at which the model looks at its timers: it does not know when they are due.
    looks: BTreeSet<Timestamp>,
}

impl Both {
    fn new(rule: &Rule) -> Self {
        let (live, model) = (Live::new(rule), Model::new(rule.clone()));
        Self { live, model, events: Vec::new(), compared: (0, 0), looks: BTreeSet::new() }
    }

    fn tell(&mut self, events: Vec<AlertEvent>) {
        let told = events.iter().filter(|event| is_modelled(event));
        self.events.extend(told.map(|event| (event.alert.kind, event.event, event.at)));
    }

    fn live_through(&mut self, history: &History) -> Result<(), String> {
        let mut before = START;
        for (now, event) in &history.events {
            if history.is_watched {
                self.wait(before, *now, history.is_jittered)?;
            }
            self.happen(*now, event)?;
            self.compare().map_err(|why| format!("at {now:?}, {event:?}: {why}"))?;
            before = *now;
        }
        let end = before.plus_secs(4 * 3600);
        let events = self.live.step(&[], end)?;
        self.tell(events);
        self.model.tick(end);
        self.compare().map_err(|why| format!("in the silence at the end: {why}"))
    }

    /// Lets the timers of both fire from `before` to `now`: the engine's when it asked to be woken, the model's at
    /// every instant at which anything could be due.
    fn wait(&mut self, before: Timestamp, now: Timestamp, is_jittered: bool) -> Result<(), String> {
        let events = self.live.wait(before, now)?;
        self.tell(events);
        let mut at = before;
        while at <= now {
            self.looks.extend([at, at.plus_millis(i64::from(is_jittered))]);
            at = at.plus_millis(GRID_MILLIS);
        }
        let later = self.looks.split_off(&now.plus_millis(1));
        for look in std::mem::replace(&mut self.looks, later) {
            self.model.tick(look);
        }
        self.compare().map_err(|why| format!("waiting until {now:?}: {why}"))
    }

    fn happen(&mut self, now: Timestamp, event: &Event) -> Result<(), String> {
        let events = match event {
            Event::Batch(readings) => {
                let batch = in_judged_order(readings, now);
                batch.iter().for_each(|reading| self.model.reading(reading, now));
                self.live.ingest(readings, now)
            }
            Event::Door { open, recorded_at } => {
                self.model.door(*open, *recorded_at, now);
                let (open, recorded_at) = (*open, *recorded_at);
                self.live.step(&[Input::Door { open, recorded_at }], now)
            }
            Event::Tick => self.live.step(&[], now),
            Event::Rule(rule) => {
                self.model.rule = (**rule).clone();
                self.live.edit_rule(rule, now)
            }
            Event::Deed(deed) => self.live.step(&[self.deed(*deed, now)], now),
            Event::Restart => return self.live.restart(),
        }?;
        self.tell(events);
        self.model.tick(now);
        let settled_at = now.plus_secs(self.live.unit.rule.backlog_settle_secs);
        self.looks.insert(settled_at);
        Ok(())
    }

    fn deed(&self, deed: Deed, now: Timestamp) -> Input<'static> {
        let by = UserId(Uuid::from_u128(5));
        let open = self.live.unit.state.alerts.iter().find(|alert| alert.acknowledged_at.is_none());
        match (deed, open) {
            (Deed::Acknowledge, Some(alert)) => {
                Input::Acknowledge { alert: alert.id, by: Some(by) }
            }
            (Deed::Acknowledge, None) => Input::Tick,
            (Deed::Maintain, _) => Input::SetMode(Mode::Defrosting { until: now.plus_secs(1_800) }),
            (Deed::ExpectCalibration, _) => Input::CalibrationDue(Some(now.plus_secs(3_600))),
            (Deed::BlameGateway, _) => Input::AttributeSilence(LinkCause::Gateway),
        }
    }

    fn compare(&mut self) -> Result<(), String> {
        let by_kind = |events: &[ModelEvent]| {
            let mut events = events.to_vec();
            events.sort_by_key(|event| event.0);
            events
        };
        let engine = by_kind(&self.events[self.compared.0..]);
        let model = by_kind(&self.model.events[self.compared.1..]);
        self.compared = (self.events.len(), self.model.events.len());
        if engine != model {
            return Err(format!("the engine told {engine:?}\nthe model told {model:?}"));
        }
        // manual logs are beyond the model
        let is_wanted = self.live.unit.state.manual_log.state != ManualLogState::NotDue;
        let by_log = if is_wanted { Status::ManualRequired } else { Status::Ok };
        let (shown, wanted) =
            (UnitView::of(&self.live.unit.state).status, self.model.status().max(by_log));
        if shown == wanted {
            Ok(())
        } else {
            Err(format!("the engine shows {shown}, the model {wanted}"))
        }
    }
}

/// True for what the model tells of: not what people do, nor what follows from that.
fn is_modelled(event: &AlertEvent) -> bool {
    let by_timeout =
        event.event == AlertEventKind::Escalated && event.alert.escalated_at == Some(event.at);
    KINDS.contains(&event.alert.kind) && event.event != AlertEventKind::Acknowledged && !by_timeout
}

/// Why `history` fails, if it does.
fn failure(history: &History) -> Option<String> {
    let lived = catch_unwind(AssertUnwindSafe(|| Both::new(&history.rule).live_through(history)));
    match lived {
        Ok(lived) => lived.err(),
        Err(panic) => Some(
            panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "it panicked".to_owned()),
        ),
    }
}

/// The shortest history that still fails, by leaving out what can be left out.
fn shrink(mut history: History) -> History {
    loop {
        let length = history.events.len();
        let mut index = 0;
        while index < history.events.len() {
            let mut shorter = history.clone();
            shorter.events.remove(index);
            if failure(&shorter).is_some() {
                history = shorter;
            } else {
                index += 1;
            }
        }
        if history.events.len() == length {
            return history;
        }
    }
}

fn described(event: &Event) -> String {
    let reading = |r: &Reading| {
        let (at, channel) = (r.recorded_at.millis_since(START), r.point.channel.as_str());
        format!("\n  {at} ms {channel} #{} {} door {:?}", r.sequence, r.temperature.0, r.door_open)
    };
    match event {
        Event::Batch(readings) => readings.iter().map(reading).collect(),
        Event::Door { open, recorded_at } => {
            format!("door open={open} at {} ms", recorded_at.millis_since(START))
        }
        Event::Tick | Event::Rule(_) | Event::Deed(_) | Event::Restart => format!("{event:?}"),
    }
}

fn report(seed: u64, history: History) -> String {
    let shortest = shrink(history);
    let why = failure(&shortest).unwrap_or_default();
    let mut text = format!(
        "HUB_SEED={seed}: {why}\nrule {:?}\nwatched {}\n",
        shortest.rule, shortest.is_watched
    );
    for (now, event) in &shortest.events {
        text += &format!("{} ms: {}\n", now.millis_since(START), described(event));
    }
    text
}

#[test]
fn the_engine_agrees_with_the_model_on_random_histories() {
    if let Some(seed) = number("HUB_SEED") {
        let history = Teller::tell(seed);
        assert!(failure(&history).is_none(), "{}", report(seed, history));
        return;
    }
    let count = number("HUB_SEQUENCES").or_else(|| number("PROPTEST_CASES")).unwrap_or(10_000);
    // another chance each time; what fails is told with its seed
    let first = Chance::fresh().next();
    for seed in (0..count).map(|index| first.wrapping_add(index)) {
        let history = Teller::tell(seed);
        assert!(failure(&history).is_none(), "{}", report(seed, history));
    }
}

#[test]
fn random_histories_are_not_dull() {
    use AlertEventKind::{Confirmed, Escalated, Opened, Resolved};
    let mut told = Vec::new();
    for seed in 0..300 {
        let history = Teller::tell(seed);
        let mut both = Both::new(&history.rule);
        both.live_through(&history).unwrap_or_else(|why| panic!("HUB_SEED={seed}: {why}"));
        told.extend(both.events.into_iter().map(|(kind, event, _)| (kind, event)));
    }
    for kind in KINDS {
        let worse = if kind.name().starts_with("temperature") { Confirmed } else { Escalated };
        for event in [Opened, worse, Resolved] {
            let count = told.iter().filter(|told| **told == (kind, event)).count();
            assert!(count > 50, "{kind} {event}: {count}");
        }
    }
}

/// What a batch of readings makes of a unit: the kinds that do not depend on when a reading arrived.
fn outcome(rule: &Rule, batches: &[Vec<Reading>], now: Timestamp) -> Result<String, String> {
    let (mut live, mut told) = (Live::new(rule), Vec::new());
    for (millis, batch) in (0..).zip(batches) {
        told.extend(live.ingest(batch, now.plus_millis(millis))?);
    }
    let by_arrival = [AlertKind::MonitoringInterrupted, AlertKind::MissedManualEntry];
    told.retain(|event| !by_arrival.contains(&event.alert.kind));
    let told = told.iter().map(|event| (event.alert.kind, event.event, event.at));
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|event| event.0);
    let points = live.unit.state.points.iter().map(|p| (&p.point, &p.high, &p.low, p.newest));
    Ok(format!("{told:?} {:?}", points.collect::<Vec<_>>()))
}

#[test]
fn the_same_readings_tell_the_same_however_they_are_cut_into_batches_and_repeated() {
    let first = Chance::fresh().next();
    for seed in (0..500).map(|index| number("HUB_SEED").unwrap_or(first.wrapping_add(index))) {
        let mut teller = Teller::new(seed);
        let rule = Rule { backlog_settle_secs: 60, ..rule(&mut teller.chance) };
        let now = START.plus_secs(36_000);
        teller.now = now;
        let whole: Vec<Reading> = (0..30).map(|_| teller.reading(900)).collect();
        let whole = in_judged_order(&whole, now);
        let mut cut = vec![Vec::new()];
        for reading in &whole {
            if teller.chance.percent(40) {
                cut.push(Vec::new());
            }
            let last = cut.last_mut().expect("one is there");
            last.push(reading.clone());
            if teller.chance.percent(20) {
                last.push(reading.clone());
            }
        }
        let one = outcome(&rule, &[whole], now);
        assert_eq!(one, outcome(&rule, &cut, now), "HUB_SEED={seed}");
    }
}
