//! What a reply asks for. Pure: the same text asks for the same thing, whoever sent it.

use super::words::{Word, words};

/// The number that stands for an open alert in the messages to one phone: 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortCode(u16);

impl ShortCode {
    /// The code of that number; `None` outside 1 to 9999.
    #[must_use]
    pub fn new(number: u16) -> Option<Self> {
        (1..=9999).contains(&number).then_some(Self(number))
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl std::fmt::Display for ShortCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a reply asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// No more messages to this phone.
    Stop,
    /// Messages again.
    Start,
    /// "Yes": messages again from who had stopped them, "OK" from anybody else.
    Yes,
    /// How this works.
    Help,
    /// "I have seen it": the alert of that code, or the only open one.
    Acknowledge(Option<ShortCode>),
    /// "I have seen it, remind me": the alert of that code, or the only open one.
    Snooze(Option<ShortCode>),
    /// More about the alert of that code.
    Explain(ShortCode),
    /// Something that is not acted on: a wrong guess would silence an alarm.
    Unknown,
}

/// Ends messages wherever it comes first: what carriers take, and what the FCC counts as plain words (47 CFR
/// 64.1200(a)(10)).
const STOP: [&str; 3] = ["STOP", "STOPALL", "UNSUBSCRIBE"];

/// Ends messages where it stands alone; in a sentence it may be about something else.
const STOP_ALONE: [&str; 8] =
    ["CANCEL", "END", "QUIT", "ARRET", "ARRÊT", "REVOKE", "OPTOUT", "OPT OUT"];

const START: [&str; 2] = ["START", "UNSTOP"];
const HELP: [&str; 2] = ["HELP", "INFO"];
const YES: [&str; 2] = ["YES", "Y"];

const ACKNOWLEDGE: [&str; 12] = [
    "OK",
    "OKAY",
    "K",
    "ACK",
    "ACKNOWLEDGE",
    "ACKNOWLEDGED",
    "CONFIRM",
    "CONFIRMED",
    "ROGER",
    "SEEN",
    "YES",
    "Y",
];
const SNOOZE: [&str; 2] = ["S", "SNOOZE"];
const EXPLAIN: [&str; 5] = ["H", "HELP", "INFO", "DETAILS", "STATUS"];

/// Said besides, and changes nothing.
const POLITE: [&str; 12] = [
    "PLEASE", "PLS", "THANKS", "THANK", "YOU", "THX", "TY", "ALERT", "ALARM", "CODE", "REPLY", "TO",
];

/// Reads a reply. What carriers act on comes first: STOP, START, HELP.
#[must_use]
pub fn parse(text: &str) -> Reply {
    let mut words = words(text);
    words.retain(|word| !matches!(word, Word::Letters(it) if POLITE.contains(&it.as_str())));
    let asks = words.contains(&Word::Question);
    words.retain(|word| *word != Word::Question);
    let letters: Vec<&str> = words
        .iter()
        .filter_map(|word| if let Word::Letters(it) = word { Some(it.as_str()) } else { None })
        .collect();
    let numbers = numbers(&words);
    if let Some(reply) = keyword(&letters, numbers.is_empty()) {
        return reply;
    }
    if words.contains(&Word::Odd) {
        return Reply::Unknown;
    }
    match numbers[..] {
        [] => without_number(&letters, asks),
        [code] => with_number(code, &letters, asks),
        _ => Reply::Unknown,
    }
}

/// The different numbers.
fn numbers(words: &[Word]) -> Vec<ShortCode> {
    let mut numbers: Vec<ShortCode> = words
        .iter()
        .filter_map(|word| if let Word::Number(it) = word { ShortCode::new(*it) } else { None })
        .collect();
    numbers.dedup();
    numbers
}

/// What carriers act on.
fn keyword(letters: &[&str], has_no_number: bool) -> Option<Reply> {
    let first = letters.first().filter(|_| has_no_number)?;
    let all = letters.join(" ");
    if STOP.contains(first) || STOP_ALONE.contains(&all.as_str()) {
        Some(Reply::Stop)
    } else if START.contains(&all.as_str()) {
        Some(Reply::Start)
    } else {
        HELP.contains(first).then_some(Reply::Help)
    }
}

fn without_number(letters: &[&str], asks: bool) -> Reply {
    match letters {
        [] if asks => Reply::Help,
        [word] if asks && !EXPLAIN.contains(word) => Reply::Unknown,
        [word] if YES.contains(word) => Reply::Yes,
        [word] if SNOOZE.contains(word) => Reply::Snooze(None),
        [word] if EXPLAIN.contains(word) => Reply::Help,
        [_, ..] if are(letters, &ACKNOWLEDGE) => Reply::Acknowledge(None),
        _ => Reply::Unknown,
    }
}

fn with_number(code: ShortCode, letters: &[&str], asks: bool) -> Reply {
    match letters {
        [] if asks => Reply::Explain(code),
        [word] if EXPLAIN.contains(word) => Reply::Explain(code),
        _ if asks => Reply::Unknown,
        [word] if SNOOZE.contains(word) => Reply::Snooze(Some(code)),
        _ if are(letters, &ACKNOWLEDGE) => Reply::Acknowledge(Some(code)),
        _ => Reply::Unknown,
    }
}

fn are(letters: &[&str], known: &[&str]) -> bool {
    letters.iter().all(|word| known.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply as the table writes it: `ack 47`, `ack`, `snooze 47`, `stop`, …
    fn gist(reply: Reply) -> String {
        let with = |verb: &str, code: Option<ShortCode>| {
            code.map_or(verb.to_owned(), |code| format!("{verb} {code}"))
        };
        match reply {
            Reply::Stop => "stop".into(),
            Reply::Start => "start".into(),
            Reply::Yes => "yes".into(),
            Reply::Help => "help".into(),
            Reply::Acknowledge(code) => with("ack", code),
            Reply::Snooze(code) => with("snooze", code),
            Reply::Explain(code) => with("explain", Some(code)),
            Reply::Unknown => "-".into(),
        }
    }

    const CASES: [(&str, &str); 124] = [
        // the number
        ("47", "ack 47"),
        ("  47  ", "ack 47"),
        ("\r\n47\r\n", "ack 47"),
        ("\t47\u{a0}", "ack 47"),
        ("47.", "ack 47"),
        ("47!", "ack 47"),
        ("47,", "ack 47"),
        ("#47", "ack 47"),
        ("(47)", "ack 47"),
        ("047", "ack 47"),
        ("47\n47", "ack 47"),
        ("Code 47", "ack 47"),
        ("9999", "ack 9999"),
        ("47 thanks", "ack 47"),
        ("47 please", "ack 47"),
        ("- 47", "ack 47"),
        // with a word
        ("ack 47", "ack 47"),
        ("ACK 47", "ack 47"),
        ("Ack47", "ack 47"),
        ("47 ack", "ack 47"),
        ("47ack", "ack 47"),
        ("ack-47", "ack 47"),
        ("ack: 47", "ack 47"),
        ("ack #47", "ack 47"),
        ("acknowledge 47", "ack 47"),
        ("Acknowledged, 47.", "ack 47"),
        ("ok 47", "ack 47"),
        ("OK, ack 47", "ack 47"),
        ("yes 47", "ack 47"),
        ("Reply 47 to acknowledge", "ack 47"),
        // other scripts and looks
        ("４７", "ack 47"),
        ("ＡＣＫ　４７", "ack 47"),
        ("４７Ｓ", "snooze 47"),
        ("٤٧", "ack 47"),
        ("۴۷", "ack 47"),
        ("४७", "ack 47"),
        ("𝟒𝟕", "ack 47"),
        ("4\u{fe0f}\u{20e3}7\u{fe0f}\u{20e3}", "ack 47"),
        ("\u{200f}47\u{200e}", "ack 47"),
        ("\u{feff}47", "ack 47"),
        ("47\u{200b}", "ack 47"),
        ("47 😀", "ack 47"),
        ("47 👍", "ack 47"),
        ("47 👍🏽", "ack 47"),
        ("47 🙏", "ack 47"),
        // quoted
        ("\"47\"", "ack 47"),
        ("“47”", "ack 47"),
        ("'47'", "ack 47"),
        ("«47»", "ack 47"),
        ("> Cooler 9.1 C. Reply 47 to acknowledge\n47", "ack 47"),
        ("47\n> Freezer -12.0 C. Reply 48 to acknowledge", "ack 47"),
        ("47 “Freezer -12.0 C. Reply 48 to acknowledge”", "ack 47"),
        ("\"Reply 48 to acknowledge\" OK", "ack"),
        ("47\n\nSent from my iPhone 15", "ack 47"),
        ("47\n--\nAnna, kitchen 2", "ack 47"),
        ("Liked “Cooler 9.1 C. Reply 47 to acknowledge”", "-"),
        ("Reacted 👍 to “Cooler 9.1 C. Reply 47 to acknowledge”", "-"),
        // OK
        ("OK", "ack"),
        ("ok", "ack"),
        ("Ok.", "ack"),
        ("okay!", "ack"),
        ("k", "ack"),
        ("ACK", "ack"),
        ("ok thanks", "ack"),
        ("OK, thank you!", "ack"),
        ("👍", "ack"),
        ("👌🏿", "ack"),
        ("✅", "ack"),
        ("✔️", "ack"),
        ("yes", "yes"),
        ("Y", "yes"),
        // snooze
        ("47S", "snooze 47"),
        ("47s", "snooze 47"),
        ("47 s.", "snooze 47"),
        ("S47", "snooze 47"),
        ("snooze 47", "snooze 47"),
        ("47 Snooze", "snooze 47"),
        ("snooze", "snooze"),
        // more about it
        ("47H", "explain 47"),
        ("47h", "explain 47"),
        ("47 help", "explain 47"),
        ("help 47", "explain 47"),
        ("47?", "explain 47"),
        ("47 info", "explain 47"),
        // what carriers act on
        ("STOP", "stop"),
        ("stop", "stop"),
        (" Stop. ", "stop"),
        ("\"STOP\"", "stop"),
        ("ＳＴＯＰ", "stop"),
        ("STOP ALL", "stop"),
        ("stopall", "stop"),
        ("stop texting me", "stop"),
        ("please stop", "stop"),
        ("STOP!!! 😡", "stop"),
        ("unsubscribe", "stop"),
        ("cancel", "stop"),
        ("END", "stop"),
        ("quit", "stop"),
        ("arret", "stop"),
        ("ARRÊT", "stop"),
        ("arre\u{302}t", "stop"),
        ("opt-out", "stop"),
        ("START", "start"),
        ("unstop", "start"),
        ("HELP", "help"),
        ("help!", "help"),
        ("help me", "help"),
        ("info", "help"),
        ("?", "help"),
        // not acted on
        ("", "-"),
        ("   \n", "-"),
        ("stop 47", "-"),
        ("don't stop", "-"),
        ("cancel my order", "-"),
        ("47 48", "-"),
        ("47, 48", "-"),
        ("not 47", "-"),
        ("47 is not mine", "-"),
        ("ok?", "-"),
        ("8.2", "-"),
        ("-18", "-"),
        ("8:30", "-"),
        ("👎 47", "-"),
        ("123456", "-"),
    ];

    #[test]
    fn replies_ask_for_what_the_table_says() {
        let mut wrong = Vec::new();
        for (text, wanted) in CASES {
            let got = gist(parse(text));
            if got != wanted {
                wrong.push(format!("{text:?}: {got}, wanted {wanted}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn no_text_that_breaks_programs_changes_a_consent() {
        let Some(text) = hub_testkit::shared::text("contracts/hostile/naughty-strings.json") else {
            return;
        };
        let mut strings: Vec<String> = serde_json::from_str(&text).unwrap();
        strings.extend(["0", "00000", "47\0", "\"", "“", "“47", "« »"].map(str::to_owned));
        for text in &strings {
            assert!(!matches!(parse(text), Reply::Stop | Reply::Start | Reply::Yes), "{text:?}");
        }
    }
}
