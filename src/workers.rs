//! What works beside the requests: the queues' workers, their upkeep and numbers, and the word that all of it lives.
//!
//! `hub serve` runs it in its own process unless it is told not to; `hub worker` runs it and serves nobody. However many
//! there are, each job is one worker's.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use hub_billing::Billing;
use hub_domain::Clock;
use hub_jobs::{
    Queues, Retention, Senders, Vitals, Wording, billing, digest,
    queue::{Gauges, Nudges, Pace},
    telling,
};
use hub_messaging::text::Texts;
use hub_store::{Store, queue::JobPool};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{auth::link_keys, clock::SystemClock, config::Settings, dead_man::DeadMan};

/// How long jobs that run may take to finish at the end.
const DRAIN_WITHIN: Duration = Duration::from_secs(6);

/// The running workers of a process.
#[derive(Debug)]
pub struct Workers {
    nudges: Nudges,
    vitals: Vitals,
    stop: CancellationToken,
    running: JoinHandle<()>,
    _retention: Option<Retention>,
    _gauges: Gauges,
    _dead_man: Option<DeadMan>,
}

impl Workers {
    /// Starts them; `None` on the memory, which has no queue. `public_url` is where people, and providers that report,
    /// reach the hub.
    ///
    /// # Errors
    /// When what messages are sent by cannot be set up, or the keys of their links cannot be read.
    pub async fn start(
        store: &Store,
        settings: &Settings,
        public_url: String,
    ) -> anyhow::Result<Option<Self>> {
        let Some(pool) = store.job_pool() else { return Ok(None) };
        let (stop, vitals) = (CancellationToken::new(), Vitals::default());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let keys = link_keys(store, clock.now()).await?;
        let senders = Arc::new(senders(settings, Wording { public_url, keys })?);
        let queues = telling::with_senders(queues(pool, &vitals), store, &clock, &senders);
        let queues = digest::with_digests(queues, store);
        let stripe = settings.billing.clone().map(Billing::new).transpose();
        let stripe = stripe.context("Stripe cannot be reached so")?;
        let has_billing = stripe.is_some();
        let queues = match &stripe {
            Some(stripe) => billing::with_billing(queues, store, &clock, stripe),
            None => queues,
        };
        let nudges = queues.nudges();
        let ticked = billing::tick(store.clone(), Arc::clone(&clock), nudges.clone(), stop.clone());
        let ticked = async move {
            if has_billing {
                ticked.await;
            }
        };
        let planned = telling::plan_and_sweep(
            store.clone(),
            clock,
            nudges.clone(),
            vitals.clone(),
            stop.clone(),
        );
        let say_so = |url| DeadMan::start(url, store.clone(), vitals.clone());
        let dead_man = settings.heartbeat_url.clone().map(say_so);
        let worked = queues.run(stop.clone());
        Ok(Some(Self {
            nudges,
            running: tokio::spawn(async move {
                tokio::join!(worked, planned, ticked);
            }),
            stop,
            _retention: Retention::start(store),
            _gauges: Gauges::start(store.clone()),
            _dead_man: dead_man,
            vitals,
        }))
    }

    /// Hurries the workers of this process.
    #[must_use]
    pub fn nudges(&self) -> Nudges {
        self.nudges.clone()
    }

    /// What of this process must go on working. Whoever else must is watched here, too.
    #[must_use]
    pub const fn vitals(&self) -> &Vitals {
        &self.vitals
    }

    /// Takes no new job, lets those that run finish, and gives back the rest.
    pub async fn stop(self) {
        self.stop.cancel();
        self.running.await.ok(); // one that panicked has stopped, too
    }
}

/// What messages are sent by, as the settings say.
fn senders(settings: &Settings, wording: Wording) -> anyhow::Result<Senders> {
    let messages = &settings.messages;
    Ok(Senders {
        sms: messages.telnyx().context("SMS cannot be set up")?,
        mail: messages.mailer().context("e-mails cannot be set up")?,
        texts: Texts::new().context("the texts of messages cannot be read")?,
        wording,
    })
}

/// Every queue with what works it.
fn queues(pool: JobPool, vitals: &Vitals) -> Queues {
    let pace = Pace { drain_within: DRAIN_WITHIN, ..Pace::default() };
    Queues::new(pool, vitals.clone()).pace(pace)
}
