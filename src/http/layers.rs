//! What every request passes through: an id, a span, safe headers, numbers, and a net under panics.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
            REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use tokio::time::timeout;
use tracing::Instrument as _;
use uuid::Uuid;

use super::{
    error::{ApiError, Problem},
    linger::Lent,
};

/// No request takes longer, whatever it waits for.
const LONGEST: Duration = Duration::from_secs(60);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the board needs and nothing else: its own files, its own socket.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; img-src 'self' data:; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
);

/// How long a browser comes by TLS alone once it did: a year.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// How people reach the hub.
#[derive(Clone, Copy, Debug)]
pub struct Outside {
    /// Whether its public address is one of TLS.
    pub is_https: bool,
}

/// Wraps the answer to one request.
pub async fn around(State(outside): State<Outside>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = Uuid::now_v7();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("other", MatchedPath::as_str).to_owned();
    let method = method_name(request.method().as_str());
    let span = tracing::info_span!("request", request.id = %id, method, route);
    let is_private = request.uri().path().starts_with("/api");
    let body = Lent::of(&mut request);
    let answer = timeout(LONGEST, AssertUnwindSafe(next.run(request)).catch_unwind());
    let mut response = match answer.instrument(span.clone()).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => span.in_scope(|| caught(panic.as_ref())),
        Err(_) => ApiError::Unavailable.into_response(),
    };
    finish(&mut response, id);
    if outside.is_https {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, STRICT);
    }
    if is_private {
        // answers hold tenants' data, and tokens
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let status = response.status();
    if let Some(rest) = body.filter(|_| status.is_client_error() || status.is_server_error()) {
        rest.drain().await;
    }
    span.in_scope(|| {
        tracing::debug!(
            status = status.as_u16(),
            duration_ms = begun.elapsed().as_millis(),
            "answered"
        )
    });
    count(route, method, status, begun);
    response
}

/// A panic is a mistake of ours. It is logged without its words, which may hold what was sent.
fn caught(panic: &(dyn Any + Send)) -> Response {
    let length = panic.downcast_ref::<String>().map_or(0, String::len);
    tracing::error!(length, "a request made the hub panic");
    metrics::counter!("hub_http_panics_total").increment(1);
    ApiError::Internal.into_response()
}

fn finish(response: &mut Response, id: Uuid) {
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        problem.instance = Some(format!("urn:uuid:{id}"));
        response.headers_mut().remove(CONTENT_LENGTH);
        response.headers_mut().remove(CONTENT_ENCODING); // the body that was compressed is not sent
        *response.body_mut() = problem.body().into();
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// Numbers by route, never by path: paths name tenants' objects, and there is no end of them.
fn count(route: String, method: &'static str, status: StatusCode, begun: Instant) {
    let class = match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    metrics::counter!("hub_http_requests_total", "route" => route.clone(), "method" => method, "status" => class).increment(1);
    metrics::histogram!("hub_http_request_seconds", "route" => route)
        .record(begun.elapsed().as_secs_f64());
}

/// The method as a label: there is no end of the methods that a client may think of.
fn method_name(method: &str) -> &'static str {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}
