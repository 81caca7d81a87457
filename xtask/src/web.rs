//! The board: built when something of it has changed, embedded in the hub's binary by the hub's own build.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::prerequisites::{self, Need};
use crate::{run, workspace};

/// Builds the board into `web-demo/dist`, unless it was built from these very sources.
pub(crate) fn build() -> anyhow::Result<()> {
    let stamp = workspace::target()?.join("web-demo.stamp");
    let sources = fingerprint()?;
    if dist().join("index.html").is_file()
        && fs::read_to_string(&stamp).is_ok_and(|built| built == sources)
    {
        run::say("the board is up to date");
        return Ok(());
    }
    install_packages(&folder())?;
    run::check(&mut npm(&folder(), &["run", "build"])?)?;
    fs::write(&stamp, sources).context("the stamp of the board cannot be written")
}

/// Runs the board's own unit tests.
pub(crate) fn test() -> anyhow::Result<()> {
    if !folder().join("node_modules").is_dir() {
        install_packages(&folder())?;
    }
    run::check(&mut npm(&folder(), &["test"])?)
}

/// Installs just what a lock file names into `node_modules` beside it; nothing when that was done before.
pub(crate) fn install_packages(folder: &Path) -> anyhow::Result<()> {
    let lock = fs::read_to_string(folder.join("package-lock.json"))
        .with_context(|| format!("{} has no package-lock.json", folder.display()))?;
    let stamp = folder.join("node_modules/.xtask-stamp");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    run::check(&mut npm(folder, &["ci", "--no-audit", "--no-fund"])?)?;
    fs::write(stamp, lock).context("the stamp of the packages cannot be written")
}

/// `npm` in a folder, with a Node.js that is new enough.
fn npm(folder: &Path, arguments: &[&str]) -> anyhow::Result<Command> {
    prerequisites::ensure(&[Need::Node])?;
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(folder).env("PATH", prerequisites::node_path()?);
    Ok(command)
}

fn folder() -> PathBuf {
    workspace::root().join("web-demo")
}

fn dist() -> PathBuf {
    folder().join("dist")
}

/// A digest of the board's sources. Times of modification would not do: a fresh clone has none of meaning.
fn fingerprint() -> anyhow::Result<String> {
    let mut digest = DefaultHasher::new();
    for file in workspace::files()?.iter().filter(|file| file.starts_with("web-demo")) {
        file.hash(&mut digest);
        fs::read(workspace::root().join(file))?.hash(&mut digest);
    }
    Ok(format!("{:016x}", digest.finish()))
}
