//! The one way to ask for the time.

use crate::Timestamp;

/// Tells the time to a shell, once for each step. Only the binary makes a real one.
pub trait Clock: Send + Sync + 'static {
    /// This instant.
    fn now(&self) -> Timestamp;
}
