//! New ids and the instants they are minted at.

use std::sync::{Arc, Mutex, PoisonError};

use hub_domain::{Clock, Timestamp};
use uuid::{ContextV7, Uuid};

/// Mints ids that sort by when they were minted, by the hub's clock.
pub(crate) struct Mint {
    clock: Arc<dyn Clock>,
    context: Mutex<ContextV7>,
}

impl Mint {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, context: Mutex::new(ContextV7::new()) }
    }

    /// This instant.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new id of the instant `at`.
    pub(crate) fn id(&self, at: Timestamp) -> Uuid {
        let millis = u64::try_from(at.as_millis()).unwrap_or(0);
        let nanos = u32::try_from(millis % 1000 * 1_000_000).unwrap_or(0);
        let context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*context, millis / 1000, nanos))
    }
}
