//! Stripe, and what is done with it while nobody waits: on a hub that has billing.

use std::sync::Arc;

use anyhow::Context as _;
use hub_billing::{Billing, BillingSettings};
use hub_domain::Clock;
use hub_jobs::BillingRounds;
use hub_store::Store;

/// Stripe, and the rounds that work with it.
#[derive(Debug)]
pub struct Payments {
    /// Asks Stripe.
    pub billing: Billing,
    rounds: BillingRounds,
}

impl Payments {
    /// Starts the rounds and makes plans bind, where there are settings for that.
    ///
    /// # Errors
    /// When Stripe cannot be reached by such settings.
    pub fn start(
        settings: Option<&BillingSettings>,
        store: &Store,
        clock: &Arc<dyn Clock>,
    ) -> anyhow::Result<Option<Self>> {
        store.bind_plans(settings.is_some());
        let Some(settings) = settings else { return Ok(None) };
        let billing = Billing::new(settings.clone()).context("Stripe cannot be reached so")?;
        let rounds = BillingRounds::start(store.clone(), billing.clone(), Arc::clone(clock));
        Ok(Some(Self { billing, rounds }))
    }

    /// Says that a webhook was stored, so that it is worked at once.
    pub fn nudge(&self) {
        self.rounds.nudge();
    }

    /// Ends the rounds now.
    pub fn stop(&self) {
        self.rounds.stop();
    }
}
