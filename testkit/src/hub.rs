//! The hub's own binary as a process, started, killed and started again.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::api::Api;
use crate::janitor::{self, Janitor};
use crate::worker::WorkerProcess;

/// What the hub prints on standard output before the address it listens on.
const ADDRESS_MARK: &str = "listening on http://";

/// How long a hub may take from its start until it is ready, migrations included.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How long an orderly end may take.
const END_WITHIN: Duration = Duration::from_secs(20);

/// How a hub is started: its binary, its data and its settings.
#[derive(Debug, Clone)]
pub struct HubBuilder {
    binary: PathBuf,
    database_url: Option<String>,
    data: Option<PathBuf>,
    settings: Vec<(OsString, OsString)>,
    arguments: Vec<OsString>,
    port: u16,
}

/// A running hub. It ends with this value, and with the test process in any case.
#[derive(Debug)]
pub struct HubProcess {
    builder: HubBuilder,
    folder: TempDir,
    running: Option<Running>,
    port: u16,
}

#[derive(Debug)]
struct Running {
    process: Child,
    janitor: Janitor,
}

/// What `hub admin bootstrap` made: an organization, its owner and a key for readings.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bootstrap {
    /// The organization.
    pub organization_id: String,
    /// Its owner.
    pub user_id: String,
    /// The owner's address, to sign in with.
    pub email: String,
    /// A token of the owner.
    pub token: String,
    /// A key that may send readings to all of the organization.
    pub api_key: String,
}

/// The password of every owner that tests make.
pub const PASSWORD: &str = "correct horse battery staple";

impl HubBuilder {
    /// The database; without one the hub keeps its own SQLite file in its data folder.
    #[must_use]
    pub fn database_url(mut self, url: impl Into<String>) -> Self {
        self.database_url = Some(url.into());
        self
    }

    /// The data folder; without one each hub has a temporary one of its own.
    #[must_use]
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// A setting by environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// One more argument to `hub serve`.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The loopback port to listen on; without one it takes a free one.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Starts the hub on a free loopback port and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; the error carries the end of its log.
    pub async fn start(self) -> anyhow::Result<HubProcess> {
        let folder = tempfile::Builder::new().prefix("hub-process-").tempdir()?;
        let mut hub = HubProcess { builder: self, folder, running: None, port: 0 };
        hub.start_on(hub.builder.port).await?;
        Ok(hub)
    }
}

impl HubProcess {
    /// Starts to describe a hub; `binary` is `env!("CARGO_BIN_EXE_hub")` in the tests of the root package.
    #[must_use]
    pub fn builder(binary: impl Into<PathBuf>) -> HubBuilder {
        let binary = binary.into();
        HubBuilder {
            binary,
            database_url: None,
            data: None,
            settings: Vec::new(),
            arguments: Vec::new(),
            port: 0,
        }
    }

    /// The port it listens on, the same after each restart.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its address without a path: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The address of its socket.
    #[must_use]
    pub fn socket_url(&self) -> String {
        format!("ws://127.0.0.1:{}/connection/websocket", self.port)
    }

