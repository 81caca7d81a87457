//! An issuer of tokens on loopback: a key of its own, published as issuers do.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header,
    jwk::{AlgorithmParameters, Jwk},
};
use serde_json::{Value, json};

/// What comes before the 32 secret bytes in the PKCS#8 form of an Ed25519 key (RFC 8410).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
pub(crate) const NAME: &str = "https://issuer.example.test";
/// Its other name.
const ALIAS: &str = "https://alias.example.test";
const AUDIENCE: &str = "the-hub";

pub(crate) struct Issuer {
    key: EncodingKey,
    kid: String,
    published: Arc<Mutex<Vec<Value>>>,
    jwks_url: String,
    server: tokio::task::JoinHandle<()>,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let (key, kid) = fresh_key();
        let published = Arc::new(Mutex::new(vec![public(&key, &kid)]));
        let keys = Arc::clone(&published);
        let answer = move || {
            let keys = keys.lock().expect("nobody fails with it").clone();
            async move { axum::Json(json!({ "keys": keys })) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let jwks_url = format!("http://{}/keys", listener.local_addr().expect("an address"));
        let router = axum::Router::new().fallback(answer);
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("an issuer serves");
        });
        Self { key, kid, published, jwks_url, server }
    }

    /// Signs with another key from now on, which is published beside the first.
    pub(crate) fn rotate(&mut self) {
        (self.key, self.kid) = fresh_key();
        self.published.lock().expect("nobody fails with it").push(public(&self.key, &self.kid));
    }

    /// The hub's setting that makes it take this issuer's tokens.
    pub(crate) fn setting(&self) -> String {
        let issuer = json!({ "issuer": [NAME, ALIAS], "jwks_url": self.jwks_url, "audience": AUDIENCE, "algorithms": ["EdDSA"] });
        json!([issuer]).to_string()
    }

    /// A token of somebody whom it knows, and of whose address it says nothing.
    pub(crate) fn token(&self, subject: &str) -> String {
        self.token_with(subject, json!({}))
    }

    /// A token of somebody who proved that the address is theirs.
    pub(crate) fn proven(&self, subject: &str, email: &str) -> String {
        self.token_with(subject, json!({ "email": email, "email_verified": true }))
    }

    /// The same by its other name.
    pub(crate) fn proven_by_alias(&self, subject: &str, email: &str) -> String {
        self.signed(ALIAS, subject, json!({ "email": email, "email_verified": true }))
    }

    /// A token that claims this, too.
    pub(crate) fn token_with(&self, subject: &str, more: Value) -> String {
        self.signed(NAME, subject, more)
    }

    fn signed(&self, issuer: &str, subject: &str, more: Value) -> String {
        let now = chrono::Utc::now().timestamp();
        let mut claims = more;
        for (name, value) in [("iss", issuer), ("aud", AUDIENCE), ("sub", subject)] {
            claims[name] = json!(value);
        }
        (claims["iat"], claims["exp"]) = (json!(now), json!(now + 600));
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, &self.key).expect("a token is signed")
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn fresh_key() -> (EncodingKey, String) {
    let mut pkcs8 = PKCS8_PREFIX.to_vec();
    pkcs8.extend_from_slice(&rand::random::<[u8; 32]>());
    let kid = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 6]>());
    (EncodingKey::from_ed_der(&pkcs8), kid)
}

fn public(key: &EncodingKey, kid: &str) -> Value {
    let jwk = Jwk::from_encoding_key(key, Algorithm::EdDSA).expect("a key has a public half");
    let AlgorithmParameters::OctetKeyPair(pair) = jwk.algorithm else {
        panic!("an Ed25519 key is an octet key pair");
    };
    json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": pair.x })
}
