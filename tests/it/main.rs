//! End to end: the binary itself, over HTTP and sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod billing;
mod data;
mod digests;
mod edge;
mod hostile;
mod identity;
mod kill;
mod nodes;
mod organizations;
mod poolers;
mod promises;
mod queues;
mod records;
mod replayed;
mod rules;
mod sensors;
mod telling;
mod tree;
mod trials;
