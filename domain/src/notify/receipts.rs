//! The other way, where a message failed or nobody knows after 5 minutes that it arrived.

use super::{
    desk::{Cause, Desk},
    holds,
    intent::{Reason, Round},
    ledger::Fate,
    sentences,
    situation::{AlertFacts, Told},
};

/// Plans the other way for what did not arrive in the round that is under way; each line once.
pub(super) fn other_ways<'a>(desk: &mut Desk<'a>, alert: &'a AlertFacts, round: Round) {
    let lines: Vec<&Told> = desk.ledger.of_alert(alert.id).to_vec();
    for line in lines.into_iter().filter(|line| line.round() == Some(round)) {
        match desk.ledger.fate(line) {
            Fate::Failed => tell(desk, alert, line, true),
            Fate::Unsent | Fate::UnderWay if line.receipt_due_at() <= desk.now() => {
                tell(desk, alert, line, false);
            }
            Fate::Unsent | Fate::UnderWay => desk.look(alert.id, line.receipt_due_at()),
            Fate::Arrived | Fate::Kept => {}
        }
    }
}

fn tell<'a>(desk: &mut Desk<'a>, alert: &'a AlertFacts, line: &Told, has_failed: bool) {
    let (stage, policy, reason) = (line.stage, None, Reason::OtherChannel);
    let sentence = sentences::other(line.channel, has_failed);
    let cause = Cause { stage, policy, reason, sentence };
    // what began before quiet hours goes on in them, but nothing is told of a unit that is being worked on
    let hold = holds::of_alert(alert, desk.now());
    desk.ask(alert, line.person, line.channel.other(), &cause, hold.as_ref());
}
