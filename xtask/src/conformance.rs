//! The running hub against its own OpenAPI document, by `schemathesis` of PyPI: every operation, good and bad requests,
//! and what follows from what.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::hub::{Bootstrap, Hub};
use crate::{python, run, workspace};

/// Cases an operation in the usual run.
const CASES: u32 = 5;

/// So many requests there are at the least, of both runs together.
const LEAST: u64 = 2_000;

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
    let notes = workspace::target()?.join("xtask"); // schemathesis leaves its own where it runs
    let (network, answers) = (notes.join("conformance-network"), notes.join("conformance-answers"));
    fs::write(&answers, "")?;
    let program = |name| program(&environment, name, &owner);
    run::check(program("python").arg(folder.join("seed.py")).arg(hub.url()).arg(&network))?;
    let network = fs::read_to_string(&network).context("seed.py wrote no connection")?;
    let (connection, secret) = network.trim().split_once(' ').context("id and secret")?;
    let cases = std::env::var(CASES_VARIABLE).unwrap_or_else(|_| CASES.to_string());
    let all_but = ENDING.iter().flat_map(|id| ["--exclude-operation-id", id]);
    let those = ENDING.iter().flat_map(|id| ["--include-operation-id", id]);
    let mut told = Vec::new();
    for (chosen, ends) in [(all_but.collect::<Vec<_>>(), false), (those.collect(), true)] {
        let mut schemathesis = program("schemathesis");
        schemathesis
            .env("SCHEMATHESIS_HOOKS", folder.join("hooks.py"))
            .env("HUB_ANSWERS", &answers);
        schemathesis.env("HUB_CONNECTION", connection).env("HUB_WEBHOOK_SECRET", secret);
        schemathesis.current_dir(&notes);
        schemathesis.arg("--config-file").arg(folder.join("schemathesis.toml"));
        schemathesis.arg("run").arg(format!("{}/api/openapi.json", hub.url()));
        run::check(schemathesis.args(["--max-examples", &cases]).args(chosen))?;
        told.push(fs::read_to_string(&answers)?);
        if !ends {
            // were the token over, all since then would have been answered 401, which is a fine answer
            run::check(program("python").arg(folder.join("still.py")).arg(hub.url()))?;
        }
    }
    let asked: u64 = told.iter().filter_map(|counts| requests(counts)).sum();
    run::say(&format!("{asked} requests; by status:\n{}", told.concat().trim_end()));
    ensure!(asked >= LEAST, "only {asked} requests were sent, and {LEAST} are wanted");
    Ok(())
}

/// How many requests lines of `STATUS COUNT` tell of.
fn requests(counts: &str) -> Option<u64> {
    counts.lines().map(|line| line.split_once(' ')?.1.parse::<u64>().ok()).sum()
}

/// A program of the environment, which is told what the owner proves themselves with.
fn program(environment: &Path, name: &str, owner: &Bootstrap) -> Command {
    let mut program = Command::new(environment.join("bin").join(name));
    program.env("HUB_TOKEN", &owner.token).env("HUB_API_KEY", &owner.api_key);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_over_every_status() {
        assert_eq!(requests("200 15\n404 2\n"), Some(17));
        assert_eq!(requests(""), Some(0));
        assert_eq!(requests("200 many"), None);
    }
}
