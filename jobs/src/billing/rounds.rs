//! Does what is to be done with Stripe within moments: webhooks are worked as they come, and new organizations get their
//! trial.

use std::{sync::Arc, time::Duration};

use hub_billing::Billing;
use hub_domain::Clock;
use hub_store::{Store, StoreError};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use super::work_webhooks;

/// Webhooks are worked at once when they come; what failed is due again after half a minute.
const WEBHOOKS_EVERY: Duration = Duration::from_secs(10);
/// New organizations get their trial within this.
const TRIALS_EVERY: Duration = Duration::from_secs(60);

/// The running rounds of a process. They end when it is dropped; whatever is under way may be cut at any instant.
#[derive(Debug)]
pub struct BillingRounds {
    task: JoinHandle<()>,
    something: Arc<Notify>,
}

impl BillingRounds {
    /// Starts the rounds.
    #[must_use]
    pub fn start(store: Store, billing: Billing, clock: Arc<dyn Clock>) -> Self {
        let something = Arc::new(Notify::new());
        let rounds = Rounds { store, billing, clock, something: Arc::clone(&something) };
        Self { task: tokio::spawn(rounds.run()), something }
    }

    /// Ends the rounds now.
    pub fn stop(&self) {
        self.task.abort();
    }

    /// Says that a webhook was stored, so that it is worked at once.
    pub fn nudge(&self) {
        self.something.notify_one();
    }
}

impl Drop for BillingRounds {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Rounds {
    store: Store,
    billing: Billing,
    clock: Arc<dyn Clock>,
    something: Arc<Notify>,
}

impl Rounds {
    async fn run(self) {
        let [mut webhooks, mut trials] = [WEBHOOKS_EVERY, TRIALS_EVERY].map(interval);
        for ticks in [&mut webhooks, &mut trials] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                biased;
                () = self.something.notified() => self.webhooks().await,
                _ = webhooks.tick() => self.webhooks().await,
                _ = trials.tick() => self.trials().await,
            }
        }
    }

    async fn webhooks(&self) {
        let worked = work_webhooks(&self.store, &self.billing, &*self.clock).await;
        said("webhooks of Stripe", worked.map(drop));
    }

    async fn trials(&self) {
        said("trials", self.store.begin_trials(self.clock.now()).await.map(drop));
    }
}

fn said(what: &str, done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(%error, what, "work on billing failed and is tried again");
    }
}
