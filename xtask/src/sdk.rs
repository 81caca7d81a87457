//! The official SDKs against the hub: npm `centrifuge` and PyPI `centrifuge-python`, unmodified.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::hub::{Bootstrap, Hub};
use crate::{harness, prerequisites, python, web, workspace};

/// Runs each SDK's checks against one hub, then again with that hub killed under it.
pub(crate) fn test() -> anyhow::Result<()> {
    let (javascript, python) = (javascript_sdk()?, python_sdk()?);
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

fn javascript_sdk() -> anyhow::Result<Program> {
    let folder = workspace::root().join("tests/sdk/js");
    web::install_packages(&folder)?;
    let path = prerequisites::node_path()?;
    Ok(Program { folder, interpreter: "node".into(), script: "check.mjs", path })
}

fn python_sdk() -> anyhow::Result<Program> {
    let folder = workspace::root().join("tests/sdk/python");
    let interpreter = python::environment("python", &folder)?.join("bin/python");
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(Program { folder, interpreter, script: "check.py", path })
}
