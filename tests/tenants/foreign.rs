//! The matrix: each operation, each place that can name an object, each caller; the other organization's object there is
//! as one that does not exist, and nothing that is answered holds anything of theirs.

use futures_util::{StreamExt as _, stream};
use uuid::Uuid;

use crate::{
    asking::{Asked, Caller, Heard},
    document::Operation,
    samples::{self, Sample},
    table::CHOSEN,
    tenant::{Tenant, idempotency_key},
    world::{Needles, World},
};

/// A cursor so long names something; a shorter one is a number within what the path names.
const NAMES: usize = 16;

/// So many are asked at a time.
const AT_ONCE: usize = 8;

/// One thing to try.
#[derive(Debug, Clone)]
pub(crate) struct Trial<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) operation: &'a Operation,
    pub(crate) kind: Kind,
}

/// Where the other's object is put.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Nowhere: the answer to an honest question is looked through.
    Honest(&'static Sample),
    /// At one place of the sample.
    Object { sample: &'static Sample, index: usize, place: String, kind: String },
    /// As the organization that is meant.
    Organization,
    /// As where a page begins.
    Cursor,
    /// As the key of a request that is to be done once.
    Key,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Clean,
    /// The hub would not say so often.
    Unjudged,
    Found(String),
}

impl Trial<'_> {
    /// What is tried, in a line.
    pub(crate) fn title(&self) -> String {
        let place = match &self.kind {
            Kind::Honest(_) => "own".to_owned(),
            Kind::Object { place, .. } => place.clone(),
            Kind::Organization => "organization".to_owned(),
            Kind::Cursor => "cursor".to_owned(),
            Kind::Key => "key".to_owned(),
        };
        format!("{} as {}, {place}", self.operation.id, self.caller.name)
    }
}

/// Everything there is to try as these callers.
pub(crate) fn trials<'a>(world: &'a World, callers: &'a [Caller]) -> Vec<Trial<'a>> {
    let mut trials = Vec::new();
    for caller in callers {
        for operation in &world.operations {
            let kinds = kinds(world, operation).into_iter().filter(|kind| caller.may_try(kind));
            trials.extend(kinds.map(|kind| Trial { caller, operation, kind }));
        }
    }
    // they make something: last, so that the others find all as it was
    trials.sort_by_key(|trial| matches!(trial.kind, Kind::Key));
    trials
}

/// The places of an operation that can name an object.
pub(crate) fn kinds(world: &World, operation: &Operation) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for sample in samples::all(operation) {
        let places = sample.places().into_iter().enumerate();
        kinds.extend(places.map(|(index, (place, kind))| Kind::Object {
            sample,
            index,
            place,
            kind,
        }));
        if operation.reads() {
            kinds.push(Kind::Honest(sample));
        }
    }
    if operation.takes("header", "X-Organization-Id") {
        kinds.push(Kind::Organization);
    }
    if world.theirs.cursors.get(&operation.id).is_some_and(|cursor| cursor.len() >= NAMES) {
        kinds.push(Kind::Cursor);
    }
    if operation.creates && samples::of(operation).not_done.is_none() {
        kinds.push(Kind::Key);
    }
    kinds
}

impl Caller {
    /// An id of one's own choosing is one's own once it was chosen: one of them tries that.
    fn may_try(&self, kind: &Kind) -> bool {
        let is_chosen =
            matches!(kind, Kind::Object { kind, .. } if CHOSEN.contains(&kind.as_str()));
        !is_chosen || self.name == "owner"
    }
}

/// Tries all of them and gives what was found; past `most` findings the rest is not tried.
pub(crate) async fn run(
    world: &World,
    needles: &Needles,
    trials: Vec<Trial<'_>>,
    most: usize,
) -> (Vec<String>, Vec<String>) {
    let mut verdicts = stream::iter(trials)
        .map(|trial| async move { (trial.title(), trial.judge(world, needles).await) })
        .buffered(AT_ONCE);
    let (mut findings, mut unjudged) = (Vec::new(), Vec::new());
    while let Some((title, verdict)) = verdicts.next().await {
        match verdict {
            Verdict::Clean => {}
            Verdict::Unjudged => unjudged.push(title),
            Verdict::Found(what) => findings.push(format!("{title}: {what}")),
        }
        if findings.len() >= most {
            break;
        }
    }
    (findings, unjudged)
}

