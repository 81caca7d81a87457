//! What is done with Stripe by the clock: a job for each hour or day, written by whichever process comes first.

use std::{sync::Arc, time::Duration};

use hub_billing::Billing;
use hub_domain::{Clock, Timestamp};
use hub_store::{Store, StoreError, queue::NewJob};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Span, report_usage, sync_subscriptions};
use crate::{
    Job, JobError, QueueSpec, Queues,
    queue::{Nudges, names::BILLING},
};

/// How often it is looked whether an hour or a day is over.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// All that is charged is counted again within this; one that takes longer is ended and tried again.
const ONE_TRY: Duration = Duration::from_secs(1_800);

const HOUR_MILLIS: i64 = 3_600_000;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

/// Something that is done by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Chore {
    /// Yesterday and today are counted, and told.
    RecentUsage,
    /// All that is still charged is.
    WholeUsage,
    /// Subscriptions are asked for, whatever webhooks said.
    Subscriptions,
    /// Webhooks that were worked long ago are forgotten.
    OldWebhooks,
}

impl Chore {
    const ALL: [Self; 4] =
        [Self::RecentUsage, Self::WholeUsage, Self::Subscriptions, Self::OldWebhooks];

    const fn every_millis(self) -> i64 {
        match self {
            Self::RecentUsage => HOUR_MILLIS,
            Self::WholeUsage | Self::Subscriptions | Self::OldWebhooks => DAY_MILLIS,
        }
    }

    /// The job of the hour or day of an instant: there is one, however often it is written.
    fn job(self, now: Timestamp) -> NewJob {
        let number = now.as_millis().div_euclid(self.every_millis());
        let payload = json!({ "chore": self });
        let key = format!("{}:{number}", payload["chore"].as_str().unwrap_or_default());
        NewJob::new(Uuid::now_v7(), BILLING, key, payload)
    }
}

#[derive(Debug, Deserialize)]
struct ChoreJob {
    chore: Chore,
}

/// Adds the worker that does what is done with Stripe by the clock.
#[must_use]
pub fn with_billing(
    queues: Queues,
    store: &Store,
    clock: &Arc<dyn Clock>,
    billing: &Billing,
) -> Queues {
    let spec = QueueSpec::new(BILLING).concurrency(1, 1).time_limit(ONE_TRY);
    let (store, clock, billing) = (store.clone(), Arc::clone(clock), billing.clone());
    queues.worker(spec, move |job| {
        let (store, clock, billing) = (store.clone(), Arc::clone(&clock), billing.clone());
        async move { run(&store, &*clock, &billing, &job).await }
    })
}

async fn run(
    store: &Store,
    clock: &dyn Clock,
    billing: &Billing,
    job: &Job,
) -> Result<(), JobError> {
    let ChoreJob { chore } = job.args()?;
    let done = match chore {
        Chore::RecentUsage => report_usage(store, billing, Span::Recent, clock).await.map(drop),
        Chore::WholeUsage => report_usage(store, billing, Span::Whole, clock).await.map(drop),
        Chore::Subscriptions => sync_subscriptions(store, billing, clock).await.map(drop),
        Chore::OldWebhooks => store.forget_webhooks(clock.now()).await.map(drop),
    };
    done.map_err(|error| JobError::Retry(error.to_string()))
}

/// Writes the jobs of each hour and day as it begins, until `stop`.
pub async fn tick(store: Store, clock: Arc<dyn Clock>, nudges: Nudges, stop: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut written: Vec<String> = Vec::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        match write(&store, clock.now(), &mut written).await {
            Ok(0) => {}
            Ok(_) => nudges.nudge(BILLING),
            Err(error) => tracing::warn!(%error, "work on billing cannot be promised; tried again"),
        }
    }
}

/// Writes what is not known to be; gives how much of it was new.
async fn write(
    store: &Store,
    now: Timestamp,
    written: &mut Vec<String>,
) -> Result<u64, StoreError> {
    let jobs: Vec<NewJob> = Chore::ALL.iter().map(|chore| chore.job(now)).collect();
    let keys: Vec<String> = jobs.iter().map(|job| job.key.clone()).collect();
    if keys == *written {
        return Ok(0);
    }
    let new = store.enqueue(&jobs).await?;
    *written = keys;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_and_a_day_have_one_job_of_each_kind() {
        let at = |millis| Timestamp::from_millis(millis);
        let keys = |now: Timestamp| Chore::ALL.map(|chore| chore.job(now).key);
        let first = keys(at(1_000 * DAY_MILLIS));
        assert_eq!(
            first,
            ["recent_usage:24000", "whole_usage:1000", "subscriptions:1000", "old_webhooks:1000"]
        );
        assert_eq!(keys(at(1_000 * DAY_MILLIS + HOUR_MILLIS - 1)), first);
        let next = keys(at(1_000 * DAY_MILLIS + HOUR_MILLIS));
        assert_eq!((&next[0], &next[1..]), (&"recent_usage:24001".to_owned(), &first[1..]));
        assert_eq!(keys(at(1_001 * DAY_MILLIS))[1], "whole_usage:1001");
        assert_eq!(keys(at(-1))[1], "whole_usage:-1");
    }
}
