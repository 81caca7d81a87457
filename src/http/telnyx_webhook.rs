//! Where the webhooks of Telnyx come in: verified, stored, answered; worked afterwards.

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode},
};
use hub_messaging::telnyx::{SIGNATURE_HEADER, TIMESTAMP_HEADER, TelnyxEvent};
use hub_store::records::NewWebhookEvent;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{answers::PartnerErrors, asked::Id, body, error::ApiError, server::Peer};
use crate::{app::Hub, auth::attempts::origin_of, telnyx::PROVIDER};

/// The longest body, in bytes. Telnyx's own are some thousand.
const BODY_LIMIT: usize = 64 * 1024;

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(webhook)).routes(routes!(receipt))
}

/// Takes in what Telnyx reports of the hub's number: above all what people answer. It is stored, and worked within
/// moments; what came before is thanked for again.
///
/// # Errors
/// 400 without a good signature of the last 300 seconds, 422 for a body that is no event, 429 after too many bad ones,
/// 503 when it could not be stored.
#[utoipa::path(
    post,
    path = "/api/integrations/telnyx",
    operation_id = "receiveTelnyxWebhook",
    tag = "Senders",
    request_body(content = Object, description = "An event of Telnyx's."),
    security(("telnyxSignature" = [])),
    responses(
        (status = 200, description = "It is durable."),
        PartnerErrors,
    ),
)]
pub async fn webhook(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    take_in(&hub, peer, request, "").await
}

/// Takes in what became of one try at a message.
///
/// # Errors
/// As above.
#[utoipa::path(
    post,
    path = "/api/integrations/telnyx/{attempt}",
    operation_id = "receiveTelnyxReceipt",
    tag = "Senders",
    params(("attempt" = Uuid, Path, description = "The try, as the hub named it when it sent the message.")),
    request_body(content = Object, description = "An event of Telnyx's."),
    security(("telnyxSignature" = [])),
    responses(
        (status = 200, description = "It is durable."),
        PartnerErrors,
    ),
)]
pub async fn receipt(
    State(hub): State<Hub>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Id(attempt): Id<Uuid>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    take_in(&hub, peer, request, &attempt.to_string()).await
}

async fn take_in(
    hub: &Hub,
    peer: Peer,
    request: Request,
    attempt: &str,
) -> Result<StatusCode, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, BODY_LIMIT).await?;
    admit(hub, peer, &parts.headers, &bytes)?;
    let event = event_of(&bytes, attempt, hub)?;
    let is_new = hub.store.keep_webhook(PROVIDER, event, hub.clock.now()).await?;
    let copy = if is_new { "first" } else { "later" };
    metrics::counter!("hub_webhooks_total", "provider" => PROVIDER, "copy" => copy).increment(1);
    Ok(StatusCode::OK)
}

/// Goes on only if Telnyx signed it. Who signs wrongly too often has to wait, as with any other secret.
fn admit(hub: &Hub, peer: Peer, headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (signature, timestamp) = (header(SIGNATURE_HEADER), header(TIMESTAMP_HEADER));
    let verified = hub.telnyx_keys.verify(body, signature, timestamp, hub.clock.now());
    let Err(error) = verified else { return Ok(()) };
    tracing::warn!(%error, "a webhook is not Telnyx's");
    hub.wrong_secrets.take(origin_of(peer.0.ip())).map_err(ApiError::TooManyRequests)?;
    Err(ApiError::BadSignature)
}

fn event_of(bytes: &[u8], attempt: &str, hub: &Hub) -> Result<NewWebhookEvent, ApiError> {
    let no_event = |detail| ApiError::field("", "no_event", detail);
    let event =
        TelnyxEvent::parse(bytes).map_err(|_| no_event("the body is no event of Telnyx's"))?;
    let id = event.event_id().ok_or_else(|| no_event("the event has no id"))?.to_owned();
    let body = String::from_utf8(bytes.to_vec()).map_err(|_| no_event("the body is no text"))?;
    Ok(NewWebhookEvent { id, kind: attempt.to_owned(), body, occurred_at: hub.clock.now() })
}
