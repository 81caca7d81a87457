//! Who pays for what, what was used, and what partners told the hub.

use std::fmt;

use hub_domain::{Meter, OrgId, Plan, Subscription, SubscriptionState, Timestamp, UtcDay};

/// What an organization pays for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingAccount {
    /// Whose.
    pub org: OrgId,
    /// How they stand.
    pub standing: Subscription,
    /// When it ends because somebody said so.
    pub cancels_at: Option<Timestamp>,
    /// Stripe's id of the customer.
    pub customer: Option<String>,
    /// Stripe's id of the subscription; without one it is the hub's own trial.
    pub subscription: Option<String>,
    /// Stripe's id of the item that has the plan's price.
    pub item: Option<String>,
    /// When Stripe made the subscription: usage before that is nobody's to pay.
    pub subscribed_at: Option<Timestamp>,
    /// Since when there is something to pay for.
    pub created_at: Timestamp,
    /// Rises with each change, from 1.
    pub version: i64,
}

/// A subscription as Stripe had it when it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestSubscription {
    /// Stripe's id of it.
    pub id: String,
    /// Stripe's id of the customer.
    pub customer: String,
    /// `None` leaves the plan as it is.
    pub plan: Option<Plan>,
    /// `None` before its first payment.
    pub state: Option<SubscriptionState>,
    /// The item that has the plan's price.
    pub item: Option<String>,
    /// The end of the trial, or of what is paid.
    pub until: Option<Timestamp>,
    /// When it ends because somebody said so.
    pub cancels_at: Option<Timestamp>,
    /// When it was made.
    pub subscribed_at: Timestamp,
    /// Just before Stripe was asked. What was asked for later is newer.
    pub asked_at: Timestamp,
}

/// Something that a partner told by a webhook, verified and not yet stored.
#[derive(Clone)]
pub struct NewWebhookEvent {
    /// The partner's id of it.
    pub id: String,
    /// What kind it is, in the partner's words.
    pub kind: String,
    /// The body, to the letter.
    pub body: String,
    /// When it happened, as the partner has it.
    pub occurred_at: Timestamp,
}

/// Which events of a partner are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookKinds {
    /// All.
    All,
    /// Those that have a kind.
    Named,
    /// Those that have none.
    Unnamed,
}

/// The same as it is stored and to be worked.
#[derive(Clone)]
pub struct WebhookEvent {
    /// The partner's id of it.
    pub id: String,
    /// What kind it is.
    pub kind: String,
    /// The body.
    pub body: String,
    /// When it came.
    pub received_at: Timestamp,
    /// How often it was tried to work it.
    pub attempts: u32,
}

// what partners tell holds addresses and numbers of people
impl fmt::Debug for NewWebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kind, .. } = self;
        f.debug_struct("NewWebhookEvent")
            .field("id", id)
            .field("kind", kind)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kind, attempts, .. } = self;
        let mut shown = f.debug_struct("WebhookEvent");
        shown.field("id", id).field("kind", kind).field("attempts", attempts);
        shown.finish_non_exhaustive()
    }
}

/// What was counted of an organization's day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Whose.
    pub org: OrgId,
    /// Which day.
    pub day: UtcDay,
    /// How many sensors had a reading.
    pub sensors: u64,
    /// How many readings there are.
    pub readings: u64,
}

/// A line of the usage ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageKey {
    /// Whose.
    pub org: OrgId,
    /// Of what.
    pub meter: Meter,
    /// Of which day.
    pub day: UtcDay,
    /// Its place among the lines of that day.
    pub ordinal: u16,
}

/// A line that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueUsage {
    /// Which.
    pub key: UsageKey,
    /// What it says.
    pub value: u64,
    /// What Stripe knows it by.
    pub identifier: String,
    /// Whom Stripe knows.
    pub customer: String,
    /// As of when it was to be told, if it was tried before.
    pub effective_at: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: u32,
}
