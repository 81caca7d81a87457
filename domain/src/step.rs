//! One step of a unit under way: readings, deadlines, people, and the alerts that follow.

use crate::{
    AlertEvent, AlertEventKind, AlertId, AlertKind, Door, Input, Judged, LinkState, ManualLog,
    Mode, OpenAlert, Point, PointState, Reading, Refusal, Rule, Severity, Side, SideState,
    SourceId, StatusChange, Suspicion, Timestamp, UnitId, UnitState, UserId, Verdict,
    conditions::CoolingRun,
    deadline::{Deadline, Expiry, deadlines},
    point::{MOST_POINTS, forget_oldest},
    reading::Channel,
    thermal::SideChange,
    thermal::Thermal,
};

/// A step under way.
pub(crate) struct Step<'a> {
    unit: UnitId,
    rule: &'a Rule,
    now: Timestamp,
    /// The state so far.
    pub(crate) state: UnitState,
    /// What happened to alerts so far, in order.
    pub(crate) events: Vec<AlertEvent>,
    /// How what is shown changed so far, in order.
    pub(crate) statuses: Vec<StatusChange>,
    shown_before: StatusChange,
    /// True once a region moved, or what no reading can give again.
    pub(crate) moved: bool,
}

impl<'a> Step<'a> {
    /// A step of `unit` at `now`. What ended by the clock on the wall alone has ended.
    pub(crate) fn begin(unit: UnitId, rule: &'a Rule, state: &UnitState, now: Timestamp) -> Self {
        let mut step = Self {
            unit,
            rule,
            now,
            state: state.clone(),
            events: Vec::new(),
            statuses: Vec::new(),
            shown_before: StatusChange::of(state, now),
            moved: false,
        };
        step.run(|d| d.expiry.is_by_wall_clock() && d.fires_at <= now);
        step
    }

    /// Takes in one input.
    pub(crate) fn take(&mut self, input: &Input<'_>) -> Verdict {
        match input {
            Input::Reading(reading) => return Verdict::Reading(self.take_reading(reading)),
            Input::Tick => self.run_timers(),
            Input::Door { open, recorded_at } => return self.take_door(*open, *recorded_at),
            Input::Acknowledge { alert, by } => return self.acknowledge(*alert, *by),
            Input::Resolve { alert, by } => return self.resolve(*alert, *by),
            Input::SetMode(mode) => self.move_to(|state| state.mode = mode.clone()),
            Input::CalibrationDue(due_at) => self.expect_calibration(*due_at),
            Input::AttributeSilence(cause) => self.move_to(|state| state.link.cause = *cause),
            Input::RetireSource { source, at } => self.retire_source(*source, *at),
            Input::Retire { by } => self.retire(*by),
        }
        Verdict::Done
    }

    fn move_to(&mut self, change: impl FnOnce(&mut UnitState)) {
        change(&mut self.state);
        self.moved = true;
        self.sync_alerts(self.now, None);
    }

    // ---- readings ----

    fn take_reading(&mut self, reading: &Reading) -> Judged {
        if let Some(suspicion) = reading.suspicion() {
            return Judged::Quarantined(suspicion);
        }
        let Some(index) = self.point_index(reading) else { return Judged::TooManyPoints };
        if self.state.points[index].is_past(reading.recorded_at, reading.sequence) {
            return Judged::Past;
        }
        self.run_deadlines_before(index, reading);
        self.note_arrival(index, reading);
        if let Some(open) = reading.door_open {
            self.moved |= self.state.door.report(open, reading.recorded_at, reading.received_at);
        }
        let is_plausible = reading.is_plausible(self.rule);
        self.moved |= self.state.points[index].is_faulty == is_plausible;
        self.state.points[index].is_faulty = !is_plausible;
        if is_plausible {
            self.judge(index, reading);
        }
        self.sync_alerts(reading.recorded_at, Some(reading));
        Judged::InOrder
    }

