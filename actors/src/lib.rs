//! The supervision tree: a root, a supervisor for each site, an actor for each unit; and the channels they tell.
//!
//! An actor is a cache with a mailbox: all it knows can be loaded again, so it may die at any moment, and does
//! when its memory may be untrue. Callers go through [`Units`] and [`Channels`] and keep no actor of their own.

pub mod answer;
pub mod bus;
pub mod channel;
mod directory;
pub mod peers;
mod root;
pub mod shown;
mod site;
mod timers;
mod unit;
pub mod units;

pub use answer::{AlertAskError, AskError, ReadingFate, UnitAnswer, UnitBatch, UnitSnapshot};
pub use bus::{Bus, Told};
pub use channel::Channels;
pub use peers::Peers;
pub use shown::{Progress, ShownUnit, UnitUpdate};
pub use units::{Units, UnitsSettings, UnitsStats};
