//! What planning has decided so far: who is to be told, who is not, what has no point any more, when to look again.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    holds::Hold,
    intent::{Exclusion, IntentId, Line, Planned, Reason, Stage, Superseded},
    ledger::{Ledger, is_open},
    policy::Channel,
    sentences,
    situation::{AlertFacts, Person, PersonId, Reach, Situation, Told},
};
use crate::{AlertId, Severity, Timestamp, Zone};

/// Something to be told of one alert.
#[derive(Clone, Debug)]
pub(super) struct Wish<'a> {
    pub(super) alert: &'a AlertFacts,
    pub(super) line: Line,
}

impl Wish<'_> {
    /// What is told first where not everything can be: what is critical, what is not over, what began first.
    pub(super) fn urgency(&self) -> (bool, bool, Timestamp, AlertId, IntentId) {
        let is_mild = self.alert.severity != Severity::Critical;
        let is_over = self.line.stage == Stage::Resolved;
        (is_mild, is_over, self.alert.opened_at, self.alert.id, self.line.id)
    }
}

/// Why somebody is to be told.
#[derive(Clone, Debug)]
pub(super) struct Cause {
    pub(super) stage: Stage,
    pub(super) policy: Option<Uuid>,
    pub(super) reason: Reason,
    pub(super) sentence: String,
}

/// What became of asking to tell somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// They are told now.
    Wished,
    /// They are told once what keeps it back ends.
    Held,
    /// It is on the ledger.
    Known,
    /// They cannot be told so.
    Excluded,
}

/// The decisions so far.
pub(super) struct Desk<'a> {
    pub(super) situation: &'a Situation,
    pub(super) ledger: Ledger<'a>,
    pub(super) wishes: BTreeMap<IntentId, Wish<'a>>,
    pub(super) superseded: BTreeMap<IntentId, Superseded>,
    alerts: BTreeMap<AlertId, &'a AlertFacts>,
    people: BTreeMap<PersonId, &'a Person>,
    untold: BTreeMap<IntentId, Exclusion>,
    look_again_at: BTreeMap<AlertId, Option<Timestamp>>,
}

impl<'a> Desk<'a> {
    pub(super) fn of(situation: &'a Situation) -> Self {
        Self {
            situation,
            ledger: Ledger::of(&situation.told),
            wishes: BTreeMap::new(),
            superseded: BTreeMap::new(),
            alerts: situation.alerts.iter().map(|alert| (alert.id, alert)).collect(),
            people: situation.people.iter().map(|person| (person.id, person)).collect(),
            untold: BTreeMap::new(),
            look_again_at: situation.alerts.iter().map(|alert| (alert.id, None)).collect(),
        }
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.situation.now
    }

    /// The clocks of an alert's site.
    pub(super) fn zone(&self, alert: &AlertFacts) -> Zone {
        let mut sites = self.situation.sites.iter();
        sites.find(|site| site.id == alert.site).map_or(Zone::UTC, |site| site.zone)
    }

