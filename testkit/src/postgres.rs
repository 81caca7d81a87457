//! A PostgreSQL server of the tests' own, on a free loopback port, gone with the test process.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

use crate::account::{self, Account};
use crate::janitor::{self, Janitor};
use crate::pooler::{PgBouncer, PoolMode};
use crate::ports;

/// How long a server may take from its start to its first answer, redo after a kill included.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// The one role of the server, its owner.
const ROLE: &str = "hub";

/// Names a pooler that the tests' connections go by: `session`, or none.
const POOLER: &str = "HUB_TEST_POOLER";

/// A pooler for a whole suite. Each of its many databases has a pool, which must not keep the server's connections for
/// long. Tests' own connections send what it has to pass over.
const FOR_A_SUITE: [&str; 4] = [
    "default_pool_size = 150",
    "max_client_conn = 1000",
    "server_idle_timeout = 1",
    "ignore_startup_parameters = extra_float_digits",
];

/// What differs from PostgreSQL's own defaults. Durability is as in production: the tests are about it.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
fsync = on
synchronous_commit = on
max_connections = 200
shared_buffers = 128MB
log_min_messages = warning
";

/// A running PostgreSQL server and the temporary folder it lives in.
///
/// All calls block. In an asynchronous test they are made at its start, or through `spawn_blocking`.
#[derive(Debug)]
pub struct PrivatePostgres {
    programs: PathBuf,
    account: Option<Account>,
    port: u16,
    running: Mutex<Option<Running>>,
    templates: Mutex<HashSet<String>>,
    pooler: Option<PgBouncer>,
    folder: TempDir,
}

/// The server's process and the watcher beside it.
#[derive(Debug)]
struct Running {
    postmaster: Child,
    janitor: Janitor,
}

