//! The running hub against its own OpenAPI document, by `schemathesis` of PyPI: every operation, good and bad requests,
//! and what follows from what.

use std::path::Path;
use std::process::Command;

use crate::hub::{Bootstrap, Hub};
use crate::{python, run, workspace};

/// Cases an operation in the usual run.
const CASES: u32 = 5;

/// Where more cases an operation may be asked for, for a long run.
const CASES_VARIABLE: &str = "SCHEMATHESIS_CASES";

/// What may end the run: the organization, the caller's place in it, the account and its sign-ins.
const ENDING: [&str; 8] = [
    "deleteOrganization",
    "eraseOrganization",
    "leaveOrganization",
    "editMember",
    "removeMember",
    "changePassword",
    "completePasswordReset",
    "signOut",
];

/// Runs every check against a fresh hub.
pub(crate) fn test() -> anyhow::Result<()> {
    let folder = workspace::root().join("tests/api");
    let environment = python::environment("schemathesis", &folder)?;
    let hub = Hub::start("conformance", &["serve"])?;
    let owner = hub.bootstrap()?;
    let program = |name| program(&environment, name, &owner);
    run::check(program("python").arg(folder.join("seed.py")).arg(hub.url()))?;
    let cases = std::env::var(CASES_VARIABLE).unwrap_or_else(|_| CASES.to_string());
    let all_but = ENDING.iter().flat_map(|id| ["--exclude-operation-id", id]);
    let those = ENDING.iter().flat_map(|id| ["--include-operation-id", id]);
    for chosen in [all_but.collect::<Vec<_>>(), those.collect()] {
        let mut schemathesis = program("schemathesis");
        schemathesis.env("SCHEMATHESIS_HOOKS", folder.join("hooks.py"));
        schemathesis.current_dir(workspace::target()?.join("xtask")); // it leaves its notes where it runs
        schemathesis.arg("--config-file").arg(folder.join("schemathesis.toml"));
        schemathesis.arg("run").arg(format!("{}/api/openapi.json", hub.url()));
        run::check(schemathesis.args(["--max-examples", &cases]).args(chosen))?;
    }
    Ok(())
}

/// A program of the environment, which is told what the owner proves themselves with.
fn program(environment: &Path, name: &str, owner: &Bootstrap) -> Command {
    let mut program = Command::new(environment.join("bin").join(name));
    program.env("HUB_TOKEN", &owner.token).env("HUB_API_KEY", &owner.api_key);
    program
}
