//! Stripe behind one small interface, alone because it is slow to build.
//!
//! [`Billing`] asks Stripe and checks what comes from it; it remembers nothing. Requests are those of `async-stripe`, so
//! that a parameter which Stripe does not know cannot be written; one that it has no type for here (a customer) is
//! written out by the same means. Answers are read leniently, field by field that is needed: an answer or an event of
//! another API version must not stop a customer's life. Each change carries an `Idempotency-Key` of ours, made of what is
//! wanted, so that asking twice is asking once; nothing is tried again in here, for whoever asks knows when.

mod asked;
mod change;
mod error;
mod event;
mod facts;
mod prices;
mod signature;

use std::time::Duration;

use hub_domain::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

pub use self::{
    change::{Checkout, MeterEvent, PlanChange, Portal},
    error::BillingError,
    event::{EventFacts, NotAnEvent},
    facts::SubscriptionFacts,
    prices::{BadPrices, Prices},
    signature::{BadSignature, TOLERANCE_SECS},
};

/// How long Stripe may take to answer. Its own clients wait for 80 s; people wait for a checkout, and a lost answer costs
/// nothing, since the same key gives the same answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// How Stripe is reached.
#[derive(Clone, Debug)]
pub struct BillingSettings {
    /// The secret key of the account.
    pub key: SecretString,
    /// The secrets of the webhook's endpoint: more than one while they are being changed.
    pub webhook_secrets: Vec<SecretString>,
    /// Where Stripe is, if not at its own address.
    pub url: Option<String>,
    /// What is on sale.
    pub prices: Prices,
}

/// Asks Stripe, and checks what comes from it. Cheap to clone.
#[derive(Clone)]
pub struct Billing {
    client: stripe::Client,
    webhook_secrets: Vec<SecretString>,
    prices: Prices,
}

impl std::fmt::Debug for Billing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Billing").field("prices", &self.prices).finish_non_exhaustive()
    }
}

impl Billing {
    /// Makes a client. Nothing is asked yet.
    ///
    /// # Errors
    /// [`BillingError::Setup`] for a key or an address that cannot be one.
    pub fn new(settings: BillingSettings) -> Result<Self, BillingError> {
        let builder = stripe::ClientBuilder::new(settings.key.expose_secret())
            .timeout(ANSWERS_WITHIN)
            .app_info("freshtrack-hub", Some(env!("CARGO_PKG_VERSION").to_owned()), None);
        let builder = match settings.url {
            Some(url) => builder.url(format!("{}/", url.trim_end_matches('/'))),
            None => builder,
        };
        let client = builder.build().map_err(|_| {
            BillingError::Setup("the key or the address of Stripe cannot be one".to_owned())
        })?;
        Ok(Self { client, webhook_secrets: settings.webhook_secrets, prices: settings.prices })
    }

    /// What is on sale.
    #[must_use]
    pub const fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Goes on only if Stripe signed this body, with any of our secrets, not more than [`TOLERANCE_SECS`] before or
    /// after `now`.
    ///
    /// # Errors
    /// [`BadSignature`]; nothing of the body is to be believed then.
    pub fn verify(&self, header: &str, body: &[u8], now: Timestamp) -> Result<(), BadSignature> {
        signature::verify(header, body, &self.webhook_secrets, now)
    }
}
