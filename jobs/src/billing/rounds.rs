//! Does what is to be done with Stripe now and then, and at once where somebody says that there is something.

use std::{sync::Arc, time::Duration};

use hub_billing::Billing;
use hub_domain::Clock;
use hub_store::{Store, StoreError};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, interval_at},
};

use super::{Span, report_usage, sync_subscriptions, work_webhooks};

/// Webhooks are worked at once when they come; what failed is due again after half a minute.
const WEBHOOKS_EVERY: Duration = Duration::from_secs(10);
/// New organizations get their trial within this.
const TRIALS_EVERY: Duration = Duration::from_secs(60);
/// Yesterday and today are counted so often.
const RECENT_EVERY: Duration = Duration::from_secs(3_600);
/// All that is charged is counted so often,
const WHOLE_EVERY: Duration = Duration::from_secs(86_400);
/// and first so long after a start, when the hub has caught up.
const WHOLE_AFTER: Duration = Duration::from_secs(600);

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
        let [mut webhooks, mut trials, mut recent] =
            [WEBHOOKS_EVERY, TRIALS_EVERY, RECENT_EVERY].map(interval);
        let mut whole = interval_at(Instant::now() + WHOLE_AFTER, WHOLE_EVERY);
        for ticks in [&mut webhooks, &mut trials, &mut recent, &mut whole] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                biased;
                () = self.something.notified() => self.webhooks().await,
                _ = webhooks.tick() => self.webhooks().await,
                _ = trials.tick() => self.trials().await,
                _ = recent.tick() => self.usage(Span::Recent).await,
                _ = whole.tick() => self.whole().await,
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

    async fn usage(&self, span: Span) {
        let told = report_usage(&self.store, &self.billing, span, &*self.clock).await;
        said("usage", told.map(|told| tracing::debug!(?told, ?span, "usage is counted and told")));
    }

    async fn whole(&self) {
        self.usage(Span::Whole).await;
        let synced = sync_subscriptions(&self.store, &self.billing, &*self.clock).await;
        said("subscriptions", synced.map(drop));
        said("old webhooks", self.store.forget_webhooks(self.clock.now()).await.map(drop));
    }
}

fn said(what: &str, done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(%error, what, "work on billing failed and is tried again");
    }
}
