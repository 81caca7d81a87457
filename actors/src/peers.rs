//! The other hubs on the same database, as they are asked for what their units do.

use futures_util::future::BoxFuture;
use hub_domain::NodeId;

use crate::{UnitAnswer, UnitBatch};

/// Asks other nodes. It knows how they are reached; whom to ask is decided here.
pub trait Peers: Send + Sync + 'static {
    /// Has another node judge and store readings: one answer for each batch, in order. `None` where it is not to be
    /// reached, refuses, or does not answer within its time; whether it stored them is not known then, so they may only
    /// be sent again, which the store knows as doubles.
    fn ingest(
        &self,
        node: NodeId,
        batches: Vec<UnitBatch>,
    ) -> BoxFuture<'_, Option<Vec<UnitAnswer>>>;
}
