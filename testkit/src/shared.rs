//! Where the contracts and datasets lie that tests are judged by.

use std::path::PathBuf;

/// The folder of contracts and datasets: beside the workspace, not in it.
const FOLDER: &str = "../shared";

/// A file or folder of the contracts and datasets, or `None` where they are not at hand.
///
/// They are kept outside the repository, beside it. A test that needs one returns early on `None`; the line printed
/// here then says what was left out.
#[must_use]
pub fn path(relative: &str) -> Option<PathBuf> {
    let found = workspace().join(FOLDER).join(relative);
    if found.exists() {
        return Some(found);
    }
    eprintln!("skipped: {relative} is not here (looked beside the workspace, in ../shared)");
    None
}

/// The workspace of the test that asks, as `cargo test` says it. What was compiled in may be that of another clone, with
/// which this one shares its target folder; what it lacks would be skipped here.
fn workspace() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let own = own.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let root = own.ancestors().find(|folder| folder.join("Cargo.lock").exists());
    root.unwrap_or(&own).to_owned()
}

/// The text of such a file, or `None` where it is not at hand.
///
/// # Panics
/// When the file is there and cannot be read as UTF-8.
#[must_use]
pub fn text(relative: &str) -> Option<String> {
    let found = path(relative)?;
    Some(std::fs::read_to_string(&found).expect("the file was found and is text"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_that_is_not_there_is_none() {
        assert_eq!(super::path("datasets/no-such-file.csv"), None);
        assert_eq!(super::text("datasets/no-such-file.csv"), None);
    }
}
