//! The escalation of one alert by one policy: its steps, their repetitions, and then the owners, without end.
//!
//! Minutes are counted from the round's begin, and from when the occasion before was told: what is held back, or late
//! because the hub was away, moves all that follows, so that nobody is passed over and not everybody is told at once.

use super::{
    desk::{Asked, Cause, Desk},
    holds::{self, Hold},
    intent::{IntentId, Reason, Round, Stage},
    policy::{Channel, Step, Terms},
    sentences,
    situation::{AlertFacts, PersonId},
};
use crate::{Role, Severity, Timestamp};

/// How long somebody has to acknowledge what is critical where no policy says so: 30 minutes, as design §3's ack
/// timeout.
const ACK_MINUTES: u32 = 30;
/// The same of a warning: a day. A low battery is told the owners until somebody sees it, but not at night each half hour.
const ACK_WARNING_MINUTES: u32 = 1_440;

/// An escalation that is under way, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) round: Round,
    pub(super) began_at: Timestamp,
}

impl AlertFacts {
    /// The escalation that is under way; `None` for one that is over, or that somebody has seen.
    pub(super) fn course(&self) -> Option<Course> {
        if self.resolved_at.is_some() {
            return None;
        }
        match (self.acknowledged_at, self.reescalated_at) {
            (None, _) => Some(self.first_course()),
            (Some(seen_at), Some(again_at)) if again_at >= seen_at => {
                Some(Course { round: Round::Again(again_at), began_at: again_at })
            }
            (Some(_), _) => None,
        }
    }

    /// The round that is under way; `None` for an alert that is over, or that somebody has seen.
    #[must_use]
    pub fn round(&self) -> Option<Round> {
        self.course().map(|course| course.round)
    }

    /// The escalation until somebody saw it.
    pub(super) fn first_course(&self) -> Course {
        let is_critical = self.severity == Severity::Critical;
        match self.critical_at.or(is_critical.then_some(self.known_at)) {
            Some(began_at) => Course { round: Round::Critical, began_at },
            None => Course { round: Round::Opened, began_at: self.known_at },
        }
    }
}

/// Somebody to be told at an occasion, in a way.
#[derive(Clone, Debug)]
struct Candidate {
    person: PersonId,
    channel: Channel,
    reason: Reason,
    sentence: String,
}

/// Plans what one policy says of an alert in the escalation that is under way.
pub(super) fn escalate<'a>(
    desk: &mut Desk<'a>,
    alert: &'a AlertFacts,
    terms: &Terms,
    course: Course,
) {
    if alert.severity < terms.min_severity {
        return below_severity(desk, alert, terms, course);
    }
    let hold = holds::of_terms(alert, terms, desk.zone(alert), desk.now());
    let timetable = Timetable::of(desk, alert, terms);
    let mut walk = Walk { minute: 0, told_at: course.began_at };
    let mut minute = timetable.next(None);
    loop {
        let due_at = walk.due_at(minute);
        let stage = stage(course.round, minute);
        let candidates = timetable.candidates(desk, terms, course.round, minute);
        let told_at = told_at(desk, alert, stage, &candidates);
        if due_at > desk.now() && told_at.is_none() {
            return desk.look(alert.id, due_at);
        }
        let told_at = if due_at > desk.now() {
            told_at // with the others of an outage
        } else {
            match tell(desk, alert, terms, stage, &candidates, hold.as_ref()) {
                Told::Held => return,
                Told::At(at) => at,
            }
        };
        walk = Walk { minute, told_at: told_at.unwrap_or(due_at) };
        minute = timetable.next(Some(minute));
    }
}

/// How far an escalation has come.
struct Walk {
    minute: u32,
    told_at: Timestamp,
}

impl Walk {
    const fn due_at(&self, minute: u32) -> Timestamp {
        self.told_at.plus_secs((minute - self.minute).saturating_mul(60))
    }
}

const fn stage(round: Round, minute: u32) -> Stage {
    Stage::Due { round, minute }
}

/// What became of an occasion.
enum Told {
    /// It waits for something to end.
    Held,
    /// It was told then, if there was anybody to tell.
    At(Option<Timestamp>),
}

/// Tells everybody of one occasion.
fn tell<'a>(
    desk: &mut Desk<'a>,
    alert: &'a AlertFacts,
    terms: &Terms,
    stage: Stage,
    candidates: &[Candidate],
    hold: Option<&Hold>,
) -> Told {
    let (mut is_wished, mut is_held) = (false, false);
    for candidate in candidates {
        let (reason, sentence) = (candidate.reason, candidate.sentence.clone());
        let cause = Cause { stage, policy: terms.policy, reason, sentence };
        let asked = desk.ask(alert, candidate.person, candidate.channel, &cause, hold);
        is_wished |= asked == Asked::Wished;
        is_held |= asked == Asked::Held;
    }
    let before = told_at(desk, alert, stage, candidates);
    let now = is_wished.then_some(desk.now());
    if is_held { Told::Held } else { Told::At(before.into_iter().chain(now).min()) }
}

/// When the ledger has that anybody of an occasion was told, or is to be.
fn told_at(
    desk: &Desk<'_>,
    alert: &AlertFacts,
    stage: Stage,
    candidates: &[Candidate],
) -> Option<Timestamp> {
    let line =
        |it: &Candidate| desk.ledger.line(IntentId::of(alert.id, stage, it.person, it.channel));
    candidates.iter().filter_map(line).filter(|line| line.is_told()).map(|it| it.send_at).min()
}

/// The minutes at which somebody is to be told.
struct Timetable {
    /// Of the steps and their repetitions, in order.
    steps: Vec<u32>,
    /// From then on the owners are told: so long after the last step, or at once if the steps reach nobody.
    owners_from: u32,
    /// Every so many minutes.
    every: u32,
}

