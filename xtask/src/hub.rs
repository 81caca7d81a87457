//! The hub as a process, for the tests that are not written in Rust.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context as _, ensure};

use crate::{prerequisites, run, workspace};

/// What the hub prints before the address it listens on. It does so once it is ready to answer.
const ADDRESS_MARK: &str = "listening on http://";

/// How long a hub may take until it has printed that.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running hub with an SQLite database of its own. It is killed with this value.
pub(crate) struct Hub {
    binary: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    process: Child,
    port: u16,
}

/// Of what `hub admin bootstrap` prints, what the tests need.
pub(crate) struct Bootstrap {
    pub(crate) organization_id: String,
    pub(crate) token: String,
    pub(crate) api_key: String,
}

/// Builds the hub in the development profile and gives the path of its binary.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    run::check(&mut run::cargo(["build", "--package", "freshtrack-hub", "--bin", "hub"]))?;
    Ok(workspace::target()?.join("debug/hub"))
}

impl Hub {
    /// Starts `hub ARGUMENTS… --listen 127.0.0.1:0` on an empty data folder of that name in the target folder.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let binary = build()?;
        let folder = workspace::target()?.join("xtask").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).context("the data of the last run cannot be removed")?;
        }
        fs::create_dir_all(&folder)?;
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let (process, port) = spawn(&binary, &folder, &arguments, 0)?;
        Ok(Self { binary, arguments, folder, process, port })
    }

    /// Its address, the same after a restart.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The address of its socket.
    pub(crate) fn socket_url(&self) -> String {
        format!("ws://127.0.0.1:{}/connection/websocket", self.port)
    }

    /// Makes an organization with an owner and a key for readings.
    pub(crate) fn bootstrap(&self) -> anyhow::Result<Bootstrap> {
        let output = command(&self.binary, &self.folder)
            .args(["admin", "bootstrap", "--organization", "Harness"])
            .args(["--email", "owner@example.test", "--password", "correct horse battery staple"])
            .output()
            .context("hub admin bootstrap cannot be run")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "hub admin bootstrap: {errors}");
        Bootstrap::parse(&String::from_utf8_lossy(&output.stdout))
    }

    /// Kills the hub (SIGKILL) and starts it again on the same data and port.
    pub(crate) fn kill_and_restart(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        (self.process, self.port) = spawn(&self.binary, &self.folder, &self.arguments, self.port)?;
        Ok(())
    }

    /// The last lines of its log.
    pub(crate) fn log_tail(&self) -> String {
        log_tail(&self.folder)
    }
}

impl Bootstrap {
    fn parse(json: &str) -> anyhow::Result<Self> {
        let field = |name| text_field(json, name).with_context(|| format!("no {name} in {json}"));
        Ok(Self {
            organization_id: field("organizationId")?,
            token: field("token")?,
            api_key: field("apiKey")?,
        })
    }
}

/// The value of a text field in JSON, for values that need no escapes, as ids, tokens and keys.
fn text_field(json: &str, name: &str) -> Option<String> {
    let rest = json.split_once(&format!("\"{name}\""))?.1;
    let value = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    Some(value.split_once('"')?.0.to_owned())
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.process.kill().ok(); // it may have ended by itself
        self.process.wait().ok();
    }
}

/// The hub's binary with that data folder. Where the system can see to it, it ends with this program, however that ends.
fn command(binary: &Path, folder: &Path) -> Command {
    let mut command = if prerequisites::on_path("setpriv").is_some() {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--pdeathsig", "KILL"]).arg(binary);
        setpriv
    } else {
        Command::new(binary)
    };
    command.env_remove("DATABASE_URL").env("HUB_DATA_DIR", folder).stdin(Stdio::null());
    // tests ask more than people do
    command.env("HUB_CALLER_REQUESTS", "100000").env("HUB_ORGANIZATION_REQUESTS", "100000");
    command.env("HUB_TOKEN_SECS", "86400"); // and some of them take longer than a token is good
    command
}

fn spawn(
    binary: &Path,
    folder: &Path,
    arguments: &[String],
    port: u16,
) -> anyhow::Result<(Child, u16)> {
    let log = fs::File::options().create(true).append(true).open(folder.join("hub.log"))?;
    let mut process = command(binary, folder)
        .args(arguments)
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .with_context(|| format!("{} cannot be run", binary.display()))?;
    let output = process.stdout.take().context("its standard output is a pipe")?;
    match printed_port(output) {
        Ok(port) => Ok((process, port)),
        Err(error) => {
            process.kill().ok();
            process.wait().ok();
            Err(error.context(format!("the end of its log:\n{}", log_tail(folder))))
        }
    }
}

fn log_tail(folder: &Path) -> String {
    let text = fs::read(folder.join("hub.log")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// The port in the address that the hub prints. A thread reads on, so that the hub never waits for a full pipe.
fn printed_port(output: ChildStdout) -> anyhow::Result<u16> {
    let (found, port) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some(port) = port_in(&line) {
                found.send(port).ok(); // printed twice, the second is not waited for
            }
        }
    });
    port.recv_timeout(READY_WITHIN).context("the hub did not print its address")
}

fn port_in(line: &str) -> Option<u16> {
    let address = &line[line.find(ADDRESS_MARK)? + ADDRESS_MARK.len()..];
    let digits = address.split_once(':')?.1;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
impl Hub {
    /// Not the hub: a script in its place, which prints an address and stays.
    pub(crate) fn stand_in(folder: PathBuf) -> Self {
        let script = "port=${2##*:}; [ \"$port\" != 0 ] || port=4711
            echo \"listening on http://127.0.0.1:$port\"; exec sleep 60";
        let (binary, arguments) =
            (PathBuf::from("/bin/sh"), ["-c", script, "stand-in"].map(str::to_owned).to_vec());
        let (process, port) = spawn(&binary, &folder, &arguments, 0).unwrap();
        Self { binary, arguments, folder, process, port }
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_bootstrap_prints_is_read() {
        let json = "{ \"organizationId\": \"0199\", \"email\": \"a@b.c\",\n\"token\":\"e.y.J\", \"apiKey\" : \"ftk_1_2\" }";
        let read = Bootstrap::parse(json).unwrap();
        assert_eq!([read.organization_id, read.token, read.api_key], ["0199", "e.y.J", "ftk_1_2"]);
        assert!(Bootstrap::parse("{}").is_err());
    }

    #[test]
    fn the_port_is_found_in_the_printed_line() {
        assert_eq!(port_in("hub 0.1.0 listening on http://127.0.0.1:40123"), Some(40123));
        assert_eq!(port_in("listening on http://127.0.0.1:80/ with a board"), Some(80));
        assert_eq!(port_in("listening on http://localhost"), None);
        assert_eq!(port_in("starting"), None);
    }
}