    /// The place of a reading's point, which may be new; `None` if it is one too many.
    fn point_index(&mut self, reading: &Reading) -> Option<usize> {
        let known = self.state.points.iter().position(|known| known.point == reading.point);
        if known.is_some() {
            return known;
        }
        if !self.has_room(&reading.point) {
            return None;
        }
        // A new point is a new checkpoint, so that a start knows from where to read each point's readings.
        self.moved = true;
        self.state.points.push(PointState::before(reading));
        Some(self.state.points.len() - 1)
    }

    /// A person's log is taken in always.
    fn has_room(&self, point: &Point) -> bool {
        let is_by_hand =
            point.channel == Channel::MANUAL && point.source == SourceId::direct(self.unit);
        let here = self.state.points.iter().filter(|known| !known.is_gone());
        is_by_hand || here.count() < MOST_POINTS
    }

    fn note_arrival(&mut self, index: usize, reading: &Reading) {
        let point = &mut self.state.points[index];
        self.moved |= point.arrive(reading);
        self.moved |= point.note_battery(reading, self.rule);
    }

    fn judge(&mut self, index: usize, reading: &Reading) {
        let point = &mut self.state.points[index];
        point.temperature = Some(reading.temperature);
        point.humidity = reading.humidity.or(point.humidity);
        if point.is_auxiliary() {
            return;
        }
        if reading.point.channel == Channel::MANUAL {
            self.moved |= self.state.manual_log.logged(reading.recorded_at);
        } else {
            self.hear(reading);
        }
        self.judge_sides(index, reading);
        self.judge_gone(reading);
        self.judge_cooling(index, reading);
    }

    fn hear(&mut self, reading: &Reading) {
        let heard = self.state.link.heard(reading.recorded_at, self.now, self.rule);
        self.moved |= heard;
        if heard && self.state.link.state == LinkState::Online {
            self.state.manual_log.calm(reading.recorded_at, self.rule);
        }
    }

    fn judge_sides(&mut self, index: usize, reading: &Reading) {
        for side in Side::BOTH {
            let alarmed_before = self.is_alarmed(side);
            let door = self.state.door;
            let state = self.state.points[index].side_mut(side);
            let change =
                state.step(side, reading.temperature, reading.recorded_at, self.rule, &door);
            self.moved |= change != SideChange::None;
            if let SideChange::Alarm(confirmed_at) = change {
                // the alert is opened first where the excursion began with this very reading
                self.sync_alerts(reading.recorded_at, Some(reading));
                self.confirm(side, confirmed_at, alarmed_before);
            }
        }
    }

    /// What a point had open when its source was taken away ends by the readings of the others since.
    fn judge_gone(&mut self, reading: &Reading) {
        let gone = |point: &&mut PointState| {
            point.gone_at.is_some_and(|gone_at| gone_at < reading.recorded_at)
        };
        for point in self.state.points.iter_mut().filter(gone) {
            for side in Side::BOTH {
                let change =
                    point.side_mut(side).step_by_another(side, reading.temperature, self.rule);
                self.moved |= change != SideChange::None;
            }
        }
    }

    fn judge_cooling(&mut self, index: usize, reading: &Reading) {
        let out =
            Side::BOTH.into_iter().find(|side| side.is_outside(reading.temperature, self.rule));
        let door = self.state.door.state;
        let point = &mut self.state.points[index];
        let before = point.cooling.is_some_and(|run| run.is_suspected);
        point.cooling =
            out.and_then(|side| CoolingRun::next(point.cooling, side, reading, self.rule, door));
        self.moved |= before != point.cooling.is_some_and(|run| run.is_suspected);
    }

    /// Takes a door report that came without a temperature. It is in no reading, so whatever it changes is kept
    /// by a checkpoint.
    fn take_door(&mut self, open: bool, recorded_at: Timestamp) -> Verdict {
        if let Some(suspicion) = Suspicion::of(recorded_at, self.now) {
            return Verdict::Reading(Judged::Quarantined(suspicion));
        }
        self.run(|d| matches!(d.expiry, Expiry::Door(_)) && d.due_at <= recorded_at);
        let before = self.state.door;
        self.state.door.report(open, recorded_at, self.now);
        self.moved |= before != self.state.door;
        self.sync_alerts(recorded_at, None);
        Verdict::Done
    }

