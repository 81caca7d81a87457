//! What a reply comes to, given what the phone was told.

use hub_domain::{AlertId, Timestamp};

use super::reply::{Reply, ShortCode};

/// For how long `47S` puts an alert's next message off, in minutes.
pub const SNOOZE_MINUTES: u32 = 30;

/// What is known of the phone that replied.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Whether its owner has asked for no more messages.
    pub is_opted_out: bool,
    /// The alerts that it was told of by a code, open ones and those of late. Any order.
    pub codes: &'a [KnownCode],
}

/// An alert that a phone was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCode {
    /// Its code on that phone. One that is free again may stand for an older alert besides.
    pub code: ShortCode,
    /// The alert.
    pub alert: AlertId,
    /// What its unit is called.
    pub unit: String,
    /// Of a message of several alerts, of how many other units it was.
    pub others: usize,
    /// Where it stands. Several are open as long as one of them is.
    pub state: CodeState,
}

/// Where an alert stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeState {
    /// Nobody has acknowledged it.
    Open,
    /// Somebody has.
    Acknowledged {
        /// What they are called; `None` for the one who replied.
        by: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// It is over.
    Resolved {
        /// Since when.
        at: Timestamp,
        /// Who acknowledged it first, if anybody did.
        acknowledged_by: Option<String>,
    },
}

/// What is done about a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The phone's consent ends. Nothing is answered: the carrier does, and takes nothing more from us.
    OptOut,
    /// The phone's consent is given again.
    OptIn,
    /// The alert is acknowledged, through its unit like any other. Who was faster is answered by what comes of it.
    Acknowledge(KnownCode),
    /// The alert is snoozed for [`SNOOZE_MINUTES`].
    Snooze(KnownCode),
    /// Where the alert stands is answered.
    Explain(KnownCode),
    /// Nothing is done, and this is answered.
    Say(Answer),
}

/// What is answered where nothing is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// How this works, and what is open.
    Help(Vec<KnownCode>),
    /// More than one is open.
    WhichOne(Vec<KnownCode>),
    /// None is open.
    NothingOpen,
    /// No alert has that code.
    NoSuchCode(ShortCode, Vec<KnownCode>),
    /// Somebody was faster, or it is over; its state says which.
    TooLate(KnownCode),
    /// The reply was not understood.
    NotUnderstood(Vec<KnownCode>),
}

/// What a reply comes to. A guess is never made: acknowledging the wrong alert would end its escalation.
#[must_use]
pub fn decide(reply: Reply, situation: Situation<'_>) -> Decision {
    let codes = situation.codes;
    match reply {
        Reply::Stop => Decision::OptOut,
        Reply::Start => Decision::OptIn,
        Reply::Yes if situation.is_opted_out => Decision::OptIn,
        Reply::Yes => about(None, codes, Decision::Acknowledge),
        Reply::Help => Decision::Say(Answer::Help(open(codes))),
        Reply::Acknowledge(code) => about(code, codes, Decision::Acknowledge),
        Reply::Snooze(code) => about(code, codes, Decision::Snooze),
        Reply::Explain(code) => match find(code, codes) {
            Some(known) => Decision::Explain(known.clone()),
            None => Decision::Say(Answer::NoSuchCode(code, open(codes))),
        },
        Reply::Unknown => Decision::Say(Answer::NotUnderstood(open(codes))),
    }
}

/// What is done with the alert of that code, or with the only open one.
fn about(code: Option<ShortCode>, codes: &[KnownCode], act: fn(KnownCode) -> Decision) -> Decision {
    let Some(code) = code else { return about_the_only_one(codes, act) };
    let Some(known) = find(code, codes) else {
        return Decision::Say(Answer::NoSuchCode(code, open(codes)));
    };
    match (&known.state, act(known.clone())) {
        (CodeState::Open, action)
        | (CodeState::Acknowledged { .. }, action @ Decision::Snooze(_)) => action,
        (CodeState::Acknowledged { .. } | CodeState::Resolved { .. }, _) => {
            Decision::Say(Answer::TooLate(known.clone()))
        }
    }
}

