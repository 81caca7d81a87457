//! What Stripe told, worked: of each subscription that was spoken of the newest state is asked for.
//!
//! So events may come in any order and as often as they like: what one says is not believed, only that there is something
//! to be asked. A question that is begun after an event was stored is answered with what that event speaks of.

use std::collections::BTreeMap;

use hub_billing::{Billing, BillingError, EventFacts};
use hub_domain::{Clock, OrgId};
use hub_store::{
    Store, StoreError,
    records::{WebhookEvent, WebhookKinds},
};

use super::{
    pause::again_at,
    sync::{AWAY_AFTER, SyncError, sync_subscription},
};

/// The name that Stripe's events are stored under.
pub const PROVIDER: &str = "stripe";

/// So many events are taken up at a time.
const AT_ONCE: u64 = 100;

/// What became of the events that were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// So many are settled.
    pub settled: u64,
    /// So many are tried again later.
    pub put_off: u64,
}

/// What came of one event.
enum Outcome {
    Settled(Option<OrgId>, &'static str),
    Later(String),
}

/// Works every event that is due. Safe to do twice and by several at once.
///
/// # Errors
/// See [`StoreError`]. What was settled stays so.
pub async fn work_webhooks(
    store: &Store,
    billing: &Billing,
    clock: &dyn Clock,
) -> Result<Worked, StoreError> {
    let mut worked = Worked::default();
    loop {
        let due = store.due_webhooks(PROVIDER, WebhookKinds::All, clock.now(), AT_ONCE).await?;
        let is_last = (due.len() as u64) < AT_ONCE;
        // these are stored already, so one question answers all that speak of the same
        let mut asked = BTreeMap::new();
        let mut away = 0;
        for event in due {
            match work(store, billing, &event, &mut asked, clock).await? {
                Outcome::Settled(org, said) => {
                    store.finish_webhook(PROVIDER, &event.id, org, said, clock.now()).await?;
                    (worked.settled, away) = (worked.settled + 1, 0);
                }
                Outcome::Later(why) => {
                    put_off(store, &event, &why, clock).await?;
                    (worked.put_off, away) = (worked.put_off + 1, away + 1);
                }
            }
            if away == AWAY_AFTER {
                return Ok(worked);
            }
        }
        if is_last {
            return Ok(worked);
        }
    }
}

async fn put_off(
    store: &Store,
    event: &WebhookEvent,
    why: &str,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    tracing::warn!(event.id, event.kind, why, "an event of Stripe's could not be worked yet");
    let again_at = again_at(clock.now(), event.attempts, &event.id);
    store.put_off_webhook(PROVIDER, &event.id, again_at).await
}

async fn work(
    store: &Store,
    billing: &Billing,
    event: &WebhookEvent,
    asked: &mut BTreeMap<String, OrgId>,
    clock: &dyn Clock,
) -> Result<Outcome, StoreError> {
    let Ok(facts) = EventFacts::read(event.body.as_bytes()) else {
        return Ok(Outcome::Settled(None, "unreadable")); // was read once, when it came
    };
    let Some(subscription) = facts.subscription else {
        let org = store.billed_organization(None, facts.customer.as_deref()).await?;
        return Ok(Outcome::Settled(org, "of no subscription"));
    };
    if let Some(org) = asked.get(&subscription) {
        return Ok(Outcome::Settled(Some(*org), "synced"));
    }
    match sync_subscription(store, billing, &subscription, clock).await {
        Ok(org) => {
            asked.insert(subscription, org);
            Ok(Outcome::Settled(Some(org), "synced"))
        }
        Err(SyncError::Nobodys) => Ok(Outcome::Settled(None, "of no organization")),
        Err(SyncError::Billing(BillingError::Refused { status: 404, .. })) => {
            Ok(Outcome::Settled(facts.org, "of a subscription that is gone"))
        }
        Err(SyncError::Billing(error)) => Ok(Outcome::Later(error.to_string())),
        Err(SyncError::Store(error)) => Err(error),
    }
}
