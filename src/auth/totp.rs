//! The second factor: time-based one-time passwords (RFC 6238) of six digits, half a minute each, as every
//! authenticator app makes them; and recovery codes for when the device is lost.

use hub_domain::Timestamp;
use totp_rs::{Builder, Secret, Totp};

use super::sha256;

/// What apps show above the code.
const ISSUER: &str = "FreshTrack Hub";

/// So many recovery codes are handed out.
const CODES: usize = 10;

/// A secret that was just made for somebody's device.
#[derive(Clone)]
pub struct FreshTotp {
    /// What is stored.
    pub secret: Vec<u8>,
    /// The same for a person to type.
    pub text: String,
    /// The same as an address that apps read as a picture.
    pub uri: String,
}

impl std::fmt::Debug for FreshTotp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FreshTotp").finish_non_exhaustive()
    }
}

impl FreshTotp {
    /// A secret of 160 random bits for the account of that address.
    #[must_use]
    pub fn new(email: &str) -> Option<Self> {
        let secret: Vec<u8> = rand::random::<[u8; 20]>().to_vec();
        let account = email.replace(':', "_"); // what the format cannot say
        let builder = Builder::new().with_account_name(account).with_issuer(Some(ISSUER));
        let totp = with_secret(builder, &secret)?;
        Some(Self { text: totp.secret().to_base32(), uri: totp.to_url().ok()?, secret })
    }
}

/// The step of the one-time password `code`, if it is one of the step at `now`, before or after it. Whether it was
/// used before is for the caller to ask.
#[must_use]
pub fn step_of(secret: &[u8], code: &str, now: Timestamp) -> Option<i64> {
    let is_code = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = u64::try_from(now.as_millis() / 1000).ok().filter(|_| is_code)?;
    let step = with_secret(Builder::new(), secret)?.check(code, seconds)?;
    i64::try_from(step).ok()
}

fn with_secret(builder: Builder, secret: &[u8]) -> Option<Totp> {
    builder
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(Secret::from(secret.to_vec()))
        .build()
        .ok()
}

/// Fresh recovery codes: for the person, and what is stored of each. They have 80 random bits each.
#[must_use]
pub fn recovery_codes() -> (Vec<String>, Vec<[u8; 32]>) {
    let codes: Vec<String> = (0..CODES).map(|_| recovery_code()).collect();
    let hashes = codes.iter().filter_map(|code| recovery_hash(code)).collect();
    (codes, hashes)
}

/// Letters and digits that are hard to take for one another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

fn recovery_code() -> String {
    let mut code = String::new();
    for (at, byte) in rand::random::<[u8; 16]>().into_iter().enumerate() {
        if at > 0 && at % 4 == 0 {
            code.push('-');
        }
        code.push(char::from(LETTERS[usize::from(byte % 32)]));
    }
    code
}

/// What is stored of a recovery code, however it was typed; none for what cannot be one.
#[must_use]
pub fn recovery_hash(code: &str) -> Option<[u8; 32]> {
    if code.len() > 64 {
        return None;
    }
    let code: String =
        code.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_ascii_lowercase()).collect();
    (code.len() == 16).then(|| sha256(code.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        // appendix B of RFC 6238, whose eight digits end in these six
        let secret = b"12345678901234567890";
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")]
        {
            let at = Timestamp::from_millis(seconds * 1000);
            assert_eq!(step_of(secret, code, at), Some(seconds / 30), "{code}");
        }
    }

    #[test]
    fn a_code_is_good_a_step_early_or_late_and_no_more() {
        let secret = b"12345678901234567890";
        let at = |step: i64| Timestamp::from_millis((1_111_111_109 / 30 + step) * 30_000);
        let good: Vec<i64> =
            (-3..=3).filter(|step| step_of(secret, "081804", at(*step)).is_some()).collect();
        assert_eq!(good, [-1, 0, 1]);
        for bad in ["", "81804", "0818045", "08180x", "081 804", "٠٨١٨٠٤"] {
            assert_eq!(step_of(secret, bad, at(0)), None, "{bad}");
        }
    }

    #[test]
    fn a_fresh_secret_is_the_same_in_all_its_forms() {
        let fresh = FreshTotp::new("a:b@example.test").unwrap();
        assert_eq!(fresh.secret.len(), 20);
        assert!(fresh.uri.starts_with("otpauth://totp/FreshTrack%20Hub:"), "{}", fresh.uri);
        assert!(fresh.uri.contains(&format!("secret={}", fresh.text)), "{}", fresh.uri);
    }

    #[test]
    fn recovery_codes_are_told_apart_and_read_as_typed() {
        let (codes, hashes) = recovery_codes();
        assert_eq!((codes.len(), hashes.len()), (10, 10));
        assert!(
            hashes.iter().all(|hash| hashes.iter().filter(|other| *other == hash).count() == 1)
        );
        let typed = codes[0].to_uppercase().replace('-', " ");
        assert_eq!(recovery_hash(&typed), Some(hashes[0]));
        assert_eq!(recovery_hash("abcd"), None);
    }
}
