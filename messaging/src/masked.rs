//! Partners' words without the people in them.

/// The longest that is kept of what a partner says.
const LONGEST: usize = 300;

/// So many digits in a row, brackets and dashes between them aside, may be a phone's.
const DIGITS_OF_A_PHONE: usize = 7;

/// A partner's words in one line of at most 300 characters, where phones and e-mail addresses are `…`.
///
/// Partners quote the recipient in their refusals, and refusals are stored, shown and logged.
#[must_use]
pub fn masked(words: &str) -> String {
    let words = words.split(|c: char| c.is_whitespace() || c.is_control());
    let shown: Vec<&str> = words
        .filter(|word| !word.is_empty())
        .map(|word| if is_of_a_person(word) { "…" } else { word })
        .collect();
    shown.join(" ").chars().take(LONGEST).collect()
}

/// Whether a word is, or holds, an e-mail address or a phone.
fn is_of_a_person(word: &str) -> bool {
    let mut run = 0;
    word.contains('@')
        || word.chars().any(|c| {
            run = match c {
                '0'..='9' => run + 1,
                '-' | '(' | ')' => run,
                _ => 0,
            };
            run >= DIGITS_OF_A_PHONE
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_masked_and_the_rest_is_one_line() {
        for (said, kept) in [
            ("5.1.1 <anna@example.org>: no such user", "5.1.1 … no such user"),
            ("+18665550001 is a landline", "… is a landline"),
            ("to (866)555-0001\r\nis off", "to … is off"),
            ("40300: blocked\t\tsince 2026", "40300: blocked since 2026"),
            ("", ""),
        ] {
            assert_eq!(masked(said), kept);
        }
        assert_eq!(masked(&"ä ".repeat(400)).chars().count(), LONGEST);
    }
}
