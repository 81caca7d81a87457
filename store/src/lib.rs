//! What outlives or crosses a process: entities, queries and the group-commit writer.
//!
//! [`Store`] is one concrete type that hides its backend: PostgreSQL, SQLite, or memory for deterministic tests
//! of the actors. No type of sea-orm or sqlx is in a public signature but in [`queue`], whose workers need the pool.

pub mod account_mails;
pub mod by;
pub mod commit;
pub mod digests;
pub mod error;
pub mod export;
pub mod notify;
pub mod queue;
pub mod records;

mod account_links;
mod alerts;
mod assignments;
mod audit;
mod billing;
mod calibrations;
mod changes;
mod checkpoint;
mod chores;
mod connections;
mod contacts;
mod corrective_actions;
mod cursor;
mod device_lives;
mod devices;
mod doors;
mod due_windows;
mod entity;
mod erasure;
mod expected;
mod extracts;
mod fenced;
mod gateways;
mod gone;
mod history;
mod identity;
mod inspector_links;
mod invitations;
mod joining;
mod kept;
mod keys;
mod layers;
mod load;
mod maintenance;
mod manual_logs;
mod members;
mod memory;
mod mint;
mod moments;
mod open;
mod operators;
mod organizations;
mod plans;
mod points;
mod policies;
mod pooled;
mod pooler;
mod presence;
mod radio;
mod reading_row;
mod readings;
mod requests;
mod rule_edits;
mod rules;
mod scope;
mod second_factors;
mod series;
mod sessions;
mod since;
mod snoozes;
mod sql;
mod tenants;
mod tree;
mod tree_lives;
mod unit_chores;
mod unit_lives;
mod upkeep;
mod writer;

pub use by::{By, RequestKey};
pub use commit::{
    CommitError, Committed, PastFate, PendingCommit, Said, TransitionCommit, UnitCommit,
};
pub use contacts::ContactIn;
pub use error::{OpenError, StoreError};
pub use expected::Expected;
pub use keys::NewSecret;
pub use maintenance::WindowRefusal;
pub use members::Editor;
pub use memory::Fault;
pub use open::{OpenOptions, Store};
pub use requests::Made;
pub use rules::{EffectiveRule, RuleEdit, RuleFilter, RuleScope};
pub use scope::{Scope, forget};
