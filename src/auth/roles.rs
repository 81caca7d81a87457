//! The role matrix: the least role that each deed takes.

use hub_store::records::Role;

/// Something that a person may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Read anything of the organization.
    Read,
    /// Acknowledge an alert.
    Acknowledge,
    /// Resolve an alert.
    Resolve,
    /// Edit the limits of one unit.
    EditUnitRule,
    /// Make sites, areas and units.
    EditTree,
    /// Make devices and radio connections.
    EditDevices,
    /// Edit the rules of a site or of the organization.
    EditRules,
    /// Make, see and revoke keys.
    EditKeys,
}

impl Deed {
    /// Every deed, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Acknowledge,
        Self::Resolve,
        Self::EditUnitRule,
        Self::EditTree,
        Self::EditDevices,
        Self::EditRules,
        Self::EditKeys,
    ];

    /// The least role that may do it.
    #[must_use]
    pub const fn takes(self) -> Role {
        match self {
            Self::Read => Role::Inspector,
            Self::Acknowledge => Role::Staff,
            Self::Resolve | Self::EditUnitRule => Role::Manager,
            Self::EditTree | Self::EditDevices | Self::EditRules | Self::EditKeys => Role::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_that_of_the_design() {
        let may = |role: Role| Deed::ALL.iter().filter(|deed| role >= deed.takes()).count();
        let counts: Vec<usize> = Role::ALL.iter().map(|role| may(*role)).collect();
        assert_eq!(counts, [1, 1, 2, 4, 8, 8], "inspector, viewer, staff, manager, admin, owner");
    }
}
