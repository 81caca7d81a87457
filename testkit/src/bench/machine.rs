//! What the figures were measured on.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

/// The machine and the versions of what matters, as they are now.
#[derive(Debug)]
pub(super) struct Machine {
    cpu: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    rustc: String,
    postgres: String,
}

impl Machine {
    /// Looks at this one.
    pub(super) fn look(postgres: String) -> Self {
        let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
        let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
        let memory_kib: u64 =
            memory.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default();
        Self {
            cpu,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory_kib >> 20,
            kernel: first_line("/proc/sys/kernel/osrelease"),
            rustc: said_by("rustc", "--version"),
            postgres,
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "cpu": self.cpu, "cores": self.cores, "memoryGib": self.memory_gib, "kernel": self.kernel,
            "rustc": self.rustc, "postgres": self.postgres,
        })
    }

    /// One paragraph for a person.
    pub(super) fn shown(&self) -> String {
        format!(
            "{} with {} cores and {} GiB, Linux {}; {}; PostgreSQL {}; SQLite as bundled with sqlx",
            self.cpu, self.cores, self.memory_gib, self.kernel, self.rustc, self.postgres
        )
    }
}

/// How busy the machine is: runnable processes on average over 1, 5 and 15 minutes.
pub(super) fn load() -> String {
    first_line("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn first_line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

fn said_by(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.unwrap_or_else(|_| format!("{program} unknown"))
}
