//! A server that does nothing but write finished frames to its sockets, one after another: what is left of fanning out when
//! all but the system call is taken away.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::frames::server_frame;
use super::rivals::message;
use super::wire::find;

/// Its sockets.
#[derive(Debug)]
pub(super) struct LoopWriter(Vec<TcpStream>);

impl LoopWriter {
    /// Listens for so many sockets; gives its port, and the sockets once they are there.
    ///
    /// # Errors
    /// When no port is free.
    pub(super) fn listen(
        sockets: usize,
    ) -> anyhow::Result<(u16, JoinHandle<anyhow::Result<Self>>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let take = move || {
            let taken = (0..sockets).map(|_| let_in(&listener));
            Ok(Self(taken.collect::<anyhow::Result<_>>()?))
        };
        Ok((port, std::thread::spawn(take)))
    }

    /// Publishes so many messages a second for a while, each of so many bytes. Late where the sockets do not take them as fast.
    ///
    /// # Errors
    /// When a socket is gone.
    pub(super) fn publish_at(
        &mut self,
        rate: u64,
        span: Duration,
        bytes: f64,
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        for number in 0..rate * span.as_secs() {
            let due = Duration::from_micros(number * 1_000_000 / rate);
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            let frame = server_frame(&message(bytes));
            for socket in &mut self.0 {
                socket.write_all(&frame)?;
            }
        }
        Ok(())
    }
}

fn let_in(listener: &TcpListener) -> anyhow::Result<TcpStream> {
    let (mut socket, _) = listener.accept()?;
    socket.set_nodelay(true)?;
    let (mut asked, mut part) = (Vec::new(), [0; 1024]);
    while find(&asked, b"\r\n\r\n").is_none() {
        let read = socket.read(&mut part)?;
        anyhow::ensure!(read > 0, "a socket left before it was let in");
        asked.extend_from_slice(&part[..read]);
    }
    socket.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")?;
    Ok(socket)
}
