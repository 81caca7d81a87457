//! Work that no request waits for.
//!
//! Today that is upkeep alone: partitions made months ahead, statistics kept fresh. It needs no queue: every run
//! finds out for itself what is missing, so a lost, doubled or late run changes nothing. Messages to people, digests
//! and bills come as queued jobs beside it; their intents are written with the transitions that cause them.

pub mod upkeep;

pub use upkeep::Upkeep;
