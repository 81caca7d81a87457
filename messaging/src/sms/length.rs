//! How many messages a text costs: GSM-7 and UCS-2 (3GPP TS 23.038, 23.040).

/// The basic alphabet of GSM-7; each costs one septet.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The extension; each costs an escape besides.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// What one message holds alone, and as one of several: the header that joins them takes the rest.
const SEPTETS: (usize, usize) = (160, 153);
const UNITS: (usize, usize) = (70, 67);

/// How a text is put on air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 7 bits a character; its alphabet knows no `°`.
    Gsm7,
    /// 16 bits a unit, as in UTF-16: what one character outside GSM-7 costs all the others.
    Ucs2,
}

/// How long a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// How it is put on air.
    pub encoding: Encoding,
    /// Septets, or units of 16 bits.
    pub units: usize,
    /// So many messages it is, and costs; at least 1.
    pub segments: usize,
}

/// How long a text is, and how many messages it takes.
#[must_use]
pub fn length(text: &str) -> Length {
    let septets: Option<Vec<usize>> = text.chars().map(septets).collect();
    let (encoding, costs, (alone, joined)) = match septets {
        Some(costs) => (Encoding::Gsm7, costs, SEPTETS),
        None => (Encoding::Ucs2, text.chars().map(char::len_utf16).collect(), UNITS),
    };
    let units = costs.iter().sum();
    let segments = if units <= alone { 1 } else { packed(&costs, joined) };
    Length { encoding, units, segments }
}

/// What a character costs in GSM-7; `None` where it has none.
fn septets(c: char) -> Option<usize> {
    if BASIC.contains(c) { Some(1) } else { EXTENSION.contains(c).then_some(2) }
}

/// How many messages of that size are filled: an escape or a surrogate is not parted from what follows it.
fn packed(costs: &[usize], size: usize) -> usize {
    let (mut segments, mut used) = (1, 0);
    for cost in costs {
        if used + cost > size {
            (segments, used) = (segments + 1, 0);
        }
        used += cost;
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, encoding: Encoding, units: usize, segments: usize) {
        assert_eq!(length(text), Length { encoding, units, segments }, "{text}");
    }

    #[test]
    fn lengths_are_those_of_the_standard() {
        use Encoding::{Gsm7, Ucs2};
        check("", Gsm7, 0, 1);
        check("Kühlraum: 9.1 C", Gsm7, 15, 1);
        check("Kühlraum: 9.1 °C", Ucs2, 16, 1);
        check("€", Gsm7, 2, 1);
        check("ç", Ucs2, 1, 1); // the alphabet has the capital alone
        check("🧊", Ucs2, 2, 1);
        check(&"a".repeat(160), Gsm7, 160, 1);
        check(&"a".repeat(161), Gsm7, 161, 2);
        check(&"a".repeat(306), Gsm7, 306, 2);
        check(&"a".repeat(307), Gsm7, 307, 3);
        check(&"я".repeat(70), Ucs2, 70, 1);
        check(&"я".repeat(71), Ucs2, 71, 2);
        check(&"я".repeat(134), Ucs2, 134, 2);
        check(&"я".repeat(135), Ucs2, 135, 3);
    }

    #[test]
    fn what_costs_two_is_not_parted() {
        use Encoding::{Gsm7, Ucs2};
        // 152 and an escaped one do not fit 153, so that 306 septets take three messages
        check(&format!("{}€{}", "a".repeat(152), "a".repeat(152)), Gsm7, 306, 3);
        check(&"🧊".repeat(35), Ucs2, 70, 1);
        check(&"🧊".repeat(66), Ucs2, 132, 2); // 33 of them in each
        check(&"🧊".repeat(67), Ucs2, 134, 3);
    }

    #[test]
    fn the_alphabet_has_its_127_characters_and_10_more() {
        assert_eq!(BASIC.chars().count(), 127); // the 128th is the escape
        assert_eq!(EXTENSION.chars().count(), 10);
    }
}
