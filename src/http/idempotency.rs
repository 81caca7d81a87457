//! `Idempotency-Key`: a creating request that is sent again makes nothing again, and is answered with what the first
//! one made.
//!
//! A key is taken with the requests that make an object of [`PLACES`], and with no other: what else is posted changes
//! an object that is named (restored, assigned, acknowledged), which does no harm when it is done again, or shows a
//! secret (a key's rotation, a link) that nobody keeps and that therefore cannot be shown again.
//!
//! The key is kept in the transaction that makes the object, so there is no moment at which one is durable without the
//! other. The answer to a repetition shows the object as it is now; a secret that was shown once is not shown again.
//! One that was deleted since is said to be so: it is not made again.

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, FromRequestParts as _, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header::LOCATION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hub_store::{Made, RequestKey};
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;

use super::{body, error::ApiError, server::Peer};
use crate::{app::Hub, auth::Caller};

/// The header of the key.
pub const KEY_HEADER: &str = "idempotency-key";
/// The header of an answer that is one to a repetition.
pub const REPLAYED_HEADER: &str = "idempotency-replayed";

/// The longest key, in characters.
pub const LONGEST_KEY: usize = 255;

/// Where objects of a kind are read, for every kind that a request may make.
pub const PLACES: &[(&str, &str)] = &[
    ("site", "/api/v1/sites"),
    ("area", "/api/v1/areas"),
    ("unit", "/api/v1/units"),
    ("device", "/api/v1/devices"),
    ("gateway", "/api/v1/gateways"),
    ("calibration", "/api/v1/calibrations"),
    ("api_key", "/api/v1/api-keys"),
    ("ttn_connection", "/api/v1/ttn-connections"),
    ("alert_rule", "/api/v1/alert-rules"),
    ("manual_log", "/api/v1/manual-logs"),
    ("corrective_action", "/api/v1/corrective-actions"),
    ("maintenance_window", "/api/v1/maintenance-windows"),
    ("contact", "/api/v1/contacts"),
    ("notification_policy", "/api/v1/notification-policies"),
    ("digest_subscription", "/api/v1/digests"),
    ("invitation", "/api/v1/invitations"),
    ("inspector_link", "/api/v1/inspector-links"),
];

/// What the layer works with: the hub, and its own routes to read what was made.
#[derive(Clone)]
pub struct Replayer {
    /// The hub.
    pub hub: Hub,
    /// The routes.
    pub routes: Router,
}

/// Answers a repetition of a creating request with what the first one made.
///
/// # Errors
/// 400 for a key that cannot be one, 422 for that of another request, and whatever the request itself is refused with.
pub async fn around(
    State(replayer): State<Replayer>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Some(header) = request.headers().get(KEY_HEADER) else {
        return Ok(next.run(request).await);
    };
    if request.method() != Method::POST || !makes(request.uri().path()) {
        return Ok(next.run(request).await);
    }
    let key = key_of(header)?;
    let (mut parts, body) = request.into_parts();
    let hub = &replayer.hub;
    let caller = Caller::from_request_parts(&mut parts, hub).await?;
    let bytes = body::read(&parts.headers, body, body::ORDINARY_LIMIT).await?;
    let place = parts.uri.path_and_query().map_or("", |place| place.as_str());
    let fingerprint = fingerprint(place, &bytes);
    let original = Original {
        headers: parts.headers.clone(),
        peer: parts.extensions.get::<ConnectInfo<Peer>>().copied(),
        caller: caller.clone(),
        fingerprint,
    };
    if let Some(made) = hub.store.made_by(caller.org, caller.id(), &key).await? {
        return replayer.replay(original, &made).await;
    }
    let mark = RequestKey { caller: caller.id(), key: key.clone(), fingerprint };
    parts.extensions.insert(caller.clone().once(mark));
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    // the same request, at the same time: the other one was first, and this one met its key, or what it had made
    let is_repeated = response.extensions().get::<Repeated>().is_some();
    if !is_repeated && !matches!(response.status(), StatusCode::CONFLICT | StatusCode::NOT_FOUND) {
        return Ok(response);
    }
    match hub.store.made_by(caller.org, caller.id(), &key).await? {
        Some(made) => replayer.replay(original, &made).await,
        None if is_repeated => Err(ApiError::Unavailable),
        None => Ok(response),
    }
}

/// Whether what is posted to this path, or to all that it is the pattern of, makes an object of [`PLACES`].
#[must_use]
pub fn makes(path: &str) -> bool {
    let of_unclaimed = path.strip_prefix("/api/v1/unclaimed-devices/");
    let is_claim = of_unclaimed.is_some_and(|rest| rest.ends_with("/claim"));
    is_claim || PLACES.iter().any(|(_, place)| *place == path)
}

/// What of a request is needed to read what it made. Not the rest that routing has put to it: its path is another.
struct Original {
    headers: HeaderMap,
    peer: Option<ConnectInfo<Peer>>,
    caller: Caller,
    fingerprint: [u8; 32],
}

/// Marks an answer that says: this was done before.
#[derive(Clone, Copy, Debug)]
pub struct Repeated;

/// Marks the read of what a repeated request made, for objects that can be shown when they were deleted.
#[derive(Clone, Copy, Debug)]
pub struct Replaying;

impl Replayer {
    async fn replay(&self, asked: Original, made: &Made) -> Result<Response, ApiError> {
        if made.fingerprint != asked.fingerprint {
            return Err(ApiError::KeyReused);
        }
        let place = PLACES.iter().find(|(kind, _)| *kind == made.object_kind);
        let location = match place {
            Some((_, path)) => format!("{path}/{}", made.object_id),
            None => return Err(ApiError::KeyReused),
        };
        let mut read = Request::builder()
            .uri(&location)
            .body(Body::empty())
            .map_err(|_| ApiError::Internal)?;
        *read.headers_mut() = asked.headers;
        read.headers_mut().remove(KEY_HEADER);
        read.extensions_mut().insert(asked.caller); // is counted already
        read.extensions_mut().insert(Replaying);
        if let Some(peer) = asked.peer {
            read.extensions_mut().insert(peer);
        }
        let mut response = self.routes.clone().oneshot(read).await.into_response();
        if response.status() == StatusCode::NOT_FOUND {
            response = ApiError::DeletedSince.into_response();
        }
        if response.status() == StatusCode::OK {
            if made.is_new {
                *response.status_mut() = StatusCode::CREATED;
            }
            if let Ok(location) = HeaderValue::from_str(&location) {
                response.headers_mut().insert(LOCATION, location);
            }
        }
        response.headers_mut().insert(REPLAYED_HEADER, HeaderValue::from_static("true"));
        Ok(response)
    }
}

fn key_of(header: &HeaderValue) -> Result<String, ApiError> {
    let key = header.to_str().ok().filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    let key = key.filter(|key| key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
    key.map(str::to_owned).ok_or_else(|| {
        super::asked::bad_query("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
    })
}

fn fingerprint(place: &str, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(place);
    hash.update([0]);
    hash.update(body);
    hash.finalize().into()
}
