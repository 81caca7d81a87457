//! What people ask: why was somebody not told, and does the way to me work.

use uuid::Uuid;

use super::{
    intent::{Intent, IntentId, Line, Reason, Stage},
    policy::{Channel, Step, Terms},
    sentences,
    situation::{IntentState, Person, PersonId, Reach},
};
use crate::{Timestamp, alert::names};

names! {
    /// How somebody stands with an alert.
    Standing {
        /// A message to them was taken by its provider, or arrived.
        Told = "told",
        /// One is on its way.
        UnderWay = "under_way",
        /// There is none.
        NotTold = "not_told",
    }
}

/// What became of a line, as far as the question goes whether somebody was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Where it stands.
    pub state: IntentState,
    /// Why it is there, or was not sent.
    pub sentence: &'a str,
}

/// How somebody stands with an alert by their lines, the latest first, and the sentence of the one that says so. Without a
/// line see [`why_no_line`].
///
/// Whoever was told once was told, whatever became of other lines; otherwise the latest that may yet be sent counts, then
/// one that failed, then what kept the others back. What another message carries is said by that message's line.
#[must_use]
pub fn standing<'a>(lines: &[Seen<'a>]) -> Option<(Standing, &'a str)> {
    use IntentState::{Delivered, Failed, Planned, Queued, Sending, Sent, Superseded, Suppressed};
    let by: [(&[IntentState], Standing); 5] = [
        (&[Sent, Delivered], Standing::Told),
        (&[Planned, Queued, Sending], Standing::UnderWay),
        (&[Failed], Standing::NotTold),
        (&[Suppressed], Standing::NotTold),
        (&[Superseded], Standing::NotTold),
    ];
    by.iter().find_map(|(states, standing)| {
        let line = lines.iter().find(|line| states.contains(&line.state))?;
        Some((*standing, line.sentence))
    })
}

/// Why the ledger has no line for somebody of an alert that is open.
///
/// By what holds for it their turn has not come, or nobody says that they are to be told. Of an alert that is seen or
/// over each line is there.
#[must_use]
pub fn why_no_line(terms: &[Terms], person: &Person) -> String {
    let turns = terms.iter().flat_map(|terms| terms.steps.iter().zip(1_usize..));
    let turn =
        turns.filter(|(step, _)| names(step, person)).min_by_key(|(step, _)| step.after_minutes);
    match turn {
        Some((step, number)) => sentences::turn_to_come(number, step.after_minutes),
        None => sentences::NOT_NAMED.to_owned(),
    }
}

fn names(step: &Step, person: &Person) -> bool {
    let by_role = person.role.is_some_and(|role| step.roles.contains(&role));
    let by_name = match person.id {
        PersonId::Contact(id) => step.contacts.contains(&id),
        PersonId::User(_) => false,
    };
    by_role || by_name
}

/// A message that somebody asked for, to see that the way works: `request` names the asking, once.
///
/// # Errors
/// Why they are not reached that way, as a word and a sentence.
pub fn test_message(
    request: Uuid,
    person: &Person,
    channel: Channel,
    now: Timestamp,
) -> Result<Intent, (Reason, &'static str)> {
    let reach = person.reach(channel);
    if reach != Reach::Reached {
        return Err(sentences::unreached(channel, reach));
    }
    let line = Line {
        id: IntentId::asked_for(request, person.id, channel),
        alert: None,
        stage: Stage::Test,
        person: person.id,
        channel,
        policy: None,
        reason: Reason::Test,
        sentence: sentences::TEST.to_owned(),
    };
    Ok(Intent { line, members: Vec::new(), send_at: now })
}