impl Trial<'_> {
    async fn judge(&self, world: &World, needles: &Needles) -> Verdict {
        let tries = if self.operation.reads() { 3 } else { 1 };
        let mut verdict = Verdict::Clean;
        for _ in 0..tries {
            verdict = self.judge_once(world, needles).await;
            if verdict == Verdict::Clean {
                break; // what a clock did between the two answers, it does not do thrice
            }
        }
        verdict
    }

    async fn judge_once(&self, world: &World, needles: &Needles) -> Verdict {
        let pair = self.pair(world);
        let (foreign, theirs) = pair.0;
        let heard = self.caller.ask(&foreign).await.without(&theirs);
        if let Some(found) = needles.found_in(&heard) {
            return Verdict::Found(format!("holds {found} of theirs: {}", brief(&heard)));
        }
        let Some((absent, nothing)) = pair.1 else { return server_error(&heard) };
        let expected = self.caller.ask(&absent).await.without(&nothing);
        self.compare(&heard, &expected)
    }

    fn compare(&self, heard: &Heard, expected: &Heard) -> Verdict {
        if heard.status == 429 || expected.status == 429 {
            return Verdict::Unjudged;
        }
        let are_alike = match self.kind {
            // two that are made differ in their ids, and a span of time may be taken meanwhile
            Kind::Key => {
                !heard.headers.contains_key("idempotency-replayed")
                    && heard.code() != "idempotency_key_reused"
            }
            _ if heard.is_good() && self.operation.creates => heard.status == expected.status,
            _ => heard == expected,
        };
        if !are_alike {
            return Verdict::Found(format!("{} but {} for nothing", brief(heard), brief(expected)));
        }
        let is_in_path =
            matches!(&self.kind, Kind::Object { place, .. } if place.starts_with("path"));
        if is_in_path && heard.is_good() {
            return Verdict::Found(format!("is answered {} for an object of nobody", heard.status));
        }
        server_error(heard)
    }

    /// The request with the other's object and its id, and the one with an object of nothing and its id.
    pub(crate) fn pair(&self, world: &World) -> ((Asked, String), Option<(Asked, String)>) {
        let nothing = Uuid::now_v7().to_string();
        let own = world.ours.own(self.operation);
        let with = |name, value: &str| {
            let mut asked = own.clone();
            asked.headers.push((name, value.to_owned()));
            (asked, value.to_owned())
        };
        match &self.kind {
            Kind::Honest(sample) => {
                let id = |_: usize, kind: &str| world.ours.thing(kind).to_owned();
                let asked = sample.request(self.operation, id, &|word| world.ours.word(word));
                ((asked, Uuid::nil().to_string()), None)
            }
            Kind::Organization => (
                with("X-Organization-Id", &world.theirs.org),
                Some(with("X-Organization-Id", &nothing)),
            ),
            Kind::Key => {
                let fresh = || world.ours.own(self.operation);
                let keyed = |key: String| {
                    let mut asked = fresh();
                    asked.headers.push(("Idempotency-Key", key.clone()));
                    (asked, key)
                };
                let theirs = idempotency_key(self.operation, &world.theirs);
                (keyed(theirs), Some(keyed(nothing)))
            }
            Kind::Cursor => {
                let cursor = &world.theirs.cursors[&self.operation.id];
                let (theirs, none) = (cursor.clone(), swapped(cursor));
                (at_cursor(&own, &theirs), Some(at_cursor(&own, &none)))
            }
            Kind::Object { sample, index, kind, .. } => {
                let theirs = world.theirs.thing(kind).to_owned();
                let nothing =
                    if Uuid::try_parse(&theirs).is_ok() { nothing } else { bent(&theirs) };
                let (foreign, absent) =
                    both(world, sample, self.operation, *index, (&theirs, &nothing));
                ((foreign, theirs), Some((absent, nothing)))
            }
        }
    }
}

/// The sample with `theirs` at a place, and with `nothing` there, alike in all else.
fn both(
    world: &World,
    sample: &Sample,
    operation: &Operation,
    index: usize,
    (theirs, nothing): (&str, &str),
) -> (Asked, Asked) {
    let words = Words::default();
    let with = |other: &str| {
        words.rewind();
        let id = |at: usize, kind: &str| {
            let is_there = at == index;
            if is_there { other.to_owned() } else { world.ours.thing(kind).to_owned() }
        };
        sample.request(operation, id, &|word| words.next(word, &world.ours))
    };
    (with(theirs), with(nothing))
}

/// Words that come again in the same order.
#[derive(Default)]
struct Words {
    said: std::cell::RefCell<Vec<String>>,
    at: std::cell::Cell<usize>,
}

impl Words {
    fn rewind(&self) {
        self.at.set(0);
    }

    fn next(&self, word: &str, tenant: &Tenant) -> String {
        let at = self.at.replace(self.at.get() + 1);
        let mut said = self.said.borrow_mut();
        if said.len() == at {
            said.push(tenant.word(word));
        }
        said[at].clone()
    }
}

fn at_cursor(asked: &Asked, cursor: &str) -> (Asked, String) {
    let join = if asked.place.contains('?') { '&' } else { '?' };
    let place = format!("{}{join}cursor={cursor}", asked.place);
    (Asked { place, ..asked.clone() }, cursor.to_owned())
}

/// The cursor with three of its bytes in the place of the three after them: of the same shape, of nothing.
fn swapped(cursor: &str) -> String {
    // four characters of base64 are three bytes
    let at = cursor.len() / 4 * 2 / 3 * 4;
    let (head, rest) = cursor.split_at(at);
    let (one, rest) = rest.split_at(4);
    let (other, rest) = rest.split_at(4);
    format!("{head}{other}{one}{rest}")
}

/// The same text, one character in its latter half another one.
fn bent(text: &str) -> String {
    let at = text.len() * 2 / 3;
    let other = if text.as_bytes().get(at) == Some(&b'7') { '6' } else { '7' };
    text.char_indices().map(|(index, c)| if index == at { other } else { c }).collect()
}

fn server_error(heard: &Heard) -> Verdict {
    match heard.status {
        500.. => Verdict::Found(format!("is answered {}", brief(heard))),
        429 => Verdict::Unjudged,
        _ => Verdict::Clean,
    }
}

/// An answer in a line.
pub(crate) fn brief(heard: &Heard) -> String {
    let text: String = heard.text.chars().take(300).collect();
    format!("{} {text}", heard.status)
}
