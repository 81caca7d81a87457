//! Links in mails that act without a session. They are signed, so that nothing of them is stored: whoever has one shows
//! by it that the hub wrote it, what for, when, and to which address.

use aws_lc_rs::{digest, hmac};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hub_domain::Timestamp;
use uuid::Uuid;

/// What the keys of links are made for: no other signature by the same secret is one of a link.
const PURPOSE: &[u8] = b"freshtrack-hub links in mails 1";

/// What a link says before its signature: what it does, what to, when it was written, and a mark of the address.
const SAID: usize = 1 + 16 + 8 + MARK;
/// Of a mark of an address, in bytes. Whoever makes up an address has no link to try it with.
const MARK: usize = 8;
const SIGNATURE: usize = 32;

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkDeed {
    /// Acknowledges what a line of the ledger told.
    Acknowledge,
    /// Ends mails to a contact.
    Unsubscribe,
}

/// What a link says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailLink {
    /// What it does.
    pub deed: LinkDeed,
    /// The line of the ledger, or the contact.
    pub id: Uuid,
    /// When it was written.
    pub written_at: Timestamp,
    mark: [u8; MARK],
}

/// The keys that links are signed by: the first signs, all are believed.
#[derive(Clone)]
pub struct LinkKeys {
    first: hmac::Key,
    others: Vec<hmac::Key>,
}

impl std::fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkKeys").finish_non_exhaustive()
    }
}

impl LinkDeed {
    const fn letter(self) -> u8 {
        match self {
            Self::Acknowledge => b'a',
            Self::Unsubscribe => b'u',
        }
    }
}

impl LinkKeys {
    /// Keys made of secrets that are kept for something else; the first of them signs.
    #[must_use]
    pub fn derive(first: &[u8], others: &[&[u8]]) -> Self {
        Self { first: derived(first), others: others.iter().map(|other| derived(other)).collect() }
    }

    /// A link in a mail to `address`, as it stands at the end of its address of the web.
    #[must_use]
    pub fn sign(&self, deed: LinkDeed, id: Uuid, address: &str, written_at: Timestamp) -> String {
        let mut said = Vec::with_capacity(SAID + SIGNATURE);
        said.push(deed.letter());
        said.extend_from_slice(id.as_bytes());
        said.extend_from_slice(&written_at.as_millis().to_be_bytes());
        said.extend_from_slice(&mark(&self.first, address));
        let signature = hmac::sign(&self.first, &said);
        said.extend_from_slice(signature.as_ref());
        BASE64_URL_SAFE_NO_PAD.encode(said)
    }

    /// What a link says, if the hub wrote it to do that.
    #[must_use]
    pub fn read(&self, deed: LinkDeed, text: &str) -> Option<MailLink> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (said, signature) = bytes.split_at_checked(SAID)?;
        let is_ours = |key: &hmac::Key| hmac::verify(key, said, signature).is_ok();
        if !self.all().any(is_ours) || said.first() != Some(&deed.letter()) {
            return None;
        }
        let (id, rest) = said.get(1..)?.split_first_chunk::<16>()?;
        let (written_at, mark) = rest.split_first_chunk::<8>()?;
        Some(MailLink {
            deed,
            id: Uuid::from_bytes(*id),
            written_at: Timestamp::from_millis(i64::from_be_bytes(*written_at)),
            mark: mark.try_into().ok()?,
        })
    }

    /// Whether a link was sent to that address: one to an address that was somebody else's does nothing any more.
    #[must_use]
    pub fn is_to(&self, link: &MailLink, address: &str) -> bool {
        self.all().any(|key| mark(key, address) == link.mark)
    }

    /// The secret in a link of an account's mail: the same for each try at that mail, and known from nothing stored.
    #[must_use]
    pub fn secret_of(&self, mail: Uuid) -> String {
        let said = [b"the secret of an account's mail ".as_slice(), mail.as_bytes()].concat();
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.first, &said))
    }

    /// SHA-256 of that secret, which is what is stored of it.
    #[must_use]
    pub fn secret_hash_of(&self, mail: Uuid) -> [u8; 32] {
        let hash = digest::digest(&digest::SHA256, self.secret_of(mail).as_bytes());
        std::array::from_fn(|at| hash.as_ref()[at])
    }

    fn all(&self) -> impl Iterator<Item = &hmac::Key> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

fn derived(secret: &[u8]) -> hmac::Key {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, PURPOSE).as_ref())
}

fn mark(key: &hmac::Key, address: &str) -> [u8; MARK] {
    let said = [b"to ".as_slice(), address.to_lowercase().as_bytes()].concat();
    let whole = hmac::sign(key, &said);
    std::array::from_fn(|at| whole.as_ref()[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_764_432_000_123);
    const ANNA: &str = "anna@example.org";

    fn keys() -> LinkKeys {
        LinkKeys::derive(b"one", &[])
    }

    #[test]
    fn a_link_says_what_was_signed_and_to_whom() {
        let id = Uuid::now_v7();
        let text = keys().sign(LinkDeed::Acknowledge, id, ANNA, AT);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{text}");
        let link = keys().read(LinkDeed::Acknowledge, &text).unwrap();
        assert_eq!((link.id, link.written_at), (id, AT));
        assert!(keys().is_to(&link, ANNA) && keys().is_to(&link, "Anna@Example.org"));
        assert!(!keys().is_to(&link, "ben@example.org"));
        assert_eq!(keys().read(LinkDeed::Unsubscribe, &text), None, "it does one thing alone");
    }

    #[test]
    fn no_letter_of_a_link_can_be_another() {
        let text = keys().sign(LinkDeed::Unsubscribe, Uuid::now_v7(), ANNA, AT);
        for at in 0..text.len() {
            let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            assert_eq!(keys().read(LinkDeed::Unsubscribe, &changed), None, "{at}");
        }
        for bad in ["", "AAAA", &text[1..], &format!("{text}A"), &format!("{text}="), "ä/+"] {
            assert_eq!(keys().read(LinkDeed::Unsubscribe, bad), None, "{bad}");
        }
    }

    #[test]
    fn what_another_key_signed_is_believed_only_where_that_key_is_known() {
        let (one, two) = (keys(), LinkKeys::derive(b"two", &[]));
        let text = two.sign(LinkDeed::Acknowledge, Uuid::now_v7(), ANNA, AT);
        assert_eq!(one.read(LinkDeed::Acknowledge, &text), None);
        let both = LinkKeys::derive(b"one", &[b"two"]);
        let link = both.read(LinkDeed::Acknowledge, &text).unwrap();
        assert!(both.is_to(&link, ANNA));
    }

    #[test]
    fn the_secret_of_a_mail_is_the_same_each_time_and_no_other_mails() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(keys().secret_of(one), keys().secret_of(one));
        assert_ne!(keys().secret_of(one), keys().secret_of(two));
        assert_eq!(keys().secret_of(one).len(), 43);
    }
}
