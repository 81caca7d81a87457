//! Runs a test program of another language against a hub, and kills that hub when the program asks for it.
//!
//! When the program prints [`RESTART_MARK`] on a line of its own, the hub is killed and started again on the same
//! data and port. The program passes by ending with 0.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::hub::Hub;
use crate::run;

/// The line by which a program says that it has seen enough of this run of the hub.
const RESTART_MARK: &str = "READY_FOR_RESTART";

/// Runs the program to its end.
pub(crate) fn run(program: &mut Command, hub: &mut Hub) -> anyhow::Result<()> {
    let program = program.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = program.spawn().context("the program cannot be run")?;
    let heard = listen(&mut process, hub);
    if heard.is_err() {
        process.kill().ok(); // it would wait in vain
    }
    let status = process.wait()?;
    heard.and_then(|()| {
        ensure!(
            status.success(),
            "the program failed ({status}); the end of the hub's log:\n{}",
            hub.log_tail()
        );
        Ok(())
    })
}

/// Passes on what the program says until it has ended.
fn listen(process: &mut Child, hub: &mut Hub) -> anyhow::Result<()> {
    let output = process.stdout.take().context("its standard output is a pipe")?;
    for line in BufReader::new(output).lines() {
        let line = line.context("the program does not print text")?;
        run::say(&line);
        if line.trim() == RESTART_MARK {
            hub.kill_and_restart().context("the hub did not come back")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::PathBuf};

    fn hub(name: &str) -> (Hub, PathBuf) {
        let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        (Hub::stand_in(folder.clone()), folder)
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_hub_is_killed_and_back_on_its_port_when_the_program_asks() {
        let (mut hub, folder) = hub("restart");
        let (process, address) = (hub.process_id(), hub.url());
        run(&mut shell("echo ok; echo READY_FOR_RESTART; echo ok"), &mut hub).unwrap();
        assert_ne!(hub.process_id(), process);
        assert_eq!(hub.url(), address);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_program_that_fails_fails() {
        let (mut hub, folder) = hub("fail");
        let process = hub.process_id();
        let error = run(&mut shell("echo '0 passed, 1 failed'; exit 1"), &mut hub).unwrap_err();
        assert!(error.to_string().starts_with("the program failed"), "{error}");
        assert_eq!(hub.process_id(), process, "nobody asked for a restart");
        fs::remove_dir_all(folder).unwrap();
    }
}
