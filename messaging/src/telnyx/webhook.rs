//! Whether a webhook is Telnyx's: Ed25519 over `timestamp|body`.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hub_domain::Timestamp;

use crate::SetupError;

/// The header of the signature, in base64.
pub const SIGNATURE_HEADER: &str = "telnyx-signature-ed25519";

/// The header of the time of signing, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "telnyx-timestamp";

/// How far from now a webhook may have been signed, either way, ends included. As in Telnyx's own client.
pub const TOLERANCE_SECS: i64 = 300;

/// Length of a public key and of a signature, in bytes (RFC 8032).
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// The public keys of an account. While a key is changed there are two.
#[derive(Clone, Debug)]
pub struct PublicKeys(Vec<[u8; KEY_BYTES]>);

/// Why a webhook is not believed. It is answered 400 and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header is not there.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// The time of signing is no number of seconds.
    #[error("the header telnyx-timestamp is not a number of seconds")]
    BadTimestamp,
    /// Signed too long ago, or too far in the future.
    #[error("signed more than 300 s from now")]
    OutOfTime,
    /// The signature is not one in form.
    #[error("the header telnyx-signature-ed25519 is not 64 bytes in base64")]
    BadSignature,
    /// None of the keys has signed this.
    #[error("the signature is not of this body by any key we have")]
    NoMatch,
}

impl PublicKeys {
    /// Reads keys as Telnyx's portal shows them, in base64.
    ///
    /// # Errors
    /// When one is none.
    pub fn parse<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, SetupError> {
        let read = |key: &str| BASE64_STANDARD.decode(key.trim()).ok()?.try_into().ok();
        let keys = keys.into_iter().map(|key| read(key).ok_or(SetupError::BadPublicKey));
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of the keys has signed this body near `now`.
    ///
    /// # Errors
    /// When none has; also when there is no key at all.
    pub fn verify(
        &self,
        body: &[u8],
        signature: Option<&str>,
        timestamp: Option<&str>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let signature = signature.ok_or(SignatureError::Missing(SIGNATURE_HEADER))?;
        let timestamp = timestamp.ok_or(SignatureError::Missing(TIMESTAMP_HEADER))?;
        let is_number = !timestamp.is_empty() && timestamp.bytes().all(|it| it.is_ascii_digit());
        let signed_at = timestamp.parse::<i64>().ok().filter(|_| is_number);
        let signed_at = signed_at.ok_or(SignatureError::BadTimestamp)?;
        if now.as_millis().div_euclid(1000).abs_diff(signed_at) > TOLERANCE_SECS.unsigned_abs() {
            return Err(SignatureError::OutOfTime);
        }
        let signature = BASE64_STANDARD.decode(signature).ok();
        let signature = signature.filter(|it| it.len() == SIGNATURE_BYTES);
        let signature = signature.ok_or(SignatureError::BadSignature)?;
        let signed = [timestamp.as_bytes(), b"|", body].concat();
        let has_signed = |key: &[u8; KEY_BYTES]| {
            UnparsedPublicKey::new(&ED25519, key).verify(&signed, &signature).is_ok()
        };
        if self.0.iter().any(has_signed) { Ok(()) } else { Err(SignatureError::NoMatch) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TelnyxEvent;
    use super::*;
    use serde_json::Value;

    /// The vectors, and the key they are for.
    fn vectors() -> Option<(Value, PublicKeys, Timestamp)> {
        let text = hub_testkit::shared::text("contracts/signatures/vectors.json")?;
        let all: Value = serde_json::from_str(&text).unwrap();
        let key = all["telnyx_public_key_b64"].as_str().unwrap();
        let now = Timestamp::from_millis(all["now"].as_i64().unwrap() * 1000);
        let keys = PublicKeys::parse([key]).unwrap();
        Some((all["telnyx"].clone(), keys, now))
    }

    fn parts(vector: &Value) -> (Vec<u8>, Option<&str>, Option<&str>) {
        let body = BASE64_STANDARD.decode(vector["body_b64"].as_str().unwrap()).unwrap();
        let header = |name: &str| vector["headers"][name].as_str();
        (body, header(SIGNATURE_HEADER), header(TIMESTAMP_HEADER))
    }

    #[test]
    fn the_verdict_is_that_of_the_official_client() {
        let Some((vectors, keys, now)) = vectors() else { return };
        let vectors = vectors.as_array().unwrap();
        assert_eq!(vectors.len(), 18);
        for vector in vectors {
            let (body, signature, timestamp) = parts(vector);
            let read = keys.verify(&body, signature, timestamp, now).is_ok()
                && TelnyxEvent::parse(&body).is_ok();
            assert_eq!(read, vector["verdict"] == "accept", "{}", vector["name"]);
        }
    }

    #[test]
    fn any_of_several_keys_may_have_signed() {
        let Some((vectors, keys, now)) = vectors() else { return };
        let (body, signature, timestamp) = parts(&vectors[0]);
        let two = PublicKeys(vec![[7; KEY_BYTES], keys.0[0]]);
        assert_eq!(two.verify(&body, signature, timestamp, now), Ok(()));
        let other = PublicKeys(vec![[7; KEY_BYTES]]);
        assert_eq!(other.verify(&body, signature, timestamp, now), Err(SignatureError::NoMatch));
        let none = PublicKeys(Vec::new());
        assert_eq!(none.verify(&body, signature, timestamp, now), Err(SignatureError::NoMatch));
    }

    #[test]
    fn times_that_are_no_numbers_of_seconds_are_refused() {
        let keys = PublicKeys(Vec::new());
        for odd in ["", "now", "-5", "+5", "1e9", "1767225600.0", "99999999999999999999"] {
            let refused = keys.verify(b"", Some("***"), Some(odd), Timestamp::from_millis(0));
            assert_eq!(refused, Err(SignatureError::BadTimestamp), "{odd}");
        }
    }

    #[test]
    fn a_key_has_32_bytes() {
        assert!(PublicKeys::parse(["I7xUkSwebpLEqGglyGfif/3FVb/71CRPF6Jqv//ull0="]).is_ok());
        for bad in ["", "AAAA", "no base64"] {
            assert_eq!(PublicKeys::parse([bad]).map(drop), Err(SetupError::BadPublicKey), "{bad}");
        }
    }
}
