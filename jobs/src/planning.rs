//! Plans notifications: looks which alerts are due, plans each organization's together, and writes what it comes to.
//!
//! Any number of processes may do this: what two planned at once is written once. Nothing is remembered between two looks
//! but whom to leave alone for a while.

use std::{collections::HashMap, sync::Arc, time::Duration};

use hub_domain::{
    Clock, OrgId, Timestamp,
    notify::{self, Channel},
};
use hub_store::{
    Store, StoreError,
    notify::{Looked, Seen, queue_of},
};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{Vital, queue::Nudges};

/// How often it is looked who is due: what an alarm waits at most before it is planned.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long an organization is left alone whose plan failed: another's must not wait for it.
const LEFT_ALONE: Duration = Duration::from_secs(5);

/// What plans.
pub struct Planning {
    store: Store,
    clock: Arc<dyn Clock>,
    nudges: Nudges,
    vital: Vital,
    left_alone: HashMap<OrgId, Instant>,
}

impl std::fmt::Debug for Planning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planning").field("left_alone", &self.left_alone).finish_non_exhaustive()
    }
}

impl Planning {
    /// Plans for what this store has, and wakes the workers of `nudges` when there is something to send.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, nudges: Nudges, vital: Vital) -> Self {
        Self { store, clock, nudges, vital, left_alone: HashMap::new() }
    }

    /// Plans until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            match self.plan_due().await {
                Ok(is_more) => {
                    self.vital.beat();
                    if is_more {
                        looks.reset_immediately();
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "it cannot be read who is to be told; tried again")
                }
            }
        }
    }

    /// Plans some of what is due now; says whether there may be more.
    ///
    /// # Errors
    /// When the store does not say what is due.
    pub async fn plan_due(&mut self) -> Result<bool, StoreError> {
        let due = self.store.due_plans(self.clock.now()).await?;
        let back_at = if due.is_empty() { None } else { self.store.back_at().await? };
        self.left_alone.retain(|_, until| *until > Instant::now());
        let mut is_more = false;
        for (org, seen) in due {
            if self.left_alone.contains_key(&org) {
                continue;
            }
            let planned = self.plan(org, &seen, back_at).await;
            is_more |= planned.is_ok();
            if let Err(error) = planned {
                tracing::error!(org.id = %org, %error, "notifications could not be planned; tried again in a while");
                metrics::counter!("hub_plans_failed_total").increment(1);
                self.left_alone.insert(org, Instant::now() + LEFT_ALONE);
            }
        }
        Ok(is_more)
    }

    /// Plans for an organization. Where something moved meanwhile nothing is written, and the next look plans anew.
    async fn plan(
        &self,
        org: OrgId,
        seen: &[Seen],
        back_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let looked = self.store.situation(org, seen, now, back_at).await?;
        // a storm of alerts takes its time to plan, in which nothing else would be done here
        let Looked { situation, seq } = looked;
        let planned = tokio::task::spawn_blocking(move || notify::plan(&situation)).await;
        let planned = planned.map_err(|error| StoreError::Corrupt(format!("no plan: {error}")))?;
        if !self.store.save_plan(org, seq, seen, &planned, now).await? {
            return Ok(());
        }
        metrics::counter!("hub_plans_total").increment(1);
        for channel in Channel::ALL {
            if planned.intents.iter().any(|intent| intent.line.channel == *channel) {
                self.nudges.nudge(queue_of(*channel));
            }
        }
        Ok(())
    }
}
