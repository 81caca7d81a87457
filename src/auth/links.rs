//! Links that are handed to somebody: `<id>_<secret>`, of which only the secret's hash is stored.
//!
//! The id finds the row, so no secret is ever searched for; the secret is compared by its hash in constant time.

use uuid::Uuid;

use hub_store::records::Secret;

use super::{fresh_secret, is_secret, sha256};

/// A link that was just made. Its text is shown once and stored nowhere.
#[derive(Clone)]
pub struct FreshLink {
    /// The row's id.
    pub id: Uuid,
    /// The text to hand out.
    pub token: String,
    /// SHA-256 of the secret, as it is stored.
    pub secret_hash: [u8; 32],
}

impl std::fmt::Debug for FreshLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FreshLink").field("id", &self.id).finish_non_exhaustive()
    }
}

impl FreshLink {
    /// A link to the row of that id, which the caller mints.
    #[must_use]
    pub fn new(id: Uuid) -> Self {
        let secret = fresh_secret();
        let token = format!("{}_{secret}", id.simple());
        Self { id, secret_hash: sha256(secret.as_bytes()), token }
    }

    /// What is stored of it.
    #[must_use]
    pub const fn secret(&self) -> Secret {
        Secret { id: self.id, hash: self.secret_hash }
    }

    /// The address that is handed out: `page` of the board at `public_url`, such as `invitations`.
    #[must_use]
    pub fn url(&self, public_url: &str, page: &str) -> String {
        format!("{public_url}/#/{page}/{}", self.token)
    }
}

/// The text of a link, taken apart.
#[derive(Clone)]
pub struct LinkToken {
    /// The row's id.
    pub id: Uuid,
    secret: String,
}

impl std::fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkToken").field("id", &self.id).finish_non_exhaustive()
    }
}

impl LinkToken {
    /// What `text` says, if it has the form of a link's token. Ids have one spelling alone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.split_once('_')?;
        let is_id =
            id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_secret = secret.len() == 43
            && secret
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !(is_id && is_secret) {
            return None;
        }
        Some(Self { id: Uuid::try_parse(id).ok()?, secret: secret.to_owned() })
    }

    /// What would be stored of it: whoever finds a row by both has shown the right secret. Equal hashes are searched
    /// for by the database; how long it takes to find none says nothing about the secret.
    #[must_use]
    pub fn secret(&self) -> Secret {
        Secret { id: self.id, hash: sha256(self.secret.as_bytes()) }
    }

    /// Whether its secret is the one whose hash is stored, in constant time.
    #[must_use]
    pub fn is_of(&self, secret_hash: &[u8; 32]) -> bool {
        is_secret(self.secret.as_bytes(), secret_hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_back_and_fits_its_own_hash_alone() {
        let (one, other) = (FreshLink::new(Uuid::now_v7()), FreshLink::new(Uuid::now_v7()));
        let read = LinkToken::parse(&one.token).unwrap();
        assert_eq!(read.id, one.id);
        assert!(read.is_of(&one.secret_hash) && !read.is_of(&other.secret_hash));
        assert!(!format!("{one:?} {read:?}").contains(one.token.split_once('_').unwrap().1));
    }

    #[test]
    fn what_is_no_link_is_not_read() {
        let good = FreshLink::new(Uuid::now_v7()).token;
        let bad = ["", "_", "a_b", &good[1..], &format!("{good}x"), &good.replace('_', "-")];
        assert!(bad.iter().all(|text| LinkToken::parse(text).is_none()));
        assert!(LinkToken::parse(&good.to_uppercase()).is_none());
    }
}
