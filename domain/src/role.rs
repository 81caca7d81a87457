//! What people may do in an organization, and so who is told by their role.

/// What a person may do in an organization, from least to most. What takes which is the hub's to say; the thresholds that
/// are asked for here, within a change, are held to be the same by a test there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Reads by a link that ends.
    Inspector,
    /// Reads everything.
    Viewer,
    /// Logs by hand and acknowledges.
    Staff,
    /// Edits units and limits, resolves.
    Manager,
    /// Edits the tree, devices, rules, keys, members.
    Admin,
    /// Everything.
    Owner,
}

impl Role {
    /// The least role that deletes the organization and brings it back.
    pub const OWNS: Self = Self::Owner;

    /// The least role that makes and removes members of this one.
    #[must_use]
    pub const fn edited_by(self) -> Self {
        match self {
            Self::Admin | Self::Owner => Self::Owner,
            Self::Inspector | Self::Viewer | Self::Staff | Self::Manager => Self::Admin,
        }
    }

    /// Every role, least first.
    pub const ALL: [Self; 6] =
        [Self::Inspector, Self::Viewer, Self::Staff, Self::Manager, Self::Admin, Self::Owner];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inspector => "inspector",
            Self::Viewer => "viewer",
            Self::Staff => "staff",
            Self::Manager => "manager",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}
