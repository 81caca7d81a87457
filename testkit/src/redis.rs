//! A Redis of the tests' own on a free loopback port, configured as it comes: nothing is written to disk by each command.

use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::janitor::{self, Janitor};
use crate::ports;

/// How long a server may take until it answers.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A Redis server. It ends with this value.
#[derive(Debug)]
pub struct PrivateRedis {
    port: u16,
    settings: Vec<String>,
    running: Option<Running>,
    folder: TempDir,
}

#[derive(Debug)]
struct Running {
    process: Child,
    _janitor: Janitor,
}

impl PrivateRedis {
    /// Starts one.
    ///
    /// # Errors
    /// When `redis-server` is not installed, or does not come up.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// Starts one with further settings, as on its command line: `["--requirepass", "secret"]`.
    ///
    /// # Errors
    /// When `redis-server` is not installed, or does not come up.
    pub fn start_with(settings: &[&str]) -> anyhow::Result<Self> {
        let settings: Vec<String> = settings.iter().map(|&it| it.to_owned()).collect();
        let mut attempts = 5;
        loop {
            let folder = tempfile::Builder::new().prefix("hub-redis-").tempdir()?;
            let mut server =
                Self { port: ports::free()?, settings: settings.clone(), running: None, folder };
            match server.run() {
                Err(_) if attempts > 1 => attempts -= 1, // the port may have been taken meanwhile
                started => return started.map(|()| server),
            }
        }
    }

    /// Starts one that speaks TLS alone; gives it with the file of the authority that signed for it. Signed by `openssl`.
    ///
    /// # Errors
    /// When `redis-server` or `openssl` is not installed, or it does not come up.
    pub fn start_with_tls() -> anyhow::Result<(Self, PathBuf)> {
        let folder = tempfile::Builder::new().prefix("hub-redis-").tempdir()?;
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (authority, authority_key) = (file("authority"), file("authority-key"));
        let (certificate, key) = (file("certificate"), file("key"));
        let new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
        openssl(&new, &["-subj", "/CN=tests", "-keyout", &authority_key, "-out", &authority])?;
        let of_server = [
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-CA",
            &authority,
            "-CAkey",
            &authority_key,
            "-keyout",
            &key,
            "-out",
            &certificate,
        ];
        openssl(&new, &of_server)?;
        let port = ports::free()?;
        let settings = [
            "--port",
            "0",
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-auth-clients",
            "no",
        ];
        let settings = settings.map(str::to_owned).to_vec();
        let authority = PathBuf::from(authority);
        let mut server = Self { port, settings, running: None, folder };
        server.run().map(|()| (server, authority))
    }

    /// Starts one that watches over others and says which of them is followed, told so by the lines of its file.
    ///
    /// # Errors
    /// When `redis-server` is not installed, or does not come up.
    pub fn sentinel(lines: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("hub-redis-").tempdir()?;
        let file = folder.path().join("sentinel.conf");
        std::fs::write(&file, lines)?;
        let settings = vec![file.display().to_string(), "--sentinel".to_owned()];
        let mut server = Self { port: ports::free()?, settings, running: None, folder };
        server.run().map(|()| server)
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its address, as `REDIS_URL` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it without a chance to do anything.
    pub fn kill9(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.process.kill().ok();
            running.process.wait().ok();
        }
    }

    /// Starts it again where it was.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.kill9();
        self.run()
    }

    /// Stops it in the middle of whatever it does; its connections stay.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Has it do something, such as `FLUSHALL`; gives its answer.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn command(&self, command: &str) -> anyhow::Result<String> {
        let mut asked = Command::new("redis-cli");
        asked.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]).args(command.split(' '));
        let output = asked.stdin(Stdio::null()).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn signal(&self, signal: &str) {
        if let Some(running) = &self.running {
            janitor::signal(running.process.id(), signal);
        }
    }

    fn run(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new("redis-server");
        // a file comes first
        let is_file = self.settings.first().is_some_and(|first| !first.starts_with("--"));
        let (file, settings) = self.settings.split_at(usize::from(is_file));
        command.args(file).args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--dir"]);
        command.arg(self.folder.path()).args(settings);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.process_group(0); // Ctrl-C ends the tests, and their end ends the server
        let process = command.spawn().context("redis-server cannot be started")?;
        let janitor = Janitor::watch(process.id(), "KILL", Some(self.folder.path()))?;
        let begun = Instant::now();
        let running = self.running.insert(Running { process, _janitor: janitor });
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            ensure!(begun.elapsed() < ANSWERS_WITHIN, "Redis does not listen");
            ensure!(running.process.try_wait()?.is_none(), "Redis ended at its start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

fn openssl(what: &[&str], how: &[&str]) -> anyhow::Result<()> {
    let mut sign = Command::new("openssl");
    let signed = sign.args(what).args(how).stdin(Stdio::null()).output()?;
    ensure!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    Ok(())
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        self.resume();
        self.kill9();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_killed_and_comes_back_where_it_was() {
        let mut server = PrivateRedis::start().unwrap();
        let port = server.port();
        assert!(server.command("PING").unwrap().starts_with("PONG"));
        server.kill9();
        assert!(server.command("PING").is_err());
        server.restart().unwrap();
        assert_eq!(server.port(), port);
        assert!(server.command("FLUSHALL").unwrap().starts_with("OK"));
    }
}
