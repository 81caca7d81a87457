//! A PgBouncer of the tests' own before a private PostgreSQL, on a free loopback port, gone with the test process.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::account::{self, Account};
use crate::janitor::{self, Janitor};
use crate::ports;

/// How long a pooler may take until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(10);

/// For how long a client has a session of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// As long as it is connected.
    Session,
    /// For each transaction another.
    Transaction,
    /// For each statement another.
    Statement,
}

impl PoolMode {
    const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Statement => "statement",
        }
    }
}

/// A running PgBouncer and the temporary folder it lives in. It knows every database of its server, those too that are
/// made later.
#[derive(Debug)]
pub struct PgBouncer {
    process: Child,
    janitor: Option<Janitor>,
    port: u16,
    role: String,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts one before the server on that port of 127.0.0.1, for the login `role` alone; `settings` are further lines
    /// of its `[pgbouncer]`.
    ///
    /// # Errors
    /// When PgBouncer is not installed, or does not come up.
    pub fn start(
        server: u16,
        role: &str,
        mode: PoolMode,
        settings: &[&str],
    ) -> anyhow::Result<Self> {
        let mut attempts = 5;
        loop {
            match Self::start_on(ports::free()?, server, role, mode, settings) {
                Err(_) if attempts > 1 => attempts -= 1, // the port may have been taken meanwhile
                started => return started,
            }
        }
    }

    /// The address of a database by way of it, as `DATABASE_URL` takes it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{}@127.0.0.1:{}/{database}", self.role, self.port)
    }

    fn start_on(
        port: u16,
        server: u16,
        role: &str,
        mode: PoolMode,
        settings: &[&str],
    ) -> anyhow::Result<Self> {
        let account = Account::for_servers()?;
        let root = account::temp_root(account);
        let folder = account::folder_of(account, &root, "hub-pgbouncer-")?;
        let users = folder.path().join("users.txt");
        fs::write(&users, format!("\"{role}\" \"\"\n"))?;
        let file = folder.path().join("pgbouncer.ini");
        let lines = [
            "[databases]".to_owned(),
            format!("* = host=127.0.0.1 port={server}"),
            "[pgbouncer]".to_owned(),
            "listen_addr = 127.0.0.1".to_owned(),
            format!("listen_port = {port}"),
            "unix_socket_dir =".to_owned(),
            "auth_type = trust".to_owned(),
            format!("auth_file = {}", users.display()),
            format!("pool_mode = {}", mode.name()),
        ];
        let lines = lines.iter().map(String::as_str).chain(settings.iter().copied());
        fs::write(&file, lines.map(|line| format!("{line}\n")).collect::<String>())?;
        let log_file = folder.path().join("pgbouncer.log");
        let log = File::create(&log_file)?;
        let mut command = Command::new(program()?);
        command.arg(&file).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.process_group(0); // Ctrl-C ends the tests, and their end ends the pooler
        if let Some(account) = account {
            account.runs(&mut command);
        }
        let process = command.spawn().context("PgBouncer cannot be started")?;
        let janitor = Some(Janitor::watch(process.id(), "TERM", Some(folder.path()))?);
        let role = role.to_owned();
        let mut pooler = Self { process, janitor, port, role, _folder: folder };
        pooler
            .wait_until_it_listens()
            .with_context(|| fs::read_to_string(&log_file).unwrap_or_default())?;
        Ok(pooler)
    }

    fn wait_until_it_listens(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            ensure!(begun.elapsed() < LISTENS_WITHIN, "PgBouncer does not listen");
            ensure!(self.process.try_wait()?.is_none(), "PgBouncer ended at its start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        janitor::signal(self.process.id(), "TERM");
        self.process.wait().ok();
        drop(self.janitor.take());
    }
}

/// The version that is installed, such as `(1, 18)`.
///
/// # Errors
/// When PgBouncer is not installed, or does not say it.
pub fn version() -> anyhow::Result<(u32, u32)> {
    let output = Command::new(program()?).arg("--version").stdin(Stdio::null()).output()?;
    version_in(&String::from_utf8_lossy(&output.stdout)).context("PgBouncer says no version")
}

fn version_in(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.lines().next()?.strip_prefix("PgBouncer ")?.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

/// `PGBOUNCER` if set; else as it is found, which Debian has in a folder that is not on every search path.
fn program() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("PGBOUNCER") {
        return Ok(PathBuf::from(named));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.is_file())
        .context("no PgBouncer is installed: run `apt-get install -y pgbouncer` (`cargo xtask test` does)")
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgConnectOptions};

    use super::*;
    use crate::postgres::PrivatePostgres;

    async fn session(url: &str) -> PgConnection {
        let options: PgConnectOptions = url.parse().unwrap();
        PgConnection::connect_with(&options.extra_float_digits(None)).await.unwrap()
    }

    async fn process(line: &mut PgConnection) -> i32 {
        let row = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(line).await.unwrap();
        row.get(0)
    }

    async fn share_a_session(mode: PoolMode) -> bool {
        let server = PrivatePostgres::shared();
        let pooler = PgBouncer::start(server.port(), "hub", mode, &[]).unwrap();
        let url = pooler.url("postgres");
        let (mut one, mut other) = (session(&url).await, session(&url).await);
        process(&mut one).await == process(&mut other).await
    }

    #[test]
    fn a_version_is_read_from_its_line() {
        assert_eq!(version_in("PgBouncer 1.18.0\nlibevent 2.1.12-stable\n"), Some((1, 18)));
        assert_eq!(version_in("none"), None);
    }

    #[tokio::test]
    async fn sessions_are_kept_by_one_mode_alone() {
        assert!(!share_a_session(PoolMode::Session).await);
        assert!(share_a_session(PoolMode::Transaction).await);
        assert!(share_a_session(PoolMode::Statement).await);
    }
}
