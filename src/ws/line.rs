//! A connection that a session reads and writes, and that shards write to while the session does not.

use std::{
    io::{ErrorKind, IoSlice, Result},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hub_actors::channel::Wire;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// The session's end of it. Who may write is agreed on at the subscriber, not here.
pub(crate) struct Line(Arc<Shared>);

struct Shared(TcpStream);

impl Line {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(Arc::new(Shared(stream)))
    }

    /// The shards' end of it.
    pub(crate) fn wire(&self) -> Arc<dyn Wire> {
        Arc::<Shared>::clone(&self.0)
    }

    fn poll_write_by(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> Result<usize>,
    ) -> Poll<Result<usize>> {
        let stream = &self.0.0;
        loop {
            ready!(stream.poll_write_ready(cx))?;
            match write(stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {} // which is known from now on
                written => return Poll::Ready(written),
            }
        }
    }
}

impl Wire for Shared {
    fn try_write(&self, frames: &[IoSlice<'_>]) -> Result<usize> {
        match frames {
            [one] => self.0.try_write(one),
            many => self.0.try_write_vectored(many),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let stream = &self.0.0;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_read(into.initialize_unfilled()) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(|read| into.advance(read))),
            }
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.poll_write_by(cx, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.poll_write_by(cx, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(())) // the kernel has it
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(SockRef::from(&self.0.0).shutdown(std::net::Shutdown::Write))
    }
}
