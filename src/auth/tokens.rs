//! Tokens of people: one verifier for the hub's own and for those of configured issuers.
//!
//! A token says who somebody is and nothing about what they may do: roles come from the hub's own memberships, on
//! each request. Algorithms are pinned per issuer, a token without a key id is refused where several keys could
//! fit, and critical headers are refused because none is understood.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hub_domain::{Clock, Timestamp, UserId};
use hub_store::{Store, StoreError};
use jsonwebtoken::Algorithm;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Number, Value};

use super::issuers::{KeySet, NoKey};
use crate::decimal;

/// How far clocks may be apart, in seconds.
const LEEWAY_SECS: i64 = 5;

/// A longer token is not looked at, in bytes.
const LONGEST_TOKEN: usize = 8 * 1024;

/// The issuer and audience of the hub's own tokens.
pub const OWN_ISSUER: &str = "freshtrack-hub";

/// Somebody whose token is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub user: UserId,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// Which generation of the person's tokens it is of, if it is one of the hub's own sign-in.
    pub generation: Option<i64>,
}

impl Identity {
    /// Goes on unless the person's tokens are of another generation by now: the password was changed, or a session
    /// stolen.
    ///
    /// # Errors
    /// `Expired` then.
    pub fn check(&self, now: Option<i64>) -> Result<(), TokenError> {
        let is_good = self.generation.is_none() || self.generation == now;
        if is_good { Ok(()) } else { Err(TokenError::Expired) }
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token, or not one of an issuer and key that are known here.
    #[error("token is not valid here")]
    Invalid,
    /// It is signed with a key that is not known yet, and whether there is one could not be asked. Try again.
    #[error("token's key is not known yet")]
    UnknownKey,
    /// It was good and is over. A fresh one is needed.
    #[error("token has expired")]
    Expired,
    /// It is good and its issuer's user has no account here.
    #[error("token's user has no account")]
    NoAccount,
    /// Whose it is could not be looked up. Try again.
    #[error("token's user could not be looked up")]
    Unavailable,
}

/// One issuer whose tokens are taken.
#[derive(Debug)]
pub struct Issuer {
    /// The values of `iss` that it uses; each must match to the letter. The first is the one that its subjects are
    /// kept under, whichever a token names.
    pub names: Vec<String>,
    /// The audience that must be named.
    pub audience: String,
    /// The algorithms that it signs with.
    pub algorithms: Vec<Algorithm>,
    /// Claims that must have these values. A rule of `false` is also met by a claim that is absent.
    pub rules: Map<String, Value>,
    /// Its keys.
    pub keys: KeySet,
}

/// What a good token claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The first name of who issued it.
    pub issuer: String,
    /// Whom it is about.
    pub subject: String,
    /// The address that the issuer has seen them prove, lower-cased.
    pub proven_email: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The generation of the person's tokens, where it says one.
    pub generation: Option<i64>,
}

