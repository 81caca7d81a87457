//! Reading on after a refusal, so that the refusal arrives.
//!
//! A body that is refused before all of it was read leaves bytes in the socket; closing it then makes the system
//! reset the connection, and the client sees that instead of its 401, 413 or 429. So the rest of a refused body is
//! read and thrown away, up to a bound.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::header::EXPECT,
};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::timeout;

/// So much of a refused body is read, in bytes, and for so long.
const MOST: usize = 8 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(2);

/// A request's body that can be read on after its handler is done.
#[derive(Clone)]
pub struct Lent(Arc<Mutex<Body>>);

impl Lent {
    /// Lends the request's body to its handler. `None` where there is none, or the client waits to be asked for it.
    pub fn of(request: &mut Request) -> Option<Self> {
        if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
            return None;
        }
        let lent = Self(Arc::new(Mutex::new(std::mem::take(request.body_mut()))));
        *request.body_mut() = Body::new(lent.clone());
        Some(lent)
    }

    /// Throws the rest away.
    pub async fn drain(mut self) {
        let all = async {
            let mut read = 0;
            while let Some(Ok(frame)) = self.frame().await {
                read += frame.data_ref().map_or(0, Bytes::len);
                if read > MOST {
                    return;
                }
            }
        };
        timeout(PATIENCE, all).await.ok(); // whoever is slower than that sees a reset
    }

    fn body(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.body()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}
