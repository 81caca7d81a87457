//! What is done with Stripe while nobody waits: webhooks are worked, usage is counted and told, subscriptions are looked
//! after.
//!
//! Every piece of work finds out for itself what is to be done, and may be done twice and by several processes at once:
//! the ledger of usage and the stored webhooks are the truth. So [`BillingRounds`], which does at once what cannot wait,
//! may be cut at any instant; what is done by the hour and the day are jobs ([`tick`], [`with_billing`]).

mod pause;
mod rounds;
mod sync;
mod ticks;
mod usage;
mod webhooks;

pub use self::{
    rounds::BillingRounds,
    sync::{SyncError, note_subscription, sync_subscription, sync_subscriptions},
    ticks::{tick, with_billing},
    usage::{Span, Told, report_usage, tell_usage},
    webhooks::{PROVIDER, Worked, work_webhooks},
};
