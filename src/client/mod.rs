//! The hub's command-line clients: `hub replay` and `hub simulate`.
//!
//! They know of a hub what any sender knows: its HTTP interface. Nothing here reads the store or
//! calls an actor, so what they show of a hub is what a sensor's gateway would see.

pub mod fleet;
pub mod ingest;
pub mod instant;
pub mod physics;
pub mod replay;
pub mod rows;
pub mod scenario;
pub mod simulate;
pub mod simulated;
pub mod summary;
pub mod tree;

#[cfg(test)]
mod tests;
