//! Running tests under a watch: one that hangs is named and ends the run, rather than taking all the time there is.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::run;

/// How long a test may go on after its harness has called it slow, which it does after a minute.
///
/// The longest there are take four minutes on two busy cores.
const HANGS_AFTER: Duration = Duration::from_secs(12 * 60);
/// How often the watch looks while nothing is said.
const LOOK: Duration = Duration::from_secs(5);

/// Runs `cargo test` with its output passed through; anything but success is an error that names it.
///
/// A test that hangs is an error too: it is named, what runs beside it is listed, and all of it is ended.
pub(crate) fn check(command: &mut Command) -> anyhow::Result<()> {
    watch(command, HANGS_AFTER, LOOK)
}

fn watch(command: &mut Command, hangs_after: Duration, look: Duration) -> anyhow::Result<()> {
    let shown = run::shown(command);
    run::say(&format!("$ {shown}"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot run `{shown}`"))?;
    let output = child.stdout.take().context("its output is a pipe")?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
        lines.map(|line| tell.send(line)).take_while(Result::is_ok).count()
    });
    let mut slow = Slow::default();
    loop {
        match told.recv_timeout(look) {
            Ok(line) => {
                let line = String::from_utf8_lossy(&line);
                run::say(&line);
                slow.hear(&line, Instant::now());
            }
            // who was started by a test and outlives it may hold the pipe
            Err(RecvTimeoutError::Timeout) if child.try_wait()?.is_some() => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Some(name) = slow.hanging(Instant::now(), hangs_after) {
            // all but the kernel's own, a line each
            let listed = ["--deselect", "--ppid", "2", "-o", "pid,ppid,etime,stat,args"];
            Command::new("ps").args(listed).env("COLUMNS", "160").status().ok();
            let group = format!("-{}", child.id());
            Command::new("kill").args(["-s", "KILL", "--", &group]).status()?;
            child.wait()?;
            bail!(
                "`{shown}`: the test {name} hangs: it was slow, and went on for {hangs_after:?} more"
            );
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "`{shown}`: {status}");
    Ok(())
}

/// The tests that their harness has called slow and that have not ended, with when it did.
#[derive(Default)]
struct Slow(BTreeMap<String, Instant>);

impl Slow {
    fn hear(&mut self, line: &str, now: Instant) {
        let Some(said) = line.strip_prefix("test ") else { return };
        if let Some((name, _)) = said.split_once(" has been running for over ") {
            self.0.insert(name.to_owned(), now);
        } else if let Some((name, _)) = said.split_once(" ... ") {
            self.0.remove(name);
        }
    }

    fn hanging(&self, now: Instant, after: Duration) -> Option<&str> {
        let hangs = |(_, since): &(&String, &Instant)| now.duration_since(**since) > after;
        self.0.iter().find(hangs).map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_slow_and_ends_does_not_hang() {
        let begun = Instant::now();
        let mut slow = Slow::default();
        slow.hear("test a::long has been running for over 60 seconds", begun);
        slow.hear("test a::stuck has been running for over 60 seconds", begun);
        assert_eq!(slow.hanging(begun + HANGS_AFTER, HANGS_AFTER), None);
        slow.hear("test a::long ... FAILED", begun);
        assert_eq!(slow.hanging(begun + HANGS_AFTER + LOOK, HANGS_AFTER), Some("a::stuck"));
    }

    #[test]
    fn a_run_ends_with_the_test_that_hangs() {
        let script = "echo 'test a::stuck has been running for over 60 seconds'; sleep 300";
        let moment = Duration::from_millis(50);
        let begun = Instant::now();
        let error = watch(Command::new("sh").args(["-c", script]), moment, moment).unwrap_err();
        assert!(error.to_string().contains("a::stuck hangs"), "{error:#}");
        assert!(begun.elapsed() < Duration::from_secs(30), "it waits for nothing");
    }

    #[test]
    fn a_run_that_fails_is_an_error() {
        let mut failing = Command::new("sh");
        watch(failing.args(["-c", "echo begun; exit 3"]), LOOK, LOOK).unwrap_err();
        watch(Command::new("sh").args(["-c", "echo done"]), LOOK, LOOK).unwrap();
    }
}
