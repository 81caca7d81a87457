//! `cargo xtask bench`: the figures, on a release build.

use std::process::Command;

use crate::prerequisites::{self, Need};
use crate::{run, web, workspace};

/// Builds the hub and its load generator for release, and measures.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    prerequisites::ensure(&[Need::Postgres, Need::Redis])?;
    web::build()?;
    run::check(&mut run::cargo([
        "build",
        "--release",
        "-p",
        "freshtrack-hub",
        "-p",
        "hub-testkit",
        "--bins",
    ]))?;
    let binaries = workspace::target()?.join("release");
    let mut bench = Command::new(binaries.join("hub-bench"));
    bench.arg("--hub").arg(binaries.join("hub")).args(arguments).current_dir(workspace::root());
    run::check(&mut bench)
}
