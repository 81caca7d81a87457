//! The socket's settings.

use std::time::Duration;

use super::Origins;

/// Bounds and times of sockets.
#[derive(Clone, Debug)]
pub struct SocketSettings {
    /// Pages of which origins may connect.
    pub origins: Origins,
    /// How long a socket may take until its `connect` command.
    pub connect_within: Duration,
    /// How often the server pings.
    pub ping_every: Duration,
    /// How long the client may take to answer a ping.
    pub pong_within: Duration,
    /// How long a socket outlives its token, for a refresh that is under way.
    pub expiry_grace: Duration,
    /// How long a write may make no progress.
    pub write_within: Duration,
    /// Channels a socket.
    pub channels_per_socket: usize,
    /// Commands a second. Twice as many may come at once, so that a client can subscribe to all its channels.
    pub commands_per_sec: u32,
    /// Sockets of one user.
    pub sockets_per_user: usize,
    /// Sockets that hear one organization.
    pub sockets_per_organization: usize,
    /// Sockets of this process, signed in or not.
    pub sockets: usize,
}

impl Default for SocketSettings {
    /// The protocol's times and limits. A wall of displays may sign in as one person, so the bounds on sockets
    /// guard the machine and not a licence.
    fn default() -> Self {
        Self {
            origins: Origins::default(),
            connect_within: Duration::from_secs(10),
            ping_every: Duration::from_secs(25),
            pong_within: Duration::from_secs(8),
            expiry_grace: Duration::from_secs(25),
            write_within: Duration::from_secs(5),
            channels_per_socket: 128,
            commands_per_sec: 100,
            sockets_per_user: 12_000,
            sockets_per_organization: 24_000,
            sockets: 48_000,
        }
    }
}

/// The largest frame or message that is read, in bytes.
pub(crate) const LARGEST_INBOUND: usize = 64 * 1024;

/// What each socket reads into; commands are short, and 10,000 sockets each have one.
pub(crate) const READ_BUFFER: usize = 1024;

/// The kernel's buffer for what a socket sends. Small, so that a slow reader's backlog waits where it conflates.
pub(crate) const SEND_BUFFER: usize = 64 * 1024;

/// The kernel's buffer for what a socket receives.
pub(crate) const RECEIVE_BUFFER: usize = 16 * 1024;

/// How much of an outbox is moved into one write.
pub(super) const BATCH_BYTES: usize = 32 * 1024;

/// How long it may take to learn who somebody is.
pub(super) const IDENTIFIED_WITHIN: Duration = Duration::from_secs(10);