impl Timetable {
    fn of(desk: &Desk<'_>, alert: &AlertFacts, terms: &Terms) -> Self {
        let mut steps: Vec<u32> = terms.steps.iter().flat_map(step_minutes).collect();
        steps.sort_unstable();
        steps.dedup();
        let every = ack_minutes(alert, terms);
        let last = steps.last().map_or(0, |last| last + every);
        let owners_from = if reaches_anybody(desk, terms) { last } else { 0 };
        Self { steps, owners_from, every }
    }

    /// The first minute after `after`. There is always one.
    fn next(&self, after: Option<u32>) -> u32 {
        let is_later = |minute: u32| after.is_none_or(|after| minute > after);
        let step = self.steps.iter().copied().find(|minute| is_later(*minute));
        let turns = match after {
            Some(after) if after >= self.owners_from => (after - self.owners_from) / self.every + 1,
            _ => 0,
        };
        let owners = self.owners_from.saturating_add(self.every.saturating_mul(turns));
        step.map_or(owners, |step| step.min(owners))
    }

    /// Everybody who is told at a minute.
    fn candidates(
        &self,
        desk: &Desk<'_>,
        terms: &Terms,
        round: Round,
        minute: u32,
    ) -> Vec<Candidate> {
        let mut all = of_steps(desk, terms, round, minute);
        let turn = minute.checked_sub(self.owners_from);
        if turn.is_some_and(|turn| turn.is_multiple_of(self.every)) {
            let sentence = match minute {
                0 => sentences::OWNERS_INSTEAD.to_owned(),
                _ => sentences::owners(self.every),
            };
            all.extend(owners(desk, &sentence));
        }
        all
    }
}

fn step_minutes(step: &Step) -> impl Iterator<Item = u32> {
    let after = u32::from(step.after_minutes);
    let (every, times) = step.repeat.map_or((0, 0), |it| (u32::from(it.every_minutes), it.times));
    (0..=u32::from(times)).map(move |time| after + every * time)
}

fn reaches_anybody(desk: &Desk<'_>, terms: &Terms) -> bool {
    terms.steps.iter().any(|step| {
        let people = people_of(desk, step);
        people.iter().any(|it| step.channels.iter().any(|channel| desk.reaches(*it, *channel)))
    })
}

fn ack_minutes(alert: &AlertFacts, terms: &Terms) -> u32 {
    let own = match alert.severity {
        Severity::Warning => ACK_WARNING_MINUTES,
        Severity::Critical => ACK_MINUTES,
    };
    terms.ack_minutes.map_or(own, u32::from).max(1)
}

/// Everybody whom a step tells, each once.
pub(super) fn people_of(desk: &Desk<'_>, step: &Step) -> Vec<PersonId> {
    let named = step.contacts.iter().map(|id| PersonId::Contact(*id));
    let has_role = |role: Option<Role>| role.is_some_and(|role| step.roles.contains(&role));
    let by_role = desk.people().filter(|person| has_role(person.role)).map(|person| person.id);
    let mut people: Vec<PersonId> = named.chain(by_role).collect();
    people.sort_unstable();
    people.dedup();
    people
}

/// Everybody whom a step or its repetition tells at a minute.
fn of_steps(desk: &Desk<'_>, terms: &Terms, round: Round, minute: u32) -> Vec<Candidate> {
    let mut all = Vec::new();
    for (index, step) in terms.steps.iter().enumerate() {
        let Some(time) = step_minutes(step).position(|it| it == minute) else { continue };
        let (reason, sentence) = match time {
            0 => (Reason::Step, sentences::step(index + 1, minute, round)),
            time => (Reason::Repetition, sentences::repetition(index + 1, time, minute, round)),
        };
        for person in people_of(desk, step) {
            let told = step.channels.iter().map(|channel| Candidate {
                person,
                channel: *channel,
                reason,
                sentence: sentence.clone(),
            });
            all.extend(told);
        }
    }
    all
}

/// The owners, in each way in which they are reached; one whom nothing reaches is excluded by their e-mail.
fn owners<'d>(desk: &'d Desk<'_>, sentence: &'d str) -> impl Iterator<Item = Candidate> + 'd {
    let owners = desk.people().filter(|person| person.role == Some(Role::Owner));
    owners.flat_map(move |owner| {
        let ways = Channel::ALL.iter().filter(|way| desk.reaches(owner.id, **way));
        let mut ways: Vec<Channel> = ways.copied().collect();
        if ways.is_empty() {
            ways.push(Channel::Email);
        }
        ways.into_iter().map(move |channel| Candidate {
            person: owner.id,
            channel,
            reason: Reason::Owners,
            sentence: sentence.to_owned(),
        })
    })
}

/// Says of everybody whom the first step would tell that it is not bad enough.
fn below_severity(desk: &mut Desk<'_>, alert: &AlertFacts, terms: &Terms, course: Course) {
    let Some(step) = terms.steps.iter().min_by_key(|step| step.after_minutes) else { return };
    let stage = stage(course.round, step.after_minutes.into());
    let why = sentences::below(alert.severity, terms.min_severity);
    let (policy, reason) = (terms.policy, Reason::BelowSeverity);
    let cause = Cause { stage, policy, reason, sentence: why.clone() };
    for person in people_of(desk, step) {
        for channel in &step.channels {
            let id = IntentId::of(alert.id, stage, person, *channel);
            if desk.ledger.line(id).is_none() {
                desk.exclude(alert, person, *channel, &cause, (reason, why.clone()), None);
            }
        }
    }
}
