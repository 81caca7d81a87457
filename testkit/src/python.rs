//! Programs of PyPI that tests run, in virtual environments of their own in the target folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// A Python that has what `requirements` names, a file in the form of pip's.
///
/// It is made once and found again for as long as the file stays the same; test processes that need it at the same
/// moment wait for one another.
///
/// # Errors
/// When there is no `python3`, or PyPI is out of reach the first time.
pub fn interpreter(name: &str, requirements: &Path) -> anyhow::Result<PathBuf> {
    let folder = target()?.join("testkit");
    fs::create_dir_all(&folder)?;
    let turn = File::create(folder.join(format!("{name}.lock")))?;
    turn.lock()?; // until this function ends, however it does
    let wanted = fs::read_to_string(requirements).context("the requirements cannot be read")?;
    let environment = folder.join(name);
    let stamp = environment.join("requirements.installed");
    let python = environment.join("bin/python");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
    run(pip.arg(requirements))?;
    fs::write(stamp, wanted)?;
    Ok(python)
}

/// The target folder in use, whatever it is called: programs are built into it as `TARGET/debug/NAME`, test programs
/// as `TARGET/debug/deps/NAME`.
fn target() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("this program has no path")?;
    let above = program.ancestors().skip(1).filter(|folder| !folder.ends_with("deps")).nth(1);
    Ok(above.context("this program lies in no target folder")?.to_owned())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?} cannot be run"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {told}");
    Ok(())
}