    /// An alert, if it is looked at now.
    pub(super) fn alert(&self, id: AlertId) -> Option<&'a AlertFacts> {
        self.alerts.get(&id).copied()
    }

    /// Every alert that is looked at, in order.
    pub(super) fn alerts(&self) -> Vec<&'a AlertFacts> {
        self.alerts.values().copied().collect()
    }

    fn person(&self, id: PersonId) -> Option<&'a Person> {
        self.people.get(&id).copied()
    }

    /// Everybody, in order.
    pub(super) fn people(&self) -> impl Iterator<Item = &'a Person> {
        self.people.values().copied()
    }

    /// Asks to tell somebody of an alert in a way: they are told, held back, or excluded by their own line.
    pub(super) fn ask(
        &mut self,
        alert: &'a AlertFacts,
        person: PersonId,
        channel: Channel,
        cause: &Cause,
        hold: Option<&Hold>,
    ) -> Asked {
        let id = IntentId::of(alert.id, cause.stage, person, channel);
        if !is_open(&self.ledger, id) {
            return Asked::Known;
        }
        if let Some((reason, sentence)) = self.lack(person, channel) {
            self.exclude(alert, person, channel, cause, (reason, sentence.to_owned()), None);
            return Asked::Excluded;
        }
        if let Some(hold) = hold {
            let why = (hold.reason, hold.sentence.clone());
            self.exclude(alert, person, channel, cause, why, hold.until);
            self.look(alert.id, hold.look_at(self.now()));
            return Asked::Held;
        }
        let why = (cause.reason, cause.sentence.clone());
        let line = line(alert.id, person, channel, cause, why);
        self.untold.remove(&id);
        self.wishes.entry(id).or_insert(Wish { alert, line });
        Asked::Wished
    }

    /// Why somebody is not reached in a way.
    fn lack(&self, person: PersonId, channel: Channel) -> Option<(Reason, &'static str)> {
        match self.person(person).map(|person| person.reach(channel)) {
            None => Some((Reason::Gone, sentences::GONE)),
            Some(Reach::Reached) => None,
            Some(reach) => Some(sentences::unreached(channel, reach)),
        }
    }

    /// Whether somebody is reached in a way.
    pub(super) fn reaches(&self, person: PersonId, channel: Channel) -> bool {
        self.lack(person, channel).is_none()
    }

    /// Says that somebody is not told of an alert, and why. Of two policies that say so, the one that ends first.
    pub(super) fn exclude(
        &mut self,
        alert: &AlertFacts,
        person: PersonId,
        channel: Channel,
        cause: &Cause,
        why: (Reason, String),
        until: Option<Timestamp>,
    ) {
        let line = line(alert.id, person, channel, cause, why);
        if self.wishes.contains_key(&line.id) {
            return;
        }
        let end = |exclusion: &Exclusion| {
            (exclusion.until.unwrap_or(Timestamp::LATEST), exclusion.line.reason)
        };
        let exclusion = Exclusion { line, until };
        let known = self.untold.get(&exclusion.line.id);
        if known.is_none_or(|known| end(&exclusion) < end(known)) {
            self.untold.insert(exclusion.line.id, exclusion);
        }
    }

    /// Takes a wish back, and says why it is not told.
    pub(super) fn give_up(&mut self, wish: &Wish<'_>, reason: Reason, sentence: &str) {
        self.wishes.remove(&wish.line.id);
        let line = Line { reason, sentence: sentence.to_owned(), ..wish.line.clone() };
        self.untold.insert(line.id, Exclusion { line, until: None });
    }

    /// Ends a line that is kept back: it is not told any more.
    pub(super) fn close(&mut self, told: &Told, (reason, sentence): (Reason, &str)) {
        let line = Line {
            id: told.id,
            alert: told.alert,
            stage: told.stage,
            person: told.person,
            channel: told.channel,
            policy: None,
            reason,
            sentence: sentence.to_owned(),
        };
        self.untold.insert(told.id, Exclusion { line, until: None });
    }

    /// Says that there is no point in a line any more.
    pub(super) fn supersede(&mut self, id: IntentId, (reason, sentence): (Reason, &str)) {
        let superseded = Superseded { id, reason, sentence: sentence.to_owned() };
        self.superseded.insert(id, superseded);
    }

    /// Looks at an alert again then, or before.
    pub(super) fn look(&mut self, alert: AlertId, at: Timestamp) {
        let look = self.look_again_at.entry(alert).or_default();
        *look = Some(look.map_or(at, |known| known.min(at)));
    }

    /// What is decided beside what is sent: who is not told that is not on the ledger so, what has no point any more,
    /// and when to look again.
    pub(super) fn finish(self) -> Planned {
        let ledger = &self.ledger;
        let is_news = |exclusion: &Exclusion| match ledger.line(exclusion.line.id) {
            None => true,
            Some(told) => {
                told.is_held()
                    && (told.reason, told.until) != (exclusion.line.reason, exclusion.until)
            }
        };
        Planned {
            untold: self.untold.into_values().filter(is_news).collect(),
            superseded: self.superseded.into_values().collect(),
            look_again_at: self.look_again_at.into_iter().collect(),
            ..Planned::default()
        }
    }
}

fn line(
    alert: AlertId,
    person: PersonId,
    channel: Channel,
    cause: &Cause,
    (reason, sentence): (Reason, String),
) -> Line {
    let (stage, policy) = (cause.stage, cause.policy);
    let id = IntentId::of(alert, stage, person, channel);
    Line { id, alert: Some(alert), stage, person, channel, policy, reason, sentence }
}
