//! Lines of the ledger as rows.

use hub_domain::{
    AlertId, OrgId, Timestamp, UserId,
    notify::{
        Carried, Channel, Exclusion, Intent, IntentId, IntentState, Line, PersonId, Reason, Stage,
        Told,
    },
};
use uuid::Uuid;

use crate::{
    StoreError,
    entity::{known, notification_intent::Model},
};

/// Lines that are planned are with the queue at once: their job waits until they are due.
pub(crate) fn intent(org: OrgId, intent: &Intent, now: Timestamp) -> Model {
    queued(org, &intent.line, intent.send_at, now)
}

/// A line of no alert, which no policy asked for: it is with the queue at once.
pub(crate) fn own(
    org: OrgId,
    id: Uuid,
    (person, channel): (PersonId, Channel),
    (stage, reason, sentence): (Stage, Reason, &str),
    now: Timestamp,
) -> Model {
    let (id, sentence) = (IntentId(id), sentence.to_owned());
    let line = Line { id, alert: None, stage, person, channel, policy: None, reason, sentence };
    queued(org, &line, now, now)
}

fn queued(org: OrgId, line: &Line, due_at: Timestamp, now: Timestamp) -> Model {
    let state = IntentState::Queued.name().to_owned();
    Model { state, generation: 1, ..row(org, line, due_at, now) }
}

/// A line that another message carries.
pub(crate) fn carried(org: OrgId, carried: &Carried, now: Timestamp) -> Model {
    Model {
        state: IntentState::Superseded.name().to_owned(),
        superseded_by: Some(carried.by.0),
        settled_at: Some(now.as_millis()),
        ..row(org, &carried.line, carried.send_at, now)
    }
}

/// A line that is not told.
pub(crate) fn exclusion(org: OrgId, exclusion: &Exclusion, now: Timestamp) -> Model {
    Model {
        state: IntentState::Suppressed.name().to_owned(),
        held_until: exclusion.until.map(Timestamp::as_millis),
        settled_at: Some(now.as_millis()),
        ..row(org, &exclusion.line, now, now)
    }
}

fn row(org: OrgId, line: &Line, due_at: Timestamp, now: Timestamp) -> Model {
    let (contact_id, user_id) = whom(line.person);
    Model {
        id: line.id.0,
        org_id: org.0,
        alert_id: line.alert.map(|alert| alert.0),
        stage: line.stage.to_string(),
        contact_id,
        user_id,
        channel: line.channel.name().to_owned(),
        policy_id: line.policy,
        state: IntentState::Planned.name().to_owned(),
        reason_code: line.reason.name().to_owned(),
        reason: line.sentence.clone(),
        held_until: None,
        superseded_by: None,
        possible_duplicate: false,
        words: None,
        generation: 0,
        attempts: 0,
        planned_at: now.as_millis(),
        due_at: due_at.as_millis(),
        changed_at: now.as_millis(),
        sent_at: None,
        settled_at: None,
    }
}

/// Whom a row is for, as its columns of contact and user say it.
pub(crate) const fn whom(person: PersonId) -> (Option<Uuid>, Option<Uuid>) {
    match person {
        PersonId::Contact(id) => (Some(id), None),
        PersonId::User(UserId(id)) => (None, Some(id)),
    }
}

/// Whom a row is for by its columns of contact and user; `None` unless just one of them is set.
pub(crate) const fn person_of(contact: Option<Uuid>, user: Option<Uuid>) -> Option<PersonId> {
    match (contact, user) {
        (Some(contact), None) => Some(PersonId::Contact(contact)),
        (None, Some(user)) => Some(PersonId::User(UserId(user))),
        _ => None,
    }
}

impl Model {
    /// Whom it is for.
    pub(crate) fn person(&self) -> Result<PersonId, StoreError> {
        let nobody = || StoreError::Corrupt(format!("intent {} is for nobody", self.id));
        person_of(self.contact_id, self.user_id).ok_or_else(nobody)
    }

    /// Where it stands.
    pub(crate) fn intent_state(&self) -> Result<IntentState, StoreError> {
        known("state", &self.state, IntentState::parse)
    }

    /// What planning sees of it, with what it carries.
    pub(crate) fn told(&self, members: Vec<AlertId>) -> Result<Told, StoreError> {
        Ok(Told {
            id: IntentId(self.id),
            stage: known("stage", &self.stage, Stage::parse)?,
            alert: self.alert_id.map(AlertId),
            members,
            person: self.person()?,
            channel: known("channel", &self.channel, Channel::parse)?,
            state: self.intent_state()?,
            by: self.superseded_by.map(IntentId),
            send_at: Timestamp::from_millis(self.sent_at.unwrap_or(self.due_at)),
            reason: known("reason", &self.reason_code, Reason::parse)?,
            until: self.held_until.map(Timestamp::from_millis),
        })
    }
}