/// Verifies tokens. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    issuers: Arc<Vec<Issuer>>,
    store: Store,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct TokenHeader {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl Verifier {
    /// A verifier for these issuers.
    #[must_use]
    pub fn new(issuers: Vec<Issuer>, store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { issuers: Arc::new(issuers), store, clock }
    }

    /// Whose token this is, with the generation of their tokens at this moment, whoever's sign-in it is of: what an
    /// issuer's token opened is to end with the others, too.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn identify(&self, token: &str) -> Result<Identity, TokenError> {
        let identity = self.whose(token).await?;
        let found = self.store.token_generations(&[identity.user]).await.map_err(unavailable)?;
        let present = found.get(&identity.user).copied();
        identity.check(present)?;
        Ok(Identity { generation: identity.generation.or(present), ..identity })
    }

    /// Whose token this is, for who asks the store for the generation of their tokens with something else:
    /// [`Identity::check`] is theirs to do.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn whose(&self, token: &str) -> Result<Identity, TokenError> {
        let claims = self.claims(token).await?;
        let user = self.user_of(&claims).await?;
        let is_own = claims.issuer == OWN_ISSUER;
        let generation = is_own.then(|| claims.generation.unwrap_or_default());
        Ok(Identity { user, expires_at: claims.expires_at, generation })
    }

    /// What the token claims, if it is good.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn claims(&self, token: &str) -> Result<Claims, TokenError> {
        let (signed, signature) = split(token).ok_or(TokenError::Invalid)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Invalid)?;
        let header: TokenHeader = part(header)?;
        let payload: Map<String, Value> = part(payload)?;
        let issuer = self.issuer_of(&payload).ok_or(TokenError::Invalid)?;
        let algorithm = issuer.pinned(&header).ok_or(TokenError::Invalid)?;
        let now = self.clock.now();
        let key = match issuer.keys.find(header.kid.as_deref(), algorithm).await {
            Ok(key) => key,
            Err(NoKey::Unfit) => return Err(TokenError::Invalid),
            // whatever its key: what says that it is over is not waited for
            Err(NoKey::Unknown) if is_over(&payload, now) => return Err(TokenError::Expired),
            Err(NoKey::Unknown) => return Err(TokenError::UnknownKey),
        };
        let good = jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key, algorithm);
        if !good.unwrap_or(false) {
            return Err(TokenError::Invalid);
        }
        issuer.judge(&payload, now)
    }

    fn issuer_of(&self, payload: &Map<String, Value>) -> Option<&Issuer> {
        let named = payload.get("iss")?.as_str()?;
        self.issuers.iter().find(|issuer| issuer.names.iter().any(|name| name == named))
    }

    async fn user_of(&self, claims: &Claims) -> Result<UserId, TokenError> {
        if claims.issuer == OWN_ISSUER {
            return claims.subject.parse().map_err(|_| TokenError::Invalid);
        }
        if claims.subject.contains('\0') {
            return Err(TokenError::NoAccount); // not every database can be asked for it
        }
        match self.store.user_by_subject(&claims.issuer, &claims.subject).await {
            Ok(Some(user)) => Ok(user.id),
            Ok(None) | Err(StoreError::NotFound) => Err(TokenError::NoAccount),
            Err(error) => Err(unavailable(error)),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn unavailable(error: StoreError) -> TokenError {
    tracing::warn!(%error, "the user of a token could not be looked up");
    TokenError::Unavailable
}

/// The hub's own sign-in as an issuer like any other.
#[must_use]
pub fn own_issuer(keys: KeySet) -> Issuer {
    Issuer {
        names: vec![OWN_ISSUER.to_owned()],
        audience: OWN_ISSUER.to_owned(),
        algorithms: vec![Algorithm::EdDSA],
        rules: Map::new(),
        keys,
    }
}

impl Issuer {
    /// The token's algorithm, if it is one that this issuer signs with and no header asks for what is not understood.
    fn pinned(&self, header: &TokenHeader) -> Option<Algorithm> {
        let algorithm: Algorithm = header.alg.parse().ok()?;
        (header.crit.is_none() && self.algorithms.contains(&algorithm)).then_some(algorithm)
    }

    fn judge(&self, payload: &Map<String, Value>, now: Timestamp) -> Result<Claims, TokenError> {
        let text = |name: &str| payload.get(name).and_then(Value::as_str);
        let instant = |name: &str| instant(payload, name);
        let subject =
            text("sub").filter(|subject| !subject.is_empty()).ok_or(TokenError::Invalid)?;
        let expires_at = instant("exp").ok_or(TokenError::Invalid)?;
        let issued = instant("iat").is_some();
        let begun = !payload.contains_key("nbf")
            || instant("nbf").is_some_and(|begins| begins.millis_since(now) <= LEEWAY_SECS * 1000);
        if !(issued && begun && self.is_for_us(payload) && self.keeps_the_rules(payload)) {
            return Err(TokenError::Invalid);
        }
        if is_over(payload, now) {
            return Err(TokenError::Expired);
        }
        let issuer = self.names.first().cloned().unwrap_or_default();
        let is_proven = payload.get("email_verified") == Some(&Value::Bool(true));
        // lower-cased, what is not ASCII may become somebody else's address
        let plain = text("email").filter(|email| is_proven && email.is_ascii());
        let proven_email = plain.map(str::to_ascii_lowercase);
        let generation = payload.get("gen").and_then(Value::as_i64);
        Ok(Claims { issuer, subject: subject.to_owned(), proven_email, expires_at, generation })
    }

    fn is_for_us(&self, payload: &Map<String, Value>) -> bool {
        match payload.get("aud") {
            Some(Value::String(audience)) => *audience == self.audience,
            Some(Value::Array(audiences)) => {
                audiences.iter().any(|audience| *audience == *self.audience)
            }
            _ => false,
        }
    }

    fn keeps_the_rules(&self, payload: &Map<String, Value>) -> bool {
        self.rules.iter().all(|(name, wanted)| match payload.get(name) {
            Some(claimed) => claimed == wanted,
            None => *wanted == Value::Bool(false),
        })
    }
}

fn is_over(payload: &Map<String, Value>, now: Timestamp) -> bool {
    instant(payload, "exp").is_some_and(|ends| now.millis_since(ends) >= LEEWAY_SECS * 1000)
}

fn instant(payload: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    payload.get(name).and_then(Value::as_number).and_then(numeric_date)
}

fn split(token: &str) -> Option<(&str, &str)> {
    let parts = token.bytes().filter(|byte| *byte == b'.').count();
    (token.len() <= LONGEST_TOKEN && parts == 2).then(|| token.rsplit_once('.')).flatten()
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Invalid)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Invalid)
}

/// Seconds since the epoch, perhaps with a fraction, as an instant.
fn numeric_date(number: &Number) -> Option<Timestamp> {
    decimal::milli(&number.to_string()).map(Timestamp::from_millis)
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
