//! `cargo xtask demo`: from a clone to a live board in one command.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;

use crate::{hub, run, web};

/// Builds what is missing and becomes `hub demo`.
///
/// The development profile: it is there in a third of the time, and two dozen units ask for no more.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    web::build()?;
    let binary = hub::build()?;
    run::say(&format!("$ {} demo {}", binary.display(), arguments.join(" ")));
    // in our place rather than below us, so that it gets every signal itself
    let error = Command::new(&binary).arg("demo").args(arguments).exec();
    Err(error).with_context(|| format!("{} cannot be run", binary.display()))
}
