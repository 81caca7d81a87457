//! The queue as the store sees it: rows of apalis' own tables in the hub's own database.
//!
//! A job is promised in the transaction of what it follows from (`enqueue`), worked by `hub-jobs`, and, where that
//! came to nothing, listed as a dead letter. The ledger of intents is the truth; a row here only hurries it.
//! Types of sqlx are in public signatures here and nowhere else: workers need the pool itself.

mod counts;
mod letters;
mod pool;
mod rows;
mod schema;

pub use counts::QueueCount;
pub use letters::DeadLetter;
pub use pool::JobPool;
pub(crate) use rows::enqueue;
pub use rows::{NewJob, enqueue_on_postgres, enqueue_on_sqlite};
pub(crate) use schema::{
    migrate_postgres, migrate_sqlite, pending_on_postgres, pending_on_sqlite, tune_sqlite,
};
