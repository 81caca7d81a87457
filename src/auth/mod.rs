//! Who is asking: people by token, senders by key, and what each may do.

pub mod attempts;
pub mod caller;
pub mod inspectors;
pub mod issuers;
pub mod keys;
pub mod links;
pub mod operator;
pub mod passwords;
pub mod proof;
pub mod rates;
pub mod roles;
pub mod sign_ins;
pub mod signing;
pub mod tokens;
pub mod totp;

pub use attempts::Attempts;
pub use caller::{Caller, token_in};
pub use inspectors::Inspectors;
pub use keys::{IngestKey, IngestKeys};
pub use links::{FreshLink, LinkToken};
pub use operator::Operator;
pub use passwords::Passwords;
pub use rates::Rates;
pub use roles::Deed;
pub use sign_ins::SignIns;
pub use signing::{Signer, link_keys};
pub use tokens::{Identity, TokenError, Verifier};

use sha2::{Digest as _, Sha256};

/// SHA-256 of a secret: what is stored of it. Secrets here are 256 random bits, so no slow hash is needed.
#[must_use]
pub fn sha256(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// A fresh secret of 256 random bits, in base64url.
#[must_use]
pub fn fresh_secret() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// Whether `secret` is the one whose hash is `expected`, in constant time.
#[must_use]
pub fn is_secret(secret: &[u8], expected: &[u8; 32]) -> bool {
    use subtle::ConstantTimeEq as _;
    sha256(secret).ct_eq(expected).into()
}
