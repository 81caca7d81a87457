//! The way out of a socket: finished frames, written many at a time straight from their shared bytes.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{Error, ErrorKind, IoSlice, Result},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use tokio::{io::AsyncWrite, time::timeout};

/// How many frames one system call takes.
const FRAMES_A_WRITE: usize = 64;

/// A queue that once held more slots than this gives their memory back when it is empty.
const KEPT_SLOTS: usize = 8;

/// Frames that are being written.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    frames: VecDeque<Bytes>,
    /// True when part of the front frame has been written: the rest of it has to follow.
    is_begun: bool,
}

impl Outlet {
    /// Puts a frame behind those that wait.
    pub(crate) fn put(&mut self, frame: Bytes) {
        self.frames.push_back(frame);
    }

    /// Puts the rest of a frame that was begun elsewhere before all that waits.
    pub(crate) fn finish(&mut self, rest: Option<Bytes>) {
        if let Some(rest) = rest {
            self.frames.push_front(rest);
            self.is_begun = true;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Gives up every frame of which nothing has been written yet.
    pub(crate) fn give_up(&mut self) {
        self.frames.truncate(usize::from(self.is_begun));
    }

    /// Writes everything. Cancel-safe: what was not written stays. An error of kind `TimedOut` when the reader took nothing for `within`.
    pub(crate) async fn write<W: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut W,
        within: Duration,
    ) -> Result<()> {
        while !self.frames.is_empty() {
            // most writes are taken at once: only one that is not needs a timer
            let attempt = poll_fn(|cx| Poll::Ready(self.poll_write(stream, cx))).await;
            if let Poll::Ready(progress) = attempt {
                progress?;
                continue;
            }
            let progress = poll_fn(|cx| self.poll_write(stream, cx));
            timeout(within, progress).await.map_err(|_| Error::from(ErrorKind::TimedOut))??;
        }
        if self.frames.capacity() > KEPT_SLOTS {
            self.frames = VecDeque::new();
        }
        Ok(())
    }

    fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        let mut slices = [IoSlice::new(&[]); FRAMES_A_WRITE];
        let mut used = 0;
        for (slice, frame) in slices.iter_mut().zip(&self.frames) {
            *slice = IoSlice::new(frame);
            used += 1;
        }
        let stream = Pin::new(stream);
        let written = match &slices[..used] {
            [one] => ready!(stream.poll_write(cx, one))?,
            many => ready!(stream.poll_write_vectored(cx, many))?,
        };
        if written == 0 {
            return Poll::Ready(Err(ErrorKind::WriteZero.into()));
        }
        self.advance(written);
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        while written > 0
            && let Some(front) = self.frames.front_mut()
        {
            let part = written.min(front.len());
            front.advance(part);
            written -= part;
            self.is_begun = true;
            if front.is_empty() {
                self.frames.pop_front();
                self.is_begun = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn all_bytes_arrive_in_order_through_a_narrow_pipe() {
        let frames: Vec<Bytes> = (0..500_u32).map(|n| Bytes::from(format!("<{n}>"))).collect();
        let expected: Vec<u8> = frames.concat();
        let (mut near, mut far) = duplex(7);
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.map(|_| all)
        });
        let mut outlet = Outlet::default();
        frames.into_iter().for_each(|frame| outlet.put(frame));
        outlet.write(&mut near, Duration::from_secs(5)).await.unwrap();
        drop(near);
        assert_eq!(reader.await.unwrap().unwrap(), expected);
        assert!(outlet.is_empty() && outlet.frames.capacity() <= KEPT_SLOTS);
    }

    #[tokio::test]
    async fn only_a_frame_that_was_begun_is_finished() {
        let (mut near, mut far) = duplex(5);
        let mut outlet = Outlet::default();
        for text in ["<one>", "<two>", "<three>"] {
            outlet.put(Bytes::from_static(text.as_bytes()));
        }
        outlet.write(&mut near, Duration::from_millis(10)).await.unwrap_err();
        outlet.give_up(); // the first is out, of the second nothing
        outlet.put(Bytes::from_static(b"<four>"));
        let mut all = vec![0; 5];
        far.read_exact(&mut all).await.unwrap();
        outlet.write(&mut near, Duration::from_millis(10)).await.unwrap_err();
        outlet.give_up(); // of the fourth only the last byte is missing
        outlet.put(Bytes::from_static(b"<end>"));
        let writer =
            tokio::spawn(async move { outlet.write(&mut near, Duration::from_secs(5)).await });
        far.read_to_end(&mut all).await.unwrap();
        writer.await.unwrap().unwrap();
        assert_eq!(all, b"<one><four><end>");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_given_up() {
        let (mut near, _far) = duplex(4);
        let mut outlet = Outlet::default();
        outlet.put(Bytes::from_static(b"12345678"));
        let error = outlet.write(&mut near, Duration::from_secs(8)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
