//! The official SDKs against the hub: npm `centrifuge` and PyPI `centrifuge-python`, unmodified.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::hub::{Bootstrap, Hub};
use crate::prerequisites::{self, Need};
use crate::{harness, run, web, workspace};

/// Runs each SDK's checks against one hub, then again with that hub killed under it.
pub(crate) fn test() -> anyhow::Result<()> {
    let (javascript, python) = (javascript()?, python()?);
    let mut hub = Hub::start("sdk", &["serve"])?;
    let owner = hub.bootstrap()?;
    for program in [&javascript, &python] {
        for last in [["--offsets", OFFSETS].as_slice(), &["--restart"]] {
            let mut command = program.command(&hub, &owner);
            harness::run(command.args(last), &mut hub)?;
        }
    }
    Ok(())
}

/// At so many offsets each SDK's connection is dropped.
const OFFSETS: &str = "200";

/// One SDK's checks.
struct Program {
    folder: PathBuf,
    interpreter: PathBuf,
    script: &'static str,
    path: OsString,
}

impl Program {
    fn command(&self, hub: &Hub, owner: &Bootstrap) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.arg(self.script).current_dir(&self.folder);
        command.env("PATH", &self.path).env("PYTHONDONTWRITEBYTECODE", "1");
        command.args(["--url", &hub.socket_url(), "--http", &hub.url(), "--token", &owner.token]);
        command.args(["--api-key", &owner.api_key, "--org", &owner.organization_id]);
        command
    }
}

fn javascript() -> anyhow::Result<Program> {
    let folder = workspace::root().join("tests/sdk/js");
    web::install_packages(&folder)?;
    let path = prerequisites::node_path()?;
    Ok(Program { folder, interpreter: "node".into(), script: "check.mjs", path })
}

fn python() -> anyhow::Result<Program> {
    let folder = workspace::root().join("tests/sdk/python");
    let interpreter = environment(&folder)?.join("bin/python");
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(Program { folder, interpreter, script: "check.py", path })
}

/// A virtual environment in the target folder that holds what `requirements.txt` names.
fn environment(folder: &Path) -> anyhow::Result<PathBuf> {
    prerequisites::ensure(&[Need::Python])?;
    let environment = workspace::target()?.join("xtask/python");
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