fn about_the_only_one(codes: &[KnownCode], act: fn(KnownCode) -> Decision) -> Decision {
    let mut open = open(codes);
    match (open.pop(), open.is_empty()) {
        (Some(only), true) => act(only),
        (Some(last), false) => {
            open.push(last);
            Decision::Say(Answer::WhichOne(open))
        }
        (None, _) => Decision::Say(last_of(codes).map_or(Answer::NothingOpen, Answer::TooLate)),
    }
}

/// The alert that a code stands for: an open one before one of late, the newest of those.
fn find(code: ShortCode, codes: &[KnownCode]) -> Option<&KnownCode> {
    codes.iter().filter(|it| it.code == code).max_by_key(|it| urgency(it))
}

/// Open ones, by code.
fn open(codes: &[KnownCode]) -> Vec<KnownCode> {
    let mut open: Vec<KnownCode> =
        codes.iter().filter(|it| it.state == CodeState::Open).cloned().collect();
    open.sort_by_key(|it| it.code);
    open
}

/// The one that "OK" was meant for, if it came late: where there was one alone.
fn last_of(codes: &[KnownCode]) -> Option<KnownCode> {
    let acknowledged = |it: &&KnownCode| matches!(it.state, CodeState::Acknowledged { .. });
    let mut running = codes.iter().filter(acknowledged);
    match (running.next(), running.next()) {
        (Some(only), None) => Some(only.clone()),
        (None, None) if codes.len() == 1 => codes.first().cloned(),
        _ => None,
    }
}

