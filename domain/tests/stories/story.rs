//! Stories as tables: what a unit is told, what it becomes, and what its alerts say.

use std::sync::Arc;

use hub_domain::{
    AlertEvent, AlertId, AlertKind, Channel, Input, Judged, MilliCelsius, OpenAlert, Point,
    Reading, Rule, SourceId, Timestamp, Transition, Unit, UnitId, UnitState, UnitView, UserId,
    Verdict,
};
use uuid::Uuid;

/// Midnight of the day of every story.
const DAY: Timestamp = Timestamp::from_millis(1_735_689_600_000);

/// The instant `HH:MM:SS` of the day.
pub(crate) fn at(clock: &str) -> Timestamp {
    let mut parts = clock.split(':').map(|part| part.parse::<u32>().expect("a clock is HH:MM:SS"));
    let mut part = || parts.next().expect("a clock has three parts");
    DAY.plus_secs(part() * 3600 + part() * 60 + part())
}

fn clock(at: Timestamp) -> String {
    let millis = at.millis_since(DAY);
    let secs = millis.div_euclid(1000);
    let rest = millis.rem_euclid(1000);
    let clock = format!("{:02}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60);
    if rest == 0 { clock } else { format!("{clock}.{rest:03}") }
}

/// A fridge of 0 to 5 °C, every timing as by default.
pub(crate) fn fridge() -> Rule {
    Rule {
        high_limit: Some(MilliCelsius(5_000)),
        low_limit: Some(MilliCelsius(0)),
        ..Rule::default()
    }
}

/// Somebody.
pub(crate) fn person() -> UserId {
    UserId(Uuid::from_u128(5))
}

/// The point of that name: `a` and `b` are two sensors, `manual` a person, `board` a sensor's own circuit.
pub(crate) fn point(name: &str) -> Point {
    let (source, channel) = match name {
        "a" => (1, "temperature"),
        "b" => (2, "probe1"),
        "manual" => (9, "manual"),
        "board" => (1, "board"),
        other => panic!("no point is called {other}"),
    };
    let channel = Channel::parse(channel).expect("a good name");
    Point { source: SourceId(Uuid::from_u128(source)), channel }
}

/// A unit living through a story.
pub(crate) struct Story {
    pub(crate) unit: Unit,
}

impl Story {
    pub(crate) fn of(rule: Rule) -> Self {
        let id = UnitId(Uuid::from_u128(77));
        Self { unit: Unit { id, rule: Arc::new(rule), state: UnitState::default() } }
    }

    /// Plays a table of `time input becomes emits`, one line a row.
    ///
    /// - time: `HH:MM:SS`, what the sensor says; with `<HH:MM:SS` behind it, when it arrived if later. Rows with
    ///   the same such arrival, one after the other, come in one batch: only the last one's outcome is checked.
    /// - input: °C with `b:`, `manual:` or `board:` in front for another point than `a`, and `/open`, `/shut`,
    ///   `/8%`, `/2900mV` or `/#4` (a sequence) behind; or `door:open`, `door:shut`, `tick`.
    /// - becomes: the displayed status, or `.` where it does not matter.
    /// - emits: `kind.event@time` for each event, in order; without `@time` at the row's own time.
    #[track_caller]
    pub(crate) fn play(&mut self, table: &str) -> &mut Self {
        let rows: Vec<Row> =
            table.lines().map(str::trim).filter(|line| !line.is_empty()).map(Row::parse).collect();
        for batch in rows.chunk_by(|a, b| a.is_batched && b.is_batched && a.now == b.now) {
            let row = batch.last().expect("a chunk has a row");
            let inputs: Vec<_> = batch.iter().map(Row::input).collect();
            let transition = self.step(&inputs, row.now);
            let emitted: Vec<_> = transition.events.iter().map(|event| name(event, row)).collect();
            assert_eq!(emitted.join(" "), row.emits, "emitted at {}", row.text);
            let status = UnitView::of(&self.unit.state).status.name();
            assert!(row.becomes == "." || row.becomes == status, "became {status} at {}", row.text);
        }
        self
    }

    /// One step that is kept.
    pub(crate) fn step(&mut self, inputs: &[Input<'_>], now: Timestamp) -> Transition {
        let before = UnitView::of(&self.unit.state);
        let transition = self.unit.step(inputs, now);
        self.unit.state = transition.state.clone();
        let after = UnitView::of(&self.unit.state);
        let last = transition.statuses.last().map(|last| (last.status, last.mode));
        assert_eq!(last.unwrap_or((before.status, before.mode)), (after.status, after.mode));
        assert!(transition.statuses.is_sorted_by_key(|change| change.at), "a status goes back");
        assert!(transition.statuses.is_empty() || transition.moved, "a status is not kept");
        assert_eq!(transition.wake_at, self.unit.wake_at());
        assert!(transition.wake_at.is_none_or(|wake_at| wake_at > now), "something due was left");
        transition
    }

    /// One input other than a reading, and its events as in a table.
    #[track_caller]
    pub(crate) fn tell(&mut self, time: &str, input: Input<'_>, emits: &str) -> Verdict {
        let now = at(time);
        let transition = self.step(&[input], now);
        let row = Row { now, recorded_at: now, ..Row::default() };
        let emitted: Vec<_> = transition.events.iter().map(|event| name(event, &row)).collect();
        assert_eq!(emitted.join(" "), emits, "emitted at {time}");
        transition.verdicts[0]
    }

    #[track_caller]
    pub(crate) fn alert(&self, kind: AlertKind) -> &OpenAlert {
        self.unit.state.alert(kind).expect("such an alert is open")
    }

    #[track_caller]
    pub(crate) fn acknowledge(&mut self, time: &str, kind: AlertKind) {
        let alert = self.alert(kind).id;
        self.unit.state = {
            let transition =
                self.unit.step(&[Input::Acknowledge { alert, by: Some(person()) }], at(time));
            assert_eq!(transition.verdicts, [Verdict::Done]);
            transition.state
        };
    }

    pub(crate) fn resolve(&mut self, time: &str, alert: AlertId, emits: &str) -> Verdict {
        self.tell(time, Input::Resolve { alert, by: person() }, emits)
    }

    /// What is made of one reading, as `Row` has it.
    pub(crate) fn judge(&mut self, row: &str) -> Judged {
        let row = Row::parse(row);
        match self.step(&[row.input()], row.now).verdicts[0] {
            Verdict::Reading(judged) => judged,
            verdict => panic!("{verdict:?} of a reading"),
        }
    }
}

/// Plays one table on a new unit.
#[track_caller]
pub(crate) fn check(rule: Rule, table: &str) {
    Story::of(rule).play(table);
}

fn name(event: &AlertEvent, row: &Row) -> String {
    let kind = match event.alert.kind {
        AlertKind::TemperatureHigh => "high",
        AlertKind::TemperatureLow => "low",
        AlertKind::MonitoringInterrupted => "link",
        AlertKind::MissedManualEntry => "log",
        AlertKind::DoorOpen => "door",
        AlertKind::LowBattery => "battery",
        AlertKind::SensorFault => "fault",
        AlertKind::CalibrationDue => "calibration",
        AlertKind::SuspectedCoolingFailure => "cooling",
    };
    let muted = if event.muted { "(muted)" } else { "" };
    let at =
        if event.at == row.recorded_at { String::new() } else { format!("@{}", clock(event.at)) };
    format!("{kind}.{}{muted}{at}", event.event)
}

/// One row of a table.
#[derive(Debug, Default)]
struct Row {
    text: String,
    recorded_at: Timestamp,
    now: Timestamp,
    is_batched: bool,
    asked: Asked,
    becomes: String,
    emits: String,
}

#[derive(Debug, Default)]
enum Asked {
    #[default]
    Tick,
    Door(bool),
    Reading(Box<Reading>),
}

impl Row {
    #[track_caller]
    fn parse(text: &str) -> Self {
        let mut words = text.split_whitespace();
        let time = words.next().expect("a row has a time");
        let (recorded, received) = time.split_once('<').unwrap_or((time, time));
        let (recorded_at, now) = (at(recorded), at(received));
        let asked = Asked::parse(words.next().expect("a row has an input"), recorded_at, now);
        let becomes = words.next().unwrap_or(".").to_owned();
        let emits = words.collect::<Vec<_>>().join(" ");
        let is_batched = time.contains('<');
        Self { text: text.to_owned(), recorded_at, now, is_batched, asked, becomes, emits }
    }

    fn input(&self) -> Input<'_> {
        match &self.asked {
            Asked::Tick => Input::Tick,
            Asked::Door(open) => Input::Door { open: *open, recorded_at: self.recorded_at },
            Asked::Reading(reading) => Input::Reading(reading),
        }
    }
}

impl Asked {
    fn parse(word: &str, recorded_at: Timestamp, now: Timestamp) -> Self {
        match word {
            "tick" => return Self::Tick,
            "door:open" => return Self::Door(true),
            "door:shut" => return Self::Door(false),
            _ => {}
        }
        let (name, rest) = word.split_once(':').unwrap_or(("a", word));
        let mut parts = rest.split('/');
        let celsius = milli(parts.next().expect("a reading has a temperature"));
        let mut reading = Reading::new(point(name), recorded_at, now, MilliCelsius(celsius));
        for part in parts {
            match (part, part.strip_suffix('%'), part.strip_suffix("mV"), part.strip_prefix('#')) {
                ("open", ..) => reading.door_open = Some(true),
                ("shut", ..) => reading.door_open = Some(false),
                (_, Some(percent), ..) => reading.battery_percent = percent.parse().ok(),
                (_, _, Some(mv), _) => reading.battery_mv = mv.parse().ok(),
                (.., Some(sequence)) => reading.sequence = sequence.parse().expect("a number"),
                _ => panic!("{part} says nothing of a reading"),
            }
        }
        Self::Reading(Box::new(reading))
    }
}

/// Thousandths of what is written with a decimal point.
fn milli(text: &str) -> i32 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let whole: i32 = whole.trim_start_matches('-').parse().expect("a whole number");
    let part: i32 = format!("{part:0<3}").parse().expect("up to three decimals");
    sign * (whole * 1000 + part)
}
