//! Where people are reached: e-mail addresses, phones, and the language that they read.

use hub_domain::PhoneNumber;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use super::{
    error::FieldError,
    schemas::{self, AnySchema},
};

/// The languages that contacts may be told in, as BCP 47 names them.
const LANGUAGES: [&str; 24] = [
    "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "hr", "hu", "it", "lt", "lv",
    "nb", "nl", "pl", "pt", "ro", "sk", "sl", "sv",
];

/// The longest e-mail address, as RFC 5321 has it.
const LONGEST_EMAIL: usize = 254;

const EMAIL: &str = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$";

fn text(pattern: &str, longest: usize) -> ObjectBuilder {
    let either = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(either).pattern(Some(pattern)).max_length(Some(longest))
}

/// An e-mail address, or `null`.
#[must_use]
pub fn email_or_none() -> AnySchema {
    text(EMAIL, LONGEST_EMAIL).into()
}

/// A phone, or `null`.
#[must_use]
pub fn phone_or_none() -> AnySchema {
    text(PhoneNumber::PATTERN, PhoneNumber::LONGEST).into()
}

/// A language that contacts may be told in.
#[must_use]
pub fn language() -> AnySchema {
    schemas::words(LANGUAGES)
}

/// Takes an address that may stand in a message's header as it is: nothing quoted, nothing beyond ASCII.
///
/// # Errors
/// 422 for another.
pub fn email(text: &str) -> Result<(), FieldError> {
    let is_atom = |atom: &str| {
        let is_taken =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte);
        !atom.is_empty() && atom.bytes().all(is_taken)
    };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_good = |(local, domain): (&str, &str)| {
        local.len() <= 64
            && local.split('.').all(is_atom)
            && domain.contains('.')
            && domain.split('.').all(is_label)
    };
    if text.len() <= LONGEST_EMAIL && text.split_once('@').is_some_and(is_good) {
        Ok(())
    } else {
        Err(FieldError::new(
            "/email",
            "bad_email",
            "the e-mail address is none such as name@example.org",
        ))
    }
}

/// Takes a number of E.164: `+`, then 7 to 15 digits.
///
/// # Errors
/// 422 for another.
pub fn phone(text: &str) -> Result<(), FieldError> {
    PhoneNumber::parse(text).map(drop).ok_or_else(|| {
        FieldError::new("/phone", "bad_phone", "the phone is no number such as +4930123456")
    })
}

/// Takes a language that contacts may be told in.
///
/// # Errors
/// 422 for another.
pub fn known_language(text: &str) -> Result<(), FieldError> {
    if LANGUAGES.contains(&text) {
        Ok(())
    } else {
        Err(FieldError::new(
            "/language",
            "bad_language",
            format!("language must be one of {}", LANGUAGES.join(", ")),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_that_are_safe_in_a_header() {
        for good in ["a@b.co", "first.last+tag@sub.example.org", "x_y-z@1-2.de"] {
            assert_eq!(email(good), Ok(()), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        let longer = format!("a@{}.org", "a.".repeat(130));
        for bad in [
            "",
            "a",
            "a@",
            "@b.co",
            "a@b",
            "a@@b.co",
            "a@b@c.de",
            "a b@c.de",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.de",
            "a@-b.co",
            "a@b-.co",
            "a@b..co",
            "a@b.co.",
            "a@b.co\r\nBcc: x@y.de",
            "a@b.co\n",
            "\"a\"@b.co",
            "a<b@c.de>",
            "a,b@c.de",
            "ä@b.co",
            "a@ü.de",
            "a@b.co\0",
            &long,
            &longer,
        ] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn phones_are_those_of_e164() {
        assert_eq!(phone("+4930123456"), Ok(()));
        assert!(phone("030 123456").is_err());
    }
}