    /// Its process number, or `None` while it is down.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.process.id())
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.builder.data.as_deref().unwrap_or_else(|| self.folder.path())
    }

    /// Where its standard error goes, of all its starts.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("hub.log")
    }

    /// A client that carries no credentials.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(self.url())
    }

    /// Makes an organization with an owner and a key.
    ///
    /// # Errors
    /// When `hub admin bootstrap` fails or prints something else.
    pub async fn bootstrap(&self, organization: &str) -> anyhow::Result<Bootstrap> {
        let email = format!("owner-{}@example.test", uuid::Uuid::now_v7().simple());
        let mut command = self.command();
        command.args(["admin", "bootstrap", "--organization", organization]);
        command.args(["--email", &email, "--password", PASSWORD]);
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "hub admin bootstrap failed: {errors}");
        serde_json::from_slice(&output.stdout).context("hub admin bootstrap prints JSON")
    }

    /// Makes an organization and gives it with a client that carries its token and key.
    ///
    /// # Errors
    /// As [`Self::bootstrap`].
    pub async fn owner(&self, organization: &str) -> anyhow::Result<(Bootstrap, Api)> {
        let made = self.bootstrap(organization).await?;
        let api = self.api().with_token(&made.token).with_key(&made.api_key);
        Ok((made, api))
    }

    /// Starts a `hub worker` on the same database, with the same settings.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn start_worker(&self) -> anyhow::Result<WorkerProcess> {
        self.worker(self.command())
    }

    /// The same on a database that it reaches in another way.
    ///
    /// # Errors
    /// As [`Self::start_worker`].
    pub fn start_worker_by(&self, database_url: &str) -> anyhow::Result<WorkerProcess> {
        let mut command = self.command();
        command.env("DATABASE_URL", database_url);
        self.worker(command)
    }

    fn worker(&self, mut command: Command) -> anyhow::Result<WorkerProcess> {
        command.env("HUB_PUBLIC_URL", self.url());
        WorkerProcess::start(command, File::options().create(true).append(true).open(self.log())?)
    }

    /// Ends the hub at once (SIGKILL). Its data stays.
    ///
    /// # Panics
    /// When it is down already.
    pub fn kill9(&mut self) {
        let Running { mut process, janitor } = self.running.take().expect("the hub is running");
        process.kill().expect("a child of ours can be killed");
        process.wait().expect("a child of ours can be waited for");
        drop(janitor);
    }

    /// Stops the hub where it is (SIGSTOP), as a machine does that sleeps.
    ///
    /// # Panics
    /// When it is down.
    pub fn pause(&self) {
        janitor::signal(self.process_id().expect("the hub is running"), "STOP");
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Panics
    /// When it is down.
    pub fn resume(&self) {
        janitor::signal(self.process_id().expect("the hub is running"), "CONT");
    }

    /// Asks the hub to end (SIGTERM), waits until it has, and gives whether it said that all was well.
    ///
    /// # Errors
    /// When it is still there after 20 s; it is killed then.
    ///
    /// # Panics
    /// When it is down already.
    pub async fn terminate(&mut self) -> anyhow::Result<bool> {
        let Running { mut process, janitor } = self.running.take().expect("the hub is running");
        janitor::signal(process.id(), "TERM");
        let begun = Instant::now();
        loop {
            if let Some(status) = process.try_wait()? {
                return Ok(status.success());
            }
            if begun.elapsed() > END_WITHIN {
                process.kill()?;
                process.wait()?;
                drop(janitor);
                bail!("the hub did not end within {END_WITHIN:?} of SIGTERM:\n{}", self.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Starts the hub again on the same data and the same port, and gives how long it took to be ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn restart(&mut self) -> anyhow::Result<Duration> {
        if self.running.is_some() {
            self.kill9();
        }
        self.start_on(self.port).await
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    async fn start_on(&mut self, port: u16) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let mut process = self
            .command()
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .args(&self.builder.arguments)
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(self.log())?)
            .spawn()
            .with_context(|| format!("{} cannot be run", self.builder.binary.display()))?;
        let output = process.stdout.take().context("its standard output is a pipe")?;
        let janitor = Janitor::watch(process.id(), "KILL", Some(self.folder.path()))?;
        self.running = Some(Running { process, janitor });
        let ready = tokio::time::timeout(READY_WITHIN, self.wait_until_ready(output)).await;
        match ready.context("the hub did not become ready in time").flatten() {
            Ok(()) => Ok(begun.elapsed()),
            Err(error) => {
                self.kill9();
                Err(error.context(self.log_tail()))
            }
        }
    }

    async fn wait_until_ready(&mut self, output: ChildStdout) -> anyhow::Result<()> {
        let address =
            printed_address(output).await.context("the hub ended without printing its address")?;
        let port = address.rsplit(':').next().context("an address has a port")?;
        self.port =
            port.parse().with_context(|| format!("an address without a port: {address}"))?;
        while !self.api().is_ready().await {
            let ended =
                self.running.as_mut().and_then(|running| running.process.try_wait().ok().flatten());
            ensure!(ended.is_none(), "the hub ended before it was ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.builder.binary);
        let ours = |name: &OsString| name.to_string_lossy().starts_with("HUB_");
        for name in std::env::vars_os().map(|(name, _)| name).filter(ours) {
            command.env_remove(name); // a developer's own settings are none of a test's
        }
        command
            .env_remove("DATABASE_URL")
            .env_remove("DATABASE_POOLED_URL")
            .env_remove("REDIS_URL");
        command.env("HUB_DATA_DIR", self.data()).stdin(Stdio::null());
        // tests ask more than people do; those of the rates themselves say their own
        command.env("HUB_CALLER_REQUESTS", "100000").env("HUB_ORGANIZATION_REQUESTS", "100000");
        // and the longest of them run longer than a token of a person is good
        command.env("HUB_TOKEN_SECS", "28800");
        command.current_dir(self.folder.path());
        if let Some(url) = &self.builder.database_url {
            command.env("DATABASE_URL", url);
        }
        command.envs(self.builder.settings.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for HubProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the end of the hub's log\n{}\n---", self.log_tail());
        }
        if self.running.is_some() {
            self.kill9();
        }
    }
}

/// The `HOST:PORT` that the hub prints; `None` when its output ends first.
///
/// A thread reads on afterwards, so that the hub never waits for a full pipe.
async fn printed_address(output: ChildStdout) -> Option<String> {
    let (found, address) = oneshot::channel();
    std::thread::spawn(move || {
        let mut found = Some(found);
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let (Some(address), Some(found)) =
                (address_in(&line), found.take_if(|_| line.contains(ADDRESS_MARK)))
            {
                found.send(address.to_owned()).ok(); // the caller may have given up
            }
        }
    });
    address.await.ok()
}

/// The `HOST:PORT` in a line such as `listening on http://127.0.0.1:8080`.
fn address_in(line: &str) -> Option<&str> {
    let rest = &line[line.find(ADDRESS_MARK)? + ADDRESS_MARK.len()..];
    Some(rest.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_its_line() {
        assert_eq!(
            address_in("hub 0.1.0 listening on http://127.0.0.1:8080"),
            Some("127.0.0.1:8080")
        );
        assert_eq!(address_in("listening on http://127.0.0.1:80/ (demo)"), Some("127.0.0.1:80"));
        assert_eq!(address_in("starting"), None);
    }

    #[tokio::test]
    async fn a_program_that_ends_at_once_is_an_error_with_its_log() {
        let error = HubProcess::builder("/bin/false").start().await.unwrap_err();
        assert!(format!("{error:#}").contains("ended without printing its address"), "{error:#}");
    }
}
