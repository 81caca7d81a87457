//! `hub worker` as a process of its own: killed, stopped where it is, and let go on.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

use crate::janitor::{self, Janitor};

/// A running worker. It ends with this value, and with the test process in any case.
#[derive(Debug)]
pub struct WorkerProcess {
    process: Child,
    janitor: Option<Janitor>,
}

impl WorkerProcess {
    /// Starts one by `command`, whose complaints go to `log`.
    ///
    /// # Errors
    /// When the binary cannot be run.
    pub(crate) fn start(mut command: Command, log: File) -> anyhow::Result<Self> {
        command.arg("worker").stdout(Stdio::null()).stderr(log);
        let process = command.spawn().context("the worker cannot be run")?;
        let janitor = Some(Janitor::watch(process.id(), "KILL", None)?);
        Ok(Self { process, janitor })
    }

    /// Its process number, which stands in the names of its workers.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it at once (SIGKILL).
    pub fn kill9(self) {
        drop(self);
    }

    /// Stops it where it is (SIGSTOP).
    pub fn pause(&self) {
        janitor::signal(self.id(), "STOP");
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        janitor::signal(self.id(), "CONT");
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        drop(self.janitor.take());
    }
}
