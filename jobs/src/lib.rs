//! Work that no request waits for.
//!
//! Upkeep needs no queue: every run finds out for itself what is missing, so a lost, doubled or late run changes
//! nothing. Messages to people, digests and bills are jobs in a [`queue`]; their intents are written with the
//! transitions that cause them.

pub mod account_mails;
pub mod billing;
pub mod deliver;
pub mod digest;
pub mod planning;
pub mod queue;
pub mod telling;
pub mod upkeep;
pub mod vitals;
pub mod wording;

pub use account_mails::{AccountMailJob, AccountMails};
pub use billing::BillingRounds;
pub use deliver::{Deliver, Senders};
pub use digest::Digests;
pub use planning::Planning;
pub use queue::{Job, JobError, QueueSpec, Queues, Retention};
pub use upkeep::Upkeep;
pub use vitals::{Vital, Vitals};
pub use wording::Wording;
