//! Loopback ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};

/// A loopback port that was free a moment ago.
///
/// Somebody else may take it before it is used; whoever starts a server on it tries again with another.
///
/// # Errors
/// When the system has no free port.
pub fn free() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
