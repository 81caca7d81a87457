//! The one function that plans.

use std::collections::BTreeMap;

use super::{
    closing,
    desk::{Cause, Desk, Wish},
    escalation::escalate,
    intent::{Carried, Intent, IntentId, Line, Planned, Reason, Stage},
    ledger::RECEIPT_SECS,
    outage::{Bundle, Outages},
    policy::{Channel, effective},
    receipts::other_ways,
    room::{MessageRoom, OpenGroup, Room},
    sentences,
    situation::{AlertFacts, Situation},
};
use crate::{AlertId, Timestamp};

/// Plans what is to be told of the alerts of an organization.
///
/// What comes out is written in one transaction, and one organization is planned by one at a time. With that on the
/// ledger, planning again at the same instant plans nothing, and nothing new before an alert's `look_again_at` unless
/// something happens to it.
#[must_use]
pub fn plan(situation: &Situation) -> Planned {
    let mut desk = Desk::of(situation);
    let outages = Outages::of(&desk);
    for alert in desk.alerts() {
        look_at(&mut desk, &outages, alert);
    }
    closing::end_carriers(&mut desk);
    let mut post = Post::default();
    // SMS first: what there is no room for is told by e-mail
    send(&mut desk, &outages, &mut post, Channel::Sms, situation.caps.sms_per_hour);
    send(&mut desk, &outages, &mut post, Channel::Email, u32::MAX);
    let Post { intents, carried } = post;
    let (intents, carried) = (intents.into_values().collect(), carried.into_values().collect());
    Planned { intents, carried, ..desk.finish() }
}

/// Decides about one alert, but for what depends on the others.
fn look_at<'a>(desk: &mut Desk<'a>, outages: &Outages, alert: &'a AlertFacts) {
    let all = effective(&desk.situation.policies, alert.site, alert.unit, alert.kind);
    let course = alert.course();
    closing::end_rounds(desk, alert, course);
    if let Some(course) = course {
        let gathered = outages.gathered(alert, course);
        all.iter().for_each(|terms| escalate(desk, alert, terms, gathered));
        return other_ways(desk, alert, course.round);
    }
    all.iter().for_each(|terms| closing::exclude_the_rest(desk, alert, terms));
    if let Some(resolved_at) = alert.resolved_at {
        closing::tell_the_end(desk, alert, &all, resolved_at);
    }
}

/// What is to be sent.
#[derive(Default)]
struct Post {
    intents: BTreeMap<IntentId, Intent>,
    carried: BTreeMap<IntentId, Carried>,
}

impl Post {
    /// Sends a bundle as what it is: one message of one alert, or one that carries several.
    fn send(&mut self, desk: &mut Desk<'_>, bundle: &Bundle<'_>, send_at: Timestamp) {
        let Some(carrier) = bundle.carrier() else {
            for wish in &bundle.wishes {
                expect_receipt(desk, wish, send_at);
                let intent = Intent { line: wish.line.clone(), members: Vec::new(), send_at };
                self.intents.insert(wish.line.id, intent);
            }
            return;
        };
        let (by, stage, reason, sentence) = carrier;
        self.begin(&bundle.wishes, (by, stage), (reason, sentence), send_at);
        self.carry(desk, &bundle.wishes, by, send_at);
    }

    /// A message in place of several.
    fn begin(
        &mut self,
        wishes: &[Wish<'_>],
        (id, stage): (IntentId, Stage),
        (reason, sentence): (Reason, &str),
        send_at: Timestamp,
    ) {
        let Some(first) = wishes.first() else { return };
        let sentence = sentence.to_owned();
        let line =
            Line { id, alert: None, stage, policy: None, reason, sentence, ..first.line.clone() };
        let members = members(wishes);
        self.intents.insert(id, Intent { line, members, send_at });
    }

    /// Has a message carry what it was not begun with, too.
    fn carry(
        &mut self,
        desk: &mut Desk<'_>,
        wishes: &[Wish<'_>],
        by: IntentId,
        send_at: Timestamp,
    ) {
        for wish in wishes {
            expect_receipt(desk, wish, send_at);
            self.carried.insert(wish.line.id, Carried { line: wish.line.clone(), by, send_at });
        }
        if let Some(intent) = self.intents.get_mut(&by) {
            intent.members.extend(members(wishes));
            intent.members.sort_unstable();
            intent.members.dedup();
        }
    }
}

fn members(wishes: &[Wish<'_>]) -> Vec<AlertId> {
    wishes.iter().map(|wish| wish.alert.id).collect()
}

/// How soon it is looked again after something is told: what is on the ledger then may be due sooner than what was told
/// seemed to be.
const TOLD_SECS: u32 = 60;

/// Looks again when the other way is to be tried.
fn expect_receipt(desk: &mut Desk<'_>, wish: &Wish<'_>, send_at: Timestamp) {
    if wish.alert.course().is_some() {
        desk.look(wish.alert.id, desk.now().plus_secs(TOLD_SECS));
        desk.look(wish.alert.id, send_at.plus_secs(RECEIPT_SECS));
    }
}

fn wishes<'a>(desk: &Desk<'a>, channel: Channel) -> Vec<Wish<'a>> {
    desk.wishes.values().filter(|wish| wish.line.channel == channel).cloned().collect()
}

fn send(desk: &mut Desk<'_>, outages: &Outages, post: &mut Post, channel: Channel, most: u32) {
    let situation = desk.situation;
    let is_ended = |id| desk.superseded.contains_key(&id);
    let lines = desk.ledger.lines();
    let mut room =
        MessageRoom::of((channel, most), situation.now, &situation.sent, lines, is_ended);
    for bundle in outages.bundle(wishes(desk, channel)) {
        send_one(desk, &mut room, post, &bundle);
    }
}

fn send_one<'a>(desk: &mut Desk<'a>, room: &mut MessageRoom, post: &mut Post, bundle: &Bundle<'a>) {
    let Some(first) = bundle.wishes.first() else { return };
    let person = first.line.person;
    match room.ask(person) {
        Room::Alone => {
            room.take(person, desk.now());
            post.send(desk, bundle, desk.now());
        }
        Room::Join(group) => post.carry(desk, &bundle.wishes, group.id, group.send_at),
        Room::Begin(send_at) => {
            let id = IntentId::carrying(first.line.id, Stage::Group);
            room.begin(person, OpenGroup { id, send_at });
            let why = (Reason::Group, sentences::group(first.line.channel));
            post.begin(&bundle.wishes, (id, Stage::Group), why, send_at);
            post.carry(desk, &bundle.wishes, id, send_at);
        }
        Room::TellOverflow(send_at) => {
            let id = IntentId::carrying(first.line.id, Stage::Overflow);
            room.overflow(person, send_at);
            let why = (Reason::Overflow, sentences::OVERFLOW);
            post.begin(&bundle.wishes, (id, Stage::Overflow), why, send_at);
            by_email_instead(desk, &bundle.wishes);
        }
        Room::Full => by_email_instead(desk, &bundle.wishes),
    }
}

fn by_email_instead<'a>(desk: &mut Desk<'a>, wishes: &[Wish<'a>]) {
    for wish in wishes {
        let line = &wish.line;
        desk.give_up(wish, Reason::SmsCap, sentences::SMS_CAP);
        let sentence = sentences::CAPPED_INSTEAD.to_owned();
        let (stage, policy, reason) = (line.stage, line.policy, Reason::OtherChannel);
        let cause = Cause { stage, policy, reason, sentence };
        desk.ask(wish.alert, line.person, Channel::Email, &cause, None);
    }
}
