//! The hub's own sign-in: Ed25519 keys kept in the store, and the tokens signed with them.

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hub_domain::{Timestamp, UserId};
use hub_messaging::email::LinkKeys;
use hub_store::{Store, records::SigningKey};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header,
    jwk::{AlgorithmParameters, Jwk},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{issuers::PublicKey, tokens::OWN_ISSUER};

/// What comes before the 32 secret bytes in the PKCS#8 form of an Ed25519 key (RFC 8410).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Signs the hub's own tokens.
pub struct Signer {
    kid: String,
    key: EncodingKey,
    lifetime_secs: u32,
    jwks: Value,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct OwnClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: String,
    iat: i64,
    exp: i64,
    r#gen: i64,
}

impl Signer {
    /// Loads the hub's keys, or makes the first.
    ///
    /// The oldest key signs. Keys are read again after one was made, so that two processes that start on an empty
    /// store at once end with keys that both know or can find.
    ///
    /// # Errors
    /// When the store does not answer, or a key in it cannot be used.
    pub async fn load(
        store: &Store,
        now: Timestamp,
        lifetime_secs: u32,
    ) -> anyhow::Result<(Self, Vec<PublicKey>)> {
        let keys = kept_keys(store, now).await?;
        let first = keys.first().context("there is no signing key")?;
        let key = EncodingKey::from_ed_der(&first.pkcs8);
        let jwks = keys.iter().map(public_jwk).collect::<anyhow::Result<Vec<Value>>>()?;
        let signer =
            Self { kid: first.kid.clone(), key, lifetime_secs, jwks: json!({ "keys": jwks }) };
        Ok((signer, public_keys(&keys)?))
    }

    /// A token of `user`, of that generation of theirs, and when it ends.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn token(
        &self,
        user: UserId,
        generation: i64,
        now: Timestamp,
    ) -> anyhow::Result<(String, Timestamp)> {
        let issued = now.as_millis().div_euclid(1000);
        let expires = issued + i64::from(self.lifetime_secs);
        let claims = OwnClaims {
            iss: OWN_ISSUER,
            aud: OWN_ISSUER,
            sub: user.to_string(),
            iat: issued,
            exp: expires,
            r#gen: generation,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        let token = jsonwebtoken::encode(&header, &claims, &self.key)
            .context("a token cannot be signed")?;
        Ok((token, Timestamp::from_millis(expires * 1000)))
    }

    /// The public keys, as a JSON Web Key Set.
    #[must_use]
    pub const fn jwks(&self) -> &Value {
        &self.jwks
    }
}

/// What links in mails are signed by: keys made of those that sign tokens, the oldest first, as there.
///
/// # Errors
/// When the store does not answer.
pub async fn link_keys(store: &Store, now: Timestamp) -> anyhow::Result<LinkKeys> {
    let keys = kept_keys(store, now).await?;
    let (first, others) = keys.split_first().context("there is no signing key")?;
    let others: Vec<&[u8]> = others.iter().map(|key| key.pkcs8.as_slice()).collect();
    Ok(LinkKeys::derive(&first.pkcs8, &others))
}

/// The hub's keys, the oldest first; the first is made where there is none.
async fn kept_keys(store: &Store, now: Timestamp) -> anyhow::Result<Vec<SigningKey>> {
    let mut keys = store.signing_keys().await.context("signing keys cannot be read")?;
    if keys.is_empty() {
        store.add_signing_key(fresh_key(now)).await.context("a signing key cannot be stored")?;
        keys = store.signing_keys().await.context("signing keys cannot be read")?;
    }
    keys.sort_by(|a, b| (a.created_at, &a.kid).cmp(&(b.created_at, &b.kid)));
    Ok(keys)
}

fn fresh_key(now: Timestamp) -> SigningKey {
    let mut pkcs8 = PKCS8_PREFIX.to_vec();
    pkcs8.extend_from_slice(&rand::random::<[u8; 32]>());
    let kid = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 9]>());
    SigningKey { kid, pkcs8, created_at: now }
}

/// The public halves of stored keys.
///
/// # Errors
/// When one of them is no Ed25519 key.
pub fn public_keys(keys: &[SigningKey]) -> anyhow::Result<Vec<PublicKey>> {
    keys.iter()
        .map(|key| {
            let public = DecodingKey::from_ed_components(&public_point(key)?)?;
            Ok(PublicKey {
                kid: Some(key.kid.clone()),
                algorithm: Some(Algorithm::EdDSA),
                key: public,
            })
        })
        .collect()
}

fn public_point(key: &SigningKey) -> anyhow::Result<String> {
    let jwk = Jwk::from_encoding_key(&EncodingKey::from_ed_der(&key.pkcs8), Algorithm::EdDSA)
        .with_context(|| format!("signing key {} cannot be used", key.kid))?;
    match jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) => Ok(pair.x),
        _ => anyhow::bail!("signing key {} is not an Ed25519 key", key.kid),
    }
}

fn public_jwk(key: &SigningKey) -> anyhow::Result<Value> {
    let x = public_point(key)?;
    Ok(
        json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": x }),
    )
}
