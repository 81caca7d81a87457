//! How a socket ends from this side.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use super::{codes::Close, frame, outlet::Outlet, reply, sessions::Seat};

/// How long a closing socket may take for its last words, and how long the other side is then listened to, so
/// that they are not lost to a reset.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long it may take where the other side has stopped reading.
const LAST_WORDS_TO_SLOW: Duration = Duration::from_secs(4);

/// Says the last words and gives the seat back, then listens a little longer.
pub(crate) async fn leave<S>(seat: Seat, mut outlet: Outlet, stream: &mut S, close: Close)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    metrics::counter!("hub_sockets_closed_total", "code" => close.0.to_string()).increment(1);
    seat.subscriber().close(close.0); // nothing more is put in
    outlet.give_up();
    if close == Close::SHUTDOWN {
        outlet.put(reply::disconnect(close));
    }
    outlet.put(frame::close(close.0, close.1));
    if close == Close::SLOW {
        drop(seat); // who stopped reading hears the reason if it reads on soon, but counts no longer
        timeout(LAST_WORDS_TO_SLOW, outlet.write(stream, LAST_WORDS_TO_SLOW)).await.ok();
    } else {
        timeout(LAST_WORDS, outlet.write(stream, LAST_WORDS)).await.ok();
        drop(seat);
    }
    timeout(LAST_WORDS, listen_on(stream)).await.ok();
}

/// Reads and forgets until the other side closes: bytes left unread would turn the close into a reset, and the
/// close frame might never be seen.
async fn listen_on<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut unread = [0; 1024];
    let mut left: usize = 4 * 1024 * 1024;
    while let Ok(read @ 1..) = stream.read(&mut unread).await {
        match left.checked_sub(read) {
            Some(less) => left = less,
            None => return,
        }
    }
}
