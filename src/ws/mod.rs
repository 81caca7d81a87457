//! The realtime side: `GET /connection/websocket` in the Centrifuge client protocol (JSON), and `GET /connection/sse` for
//! plain HTTP readers of one channel.
//!
//! One task serves one socket. Channels put finished, shared frames into its outbox; the task writes whatever
//! waits in one go. What the protocol is stands in `docs/PROTOCOL.md`; who may hear what is asked of [`Access`].

mod access;
mod budget;
mod clocks;
mod codes;
mod command;
mod encode;
mod events;
mod frame;
mod handshake;
mod hearing;
mod housekeeping;
mod hub_access;
mod leaving;
mod line;
mod membership;
mod origin;
mod outlet;
mod reply;
mod session;
mod sessions;
mod settings;
mod subscribing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{Router, routing::get};
use hub_actors::Channels;
use hub_domain::Clock;

pub use access::{Access, Answer, Organization, Place, Unavailable};
pub use encode::JsonEncoder;
pub use hub_access::HubAccess;
pub use origin::{BadOrigin, Origins};
pub use sessions::Sessions;
pub use settings::SocketSettings;

use crate::http::error::ApiError;

/// What every socket shares. Clones share it.
#[derive(Clone)]
pub struct Realtime(Arc<Shared>);

struct Shared {
    access: Arc<dyn Access>,
    channels: Channels,
    sessions: Sessions,
    settings: SocketSettings,
    clock: Arc<dyn Clock>,
    node: String,
}

impl Realtime {
    /// The realtime side of a hub. Starts the task that publishes summaries and ages histories, which ends with
    /// the last clone of this value: to be called inside a runtime.
    #[must_use]
    pub fn start(
        access: Arc<dyn Access>,
        channels: Channels,
        settings: SocketSettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let node = uuid::Uuid::now_v7().to_string();
        let sessions = Sessions::new(channels.clone(), &settings);
        let shared = Arc::new(Shared { access, channels, sessions, settings, clock, node });
        housekeeping::start(&shared);
        Self(shared)
    }

    /// The sessions of this process, to end some of them.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }
}

/// The socket's route, to be merged into the hub's own.
pub fn routes<S: Clone + Send + Sync + 'static>(realtime: Realtime) -> Router<S> {
    let connect = get(handshake::connect).fallback(async || ApiError::MethodNotAllowed);
    Router::new().route("/connection/websocket", connect).with_state(realtime)
}

/// The route of events, which pages of listed origins may ask as they ask the rest of the interface.
pub fn event_routes<S: Clone + Send + Sync + 'static>(realtime: Realtime) -> Router<S> {
    Router::new().route("/connection/sse", get(events::listen)).with_state(realtime)
}
