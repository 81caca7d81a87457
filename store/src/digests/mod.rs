//! Digests: who wants them, which are due, what they count, and what becomes of each.
//!
//! A subscription says how far it has come. Whoever finds it due moves it on, and writes its digest of the day and the
//! job that counts it, all in one transaction that nobody else can make too: so any number of processes may look, and
//! each day has one. The job writes what it counted and the line of the ledger in one transaction again. What is not
//! written did not happen, and is done by whoever looks next.

mod due;
mod facts;
mod settle;
mod subscriptions;
mod told;

pub use facts::CountedUnits;
pub use settle::SettledDigest;
pub use subscriptions::{DIGEST_QUEUE, MOST_DIGESTS};

pub(crate) use told::told;
