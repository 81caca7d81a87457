//! `cargo xtask tidy`: what no compiler checks.
//!
//! The shape of the workspace is a decision, and this keeps it: who may depend on whom ([`arrows`]), and what may
//! stand where ([`sources`]). A finding names file and line. Where one is wrong, the check is to be changed, in the
//! open, and not got around.

mod arrows;
mod manifest;
mod sources;

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::{run, workspace};

/// A file of the project.
struct SourceFile {
    /// From the root, with forward slashes.
    path: String,
    text: String,
}

/// Something found. A note is worth a look and does not fail.
struct Finding {
    path: String,
    line: usize,
    what: String,
    is_note: bool,
}

impl SourceFile {
    fn error(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into(), is_note: false }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_note { "note" } else { "error" };
        write!(f, "{kind}: {}:{}: {}", self.path, self.line, self.what)
    }
}

/// Looks at the whole project and fails if there is an error.
pub(crate) fn run() -> anyhow::Result<()> {
    let files = read_all()?;
    let findings = look(&files);
    findings.iter().for_each(|finding| run::say(&finding.to_string()));
    let errors = findings.iter().filter(|finding| !finding.is_note).count();
    if errors > 0 {
        bail!("{errors} untidy places");
    }
    run::say(&format!("{} files are tidy", files.len()));
    Ok(())
}

fn look(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = files.iter().flat_map(sources::look).collect();
    findings.extend(
        files.iter().filter(|file| file.path.ends_with("Cargo.toml")).flat_map(arrows::look),
    );
    findings
}

/// All text files. What is not UTF-8 is a picture or the like, and has no words in it.
fn read_all() -> anyhow::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    for path in workspace::files()? {
        let bytes =
            fs::read(workspace::root().join(&path)).with_context(|| path.display().to_string())?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(SourceFile { path: slashes(&path), text });
        }
    }
    Ok(files)
}

fn slashes(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in one file of that path and text, without its place.
    pub(super) fn found(path: &str, text: &str) -> Vec<String> {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
        look(&[file]).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_finding_reads_like_one_of_the_compiler() {
        let file = SourceFile { path: "domain/src/unit.rs".to_owned(), text: String::new() };
        assert_eq!(
            file.error(7, "has a clock").to_string(),
            "error: domain/src/unit.rs:7: has a clock"
        );
    }
}
