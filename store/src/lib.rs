//! What outlives or crosses a process: entities, queries and the group-commit writer.
//!
//! [`Store`] is one concrete type that hides its backend: PostgreSQL, SQLite, or memory for deterministic tests
//! of the actors. No type of sea-orm or sqlx is in a public signature.

pub mod commit;
pub mod error;
pub mod records;

mod alerts;
mod audit;
mod changes;
mod checkpoint;
mod cursor;
mod devices;
mod entity;
mod identity;
mod keys;
mod layers;
mod load;
mod memory;
mod mint;
mod open;
mod radio;
mod reading_row;
mod readings;
mod rules;
mod since;
mod sql;
mod tenants;
mod tree;
mod upkeep;
mod writer;

pub use commit::{CommitError, Committed, PastFate, PendingCommit, TransitionCommit, UnitCommit};
pub use error::{OpenError, StoreError};
pub use memory::Fault;
pub use open::{OpenOptions, Store};
pub use rules::RuleScope;
