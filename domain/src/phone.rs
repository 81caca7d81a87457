//! Phones: where short messages go.

/// A number of E.164: `+`, then 7 to 15 digits of which the first is not 0.
///
/// E.164 sets the upper end; the lower one is that of the shortest numbers in use (Niue: 3 digits of the country and 4
/// of the subscriber). Printed for debugging it is `…`: it is a person's, and does not reach the log.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// What [`Self::parse`] takes, as a regular expression.
    pub const PATTERN: &str = r"^\+[1-9][0-9]{6,14}$";

    /// The longest, in bytes.
    pub const LONGEST: usize = 16;

    /// Takes a number as it is to be stored and dialled; nothing is trimmed or guessed. `None` for another text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let is_good = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        is_good.then(|| Self(text.to_owned()))
    }

    /// The number, for whoever dials or stores it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_e164() {
        for good in ["+4930123456", "+6834000", "+123456789012345"] {
            assert_eq!(PhoneNumber::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "+",
            "4930123456",
            "+04930123456",
            "+49 30 123",
            "+123456",
            "+1234567890123456",
            "+49\n3012345",
            "+49３０123456",
        ] {
            assert_eq!(PhoneNumber::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_number_is_not_printed() {
        let phone = PhoneNumber::parse("+4930123456");
        assert_eq!(format!("{phone:?}"), "Some(…)");
    }
}
