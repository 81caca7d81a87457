//! Which editions of an object an edit is for.

use crate::StoreError;

/// The editions of an object that an edit is for, as its sender saw them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whichever is there.
    Any,
    /// One of these.
    OneOf(Vec<i64>),
}

impl Expected {
    /// Goes on only if the edit is for this version.
    ///
    /// # Errors
    /// [`StoreError::Stale`] otherwise.
    pub fn admit(&self, version: i64) -> Result<(), StoreError> {
        match self {
            Self::OneOf(versions) if !versions.contains(&version) => Err(StoreError::Stale),
            Self::OneOf(_) | Self::Any => Ok(()),
        }
    }
}

impl From<Option<i64>> for Expected {
    fn from(version: Option<i64>) -> Self {
        version.map_or(Self::Any, |version| Self::OneOf(vec![version]))
    }
}
