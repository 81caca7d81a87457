//! A socket's clocks, all on one timer.

use std::{pin::Pin, time::Duration};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{codes::Close, settings::SocketSettings};

/// When something is due.
#[derive(Debug)]
pub(crate) struct Clocks {
    connect_by: Option<Instant>,
    ping_at: Option<Instant>,
    pong_by: Option<Instant>,
    expires_at: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl Clocks {
    /// The clocks of a socket that has to connect by then.
    pub(crate) fn new(connect_by: Instant) -> Self {
        let timer = Box::pin(sleep_until(connect_by));
        Self { connect_by: Some(connect_by), ping_at: None, pong_by: None, expires_at: None, timer }
    }

    /// Waits until [`Self::ring`] should be called. It may be early, never late.
    pub(crate) async fn due(&mut self) {
        self.timer.as_mut().await;
    }

    /// The client has connected. The first ping comes in the second half of an interval, where `spread` says, so
    /// that sockets that came together are not pinged together.
    pub(crate) fn connected(&mut self, settings: &SocketSettings, spread: u8) {
        let every = settings.ping_every;
        self.connect_by = None;
        self.ping_at = Some(Instant::now() + every / 2 + every * u32::from(spread) / 512);
        self.arm();
    }

    /// The socket ends after `left`.
    pub(crate) fn expire_in(&mut self, left: Duration) {
        self.expires_at = Instant::now().checked_add(left);
        self.arm();
    }

    /// The client has answered the ping.
    pub(crate) fn answered(&mut self) {
        self.pong_by = None;
    }

    /// Does what is due: true if the client is to be pinged.
    pub(crate) fn ring(&mut self, settings: &SocketSettings) -> Result<bool, Close> {
        let now = Instant::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        for (at, close) in [
            (self.connect_by, Close::STALE),
            (self.pong_by, Close::NO_PONG),
            (self.expires_at, Close::EXPIRED),
        ] {
            if is_due(at) {
                return Err(close);
            }
        }
        let is_ping = is_due(self.ping_at);
        if is_ping {
            self.ping_at = Some(now + settings.ping_every);
            self.pong_by = Some(now + settings.pong_within);
        }
        self.arm();
        Ok(is_ping)
    }

    fn arm(&mut self) {
        let due = [self.connect_by, self.ping_at, self.pong_by, self.expires_at];
        if let Some(next) = due.into_iter().flatten().min() {
            self.timer.as_mut().reset(next);
        }
    }
}
