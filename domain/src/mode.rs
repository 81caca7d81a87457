//! The mode region: what people said a unit is in. Suppresses notification, never measurement.

use crate::{Timestamp, UserId};

/// What a unit is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// In use.
    #[default]
    Normal,
    /// Being worked on.
    Maintenance {
        /// When it is over.
        until: Timestamp,
        /// Who said so.
        by: Option<UserId>,
        /// Why.
        reason: Box<str>,
    },
    /// Defrosting.
    Defrosting {
        /// When it must be over.
        until: Timestamp,
    },
    /// Being set up; not yet in use.
    Commissioning,
}

impl Mode {
    /// The stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Maintenance { .. } => "maintenance",
            Self::Defrosting { .. } => "defrosting",
            Self::Commissioning => "commissioning",
        }
    }

    /// The name as this program has it, if it is one.
    #[must_use]
    pub fn known_name(name: &str) -> Option<&'static str> {
        ["normal", "maintenance", "defrosting", "commissioning"].into_iter().find(|it| *it == name)
    }

    /// When it ends by itself.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Maintenance { until, .. } | Self::Defrosting { until } => Some(*until),
            Self::Normal | Self::Commissioning => None,
        }
    }

    /// True if notifications are kept back.
    #[must_use]
    pub const fn mutes(&self) -> bool {
        !matches!(self, Self::Normal)
    }
}
