//! The accept loop: one task a connection, bounded in number, patience and header size.
//!
//! axum's own `serve` sets no time for headers, so a client that sends a byte a second would hold its connection
//! for ever; hence hyper here by hand.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

use super::proxies::Proxies;

/// How long a client may take to send its headers, and how long a connection may be idle between requests.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// The longest request line and headers, in bytes.
const HEADERS_MOST: usize = 32 * 1024;
/// How much of a request is buffered at once, in bytes.
const BUFFER: usize = 64 * 1024;
/// How long the other end may take nothing of what waits for it. With the comments of events and the pings of sockets, one
/// that vanished without a word is gone within a minute.
#[cfg(target_os = "linux")]
const TAKEN_WITHIN: Duration = Duration::from_secs(40);
/// How much waits in the kernel until it can be sent, in bytes.
#[cfg(target_os = "linux")]
const UNSENT_MOST: u32 = 64 * 1024;
/// Pause after a connection could not be accepted, most often for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Who asks: whoever is at the other end of the connection, or of that to a trusted proxy.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Serves until `stop`, then lets what is in flight finish, for at most `patience`; then it is cut off.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    proxies: Proxies,
    most: usize,
    stop: CancellationToken,
    patience: Duration,
) {
    let places = Arc::new(Semaphore::new(most));
    let (open, cut) = (TaskTracker::new(), CancellationToken::new());
    while let Some((stream, peer, place)) = next(&listener, &places, &stop).await {
        let connection = connection(stream, peer, router.clone(), proxies.clone(), stop.clone());
        let cut = cut.clone();
        open.spawn(async move {
            cut.run_until_cancelled(connection).await;
            drop(place);
        });
    }
    drop(listener);
    open.close();
    if timeout(patience, open.wait()).await.is_err() {
        tracing::warn!("requests were cut off: they took longer than the hub may wait at its end");
        cut.cancel();
        open.wait().await;
    }
}

/// The next connection with a place for it; `None` when it is time to stop.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let accept = async {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((stream, peer, place)),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => None,
        accepted = accept => accepted,
    }
}

/// An answer is small and must not wait for the next. Who takes nothing for too long is gone, and what they are slow to
/// take waits with whoever writes it, who can do something about it, and not in the kernel.
fn tune(stream: &TcpStream) {
    let tuned = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let tuned = tuned.and_then(|()| {
        let socket = socket2::SockRef::from(stream);
        socket.set_tcp_user_timeout(Some(TAKEN_WITHIN))?;
        socket.set_tcp_notsent_lowat(UNSENT_MOST)
    });
    if let Err(error) = tuned {
        tracing::debug!(%error, "a connection stays as the system made it");
    }
}

/// Serves one connection until it ends; once it is time to stop, until the request in flight is answered. One that
/// has not asked for anything yet is dropped then: hyper would wait for its first request.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    proxies: Proxies,
    stop: CancellationToken,
) {
    tune(&stream);
    let has_asked = Arc::new(AtomicBool::new(false));
    let asks = Arc::clone(&has_asked);
    let service = service_fn(move |request: Request<Incoming>| {
        asks.store(true, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        let peer = proxies.peer(peer, request.headers());
        request.extensions_mut().insert(ConnectInfo(Peer(peer)));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_header_size(HEADERS_MOST)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            if !has_asked.load(Ordering::Relaxed) {
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended");
    }
}
