//! Addresses that mail goes to.

use lettre::Address;

/// An e-mail address that fits an envelope and a header as it is. Printed for debugging it is `…`: it is a person's,
/// and does not reach the log.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(Address);

impl EmailAddress {
    /// Takes an address of plain ASCII, `name@example.org`; `None` for another text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let address: Address = text.parse().ok().filter(|_| text.is_ascii())?;
        let is_plain = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"".contains(c);
        text.chars().all(is_plain).then_some(Self(address))
    }

    /// The address, for whoever stores it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    pub(super) fn address(&self) -> Address {
        self.0.clone()
    }

    pub(super) fn domain(&self) -> &str {
        self.0.domain()
    }
}

impl std::fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain_and_not_printed() {
        for good in ["a@b.co", "first.last+tag@sub.example.org"] {
            assert_eq!(EmailAddress::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b.co",
            "a b@c.de",
            "a@b.co\r\nBcc: x@y.de",
            "a@b.co\n",
            "\"a b\"@c.de",
            "<a@b.co>",
            "ä@b.co",
            "a@ü.de",
            "a@b.co, c@d.de",
        ] {
            assert!(EmailAddress::parse(bad).is_none(), "{bad:?}");
        }
        let address = EmailAddress::parse("anna@example.org").unwrap();
        assert_eq!(format!("{address:?}"), "…");
    }
}
