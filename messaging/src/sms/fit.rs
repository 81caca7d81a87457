//! Making a message fit: names get shorter, nothing else does.

use unicode_segmentation::UnicodeSegmentation as _;

use super::length;

/// What stands for the rest of a name. Two dots of GSM-7; `…` would turn the whole message into UCS-2.
const REST: &str = "..";

/// A name is not cut below this, in characters as readers count them, the dots included.
const SHORTEST_NAME: usize = 8;

/// Names longer than this are cut in any case: it is more than one message holds.
const LONGEST_NAME: usize = 160;

/// A name of at most `longest` characters as readers count them, the end replaced by `..` where it was longer.
#[must_use]
pub fn shorten(name: &str, longest: usize) -> String {
    let ends = name.grapheme_indices(true).map(|(at, _)| at);
    let ends: Vec<usize> = ends.chain([name.len()]).collect();
    if ends.len() <= longest + 1 {
        return name.to_owned();
    }
    let kept = &name[..ends[longest.saturating_sub(REST.len())]];
    format!("{}{REST}", kept.trim_end())
}

/// The message with the longest names for which it takes the fewest segments: one, where it can be.
///
/// `render` gives the message with each name cut to so many characters (see [`shorten`]). A name that GSM-7 cannot
/// write stays as it is and makes the message shorter or more segments; it is never rewritten.
///
/// # Errors
/// When `render` fails.
pub fn fit<E>(render: impl Fn(usize) -> Result<String, E>) -> Result<String, E> {
    let mut best = render(SHORTEST_NAME)?;
    let fewest = length(&best).segments;
    let (mut fits, mut fits_not) = (SHORTEST_NAME, LONGEST_NAME + 1);
    let mut longest = LONGEST_NAME; // most messages fit as they are
    while fits + 1 < fits_not {
        let message = render(longest)?;
        if length(&message).segments <= fewest {
            (best, fits) = (message, longest);
        } else {
            fits_not = longest;
        }
        longest = usize::midpoint(fits, fits_not); // a longer name never makes it shorter
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::super::Encoding;
    use super::*;

    #[test]
    fn names_are_cut_between_what_readers_see() {
        for (name, longest, cut) in [
            ("Walk-in cooler", 14, "Walk-in cooler"),
            ("Walk-in cooler", 13, "Walk-in coo.."),
            ("Walk-in cooler", 10, "Walk-in.."),
            ("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 3, "👨‍👩‍👧.."),
            ("e\u{301}e\u{301}e\u{301}e\u{301}", 3, "e\u{301}.."),
            ("", 8, ""),
        ] {
            assert_eq!(shorten(name, longest), cut, "{name} to {longest}");
        }
    }

    fn message(name: &str) -> String {
        let render = |longest| Ok::<_, ()>(format!("{}: 9.1 C. Reply 47", shorten(name, longest)));
        fit(render).unwrap()
    }

    #[test]
    fn a_message_is_one_segment_with_the_longest_name_that_allows_it() {
        assert_eq!(message("Cooler"), "Cooler: 9.1 C. Reply 47");
        let long = message(&"a".repeat(500));
        assert_eq!((length(&long).segments, length(&long).units), (1, 160));
        assert!(long.ends_with("..: 9.1 C. Reply 47"));
        let cyrillic = message(&"я".repeat(500));
        let fits = length(&cyrillic);
        assert_eq!((fits.encoding, fits.segments, fits.units), (Encoding::Ucs2, 1, 70));
    }

    #[test]
    fn what_cannot_be_one_segment_is_as_few_as_can_be() {
        let fixed = "я".repeat(65);
        let render =
            |longest| Ok::<_, ()>(format!("{} {fixed}", shorten(&"b".repeat(99), longest)));
        let message = fit(render).unwrap();
        assert_eq!(length(&message).segments, 2);
        assert!(message.ends_with(&fixed));
        assert_eq!(length(&message).units, 134, "all of both is used");
    }
}
