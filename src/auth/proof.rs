//! What somebody shows to prove that an account is theirs: the password, and the second factor where one is in use.
//!
//! Every wrong one is taken from the budgets of failures. That there is a second factor is said only to who knows the
//! password.

use std::net::IpAddr;

use hub_domain::UserId;
use hub_store::records::Account;

use super::totp;
use crate::{app::Hub, http::error::ApiError};

/// No address is longer (RFC 5321), and failures are remembered by it, in characters.
pub const LONGEST_EMAIL: usize = 254;

/// What is shown.
#[derive(Clone, Default)]
pub struct Shown {
    /// The password.
    pub password: String,
    /// A one-time password of the second factor.
    pub totp: Option<String>,
    /// A recovery code in its place.
    pub recovery_code: Option<String>,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown")
    }
}

/// An address as it is stored and compared, if it can be one. It is of visible ASCII alone: two addresses that look the
/// same are the same, and nothing invisible stands in one.
#[must_use]
pub fn email_of(text: &str) -> Option<String> {
    let email = text.trim();
    // before it is lower-cased: the Kelvin sign would become a k
    let is_plain = email.bytes().all(|byte| byte.is_ascii_graphic());
    let email = email.to_ascii_lowercase();
    let (local, domain) = email.split_once('@')?;
    let is_good = !local.is_empty() && !domain.is_empty() && !domain.contains('@') && is_plain;
    (is_good && email.len() <= LONGEST_EMAIL).then_some(email)
}

/// The account of that address, to whoever proves that it is theirs.
///
/// # Errors
/// 401 `bad_credentials`, `totp_required` or `bad_totp`; 429 after too many failures.
pub async fn by_email(
    hub: &Hub,
    email: &str,
    place: IpAddr,
    shown: &Shown,
) -> Result<Account, ApiError> {
    let email: String = email.trim().to_ascii_lowercase().chars().take(LONGEST_EMAIL).collect();
    let taken = hub.sign_ins.take(&email, place).map_err(ApiError::TooManyRequests)?;
    let account = match email.chars().any(char::is_control) {
        true => None, // nobody's, and not every database can be asked for it
        false => hub.store.account_by_email(&email).await?,
    };
    let right = is_right(hub, account.as_ref(), shown).await;
    if right != Ok(false) {
        taken.give_back();
    }
    let account = account.filter(|_| right == Ok(true));
    let account = right.and(account.ok_or(ApiError::BadCredentials))?;
    second_factor(hub, &account, shown).await?;
    Ok(account)
}

/// Goes on only with the right password of somebody who is signed in.
///
/// # Errors
/// 403 `wrong_password`; 429 after too many failures.
pub async fn again(
    hub: &Hub,
    account: &Account,
    place: IpAddr,
    shown: &Shown,
) -> Result<(), ApiError> {
    let taken = hub.sign_ins.take(&account.user.email, place).map_err(ApiError::TooManyRequests)?;
    let right = is_right(hub, Some(account), shown).await;
    if right != Ok(false) {
        taken.give_back();
    }
    if right? { Ok(()) } else { Err(ApiError::WrongPassword) }
}

/// The answer to a link or a token from `place` that was not good: `error`, until there were too many.
pub fn refused(hub: &Hub, place: IpAddr, error: ApiError) -> ApiError {
    hub.sign_ins.refused_link(place).map_or_else(ApiError::TooManyRequests, |()| error)
}

/// Goes on only with what the account's second factor says, if it has one.
///
/// # Errors
/// 401 `totp_required` or `bad_totp`; 429 after too many wrong ones.
pub async fn second_factor(hub: &Hub, account: &Account, shown: &Shown) -> Result<(), ApiError> {
    let Some(secret) = account.second_factor() else { return Ok(()) };
    if shown.totp.is_none() && shown.recovery_code.is_none() {
        return Err(ApiError::TotpRequired);
    }
    let user = account.user.id;
    let taken = hub.sign_ins.take_code(user).map_err(ApiError::TooManyRequests)?;
    let right = match (&shown.totp, &shown.recovery_code) {
        (Some(code), _) => take_totp(hub, user, secret, code).await,
        (None, Some(code)) => take_recovery_code(hub, user, code).await,
        (None, None) => Ok(false),
    };
    if right != Ok(false) {
        taken.give_back();
    }
    if right? { Ok(()) } else { Err(ApiError::BadTotp) }
}

async fn is_right(hub: &Hub, account: Option<&Account>, shown: &Shown) -> Result<bool, ApiError> {
    let hash = account.and_then(|account| account.user.password_hash.clone());
    Ok(hub.passwords.is_right(shown.password.clone(), hash).await?)
}

async fn take_totp(hub: &Hub, user: UserId, secret: &[u8], code: &str) -> Result<bool, ApiError> {
    match totp::step_of(secret, code, hub.clock.now()) {
        Some(step) => Ok(hub.store.take_totp_step(user, step).await?),
        None => Ok(false),
    }
}

async fn take_recovery_code(hub: &Hub, user: UserId, code: &str) -> Result<bool, ApiError> {
    match totp::recovery_hash(code) {
        Some(hash) => Ok(hub.store.take_recovery_code(user, hash).await?),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_stored() {
        assert_eq!(email_of(" Ada@Example.Test "), Some("ada@example.test".to_owned()));
        for bad in
            ["", "@", "a@", "@b", "a b@c", "a@b\0", "a@b@c", &format!("{}@b", "a".repeat(254))]
        {
            assert_eq!(email_of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn no_address_looks_like_another() {
        let invisible = ["\u{200b}", "\u{200d}", "\u{ad}", "\u{feff}", "\u{202e}", "\u{e0061}"];
        for strange in invisible.into_iter().chain(["\u{430}", "\u{ff41}", "\u{e9}", "\u{212a}"]) {
            for email in [
                format!("ad{strange}a@example.test"),
                format!("ada@exa{strange}mple.test"),
                format!("ada@example.test{strange}"),
            ] {
                assert_eq!(email_of(&email), None, "{email:?}");
            }
        }
    }
}
