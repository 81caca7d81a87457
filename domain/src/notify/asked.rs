//! What people ask: why was somebody not told, and does the way to me work.

use uuid::Uuid;

use super::{
    intent::{Intent, IntentId, Line, Reason, Stage},
    policy::{Channel, Step, Terms},
    sentences,
    situation::{Person, PersonId, Reach},
};
use crate::Timestamp;

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
