//! Standard Webhooks 1.0.0, symmetric: HMAC-SHA256 over `id.timestamp.body`.

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hub_domain::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::SetupError;

/// How far from now a webhook may have been signed, either way, ends included.
pub const TOLERANCE_SECS: u64 = 300;

/// What the specification allows a secret to have, in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A sender's secret.
#[derive(Debug)]
pub struct Secret(hmac::Key);

/// The headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, as far as they are there.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// The webhook's id, the same for a repetition.
    pub id: Option<&'a str>,
    /// When it was signed, in seconds since 1970.
    pub timestamp: Option<&'a str>,
    /// Signatures parted by blanks, each with its version: `v1,…`.
    pub signature: Option<&'a str>,
}

/// Why a webhook is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// One of the three headers is not there, or empty.
    #[error("a header of webhook-id, webhook-timestamp and webhook-signature is missing")]
    Missing,
    /// The time of signing is no number of seconds.
    #[error("the header webhook-timestamp is not a number of seconds")]
    BadTimestamp,
    /// Signed too long ago, or too far in the future.
    #[error("signed more than 300 s from now")]
    OutOfTime,
    /// None of the signatures is of this body by this secret.
    #[error("none of the signatures is of this body by the secret we have")]
    NoMatch,
}

impl Secret {
    /// Reads a secret, with or without `whsec_` before it.
    ///
    /// # Errors
    /// When it is not 24 to 64 bytes in base64.
    pub fn parse(secret: &SecretString) -> Result<Self, SetupError> {
        let text = secret.expose_secret();
        let bytes = BASE64_STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok();
        let bytes = bytes.filter(|it| SECRET_BYTES.contains(&it.len()));
        let bytes = bytes.ok_or(SetupError::BadSecret)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Whether this body was signed with this secret near `now`.
    ///
    /// # Errors
    /// When it was not.
    pub fn verify(
        &self,
        body: &[u8],
        headers: Headers<'_>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let there = |header: Option<_>| header.filter(|it: &&str| !it.is_empty());
        let Headers { id, timestamp, signature } = headers;
        let (Some(id), Some(timestamp), Some(signatures)) =
            (there(id), there(timestamp), there(signature))
        else {
            return Err(SignatureError::Missing);
        };
        let signed_at: i64 = timestamp.parse().map_err(|_| SignatureError::BadTimestamp)?;
        if now.as_millis().div_euclid(1000).abs_diff(signed_at) > TOLERANCE_SECS {
            return Err(SignatureError::OutOfTime);
        }
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        let is_good = |signature: &str| {
            let signature = signature.strip_prefix("v1,").map(|it| BASE64_STANDARD.decode(it));
            // compared in constant time
            matches!(signature, Some(Ok(tag)) if hmac::verify(&self.0, &signed, &tag).is_ok())
        };
        let is_signed = signatures.split(' ').any(is_good);
        if is_signed { Ok(()) } else { Err(SignatureError::NoMatch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_verdict_is_that_of_the_official_client() {
        let Some(text) = hub_testkit::shared::text("contracts/signatures/vectors.json") else {
            return;
        };
        let all: Value = serde_json::from_str(&text).unwrap();
        let secret = SecretString::from(all["standard_webhooks_secret"].as_str().unwrap());
        let secret = Secret::parse(&secret).unwrap();
        let now = Timestamp::from_millis(all["now"].as_i64().unwrap() * 1000);
        let vectors = all["standard_webhooks"].as_array().unwrap();
        assert_eq!(vectors.len(), 13);
        for vector in vectors {
            let body = BASE64_STANDARD.decode(vector["body_b64"].as_str().unwrap()).unwrap();
            let header = |name: &str| vector["headers"][name].as_str();
            let headers = Headers {
                id: header("webhook-id"),
                timestamp: header("webhook-timestamp"),
                signature: header("webhook-signature"),
            };
            let read = secret.verify(&body, headers, now);
            assert_eq!(read.is_ok(), vector["verdict"] == "accept", "{}", vector["name"]);
        }
    }

    #[test]
    fn a_secret_that_cannot_be_is_refused_and_none_is_printed() {
        for bad in ["", "whsec_", "whsec_AAAA", "no base64"] {
            let secret = Secret::parse(&SecretString::from(bad));
            assert_eq!(secret.map(drop), Err(SetupError::BadSecret), "{bad}");
        }
        let secret = Secret::parse(&SecretString::from("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"));
        assert!(!format!("{:?}", secret.unwrap()).contains("012345678"));
    }
}
