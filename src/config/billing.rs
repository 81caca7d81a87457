//! The settings of Stripe: all that is needed, or none of it.

use hub_billing::{BillingSettings, Prices};
use secrecy::SecretString;

use super::{ConfigError, SettingArgs, is_safe_url};

impl SettingArgs {
    /// How Stripe is reached; `None` on a hub without billing.
    pub(super) fn billing(&self) -> Result<Option<BillingSettings>, ConfigError> {
        let prices = Prices::parse(self.text("stripe-prices")).map_err(|error| {
            self.wrong("stripe-prices", format!("a list such as starter=price_1 ({error})"))
        })?;
        let url = self.text("stripe-url").trim().trim_end_matches('/');
        if !is_safe_url(url) {
            return Err(self.wrong("stripe-url", "an https address (http on this machine alone)"));
        }
        let listed = |name| {
            let parts = self.text(name).split(',').map(str::trim);
            parts.filter(|part| !part.is_empty()).map(SecretString::from).collect::<Vec<_>>()
        };
        let (key, webhook_secrets) =
            (self.text("stripe-key").trim(), listed("stripe-webhook-secrets"));
        match (key.is_empty(), webhook_secrets.is_empty()) {
            (true, true) => Ok(None),
            (true, false) => Err(self.wrong("stripe-key", "given with the secrets of webhooks")),
            (false, true) => {
                Err(self.wrong("stripe-webhook-secrets", "given with the key of Stripe"))
            }
            (false, false) => Ok(Some(BillingSettings {
                key: key.into(),
                webhook_secrets,
                url: Some(url.to_owned()),
                prices,
            })),
        }
    }
}