fn urgency(known: &KnownCode) -> (u8, Timestamp) {
    match &known.state {
        CodeState::Open => (2, Timestamp::default()),
        CodeState::Acknowledged { at, .. } => (1, *at),
        CodeState::Resolved { at, .. } => (0, *at),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reply::parse;
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_764_432_000_000);

    /// `47 open`, `47 ack`, `47 ack by Ben`, `47 over`, `47 over by Ben`, parted by `;`.
    fn known(text: &str) -> Vec<KnownCode> {
        let one = |(index, text): (usize, &str)| {
            let (code, state) = text.trim().split_once(' ').unwrap();
            let by = state.split_once(" by ").map(|(_, name)| name.to_owned());
            let at = AT.plus_secs(u32::try_from(index).unwrap());
            let state = match state.split(' ').next().unwrap() {
                "open" => CodeState::Open,
                "ack" => CodeState::Acknowledged { by, at },
                _ => CodeState::Resolved { at, acknowledged_by: by },
            };
            let code = ShortCode::new(code.parse().unwrap()).unwrap();
            let alert = AlertId(uuid::Uuid::from_u128(index as u128));
            KnownCode { code, alert, unit: format!("unit {index}"), others: 0, state }
        };
        text.split(';').filter(|it| !it.trim().is_empty()).enumerate().map(one).collect()
    }

    fn codes(of: &[KnownCode]) -> String {
        of.iter().map(|it| it.code.to_string()).collect::<Vec<_>>().join(",")
    }

    fn gist(decision: &Decision) -> String {
        match decision {
            Decision::OptOut => "opt out".into(),
            Decision::OptIn => "opt in".into(),
            Decision::Acknowledge(it) => format!("acknowledge {} of {}", it.code, it.unit),
            Decision::Snooze(it) => format!("snooze {} of {}", it.code, it.unit),
            Decision::Explain(it) => format!("explain {} of {}", it.code, it.unit),
            Decision::Say(Answer::Help(it)) => format!("say help [{}]", codes(it)),
            Decision::Say(Answer::WhichOne(it)) => format!("say which of [{}]", codes(it)),
            Decision::Say(Answer::NothingOpen) => "say nothing open".into(),
            Decision::Say(Answer::NoSuchCode(code, it)) => {
                format!("say no {code}, open [{}]", codes(it))
            }
            Decision::Say(Answer::NotUnderstood(it)) => format!("say what? [{}]", codes(it)),
            Decision::Say(Answer::TooLate(it)) => match &it.state {
                CodeState::Open => panic!("too late for an open one"),
                CodeState::Acknowledged { by, .. } => {
                    format!(
                        "say {} was acknowledged by {}",
                        it.code,
                        by.as_deref().unwrap_or("you")
                    )
                }
                CodeState::Resolved { acknowledged_by, .. } => {
                    let by = acknowledged_by.as_deref().unwrap_or("nobody");
                    format!("say {} is over, acknowledged by {by}", it.code)
                }
            },
        }
    }

    #[track_caller]
    fn check(is_opted_out: bool, cases: &[(&str, &str, &str)]) {
        for (open, text, wanted) in cases {
            let known = known(open);
            let situation = Situation { is_opted_out, codes: &known };
            assert_eq!(gist(&decide(parse(text), situation)), *wanted, "{text:?} with {open:?}");
        }
    }

    #[test]
    fn replies_come_to_what_the_table_says() {
        check(
            false,
            &[
                ("47 open", "47", "acknowledge 47 of unit 0"),
                ("47 open", "ack 47", "acknowledge 47 of unit 0"),
                ("47 open", "OK", "acknowledge 47 of unit 0"),
                ("47 open", "yes", "acknowledge 47 of unit 0"),
                ("47 open", "👍", "acknowledge 47 of unit 0"),
                ("47 open", "47S", "snooze 47 of unit 0"),
                ("47 open", "snooze", "snooze 47 of unit 0"),
                ("47 open", "47H", "explain 47 of unit 0"),
                ("47 open", "48", "say no 48, open [47]"),
                ("47 open", "48H", "say no 48, open [47]"),
                ("47 open", "47 48", "say what? [47]"),
                ("47 open", "what is this", "say what? [47]"),
                ("47 open", "HELP", "say help [47]"),
                ("47 open", "STOP", "opt out"),
                ("47 open", "START", "opt in"),
                ("48 open; 47 open", "OK", "say which of [47,48]"),
                ("48 open; 47 open", "snooze", "say which of [47,48]"),
                ("48 open; 47 open", "47", "acknowledge 47 of unit 1"),
                ("47 open; 48 ack by Ben", "OK", "acknowledge 47 of unit 0"),
                ("", "OK", "say nothing open"),
                ("", "47", "say no 47, open []"),
                ("", "HELP", "say help []"),
            ],
        );
    }

    #[test]
    fn late_and_second_acknowledgers_hear_the_truth() {
        check(
            false,
            &[
                ("47 ack by Ben", "47", "say 47 was acknowledged by Ben"),
                ("47 ack", "47", "say 47 was acknowledged by you"),
                ("47 ack by Ben", "OK", "say 47 was acknowledged by Ben"),
                ("47 over by Ben", "47", "say 47 is over, acknowledged by Ben"),
                ("47 over", "47", "say 47 is over, acknowledged by nobody"),
                ("47 over", "OK", "say 47 is over, acknowledged by nobody"),
                ("47 over", "47S", "say 47 is over, acknowledged by nobody"),
                ("47 ack by Ben", "47S", "snooze 47 of unit 0"),
                ("47 ack by Ben", "47H", "explain 47 of unit 0"),
                ("47 ack by Ben; 48 ack by Eva", "OK", "say nothing open"),
                ("47 over; 48 over", "OK", "say nothing open"),
            ],
        );
    }

    #[test]
    fn a_code_that_is_used_again_stands_for_the_open_alert() {
        check(
            false,
            &[
                ("47 open; 47 over by Ben", "47", "acknowledge 47 of unit 0"),
                ("47 over by Ben; 47 ack by Eva", "47", "say 47 was acknowledged by Eva"),
                ("47 over by Ben; 47 over by Eva", "47", "say 47 is over, acknowledged by Eva"),
            ],
        );
    }

    #[test]
    fn who_had_stopped_messages_starts_them_with_yes() {
        check(
            true,
            &[
                ("47 open", "yes", "opt in"),
                ("47 open", "START", "opt in"),
                ("47 open", "OK", "acknowledge 47 of unit 0"),
                ("47 open", "STOP", "opt out"),
            ],
        );
    }
}
