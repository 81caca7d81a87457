//! What people type, as numbers and words.

use unicode_segmentation::UnicodeSegmentation as _;

/// One thing that was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Up to 4 digits, of whatever script.
    Number(u16),
    /// Letters, in capitals.
    Letters(String),
    /// A question mark.
    Question,
    /// Something else that means something: a sign, a temperature, a time of day, an emoji that says no.
    Odd,
}

/// The zeros of the scripts in which phones write digits; the other nine follow each. Unicode 16, category Nd.
const ZEROS: [u32; 27] = [
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66,
    0xDE6, 0xE50, 0xED0, 0xF20, 0x1040, 0x17E0, 0x1810, 0xFF10, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC,
    0x1D7F6, 0x1FBF0,
];

/// Emoji that say "OK".
const NODS: &str = "👍👌✅✔☑🆗";

/// Emoji that say nothing of the alert.
const CHATTER: &str = "🙏🙌👏💪❤🧊🔥🚨🏃🥶🥵";

/// What parts words and means nothing. `.`, `,`, `:` and dashes are looked at closer.
const SEPARATORS: &str = "!;\"'`´“”„‟‘’‚«»‹›()[]{}#*_~…。、｡！，．；：（）＃";

/// The words of a message, quotations and signatures left out.
pub(super) fn words(text: &str) -> Vec<Word> {
    let own: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| *line != "--" && !line.to_lowercase().starts_with("sent from "))
        .filter(|line| !line.starts_with(['>', '|']))
        .collect();
    let own = own.join("\n");
    let rest = without_quotations(&own);
    let words = split(&rest);
    if words.is_empty() { split(&own) } else { words }
}

/// Leaves out what stands between quotation marks and is more than a word: our own message, come back.
fn without_quotations(text: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['"', '“', '„', '«']) {
        let opening = rest[at..].chars().next().map_or(0, char::len_utf8);
        let inside = &rest[at + opening..];
        let Some(end) = inside.find(['"', '”', '“', '»']) else { break };
        let closing = inside[end..].chars().next().map_or(0, char::len_utf8);
        kept.push_str(&rest[..at]);
        kept.push(' ');
        if !inside[..end].trim().contains(char::is_whitespace) {
            kept.push_str(&inside[..end]);
        }
        rest = &inside[end + closing..];
    }
    kept + rest
}

/// Splits where digits meet letters, at blanks and at what means nothing.
fn split(text: &str) -> Vec<Word> {
    let characters: Vec<char> = text.graphemes(true).flat_map(plain).collect();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        let run = |is: fn(char) -> bool| characters[at..].iter().take_while(|it| is(**it)).count();
        let length = if c.is_ascii_digit() {
            run(|it| it.is_ascii_digit())
        } else if c.is_alphabetic() {
            run(char::is_alphabetic)
        } else {
            1
        };
        let before = at.checked_sub(1).map(|it| characters[it]);
        let after = characters.get(at + 1).copied();
        words.extend(word(&characters[at..at + length], before, after));
        at += length;
    }
    words
}

/// A character as it is compared: digits and letters of ASCII for those that look the same; nothing for what only
/// changes how another looks.
fn plain(grapheme: &str) -> impl Iterator<Item = char> {
    let is_shown = |c: &char| {
        !matches!(u32::from(*c),
            0xAD | 0x300..=0x36F | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x2069
            | 0x20E3 | 0xFE0E | 0xFE0F | 0xFEFF | 0x1F3FB..=0x1F3FF)
    };
    grapheme.chars().filter(is_shown).flat_map(|c| latin(c).to_uppercase())
}

fn latin(c: char) -> char {
    let code = u32::from(c);
    if let Some(zero) = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)) {
        return char::from_digit(code - zero, 10).unwrap_or(c);
    }
    match code {
        0xFF21..=0xFF3A | 0xFF41..=0xFF5A => char::from_u32(code - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

fn word(run: &[char], before: Option<char>, after: Option<char>) -> Option<Word> {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    match run[0] {
        '0'..='9' => Some(number(run)),
        c if c.is_alphabetic() => Some(Word::Letters(run.iter().collect())),
        c if c.is_whitespace() || SEPARATORS.contains(c) => None,
        '?' | '？' => Some(Word::Question),
        '.' | ',' | ':' => (is_digit(before) && is_digit(after)).then_some(Word::Odd),
        '-' | '–' | '—' => {
            let parts_letters = before.is_some_and(char::is_alphabetic);
            (is_digit(after) && !parts_letters).then_some(Word::Odd)
        }
        c if NODS.contains(c) => Some(Word::Letters("OK".to_owned())),
        c if CHATTER.contains(c) || ('😀'..='😷').contains(&c) => None,
        _ => Some(Word::Odd),
    }
}

fn number(digits: &[char]) -> Word {
    let digits: String = digits.iter().collect();
    let value = digits.parse().ok().filter(|value| (1..=9999).contains(value));
    value.map_or(Word::Odd, Word::Number)
}