    /// A date that was passed and told stays told: saying another passed one changes nothing for people.
    fn expect_calibration(&mut self, due_at: Option<Timestamp>) {
        let now = self.now;
        self.move_to(|state| {
            state.is_calibration_due &= due_at.is_some_and(|due_at| due_at <= now);
            state.calibration_due_at = due_at;
        });
    }

    /// Waits for a source no more, which measured here until `at`: a swap is often told after it was made. The link
    /// goes by the sensors that are left; what the source had open stays so, as taking a sensor away cools nothing.
    fn retire_source(&mut self, source: SourceId, at: Timestamp) {
        let is_its = |point: &PointState| point.point.source == source && !point.is_gone();
        if !self.state.points.iter().any(is_its) {
            return;
        }
        let is_sensor =
            |point: &PointState| !point.is_auxiliary() && point.point.channel != Channel::MANUAL;
        let was_heard = self.state.points.iter().any(|point| is_its(point) && is_sensor(point));
        let gone_at = at.min(self.now);
        self.move_to(|state| {
            state
                .points
                .iter_mut()
                .filter(|point| is_its(point))
                .for_each(|point| point.leave(gone_at));
            forget_oldest(&mut state.points);
            if was_heard {
                let here = |point: &&PointState| is_sensor(point) && !point.is_gone();
                let left = state.points.iter().filter(here);
                state.link.left_with(left.map(|point| point.newest.0).max());
            }
        });
    }

    // ---- deadlines ----

    /// Runs what fell due before `reading` by its own time: its point's confirm clocks, the link's (a gap between
    /// two readings was a silence), the door's where the reading speaks of the door, and what runs by no sensor.
    ///
    /// Another point's clock is left to its own readings and to the timer, so that one point's backlog is not
    /// judged by another's time. One that is gone has no readings of its own, and goes by those of the others since.
    fn run_deadlines_before(&mut self, index: usize, reading: &Reading) {
        let is_sensor =
            reading.point.channel != Channel::MANUAL && !reading.point.channel.is_auxiliary();
        let until = reading.recorded_at;
        let passed = until.min(self.now);
        let is_judged = !reading.point.channel.is_auxiliary();
        let is_gone = |point: &PointState| point.gone_at.is_some_and(|gone_at| gone_at < until);
        let points = self.state.points.iter().enumerate();
        let gone: Vec<usize> =
            points.filter(|(_, point)| is_judged && is_gone(point)).map(|(at, _)| at).collect();
        self.run(|deadline| match deadline.expiry {
            Expiry::Confirm(point, _) => {
                (point == index || gone.contains(&point)) && deadline.due_at <= until
            }
            Expiry::Link(_) => is_sensor && deadline.due_at <= until,
            Expiry::Door(_) => reading.door_open.is_some() && deadline.due_at <= until,
            Expiry::ManualLog(_) | Expiry::AckTimeout(_) => deadline.due_at <= passed,
            Expiry::ModeEnds | Expiry::CalibrationEnds => false,
        });
    }

    /// Runs every timer that has fired by now.
    pub(crate) fn run_timers(&mut self) {
        let now = self.now;
        if self.state.manual_log.keep_cadence(self.state.link.state, self.rule, now) {
            self.move_to(|_| ());
        }
        self.run(|deadline| deadline.fires_at <= now);
    }

    /// Runs the deadlines that are due, in their order, and those that follow from them.
    fn run(&mut self, is_due: impl Fn(&Deadline) -> bool) {
        let first = |state: &UnitState, rule| {
            deadlines(state, rule).filter(&is_due).min_by_key(|d| d.due_at)
        };
        while let Some(deadline) = first(&self.state, self.rule) {
            self.expire(deadline);
        }
    }

