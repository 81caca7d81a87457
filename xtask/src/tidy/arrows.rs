//! Who may depend on whom.
//!
//! `src → actors, jobs → store → domain`, `jobs → messaging → domain` and `src → codecs → domain`; actors and jobs
//! never see each other.

use super::manifest::{self, Dependency, Kind};
use super::{Finding, SourceFile};

/// What one package may and must not name.
struct Arrow {
    package: &'static str,
    /// Which of our own it may name.
    ours: &'static [&'static str],
    /// Which of others' it may name.
    others: Others,
}

/// A short list is a list of all; a long one is better said by what it leaves out.
enum Others {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

const ARROWS: &[Arrow] = &[
    Arrow {
        package: "hub-domain",
        ours: &[],
        others: Others::Only(&["chrono", "chrono-tz", "thiserror", "uuid"]),
    },
    Arrow { package: "hub-codecs", ours: &["hub-domain"], others: Others::Only(&["thiserror"]) },
    Arrow { package: "hub-migrations", ours: &[], others: Others::Only(&["sea-orm-migration"]) },
    Arrow {
        package: "hub-store",
        ours: &["hub-domain", "hub-migrations"],
        others: Others::AllBut(&["axum", "hyper", "ractor", "reqwest", "tower", "tower-http"]),
    },
    Arrow {
        package: "hub-actors",
        ours: &["hub-domain", "hub-store"],
        others: Others::AllBut(&[
            "axum",
            "hyper",
            "fred",
            "sea-orm",
            "sea-orm-migration",
            "serde",
            "serde_json",
            "sqlx",
            "reqwest",
        ]),
    },
    Arrow {
        package: "hub-messaging",
        ours: &["hub-domain"],
        others: Others::AllBut(&["axum", "hyper", "ractor", "sea-orm", "sqlx", "fred"]),
    },
    Arrow {
        package: "hub-jobs",
        ours: &["hub-domain", "hub-store", "hub-messaging", "hub-billing"],
        others: Others::AllBut(&["axum", "hyper", "ractor", "sea-orm", "fred"]),
    },
    Arrow {
        package: "hub-billing",
        ours: &["hub-domain"],
        others: Others::AllBut(&["axum", "hyper", "ractor", "sea-orm", "sqlx", "fred"]),
    },
    Arrow {
        package: "freshtrack-hub",
        ours: &[
            "hub-domain",
            "hub-codecs",
            "hub-store",
            "hub-actors",
            "hub-messaging",
            "hub-jobs",
            "hub-billing",
        ],
        others: Others::AllBut(&["fred", "sea-orm", "sea-orm-migration", "sqlx"]),
    },
    Arrow {
        package: "hub-testkit",
        ours: &["hub-domain", "hub-store"],
        others: Others::AllBut(&[]),
    },
    Arrow { package: "xtask", ours: &[], others: Others::AllBut(&[]) },
];

/// Looks at one manifest.
pub(super) fn look(file: &SourceFile) -> Vec<Finding> {
    let Some(package) = manifest::package(&file.text) else { return Vec::new() };
    let Some(arrow) = ARROWS.iter().find(|arrow| arrow.package == package) else {
        return vec![file.error(1, format!("no arrow is drawn for the package {package}"))];
    };
    let mut findings: Vec<Finding> =
        manifest::dependencies(&file.text).filter_map(|found| judge(file, arrow, &found)).collect();
    if !manifest::takes_lints(&file.text) {
        findings.push(file.error(1, "does not take the workspace's lints"));
    }
    findings
}

fn judge(file: &SourceFile, arrow: &Arrow, found: &Dependency<'_>) -> Option<Finding> {
    let (package, name) = (arrow.package, found.name);
    if !found.is_from_workspace {
        return Some(file.error(
            found.line,
            format!("the version of {name} belongs in the workspace's Cargo.toml"),
        ));
    }
    let allowed = found.kind == Kind::Tests && name != "freshtrack-hub" && name != "xtask"
        || arrow.allows(name);
    (!allowed).then(|| file.error(found.line, format!("{package} must not depend on {name}")))
}

impl Arrow {
    fn allows(&self, name: &str) -> bool {
        if is_ours(name) {
            return self.ours.contains(&name);
        }
        match self.others {
            Others::Only(list) => list.contains(&name),
            Others::AllBut(list) => !list.contains(&name),
        }
    }
}

fn is_ours(name: &str) -> bool {
    name == "xtask" || name == "freshtrack-hub" || name.starts_with("hub-")
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;

    fn manifest(package: &str, section: &str, dependency: &str) -> String {
        format!(
            "[package]\nname = \"{package}\"\n[{section}]\n{dependency}.workspace = true\n[lints]\nworkspace = true\n"
        )
    }

    #[track_caller]
    fn check(package: &str, dependency: &str, allowed: bool) {
        let findings = found("any/Cargo.toml", &manifest(package, "dependencies", dependency));
        assert_eq!(findings.is_empty(), allowed, "{package} → {dependency}: {findings:?}");
    }

    #[test]
    fn arrows_point_down() {
        check("freshtrack-hub", "hub-actors", true);
        check("hub-actors", "hub-store", true);
        check("hub-store", "hub-domain", true);
        check("hub-store", "hub-migrations", true);
        check("freshtrack-hub", "hub-codecs", true);
        check("hub-codecs", "hub-domain", true);
        check("hub-codecs", "hub-store", false);
        check("hub-store", "hub-codecs", false);
        check("hub-domain", "hub-store", false);
        check("hub-store", "hub-actors", false);
        check("hub-actors", "hub-jobs", false);
        check("hub-jobs", "hub-actors", false);
        check("xtask", "hub-domain", false);
    }

    #[test]
    fn foreign_crates_stop_where_they_belong() {
        check("hub-domain", "uuid", true);
        check("hub-domain", "serde", false);
        check("hub-codecs", "thiserror", true);
        check("hub-codecs", "serde_json", false);
        check("hub-migrations", "tokio", false);
        check("hub-actors", "serde_json", false);
        check("hub-actors", "sea-orm", false);
        check("hub-store", "axum", false);
        check("freshtrack-hub", "sea-orm", false);
        check("freshtrack-hub", "axum", true);
    }

    #[test]
    fn the_testkit_is_for_tests_alone() {
        check("freshtrack-hub", "hub-testkit", false);
        assert!(
            found("Cargo.toml", &manifest("freshtrack-hub", "dev-dependencies", "hub-testkit"))
                .is_empty()
        );
    }

    #[test]
    fn a_new_package_needs_an_arrow_and_a_version_belongs_in_the_workspace() {
        assert_eq!(
            found("new/Cargo.toml", "[package]\nname = \"hub-new\"\n"),
            ["no arrow is drawn for the package hub-new"]
        );
        let own = "[package]\nname = \"xtask\"\n[dependencies]\nclap = \"4\"\n[lints]\nworkspace = true\n";
        assert_eq!(
            found("xtask/Cargo.toml", own),
            ["the version of clap belongs in the workspace's Cargo.toml"]
        );
    }

    #[test]
    fn every_package_takes_the_lints() {
        assert_eq!(
            found("xtask/Cargo.toml", "[package]\nname = \"xtask\"\n"),
            ["does not take the workspace's lints"]
        );
    }
}
