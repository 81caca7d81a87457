//! Leaves no server behind when a test process dies.
//!
//! A destructor does not run for a static, nor when a test process is killed. So each server that is started gets
//! a small shell beside it that reads from a pipe whose other end only the test process holds. When that process is
//! gone, in whatever way, the pipe closes and the shell ends the server and removes its folder.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Reads one line or the end of the pipe; only after the end is there something to do. `$1` signal, `$2` process,
/// `$3` folder or nothing. It is bounded: a process that no parent reaps would be waited for without end.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
if read -r dismissed; then exit 0; fi
kill -s "$1" "$2" 2>/dev/null
n=0
while kill -0 "$2" 2>/dev/null && [ "$n" -lt 60 ]; do n=$((n + 1)); sleep 0.05; done
kill -s KILL "$2" 2>/dev/null
[ -z "$3" ] || rm -rf -- "$3"
"#;

/// The watcher over one child process.
#[derive(Debug)]
pub struct Janitor {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Janitor {
    /// Watches over `process`: should this process end first, it gets `signal` (`QUIT`, `KILL`, …), and `folder`
    /// is removed after it.
    ///
    /// # Errors
    /// When no shell can be started.
    pub fn watch(process: u32, signal: &str, folder: Option<&Path>) -> std::io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "janitor", signal, &process.to_string()])
            .arg(folder.unwrap_or_else(|| Path::new("")))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0) // a signal to the group of the test must not take the watcher along
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }
}

impl Drop for Janitor {
    /// The process has been ended in an orderly way: there is nothing to do, and its number may soon be another's.
    fn drop(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            pipe.write_all(b"dismissed\n").ok();
        }
        self.shell.wait().ok();
    }
}

/// Sends a process one signal by name. That it is gone already is no error.
pub(crate) fn signal(process: u32, signal: &str) {
    let sent = Command::new("sh")
        .args(["-c", r#"kill -s "$1" "$2""#, "signal", signal, &process.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    sent.expect("a shell can be run");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::until_some;
    use std::time::Duration;

    fn sleeper() -> Child {
        Command::new("sleep").arg("300").spawn().unwrap()
    }

    #[test]
    fn a_closed_pipe_ends_the_process_and_removes_its_folder() {
        let folder = tempfile::tempdir().unwrap().keep();
        let mut watched = sleeper();
        let mut janitor = Janitor::watch(watched.id(), "TERM", Some(&folder)).unwrap();
        drop(janitor.pipe.take()); // what the system does when this process dies
        let ended = until_some("the sleeper's end", Duration::from_secs(10), || {
            watched.try_wait().unwrap()
        });
        assert!(!ended.success());
        until_some("the folder's end", Duration::from_secs(10), || {
            (!folder.exists()).then_some(())
        });
    }

    #[test]
    fn a_dismissed_janitor_touches_nothing() {
        let mut watched = sleeper();
        drop(Janitor::watch(watched.id(), "KILL", None).unwrap());
        assert!(watched.try_wait().unwrap().is_none(), "the sleeper lives on");
        watched.kill().unwrap();
        watched.wait().unwrap();
    }
}