impl PrivatePostgres {
    /// The one server of this test process, started at first need.
    ///
    /// # Panics
    /// When no server can be started; the message says what to install.
    #[track_caller]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<PrivatePostgres> = OnceLock::new();
        let start = || Self::start().and_then(Self::by_the_pooler);
        SHARED.get_or_init(|| start().expect("a private PostgreSQL starts"))
    }

    /// Makes a cluster in a temporary folder and starts a server on it.
    ///
    /// # Errors
    /// When PostgreSQL's server programs are not installed, or the server does not come up.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_in(&account::temp_root(Account::for_servers()?))
    }

    /// The same with its temporary folder inside `root`, which may lie in memory where a test is not about the disk.
    ///
    /// # Errors
    /// As [`Self::start`], and when `root` cannot be written.
    pub fn start_in(root: &Path) -> anyhow::Result<Self> {
        let programs = server_programs()?;
        let account = Account::for_servers()?;
        let folder = account::folder_of(account, root, "hub-postgres-")?;
        let running = Mutex::new(None);
        let templates = Mutex::default();
        let mut server =
            Self { programs, account, port: 0, running, templates, pooler: None, folder };
        server.make_cluster()?;
        server.start_on_some_port()?;
        Ok(server)
    }

    /// A copy of it that follows, and that each commit of it waits for from now on.
    ///
    /// # Errors
    /// When it cannot be copied, or the copy does not follow.
    ///
    /// # Panics
    /// When a statement fails.
    pub fn standby(&self) -> anyhow::Result<Self> {
        let folder =
            account::folder_of(self.account, &account::temp_root(self.account), "hub-postgres-")?;
        let (running, templates) = (Mutex::new(None), Mutex::default());
        let (programs, account) = (self.programs.clone(), self.account);
        let mut copy =
            Self { programs, account, port: 0, running, templates, pooler: None, folder };
        let place = ["--host=127.0.0.1", &format!("--port={}", self.port), "--username", ROLE];
        let mut backup = copy.command("pg_basebackup");
        backup.args(place).args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf"]);
        let output = backup.arg(format!("--pgdata={}", copy.data().display())).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        copy.write_settings()?;
        copy.start_on_some_port()?;
        self.run_sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.run_sql("postgres", "SELECT pg_reload_conf()");
        let begun = Instant::now();
        while self.run_sql("postgres", "SELECT sync_state FROM pg_stat_replication") != "sync" {
            ensure!(begun.elapsed() < READY_WITHIN, "the copy does not follow");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(copy)
    }

    /// Makes a copy that follows the server itself.
    ///
    /// # Panics
    /// When it is none.
    pub fn promote(&self) {
        assert_eq!(self.run_sql("postgres", "SELECT pg_promote(true, 20)"), "t", "it takes over");
    }

    /// The same server, with a pooler of sessions before it where the environment asks for one (`HUB_TEST_POOLER`). A
    /// test that kills or stops its server does without.
    ///
    /// # Errors
    /// When the pooler cannot be started, or the environment names another kind.
    pub fn by_the_pooler(mut self) -> anyhow::Result<Self> {
        match std::env::var(POOLER).unwrap_or_default().as_str() {
            "" => {}
            "session" => {
                let mode = PoolMode::Session;
                self.pooler = Some(PgBouncer::start(self.port, ROLE, mode, &FOR_A_SUITE)?);
            }
            other => bail!("{POOLER} must be session, not {other:?}"),
        }
        Ok(self)
    }

    /// The port of the server on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The process number of the postmaster, or `None` while it is down.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.running().as_ref().map(|running| running.postmaster.id())
    }

    /// The address of one of its databases, as `DATABASE_URL` takes it: the pooler's where there is one.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let direct = || self.direct_url(database);
        self.pooler.as_ref().map_or_else(direct, |pooler| pooler.url(database))
    }

    /// The address at the server itself, for tests of what is a server's alone: its logins, its connections.
    #[must_use]
    pub fn direct_url(&self, database: &str) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database and gives its address.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn create_database(&self) -> String {
        self.copy_of("template0")
    }

    /// Makes a database that is a copy of a prepared one, and gives its address.
    ///
    /// `fill` prepares the original, once for each `template` and server: it gets the address of an empty database,
    /// and must have closed its connections when it returns. A copy takes a fraction of what migrations take.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn create_database_like(&self, template: &str, fill: impl FnOnce(&str)) -> String {
        let name = format!("template_{template}");
        let mut templates = self.templates.lock().unwrap_or_else(PoisonError::into_inner);
        if !templates.contains(&name) {
            self.run_sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
            fill(&self.direct_url(&name)); // a pooler's connections outlast ours, and it could not be copied
            templates.insert(name.clone());
        }
        drop(templates); // copies may be made side by side
        self.copy_of(&name)
    }

    /// Runs statements in a database and gives what they print, unaligned and without headings.
    ///
    /// # Panics
    /// When a statement fails.
    #[track_caller]
    pub fn run_sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, sql).expect("the statement runs")
    }

    /// Ends the server at once (SIGKILL to the postmaster), as a crash would. Its data stays.
    ///
    /// # Panics
    /// When it is down already.
    pub fn kill9(&self) {
        let Running { mut postmaster, janitor } =
            self.running().take().expect("the server is running");
        postmaster.kill().expect("a child of ours can be killed");
        postmaster.wait().expect("a child of ours can be waited for");
        drop(janitor);
    }

    /// Ends the server in an orderly way, cutting its connections (SIGINT). Its data stays.
    ///
    /// # Panics
    /// When it is down already.
    pub fn stop(&self) {
        let running = self.running().take().expect("the server is running");
        running.end("INT");
    }

    /// Starts the server again on the same data and the same port, and waits until it answers.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn restart(&self) {
        if self.process_id().is_some() {
            self.stop();
        }
        let begun = Instant::now();
        // after a kill, its orphans hold the shared memory for a moment, and a new one refuses to start
        while let Err(error) = self.start_and_wait() {
            assert!(begun.elapsed() < READY_WITHIN, "the server does not come back: {error:#}");
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copy_of(&self, template: &str) -> String {
        let name = format!("t_{}", uuid::Uuid::now_v7().simple());
        self.run_sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        self.url(&name)
    }

    fn try_sql(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let output = Command::new(self.programs.join("psql"))
            .args([
                "--no-psqlrc",
                "--quiet",
                "--no-align",
                "--tuples-only",
                "--set=ON_ERROR_STOP=1",
            ])
            .args([&format!("--dbname={}", self.direct_url(database)), &format!("--command={sql}")])
            .stdin(Stdio::null())
            .output()
            .context("psql cannot be run")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    fn make_cluster(&self) -> anyhow::Result<()> {
        let data = self.data();
        let output = self
            .command("initdb")
            .args([
                "--no-sync",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--username",
                ROLE,
            ])
            .arg(format!("--pgdata={}", data.display()))
            .output()
            .context("initdb cannot be run")?;
        ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        self.write_settings()?;
        let main = data.join("postgresql.conf");
        let text = fs::read_to_string(&main)? + "\ninclude '../hub.conf'\n";
        fs::write(main, text).context("the settings cannot be written")
    }

    fn write_settings(&self) -> anyhow::Result<()> {
        let sockets = format!("unix_socket_directories = '{}'\n", self.folder.path().display());
        let file = self.folder.path().join("hub.conf");
        fs::write(file, format!("{SETTINGS}{sockets}")).context("the settings cannot be written")
    }

    fn start_on_some_port(&mut self) -> anyhow::Result<()> {
        let mut last = None;
        for _ in 0..5 {
            self.port = ports::free()?;
            match self.start_and_wait() {
                Ok(()) => return Ok(()),
                Err(error) => last = Some(error), // the port may have been taken meanwhile
            }
        }
        Err(last.expect("five attempts were made"))
    }

    fn start_and_wait(&self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let postmaster = self
            .command("postgres")
            .args([&format!("--port={}", self.port), "-D"])
            .arg(self.data())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0) // Ctrl-C ends the tests, and their end ends the server
            .spawn()
            .context("the server cannot be started")?;
        // QUIT, not KILL: the postmaster then takes its shared memory with it
        let janitor = Janitor::watch(postmaster.id(), "QUIT", Some(self.folder.path()))?;
        let mut running = Running { postmaster, janitor };
        if let Err(error) = self.wait_until_ready(&mut running) {
            running.end("QUIT");
            return Err(error.context(self.log_tail()));
        }
        *self.running() = Some(running);
        Ok(())
    }

    fn wait_until_ready(&self, running: &mut Running) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.try_sql("postgres", "SELECT 1").is_err() {
            let ended = running.postmaster.try_wait()?;
            ensure!(ended.is_none(), "the server ended at its start");
            ensure!(begun.elapsed() < READY_WITHIN, "the server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env_remove("PGDATA")
            .env_remove("PGPORT");
        if let Some(account) = self.account {
            account.runs(&mut command);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        drop(self.pooler.take()); // before what it is connected to
        if let Some(running) = self.running().take() {
            running.end("QUIT");
        }
    }
}

impl Running {
    fn end(self, signal: &str) {
        let Self { mut postmaster, janitor } = self;
        janitor::signal(postmaster.id(), signal);
        postmaster.wait().ok();
        drop(janitor);
    }
}

/// The folder of `initdb`, `postgres` and `psql`, the newest version first.
fn server_programs() -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = versioned_folders(Path::new("/usr/lib/postgresql"));
    folders.extend(std::env::split_paths(&path));
    folders
        .into_iter()
        .find(|folder| ["initdb", "postgres", "psql"].iter().all(|program| folder.join(program).is_file()))
        .context("no PostgreSQL server is installed: run `apt-get install -y postgresql` (`cargo xtask test` does)")
}

/// `<root>/<version>/bin` of each version, newest first.
fn versioned_folders(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let version = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let mut versions: Vec<u32> = entries.filter_map(version).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|version| root.join(version.to_string()).join("bin")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(url: &str) -> &str {
        url.rsplit('/').next().unwrap()
    }

    #[test]
    fn databases_are_apart_and_durable_settings_hold() {
        let server = PrivatePostgres::shared();
        let (one, other) = (server.create_database(), server.create_database());
        server.run_sql(name(&one), "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)");
        assert_eq!(server.run_sql(name(&one), "SELECT n FROM kept"), "7");
        assert!(server.try_sql(name(&other), "SELECT n FROM kept").is_err());
        let setting = |name| server.run_sql("postgres", &format!("SHOW {name}"));
        assert_eq!([setting("fsync"), setting("synchronous_commit")], ["on", "on"]);
    }

    #[test]
    fn a_database_is_copied_from_a_template_that_is_filled_once() {
        let server = PrivatePostgres::shared();
        let mut filled = 0;
        for _ in 0..2 {
            let url = server.create_database_like("copied", |url| {
                filled += 1;
                server.run_sql(name(url), "CREATE TABLE kept AS SELECT 7 AS n");
            });
            assert_eq!(server.run_sql(name(&url), "SELECT n FROM kept"), "7");
        }
        assert_eq!(filled, 1);
    }

    #[test]
    fn what_was_committed_is_there_after_a_kill() {
        let server = PrivatePostgres::start().unwrap();
        let folder = server.folder.path().to_owned();
        let url = server.create_database();
        server.run_sql(name(&url), "CREATE TABLE kept AS SELECT 7 AS n");
        server.kill9();
        assert_eq!(server.process_id(), None);
        server.restart();
        assert_eq!(server.run_sql(name(&url), "SELECT n FROM kept"), "7");
        drop(server);
        assert!(!folder.exists(), "nothing is left behind");
    }
}
