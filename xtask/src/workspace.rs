//! Where things lie in the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context as _, ensure};

/// The root of the workspace.
///
/// As `cargo run` says it now, not as it was when this program was built: clones that share a target folder share
/// this program, too.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let own = std::env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Path::new(&own).parent().expect("this crate lies in the workspace").to_owned()
    });
    &ROOT
}

/// The target folder in use, whatever it is called.
///
/// This program was built into it, as `TARGET/debug/xtask`.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("this program has no path")?;
    let folder =
        program.parent().and_then(Path::parent).context("this program lies in no target folder")?;
    Ok(folder.to_owned())
}

/// The files of the project, as `git` sees them: tracked, or new and not ignored. Relative to the root.
pub(crate) fn files() -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .context("git cannot be run")?;
    ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut files: Vec<PathBuf> =
        names.map(|name| String::from_utf8_lossy(name).into_owned().into()).collect();
    files.retain(|file| root().join(file).is_file()); // one deleted and not yet committed is still listed
    files.sort();
    Ok(files)
}
