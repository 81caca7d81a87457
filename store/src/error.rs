//! Why the store did not do what it was asked.

use hub_domain::{NoRoom, RuleError, UnitId};
use sea_orm::{DbErr, RuntimeErr, SqlErr};

use crate::records::Role;

/// Why a question or a change came to nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be asked. Nothing was changed unless the answer itself was lost; safe to try again.
    #[error("store is unavailable: {0}")]
    Unavailable(String),
    /// There is no such thing within the organization asked for.
    #[error("not found")]
    NotFound,
    /// Another has that value already; the field's name as on the wire.
    #[error("{0} is taken")]
    Taken(&'static str),
    /// What is stored is no value of the domain. Somebody must look at it.
    #[error("stored value is corrupt: {0}")]
    Corrupt(String),
    /// The cursor of a page is none that this store gave.
    #[error("bad cursor")]
    BadCursor,
    /// The rule would contradict what is said at another layer for this unit.
    #[error("rule of unit {unit} would contradict itself: {error}")]
    RuleContradiction {
        /// The unit.
        unit: UnitId,
        /// The contradiction.
        error: RuleError,
    },
    /// The person belongs to others too.
    #[error("person belongs to others too")]
    Shared,
    /// It was edited since the version that the editor saw. Look again.
    #[error("edited meanwhile")]
    Stale,
    /// What was to be brought back or purged was not taken away.
    #[error("not deleted")]
    NotDeleted,
    /// It is being purged, for good.
    #[error("being purged")]
    BeingPurged,
    /// What it belongs to was taken away.
    #[error("what it belongs to is deleted")]
    ParentDeleted,
    /// The sensor measured another unit then, or something later is known of it.
    #[error("assignments would overlap")]
    Overlaps,
    /// Other things that are kept speak of it; what they are.
    #[error("in use by {0}")]
    InUse(&'static str),
    /// Something that is named speaks of it.
    #[error("in use by {0}")]
    HeldBy(String),
    /// What it needs is not there any more; what that is.
    #[error("{0}: not there any more")]
    Incomplete(&'static str),
    /// The request was done before: its key is kept with what it made.
    #[error("done before")]
    Repeated,
    /// An organization keeps at least one owner.
    #[error("the last owner")]
    LastOwner,
    /// It takes this role or a higher one.
    #[error("takes the role {}", .0.name())]
    TooLow(Role),
    /// The invitation was accepted or taken back before.
    #[error("not open any more")]
    NotOpen,
    /// A maintenance window cannot be planned or changed so.
    #[error(transparent)]
    Window(#[from] crate::maintenance::WindowRefusal),
    /// It was asked for too often; so many seconds later it may be asked again.
    #[error("asked too often")]
    TooMany(u32),
    /// The organization's plan holds no other sensor, or is not paid for.
    #[error("no room for another sensor: {0:?}")]
    NoRoom(NoRoom),
    /// The site is owned under another epoch by now. Load it again.
    #[error("site is owned by another")]
    NotOwner,
}

/// Why a store was not opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is none of `sqlite://`, `postgres://` and `memory:`, or is malformed.
    #[error("bad database address: {0}")]
    BadUrl(String),
    /// The database does not answer.
    #[error("database cannot be reached: {0}")]
    Unreachable(String),
    /// The database, or the way to it, would not keep what the hub relies on. The sentence says what to change.
    #[error("{0}")]
    Unsafe(String),
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if let Some(SqlErr::ForeignKeyConstraintViolation(_)) = error.sql_err() {
            return Self::NotFound; // what the row was to belong to is not there, or not in this organization
        }
        match &error {
            DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } => {
                Self::Corrupt(error.to_string())
            }
            DbErr::Query(RuntimeErr::SqlxError(cause)) if is_undecodable(cause) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_undecodable(&error) {
            Self::Corrupt(error.to_string())
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}

const fn is_undecodable(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::TypeNotFound { .. }
    )
}

/// The error of a deletion: what other rows speak of cannot go.
pub(crate) fn in_use(error: DbErr) -> StoreError {
    match error.sql_err() {
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => {
            StoreError::InUse("what was recorded of it")
        }
        _ => error.into(),
    }
}

/// The error of an insert whose only unique column besides its id is `field`.
pub(crate) fn taken(field: &'static str) -> impl Fn(DbErr) -> StoreError {
    move |error| match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => StoreError::Taken(field),
        _ => error.into(),
    }
}
