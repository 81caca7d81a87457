//! How subscriptions stand: asked of Stripe, written down here.

use hub_billing::{Billing, BillingError, SubscriptionFacts};
use hub_domain::{Clock, OrgId, Timestamp};
use hub_store::{
    By, Store, StoreError,
    records::{Actor, NewestSubscription},
};

/// A subscription is asked for once a day though nothing is told of it: Stripe gives up on a webhook after three days.
const ASKED_EVERY_SECS: u32 = 86_400;

/// So many are asked for in one round.
const AT_ONCE: u64 = 200;

/// So many answers of Stripe may be missing in a row before a round ends: it is away.
pub(super) const AWAY_AFTER: u32 = 3;

/// Why it is not known how a subscription stands.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SyncError {
    /// Nothing was written down. Safe to try again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stripe did not say. What can be done about it says [`BillingError`].
    #[error(transparent)]
    Billing(#[from] BillingError),
    /// It is of no organization that is here.
    #[error("the subscription is of no organization here")]
    Nobodys,
}

/// Asks Stripe how a subscription stands and writes it down; gives whose it is.
///
/// Safe to do twice and in any order: an answer counts as of when it was asked for.
///
/// # Errors
/// [`SyncError`].
pub async fn sync_subscription(
    store: &Store,
    billing: &Billing,
    subscription: &str,
    clock: &dyn Clock,
) -> Result<OrgId, SyncError> {
    let asked_at = clock.now(); // before the question: what happens meanwhile may not be in the answer
    let facts = billing.subscription(subscription).await?;
    note_subscription(store, facts, asked_at, Actor::Hub).await
}

/// Writes down what Stripe said of a subscription when it was asked then; gives whose it is.
///
/// # Errors
/// [`SyncError`].
pub async fn note_subscription(
    store: &Store,
    facts: SubscriptionFacts,
    asked_at: Timestamp,
    by: impl Into<By>,
) -> Result<OrgId, SyncError> {
    let known = store.billed_organization(Some(&facts.id), Some(&facts.customer)).await?;
    let org = known.or(facts.org).ok_or(SyncError::Nobodys)?;
    if facts.plan.is_none() {
        tracing::error!(
            organization.id = %org,
            subscription = facts.id,
            "a subscription has a price that is none of the settings'; its plan stays as it was"
        );
    }
    let newest = NewestSubscription {
        id: facts.id,
        customer: facts.customer,
        plan: facts.plan,
        state: facts.state,
        item: facts.item,
        until: facts.until,
        cancels_at: facts.cancels_at,
        subscribed_at: facts.created_at,
        asked_at,
    };
    match store.note_subscription(org, &newest, by).await {
        Ok(_) => Ok(org),
        Err(StoreError::NotFound) => Err(SyncError::Nobodys), // it was erased
        Err(error) => Err(error.into()),
    }
}

/// Asks for every subscription that was not asked for in a day; gives how many that were. Ends when Stripe is away.
///
/// # Errors
/// See [`StoreError`].
pub async fn sync_subscriptions(
    store: &Store,
    billing: &Billing,
    clock: &dyn Clock,
) -> Result<u64, StoreError> {
    let before = clock.now().plus_millis(-i64::from(ASKED_EVERY_SECS) * 1_000);
    let (mut done, mut missing) = (0, 0);
    for (org, subscription) in store.subscriptions_unasked_since(before, AT_ONCE).await? {
        match sync_subscription(store, billing, &subscription, clock).await {
            Ok(_) => (done, missing) = (done + 1, 0),
            Err(SyncError::Store(error)) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, organization.id = %org, "a subscription is not known");
                missing += 1;
                if missing == AWAY_AFTER {
                    break;
                }
            }
        }
    }
    Ok(done)
}
