//! What people are called, made harmless wherever it is put.

use unicode_segmentation::UnicodeSegmentation as _;

/// More marks on one letter than any language needs; the rest would run over the lines above and below.
const MOST_MARKS: usize = 4;

/// One line of a text: line breaks and control characters become blanks, and marks that turn the direction of
/// writing, or cannot be seen, are taken out. Nothing else is changed.
///
/// A name can then neither end a header or a line, nor show in another order than it is written.
#[must_use]
pub fn inert(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for character in text.graphemes(true) {
        if character.starts_with(parts_words) {
            made.push(' '); // marks on it go with it, lest they end up on the letter before
        } else {
            let shown = character.chars().filter(|c| !is_hidden(*c));
            made.extend(shown.take(1 + MOST_MARKS.max(character_of_many(character))));
        }
    }
    made.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Emoji of several people are many characters joined; those are not marks.
fn character_of_many(character: &str) -> usize {
    if character.contains('\u{200d}') { character.chars().count().min(16) } else { 0 }
}

fn parts_words(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Marks of direction (Unicode Bidi_Control), and what takes no room; U+200C and U+200D are needed in writing.
fn is_hidden(c: char) -> bool {
    matches!(u32::from(c),
        0xAD | 0x61C | 0x180E | 0x200B | 0x200E..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F
        | 0xFEFF | 0xFFF0..=0xFFFC | 0xE0000..=0xE007F)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line_in_the_order_in_which_they_are_written() {
        for (name, made) in [
            ("Walk-in cooler", "Walk-in cooler"),
            ("a\r\nBcc: eve@example.org", "a Bcc: eve@example.org"),
            ("a\u{2028}b\u{85}c\0d\u{1b}[31m", "a b c d [31m"),
            ("  a \t b  ", "a b"),
            ("\u{202e}gpj.exe\u{202c}", "gpj.exe"),
            ("\u{2066}\u{200f}a\u{2069}", "a"),
            ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
            ("=1+1", "=1+1"),
            ("می‌خواهم", "می‌خواهم"),
            ("👨‍👩‍👧‍👦 🧊", "👨‍👩‍👧‍👦 🧊"),
            ("Kühlraum №2 – 冷凍庫", "Kühlraum №2 – 冷凍庫"),
        ] {
            assert_eq!(inert(name), made, "{name:?}");
        }
        let piled = format!("Z{}", "\u{301}".repeat(300));
        assert_eq!(inert(&piled).chars().count(), 5);
    }

    #[test]
    fn no_string_that_breaks_programs_leaves_a_line_break_or_a_mark_of_direction() {
        let Some(text) = hub_testkit::shared::text("contracts/hostile/naughty-strings.json") else {
            return;
        };
        let strings: Vec<String> = serde_json::from_str(&text).unwrap();
        for text in &strings {
            let made = inert(text);
            assert!(!made.chars().any(|c| c.is_control() || is_hidden(c)), "{text:?}: {made:?}");
            assert_eq!(inert(&made), made, "{text:?}");
        }
    }
}
