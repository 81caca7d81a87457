//! The client: lines to one mail server, kept for the next mail.

use std::sync::Mutex;
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

use super::EmailOut;
use super::compose::{Author, Composed, compose};
use super::line::Line;
use super::server::Server;
use crate::{Accepted, SendError, SetupError};

/// So many lines that nobody uses are kept, and so long.
const MOST_IDLE: usize = 8;
const IDLE: Duration = Duration::from_secs(60);

/// How long a kept line may take to say that it is still there.
const ALIVE_WITHIN: Duration = Duration::from_secs(2);

/// The client. One for the process: it keeps its lines. Each mail that is under way has a line of its own.
pub struct Mailer {
    server: Server,
    from: Author,
    timeouts: Timeouts,
    idle: Mutex<Vec<(Line, Instant)>>,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a line.
    pub connect: Duration,
    /// For each reply up to the message.
    pub reply: Duration,
    /// For the reply to the message: what is not answered by then is unclear. RFC 5321 asks for 10 minutes, since
    /// whoever gives up early sends twice.
    pub content: Duration,
}

impl Default for Timeouts {
    /// 10 s, 30 s and 2 min: a server that checks a message for viruses takes tens of seconds, and a worker that waits
    /// for one keeps others waiting.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            reply: Duration::from_secs(30),
            content: Duration::from_secs(120),
        }
    }
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("timeouts", &self.timeouts).finish_non_exhaustive()
    }
}

impl Mailer {
    /// A client of the server at `url`: `smtp[s]://[user:password@]host[:port][/our-name][?tls=required|opportunistic]`.
    /// Mails come from `from`: `FreshTrack <alerts@example.org>`, or the address alone.
    ///
    /// # Errors
    /// When either is none, or TLS cannot be set up.
    pub fn new(url: &SecretString, from: &str, timeouts: Timeouts) -> Result<Self, SetupError> {
        let (server, from) = (Server::parse(url)?, Author::parse(from)?);
        Ok(Self { server, from, timeouts, idle: Mutex::default() })
    }

    /// Hands one mail over, once.
    ///
    /// # Errors
    /// When the server did not take it, or may not have.
    pub async fn send(&self, mail: &EmailOut) -> Result<Accepted, SendError> {
        let Composed { message_id, envelope, bytes } = compose(mail, &self.from)?;
        let mut line = self.line().await?;
        match line.send(&envelope, &bytes, self.timeouts).await {
            Ok(()) => self.keep(line).await,
            Err(error) => {
                line.close().await;
                return Err(error);
            }
        }
        Ok(Accepted { message_id })
    }

    /// A line that is still there, or a new one.
    async fn line(&self) -> Result<Line, SendError> {
        while let Some((mut line, since)) = self.newest_idle() {
            if since.elapsed() < IDLE && line.is_alive(ALIVE_WITHIN).await {
                return Ok(line);
            }
        }
        Line::open(&self.server, self.timeouts).await
    }

    fn newest_idle(&self) -> Option<(Line, Instant)> {
        self.idle.lock().expect("nobody panics while it is held").pop()
    }

    async fn keep(&self, line: Line) {
        let too_many = {
            let mut idle = self.idle.lock().expect("nobody panics while it is held");
            idle.retain(|(_, since)| since.elapsed() < IDLE);
            if idle.len() < MOST_IDLE {
                idle.push((line, Instant::now()));
                None
            } else {
                Some(line)
            }
        };
        if let Some(line) = too_many {
            line.close().await;
        }
    }
}
