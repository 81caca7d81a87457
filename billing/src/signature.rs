//! Whether a webhook is Stripe's: `Stripe-Signature: t=…,v1=…`, an HMAC-SHA256 of `t.body`.
//!
//! Our own, because the body has to be believed before it is parsed, and the official client takes an instant far in the
//! future.

use aws_lc_rs::hmac;
use hub_domain::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

/// So many seconds may lie between a signature and now, either way.
pub const TOLERANCE_SECS: i64 = 300;

/// Why a webhook is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// The header is absent, or says neither when nor what.
    #[error("no signature")]
    Missing,
    /// It was signed too long ago, or will be.
    #[error("signed more than 300 s away from now")]
    Stale,
    /// None of the signatures is of this body and one of our secrets.
    #[error("signed by somebody else")]
    Wrong,
}

/// The parts of the header.
struct Header<'a> {
    /// The instant as it was written, for it is signed so.
    signed_at: &'a str,
    signatures: Vec<Vec<u8>>,
}

/// Goes on only if any of `secrets` signed this body around `now`.
pub(crate) fn verify(
    header: &str,
    body: &[u8],
    secrets: &[SecretString],
    now: Timestamp,
) -> Result<(), BadSignature> {
    let header = Header::read(header).ok_or(BadSignature::Missing)?;
    let signed_at: i64 = header.signed_at.parse().map_err(|_| BadSignature::Missing)?;
    if body.is_empty() || !secrets.iter().any(|secret| header.is_by(secret, body)) {
        return Err(BadSignature::Wrong);
    }
    let now_secs = now.as_millis().div_euclid(1_000);
    if now_secs.saturating_sub(signed_at).saturating_abs() > TOLERANCE_SECS {
        return Err(BadSignature::Stale);
    }
    Ok(())
}

impl<'a> Header<'a> {
    fn read(header: &'a str) -> Option<Self> {
        let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
        let signed_at = parts().find(|(name, _)| *name == "t").map(|(_, at)| at)?;
        let digits = signed_at.bytes().all(|byte| byte.is_ascii_digit());
        let signatures: Vec<_> = parts()
            .filter(|(name, _)| *name == "v1")
            .filter_map(|(_, text)| from_hex(text))
            .collect();
        (digits && !signatures.is_empty()).then_some(Self { signed_at, signatures })
    }

    fn is_by(&self, secret: &SecretString, body: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let signed = [self.signed_at.as_bytes(), b".", body].concat();
        self.signatures.iter().any(|own| hmac::verify(&key, &signed, own).is_ok())
    }
}

/// The bytes of digits in lower case; Stripe writes no others.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use serde_json::Value;

    use super::*;

    const STRICTER: &str = "one hour ahead";

    fn secrets(all: &[&str]) -> Vec<SecretString> {
        all.iter().map(|secret| (*secret).into()).collect()
    }

    #[test]
    fn the_official_client_agrees_but_for_the_future() {
        let Some(text) = hub_testkit::shared::text("contracts/signatures/vectors.json") else {
            return;
        };
        let vectors: Value = serde_json::from_str(&text).unwrap();
        let now = Timestamp::from_millis(vectors["now"].as_i64().unwrap() * 1_000);
        let cases = vectors["stripe"].as_array().unwrap();
        for case in cases {
            let header = case["headers"]["stripe-signature"].as_str().unwrap();
            let body = BASE64_STANDARD.decode(case["body_b64"].as_str().unwrap()).unwrap();
            let secret = secrets(&[case["secret"].as_str().unwrap()]);
            let found = verify(header, &body, &secret, now);
            let expected = case["verdict"] == "accept" && case["name"] != STRICTER;
            assert_eq!(found.is_ok(), expected, "{}: {found:?}", case["name"]);
        }
        assert_eq!(cases.len(), 24);
        assert_eq!(cases.iter().filter(|case| case["name"] == STRICTER).count(), 1);
    }

    fn signed(secret: &str, at: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("t={at},v1={hex}")
    }

    #[test]
    fn any_of_several_secrets_will_do_while_they_are_changed() {
        let now = Timestamp::from_millis(1_795_000_000_500);
        let of = |secret| signed(secret, 1_795_000_000, "{}");
        let both = secrets(&["old", "new"]);
        assert_eq!(verify(&of("old"), b"{}", &both, now), Ok(()));
        assert_eq!(verify(&of("new"), b"{}", &both, now), Ok(()));
        assert_eq!(verify(&of("other"), b"{}", &both, now), Err(BadSignature::Wrong));
        assert_eq!(verify(&of("new"), b"{}", &[], now), Err(BadSignature::Wrong));
    }

    #[test]
    fn three_hundred_seconds_either_way_and_not_one_more() {
        let now = Timestamp::from_millis(1_795_000_000_999);
        for (offset, expected) in [
            (-301, Err(BadSignature::Stale)),
            (-300, Ok(())),
            (300, Ok(())),
            (301, Err(BadSignature::Stale)),
        ] {
            let header = signed("s", 1_795_000_000 + offset, "{}");
            assert_eq!(verify(&header, b"{}", &secrets(&["s"]), now), expected, "{offset}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused_without_a_panic() {
        let now = Timestamp::from_millis(0);
        for header in
            ["", "t", "t=", "t=-1,v1=00", "t=99999999999999999999,v1=00", "v1=0", "t=1,v1=0"]
        {
            assert!(verify(header, b"{}", &secrets(&["s"]), now).is_err(), "{header}");
        }
    }
}