    fn expire(&mut self, deadline: Deadline) {
        let at = deadline.due_at;
        self.moved = true;
        match deadline.expiry {
            Expiry::Confirm(index, side) => {
                let alarmed_before = self.is_alarmed(side);
                let door = self.state.door;
                self.state.points[index].side_mut(side).expire(side, at, self.rule, &door);
                self.confirm(side, at, alarmed_before);
            }
            Expiry::Link(next) => self.state.link.state = next,
            Expiry::Door(next) => self.state.door.concern = Some(next),
            Expiry::ManualLog(next) => self.state.manual_log.state = next,
            Expiry::ModeEnds => self.state.mode = Mode::Normal,
            Expiry::CalibrationEnds => self.state.is_calibration_due = true,
            Expiry::AckTimeout(index) => {
                self.state.alerts[index].escalated_at = Some(at);
                self.emit(AlertEventKind::Escalated, at, None, self.state.alerts[index].clone());
            }
        }
        self.sync_alerts(at, None);
    }

    // ---- people ----

    fn acknowledge(&mut self, id: AlertId, by: Option<UserId>) -> Verdict {
        let now = self.now;
        let Some(alert) = self.state.alerts.iter_mut().find(|alert| alert.id == id) else {
            return Verdict::Refused(Refusal::AlreadyResolved);
        };
        // one that escalated all the same wants somebody again, who stops it by saying so
        if alert.acknowledged_at.is_some() && alert.escalated_at.is_none() {
            return Verdict::Refused(Refusal::AlreadyAcknowledged);
        }
        (alert.acknowledged_at, alert.acknowledged_by) = (Some(now), by);
        alert.escalated_at = None;
        let alert = alert.clone();
        self.moved = true;
        self.emit(AlertEventKind::Acknowledged, now, by, alert);
        Verdict::Done
    }

    /// Resolves by hand what no region holds open but the wait for enough cleared readings.
    fn resolve(&mut self, id: AlertId, by: UserId) -> Verdict {
        let Some(index) = self.state.alerts.iter().position(|alert| alert.id == id) else {
            return Verdict::Refused(Refusal::AlreadyResolved);
        };
        let kind = self.state.alerts[index].kind;
        if self.state.is_condition_active(kind) {
            return Verdict::Refused(Refusal::ConditionActive);
        }
        if let Some(side) = side_of(kind) {
            self.state.points.iter_mut().for_each(|point| *point.side_mut(side) = SideState::Ok);
        }
        let alert = self.state.alerts.remove(index);
        self.emit(AlertEventKind::Resolved, self.now.max(alert.told_until()), Some(by), alert);
        Verdict::Done
    }

    /// Ends what is known of now, so that nothing holds an alert open. What orders readings stays, and so do the
    /// mode and the calibration's date: if the unit comes back, it has been silent, and goes on from there.
    fn retire(&mut self, by: Option<UserId>) {
        self.moved = true;
        for alert in std::mem::take(&mut self.state.alerts) {
            self.emit(AlertEventKind::Resolved, self.now.max(alert.told_until()), by, alert);
        }
        self.state.points.iter_mut().for_each(PointState::calm);
        self.state.link.state = LinkState::NeverSeen;
        (self.state.door, self.state.manual_log) = (Door::UNKNOWN, ManualLog::NOT_DUE);
        self.state.is_calibration_due = false;
    }

    // ---- alerts ----

    fn is_alarmed(&self, side: Side) -> bool {
        self.state.judged_points().any(|point| point.side(side).thermal() == Thermal::AlarmActive)
    }

    /// An excursion became an alarm. Told once, however many points of the unit join in.
    fn confirm(&mut self, side: Side, confirmed_at: Timestamp, alarmed_before: bool) {
        let kind = kind_of(side);
        let Some(alert) =
            self.state.alerts.iter_mut().find(|alert| alert.kind == kind && !alarmed_before)
        else {
            return;
        };
        let confirmed_at = confirmed_at.max(alert.told_until());
        (alert.severity, alert.confirmed_at) = (Severity::Critical, Some(confirmed_at));
        let alert = alert.clone();
        self.emit(AlertEventKind::Confirmed, confirmed_at, None, alert);
    }

