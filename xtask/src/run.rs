//! Running programs, and saying what is going on.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// Writes a line to standard output. What this program says is its product.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // nobody may be listening any more, and the chore goes on all the same
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}

/// Runs a command with its output passed through; anything but success is an error that names it.
pub(crate) fn check(command: &mut Command) -> anyhow::Result<()> {
    let shown = shown(command);
    say(&format!("$ {shown}"));
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("cannot run `{shown}`"))?;
    ensure!(status.success(), "`{shown}`: {status}");
    Ok(())
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// `cargo` as it runs us, in the root of the workspace.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(crate::workspace::root());
    command
}
