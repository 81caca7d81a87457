//! What is answered to a reply.

use hub_domain::{AlertKind, MilliCelsius, Timestamp};
use minijinja::{Value, context};

use super::alert::shown;
use super::measure::View;
use super::message::Room;
use crate::sms::{Answer, CodeState, KnownCode, ShortCode};

/// What is answered to a reply: always the truth about what was done, by name and number.
#[derive(Clone)]
pub enum ReplyText {
    /// The alert is acknowledged, by this reply.
    Acknowledged {
        /// What was replied.
        code: ShortCode,
        /// What its unit is called.
        unit: String,
        /// Of how many other units the message was.
        others: usize,
    },
    /// The alert is snoozed.
    Snoozed {
        /// What was replied.
        code: ShortCode,
        /// What its unit is called.
        unit: String,
        /// Of how many other units the message was.
        others: usize,
        /// Until when.
        until: Timestamp,
        /// When this is written.
        at: Timestamp,
        /// How the reader sees it.
        view: View,
    },
    /// Where the alert stands.
    Explained {
        /// What was replied.
        code: ShortCode,
        /// What its unit is called.
        unit: String,
        /// Of how many other units the message was.
        others: usize,
        /// Its site.
        site: String,
        /// What it is about.
        kind: AlertKind,
        /// The last temperature.
        temperature: Option<MilliCelsius>,
        /// Since when.
        opened_at: Timestamp,
        /// Who acknowledged it.
        acknowledged_by: Option<String>,
        /// When this is written.
        at: Timestamp,
        /// How the reader sees it.
        view: View,
    },
    /// The reply was to a test alert.
    TestAcknowledged,
    /// Messages are on again.
    Resumed,
    /// Nothing was done.
    Said {
        /// Why.
        answer: Answer,
        /// When this is written.
        at: Timestamp,
        /// How the reader sees it.
        view: View,
    },
}

impl ReplyText {
    /// How many alerts it lists.
    pub(super) fn listed(&self) -> usize {
        match self {
            Self::Said {
                answer:
                    Answer::Help(codes)
                    | Answer::WhichOne(codes)
                    | Answer::NoSuchCode(_, codes)
                    | Answer::NotUnderstood(codes),
                ..
            } => codes.len(),
            _ => 1,
        }
    }

    pub(super) fn values(&self, room: Room) -> Value {
        match self {
            Self::Acknowledged { code, unit, others } => context! {
                what => "acknowledged",
                code => code.number(),
                unit => named(unit, *others, room),
            },
            Self::Snoozed { code, unit, others, until, at, view } => context! {
                what => "snoozed",
                code => code.number(),
                unit => named(unit, *others, room),
                until => view.time(*until, *at),
            },
            Self::Explained {
                code,
                unit,
                others,
                site,
                kind,
                temperature,
                opened_at,
                acknowledged_by,
                at,
                view,
            } => context! {
                what => "explained",
                code => code.number(),
                unit => named(unit, *others, room),
                site => room.name(site),
                kind => kind.name(),
                temperature => shown(*temperature, *view, room),
                since => view.time(*opened_at, *at),
                by => room.maybe(acknowledged_by.as_ref()),
            },
            Self::TestAcknowledged => context! { what => "test_acknowledged" },
            Self::Resumed => context! { what => "resumed" },
            Self::Said { answer, at, view } => said(answer, *at, *view, room),
        }
    }
}

fn said(answer: &Answer, at: Timestamp, view: View, room: Room) -> Value {
    match answer {
        Answer::Help(codes) => context! { what => "help", ..open(codes, room) },
        Answer::WhichOne(codes) => context! { what => "which_one", ..open(codes, room) },
        Answer::NothingOpen => context! { what => "nothing_open" },
        Answer::NoSuchCode(code, codes) => {
            context! { what => "no_such_code", code => code.number(), ..open(codes, room) }
        }
        Answer::NotUnderstood(codes) => context! { what => "not_understood", ..open(codes, room) },
        Answer::TooLate(known) => too_late(known, at, view, room),
    }
}

/// A unit, and how many others there are: `Freezer 2 +6`.
fn named(unit: &str, others: usize, room: Room) -> String {
    let name = room.name(unit);
    if others == 0 { name } else { format!("{name} +{others}") }
}

/// Open alerts by number and name, as many as there is room for.
fn open(codes: &[KnownCode], room: Room) -> Value {
    let name = |it: &KnownCode| format!("{} {}", it.code, named(&it.unit, it.others, room));
    context! {
        open => codes.iter().take(room.listed).map(name).collect::<Vec<_>>(),
        more => codes.len().saturating_sub(room.listed),
    }
}

fn too_late(known: &KnownCode, now: Timestamp, view: View, room: Room) -> Value {
    let (what, by, at) = match &known.state {
        // acknowledged by nobody else: it cannot be too late, and the number is asked for again
        CodeState::Open => {
            return context! { what => "not_understood", open => known.code.number() };
        }
        CodeState::Acknowledged { by, at } => ("already_acknowledged", by, at),
        CodeState::Resolved { at, acknowledged_by } => ("already_over", acknowledged_by, at),
    };
    context! {
        what => what,
        code => known.code.number(),
        unit => named(&known.unit, known.others, room),
        by => room.maybe(by.as_ref()),
        at => view.time(*at, now),
    }
}