    /// Opens what the regions want, resolves what they want no more, and raises what got worse.
    fn sync_alerts(&mut self, at: Timestamp, measured: Option<&Reading>) {
        for kind in AlertKind::ALL {
            let open = self.state.alerts.iter().position(|alert| alert.kind == *kind);
            match (open, self.state.wanted(*kind)) {
                (None, None) => {}
                (None, Some(severity)) => self.open(*kind, severity, at, measured),
                (Some(index), None) => {
                    let alert = self.state.alerts.remove(index);
                    self.emit(AlertEventKind::Resolved, at.max(alert.told_until()), None, alert);
                }
                (Some(index), Some(severity)) => self.update(index, severity, at, measured),
            }
        }
        self.note_status(at);
    }

    /// Notes what the unit is shown as since `at`, if that is another word. Of several at one instant the last holds.
    pub(crate) fn note_status(&mut self, at: Timestamp) {
        let last = self.statuses.last().map(|last| last.at);
        let change = StatusChange::of(&self.state, last.map_or(at, |last| at.max(last)));
        if !change.differs_from(self.statuses.last().unwrap_or(&self.shown_before)) {
            return;
        }
        self.statuses.pop_if(|last| last.at == change.at);
        if change.differs_from(self.statuses.last().unwrap_or(&self.shown_before)) {
            self.statuses.push(change);
        }
    }

    fn open(
        &mut self,
        kind: AlertKind,
        severity: Severity,
        at: Timestamp,
        measured: Option<&Reading>,
    ) {
        let side = side_of(kind);
        let measured = measured.filter(|_| is_measured(kind));
        let alert = OpenAlert {
            id: AlertId::derive(self.unit, kind, at, self.state.alerts_opened),
            kind,
            // a temperature alert is a warning until it is confirmed
            severity: if side.is_some() { Severity::Warning } else { severity },
            opened_at: at,
            confirmed_at: None,
            acknowledged_at: None,
            acknowledged_by: None,
            escalated_at: None,
            point: measured.map(|reading| reading.point.clone()),
            temperature: measured.map(|reading| reading.temperature),
            limit: side.and_then(|side| side.nearest_limit(self.rule)),
            peak: measured.map(|reading| reading.temperature),
        };
        self.state.alerts_opened += 1;
        self.state.alerts.push(alert.clone());
        self.emit(AlertEventKind::Opened, at, None, alert);
    }

    fn update(
        &mut self,
        index: usize,
        severity: Severity,
        at: Timestamp,
        measured: Option<&Reading>,
    ) {
        let alert = &mut self.state.alerts[index];
        let side = side_of(alert.kind);
        let judged =
            measured.filter(|r| r.is_plausible(self.rule) && !r.point.channel.is_auxiliary());
        if let (Some(side), Some(reading), Some(peak)) = (side, judged, alert.peak) {
            alert.peak = Some(side.farther(peak, reading.temperature));
        }
        if side.is_none() && severity > alert.severity {
            alert.severity = severity;
            let alert = alert.clone();
            self.emit(AlertEventKind::Escalated, at.max(alert.told_until()), None, alert);
        }
    }

    fn emit(&mut self, event: AlertEventKind, at: Timestamp, by: Option<UserId>, alert: OpenAlert) {
        self.moved = true;
        let muted = self.state.mode.mutes();
        self.events.push(AlertEvent { event, at, by, alert, muted });
    }
}

const fn side_of(kind: AlertKind) -> Option<Side> {
    match kind {
        AlertKind::TemperatureHigh => Some(Side::High),
        AlertKind::TemperatureLow => Some(Side::Low),
        AlertKind::MonitoringInterrupted
        | AlertKind::MissedManualEntry
        | AlertKind::DoorOpen
        | AlertKind::LowBattery
        | AlertKind::SensorFault
        | AlertKind::CalibrationDue
        | AlertKind::SuspectedCoolingFailure => None,
    }
}

const fn kind_of(side: Side) -> AlertKind {
    match side {
        Side::High => AlertKind::TemperatureHigh,
        Side::Low => AlertKind::TemperatureLow,
    }
}

const fn is_measured(kind: AlertKind) -> bool {
    side_of(kind).is_some()
        || matches!(kind, AlertKind::SensorFault | AlertKind::SuspectedCoolingFailure)
}
