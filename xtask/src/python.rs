//! Programs of PyPI, each set in a virtual environment of its own in the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::prerequisites::{self, Need};
use crate::{run, workspace};

/// A virtual environment of that name that holds what `requirements.txt` in `folder` names.
pub(crate) fn environment(name: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    prerequisites::ensure(&[Need::Python])?;
    let environment = workspace::target()?.join("xtask").join(name);
    let requirements = folder.join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).context("requirements.txt cannot be read")?;
    let stamp = environment.join("requirements.installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(environment);
    }
    run::check(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(&requirements);
    run::check(&mut pip)?;
    fs::write(stamp, wanted)?;
    Ok(environment)
}
