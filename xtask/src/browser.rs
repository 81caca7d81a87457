//! The board in a real Chromium, against a hub with simulated units.

use std::process::Command;

use anyhow::Context as _;

use crate::hub::Hub;
use crate::prerequisites::{self, Need};
use crate::{harness, run, web, workspace};

/// Starts `hub demo` and looks at its board until a unit has gone all the way from ok to alarm and back.
pub(crate) fn test() -> anyhow::Result<()> {
    prerequisites::ensure(&[Need::Chromium])?;
    let folder = workspace::root().join("tests/browser");
    web::install_packages(&folder)?;
    let chromium = prerequisites::chromium().context("there is no Chromium")?;
    let pictures = workspace::target()?.join("xtask/screenshots");
    let mut hub = Hub::start("browser", &["demo"])?;
    let mut program = Command::new("node");
    program
        .arg("board.mjs")
        .current_dir(&folder)
        .env("PATH", prerequisites::node_path()?)
        .env("CHROMIUM", chromium);
    program.args(["--url", &hub.url(), "--within", "120", "--screenshots"]).arg(&pictures);
    harness::run(&mut program, &mut hub)?;
    run::say(&format!("pictures of the board are in {}", pictures.display()));
    Ok(())
}
