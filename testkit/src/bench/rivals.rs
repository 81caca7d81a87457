//! Two servers that do nothing but fan out, for comparison in the same run: nginx with nchan, and NATS.
//!
//! Where they are not installed they are left out (`apt-get install nginx-light libnginx-mod-nchan nats-server`).
//! They get messages of 200 bytes that somebody else has judged and stored; ours are longer.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tempfile::TempDir;

use super::crowd::{Entrance, unix_ns};
use super::wire::Wire;
use crate::janitor::Janitor;
use crate::usage;
use crate::{ports, wait};

const PAYLOAD: f64 = 200.0;
const NCHAN_MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// The other servers that can be measured here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// nginx with its module nchan.
    Nchan,
    /// NATS with WebSocket clients.
    Nats,
}

/// One of them, running.
#[derive(Debug)]
pub(super) struct Rival {
    kind: Kind,
    process: Child,
    port: u16,
    socket_port: u16,
    _janitor: Janitor,
    _folder: TempDir,
}

impl Kind {
    /// How figures call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nchan => "nchan",
            Self::Nats => "NATS",
        }
    }

    fn program(self) -> Option<PathBuf> {
        let (name, needs) = match self {
            Self::Nchan => ("nginx", Path::new(NCHAN_MODULE)),
            Self::Nats => ("nats-server", Path::new("/")),
        };
        let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
        let found =
            folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
        found.filter(|_| needs.exists())
    }

    fn settings(self, port: u16, socket_port: u16) -> String {
        match self {
            Self::Nchan => format!(
                "load_module {NCHAN_MODULE};\nuser root;\ndaemon off;\nworker_processes 1;\npid nginx.pid;\n\
                 error_log error.log crit;\nevents {{ worker_connections 8192; }}\n\
                 http {{ access_log off; keepalive_requests 100000000;\n\
                 server {{ listen 127.0.0.1:{port};\n\
                 location = /pub {{ nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 200; }}\n\
                 location = /sub {{ nchan_subscriber websocket; nchan_channel_id bench; \
                 nchan_subscriber_first_message newest; }} }} }}\n"
            ),
            Self::Nats => format!(
                "net: 127.0.0.1\nport: {port}\nwebsocket {{ host: \"127.0.0.1\", port: {socket_port}, no_tls: true }}\n"
            ),
        }
    }
}

impl Rival {
    /// Starts it, or gives `None` where it is not installed.
    ///
    /// # Errors
    /// When it is installed and does not come up.
    pub(super) async fn start(kind: Kind) -> anyhow::Result<Option<Self>> {
        let Some(program) = kind.program() else { return Ok(None) };
        let folder = tempfile::Builder::new().prefix("hub-rival-").tempdir()?;
        let port = ports::free()?;
        let socket_port = if kind == Kind::Nchan { port } else { ports::free()? };
        let settings = folder.path().join("settings.conf");
        fs::write(&settings, kind.settings(port, socket_port))?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&settings).current_dir(folder.path());
        if kind == Kind::Nchan {
            command.arg("-p").arg(folder.path());
        }
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} cannot be started", kind.name()))?;
        let janitor = Janitor::watch(process.id(), "TERM", None)?;
        wait::until("another server to listen", Duration::from_secs(10), || {
            std::future::ready(TcpStream::connect((Ipv4Addr::LOCALHOST, socket_port)).ok())
        })
        .await;
        Ok(Some(Self { kind, process, port, socket_port, _janitor: janitor, _folder: folder }))
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// How a socket hears its one channel.
    pub(super) fn entrance(&self) -> Entrance {
        let port = self.socket_port;
        match self.kind {
            Kind::Nchan => Entrance { path: "/sub".to_owned(), ..Entrance::bare(port) },
            Kind::Nats => Entrance {
                port,
                path: "/".to_owned(),
                greeting: Some("CONNECT {\"verbose\":false}\r\nSUB bench 1\r\nPING\r\n".to_owned()),
                welcome: Some(b"PONG"),
                heartbeat: Some((b"PING\r", "PONG\r\n")),
            },
        }
    }

    /// Processor seconds that it has used so far.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn cpu_secs(&self) -> anyhow::Result<f64> {
        usage::tree_cpu_secs(self.process.id())
    }

    /// Publishes so many messages a second for a while.
    ///
    /// # Errors
    /// When it refuses one.
    pub(super) fn publish_at(&self, rate: u64, span: Duration) -> anyhow::Result<u64> {
        let mut publisher = Publisher::connect(self)?;
        let begun = Instant::now();
        let count = rate * span.as_secs();
        for number in 0..count {
            let due = Duration::from_micros(number * 1_000_000 / rate);
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            publisher.publish()?;
        }
        Ok(count)
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        crate::janitor::signal(self.process.id(), "TERM");
        self.process.wait().ok(); // the janitor sees to one that stays
    }
}

enum Publisher {
    Nchan(Wire),
    Nats(TcpStream),
}

impl Publisher {
    fn connect(rival: &Rival) -> anyhow::Result<Self> {
        Ok(match rival.kind {
            Kind::Nchan => Self::Nchan(Wire::connect(rival.port)?),
            Kind::Nats => {
                let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, rival.port))?;
                stream.set_nodelay(true)?;
                stream.write_all(b"CONNECT {\"verbose\":false}\r\n")?;
                Self::Nats(stream)
            }
        })
    }

    fn publish(&mut self) -> anyhow::Result<()> {
        let message = message(PAYLOAD);
        match self {
            Self::Nchan(wire) => {
                let head = "POST /pub HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length:";
                let request = format!("{head} {}\r\n\r\n{message}", message.len());
                let status = wire.exchange(request.as_bytes())?.status;
                anyhow::ensure!((200..300).contains(&status), "nchan answered {status}");
            }
            Self::Nats(stream) => {
                write!(stream, "PUB bench {}\r\n{message}\r\n", message.len())?;
            }
        }
        Ok(())
    }
}

/// A message of so many bytes that says when it was published.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of lengths")]
pub(super) fn message(bytes: f64) -> String {
    let tail = format!(",\"t\":{}}}", unix_ns());
    let filler = "x".repeat((bytes as usize).saturating_sub(tail.len() + r#"{"of":""}"#.len() - 1));
    format!("{{\"of\":\"{filler}\"{tail}")
}
