//! As much of a `Cargo.toml` as the arrows need: which section a line is in, and which package it names.
//!
//! Ours are written one dependency a line (`name.workspace = true`); a parser for all of TOML would be a dependency
//! for nothing.

/// One dependency.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dependency<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// What it is needed for.
    pub(super) kind: Kind,
    /// Whether its version comes from the workspace.
    pub(super) is_from_workspace: bool,
    /// The line, from 1.
    pub(super) line: usize,
}

/// What a dependency is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The product, build scripts included.
    Product,
    /// Tests alone.
    Tests,
}

/// The package's own name, or `None` for a manifest without a package.
pub(super) fn package(text: &str) -> Option<&str> {
    let mut lines = sections(text).filter(|(_, section, _)| *section == "package");
    lines.find_map(|(_, _, line)| line.strip_prefix("name = ")).map(|name| name.trim_matches('"'))
}

/// Whether the package takes the workspace's lints.
pub(super) fn takes_lints(text: &str) -> bool {
    sections(text).any(|(_, section, line)| section == "lints" && line == "workspace = true")
}

/// All dependencies of the package.
pub(super) fn dependencies(text: &str) -> impl Iterator<Item = Dependency<'_>> {
    sections(text).filter_map(|(number, section, line)| {
        let kind = match section.rsplit('.').next() {
            Some("dependencies" | "build-dependencies") if section != "workspace.dependencies" => {
                Kind::Product
            }
            Some("dev-dependencies") => Kind::Tests,
            _ => return None,
        };
        let name = line.split(['.', ' ', '=']).next().filter(|name| !name.is_empty())?;
        let is_from_workspace = line.contains("workspace = true");
        Some(Dependency { name, kind, is_from_workspace, line: number })
    })
}

/// Each line with content: its number, the section it is in, and itself.
fn sections(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut section = "";
    text.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
            return None;
        }
        (!line.is_empty() && !line.starts_with('#')).then_some((index + 1, section, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[workspace.dependencies]\ntokio = \"1\"\n\n[package]\nname = \"hub-store\"\n\n\
        [dependencies]\nhub-domain.workspace = true\nserde = { workspace = true, features = [\"rc\"] }\n\
        # a remark\nbytes = \"1\"\n\n[dev-dependencies]\nhub-testkit.workspace = true\n\n[lints]\nworkspace = true\n";

    #[test]
    fn dependencies_are_read_by_section() {
        let read: Vec<_> =
            dependencies(MANIFEST).map(|d| (d.name, d.kind, d.is_from_workspace, d.line)).collect();
        let expected = [
            ("hub-domain", Kind::Product, true, 8),
            ("serde", Kind::Product, true, 9),
            ("bytes", Kind::Product, false, 11),
            ("hub-testkit", Kind::Tests, true, 14),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn the_package_and_its_lints_are_found() {
        assert_eq!(package(MANIFEST), Some("hub-store"));
        assert_eq!(package("[workspace]\n"), None);
        assert!(takes_lints(MANIFEST));
        assert!(!takes_lints("[workspace]\nworkspace = true\n"));
    }
}
