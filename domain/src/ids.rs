//! Identifiers: newtypes over UUIDs, so that a unit's id cannot be passed for a site's.

use uuid::Uuid;

use crate::{AlertKind, Timestamp};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    };
}

id!(
    /// A tenant.
    OrgId
);
id!(
    /// A place of an organization.
    SiteId
);
id!(
    /// A part of a site.
    AreaId
);
id!(
    /// One watched cooler, freezer or room.
    UnitId
);
id!(
    /// A registered piece of hardware that measures.
    DeviceId
);
id!(
    /// A person who may sign in.
    UserId
);
id!(
    /// One process of the hub, of those that share a database.
    NodeId
);
id!(
    /// An API key's public half.
    KeyId
);
id!(
    /// One layer of alert rules.
    RuleId
);
id!(
    /// The record of one condition of one unit.
    AlertId
);
id!(
    /// What measured: a device's id, a unit's own id for its direct and manual readings, or an id derived from
    /// the unit and a sender's label (see [`SourceId::labelled`]).
    SourceId
);

impl SourceId {
    /// The source of direct readings that name a `label` beside their unit: several instruments behind one unit
    /// keep their readings, order and lateness apart. The same unit and label give the same id for ever.
    #[must_use]
    pub fn labelled(unit: UnitId, label: &str) -> Self {
        Self(Uuid::new_v5(&unit.0, label.as_bytes()))
    }

    /// The source of direct and manual readings of `unit`.
    #[must_use]
    pub fn direct(unit: UnitId) -> Self {
        Self(unit.0)
    }
}

impl AlertId {
    /// Derives the id of the `ordinal`-th alert that `unit` opened.
    ///
    /// The same history derives the same id, so a decision made twice (by a retry, a second node or a replay)
    /// names one alert. Shaped as a UUIDv7 of the opening instant, so that ids sort by time.
    #[must_use]
    pub fn derive(unit: UnitId, kind: AlertKind, opened_at: Timestamp, ordinal: u32) -> Self {
        let mut name = Vec::with_capacity(32);
        name.extend_from_slice(kind.name().as_bytes());
        name.extend_from_slice(&ordinal.to_be_bytes());
        let hash = Uuid::new_v5(&unit.0, &name).into_bytes();
        let mut tail = [0; 10];
        tail.copy_from_slice(&hash[..10]);
        let millis = u64::try_from(opened_at.as_millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
    }
}

/// How many transitions of a unit have been committed. Each commit of a transition compares and raises it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(pub i64);

impl Version {
    /// The version after one more transition.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
