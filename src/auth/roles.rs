//! The role matrix: the least role that each deed takes. The page of roles in the documentation is written from it.

use hub_store::records::Role;

/// Declares the deeds: their names, the least role that may do each, and what it takes in.
macro_rules! deeds {
    ($($(#[doc = $meaning:literal])+ $deed:ident($name:literal) = $role:ident,)+) => {
        /// Something that a person may ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Deed {
            $($(#[doc = $meaning])+ $deed,)+
        }

        impl Deed {
            /// Every deed, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$deed),+];

            /// The least role that may do it.
            #[must_use]
            pub const fn takes(self) -> Role {
                match self {
                    $(Self::$deed => Role::$role,)+
                }
            }

            /// Its stable name, as the OpenAPI document has it in `x-deed`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$deed => $name,)+
                }
            }

            /// What it takes in, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$deed => concat!($($meaning),+),)+
                }
            }
        }
    };
}

impl Deed {
    /// Whether it is not for operators on a stay: it lets somebody in, or tells somebody, who would be there when the stay
    /// is over.
    #[must_use]
    pub const fn outlives_a_stay(self) -> bool {
        matches!(
            self,
            Self::EditMembers
                | Self::EditAdmins
                | Self::EditKeys
                | Self::EditContacts
                | Self::GetDigests
                | Self::Own
        )
    }
}

deeds! {
    /// Read sites, areas, units, readings, alerts and what people recorded; export them as CSV.
    Read("read") = Inspector,
    /// Read devices, gateways, calibrations, rules, contacts, policies, digests and maintenance; open sockets.
    ReadConfiguration("readConfiguration") = Viewer,
    /// Have digests, and edit one's own.
    GetDigests("getDigests") = Viewer,
    /// Log a temperature by hand; report a door.
    Record("record") = Staff,
    /// Acknowledge an alert.
    Acknowledge("acknowledge") = Staff,
    /// Resolve an alert; write down a corrective action.
    Resolve("resolve") = Manager,
    /// Edit a unit and its limits.
    EditUnit("editUnit") = Manager,
    /// Plan maintenance; snooze an alert.
    Maintain("maintain") = Manager,
    /// Make, move, delete and restore sites, areas and units.
    EditTree("editTree") = Admin,
    /// Make, edit, assign and delete devices and gateways; write down calibrations; claim unclaimed devices.
    EditDevices("editDevices") = Admin,
    /// Edit the rules of a site or of the organization.
    EditRules("editRules") = Admin,
    /// Make, see and revoke keys and radio connections.
    EditKeys("editKeys") = Admin,
    /// Edit contacts, notification policies and the digests of others.
    EditContacts("editContacts") = Admin,
    /// See, invite, change and remove members up to manager; make inspectors' links.
    EditMembers("editMembers") = Admin,
    /// Edit the organization's name.
    EditOrganization("editOrganization") = Admin,
    /// Read the audit log.
    ReadAudit("readAudit") = Admin,
    /// See plan, usage and bills.
    ReadBilling("readBilling") = Admin,
    /// Make and remove admins and owners.
    EditAdmins("editAdmins") = Owner,
    /// Pay: check out, change the plan, see cards.
    Pay("pay") = Owner,
    /// Export everything; delete and erase the organization.
    Own("own") = Owner,
}

/// The page of roles, as the documentation has it.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(
        "# Roles\n\nWritten from the one table in `src/auth/roles.rs`. Each role may do what the roles before it may.\n\n| may | inspector | viewer | staff | manager | admin | owner |\n|---|---|---|---|---|---|---|\n",
    );
    for deed in Deed::ALL {
        let cells: String = Role::ALL
            .iter()
            .map(|role| if *role >= deed.takes() { " yes |" } else { " |" })
            .collect();
        page.push_str(&format!("| {} |{cells}\n", deed.meaning().trim()));
    }
    page.push_str(
        "\nAn inspector comes by a link that ends, and sees the sites that the link names. A platform operator has no \
         role: they enter an organization for a while and a reason, which its audit log keeps, and let nobody in there: \
         what members, admins, keys, contacts, digests and ownership take is refused to them.\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_matrix_is_that_of_the_design() {
        let may = |role: Role| Deed::ALL.iter().filter(|deed| role >= deed.takes()).count();
        let counts: Vec<usize> = Role::ALL.iter().map(|role| may(*role)).collect();
        assert_eq!(counts, [1, 3, 5, 8, 17, 20], "inspector, viewer, staff, manager, admin, owner");
    }

    #[test]
    fn what_the_store_asks_for_within_a_change_is_what_the_table_says() {
        for role in Role::ALL {
            // admins and owners are made by who may edit admins, all others by who may edit members
            let is_high = role >= Deed::EditMembers.takes();
            let deed = if is_high { Deed::EditAdmins } else { Deed::EditMembers };
            for editor in Role::ALL {
                let (may, says) = (editor >= role.edited_by(), editor >= deed.takes());
                assert_eq!(may, says, "{editor:?} edits {role:?}");
            }
        }
        assert_eq!(Role::OWNS, Deed::Own.takes());
    }

    #[test]
    fn the_page_of_roles_says_what_the_table_says() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ROLES.md");
        if std::env::var_os("HUB_WRITE_DOCS").is_some() {
            std::fs::write(&file, page()).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(
            written,
            page(),
            "run this test with HUB_WRITE_DOCS=1 to write docs/ROLES.md anew"
        );
    }
}
