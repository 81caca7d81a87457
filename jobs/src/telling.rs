//! All that tells people, together: what plans, what sends, and what looks after both.

use std::{sync::Arc, time::Duration};

use hub_domain::{Clock, notify::Channel};
use hub_store::{Store, notify::queue_of};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{
    AccountMailJob, AccountMails, Deliver, Digests, Planning, QueueSpec, Queues, Senders, Vitals,
};

/// Messages that are under way at once in one process, by each way: a provider answers in some 100 ms.
const AT_ONCE: usize = 16;

/// A try that takes longer than this is ended; providers are given half of it.
const ONE_TRY: Duration = Duration::from_secs(60);

/// How often it is looked whether the queue lost something.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Adds the workers that send messages.
#[must_use]
pub fn with_senders(
    queues: Queues,
    store: &Store,
    clock: &Arc<dyn Clock>,
    senders: &Arc<Senders>,
) -> Queues {
    Channel::ALL.iter().fold(queues, |queues, channel| {
        let deliver = Deliver::new(store.clone(), Arc::clone(clock), Arc::clone(senders));
        let spec = QueueSpec::new(queue_of(*channel)).concurrency(AT_ONCE, AT_ONCE);
        let mails = AccountMails::new(store.clone(), Arc::clone(clock), Arc::clone(senders));
        queues.worker(spec.time_limit(ONE_TRY), move |job| {
            let (deliver, mails) = (deliver.clone(), mails.clone());
            async move {
                match AccountMailJob::of(&job) {
                    Some(mail) => mails.run(mail).await,
                    None => deliver.run(job).await,
                }
            }
        })
    })
}

/// Plans, begins digests, and sweeps, until `stop`. The workers of `queues` are woken.
pub async fn plan_and_sweep(
    store: Store,
    clock: Arc<dyn Clock>,
    queues: crate::queue::Nudges,
    vitals: Vitals,
    stop: CancellationToken,
) {
    let (alerts, days) = (vitals.watch("planning"), vitals.watch("digests"));
    let digests = Digests::new(store.clone(), Arc::clone(&clock), queues.clone(), days);
    let planning = Planning::new(store.clone(), clock, queues, alerts);
    tokio::join!(planning.run(stop.clone()), digests.run(stop.clone()), sweep(store, stop));
}

async fn sweep(store: Store, stop: CancellationToken) {
    let mut sweeps = tokio::time::interval(SWEEP_EVERY);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = sweeps.tick() => {}
        }
        let swept = match store.sweep_intents().await {
            Ok(left) => store.sweep_account_mails().await.map(|mails| left + mails),
            Err(error) => Err(error),
        };
        match swept {
            Ok(0) => {}
            Ok(left) => {
                metrics::counter!("hub_intents_swept_total")
                    .increment(u64::try_from(left).unwrap_or(0));
                tracing::warn!(left, "messages that the queue had lost were given to it again");
            }
            Err(error) => tracing::warn!(%error, "the ledger could not be swept; tried again"),
        }
    }
}
