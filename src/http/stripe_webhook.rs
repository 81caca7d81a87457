//! Where the webhooks of Stripe come in: verified, stored, answered; worked afterwards.

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode},
};
use bytes::Bytes;
use hub_billing::{Billing, EventFacts};
use hub_jobs::billing::PROVIDER;
use hub_store::records::NewWebhookEvent;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{answers::PartnerErrors, body, error::ApiError, server::Peer};
use crate::{app::Hub, auth::attempts::origin_of};

/// The header of Stripe's signature.
pub const SIGNATURE_HEADER: &str = "Stripe-Signature";

/// The longest body, in bytes. Stripe's own are some thousand, and tens of thousands for long invoices.
const BODY_LIMIT: usize = 256 * 1024;

/// What is answered here, with what the document says of it.
pub fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(webhook))
}

/// Takes in an event of Stripe's: it is stored, and worked within moments. One that came before is thanked for again.
///
/// # Errors
/// 400 without a good signature of the last 300 seconds, 404 on a hub without billing, 422 for a body that is no event,
/// 429 after too many bad ones, 503 when it could not be stored.
#[utoipa::path(
    post,
    path = "/api/integrations/stripe",
    operation_id = "receiveStripeWebhook",
    tag = "Senders",
    request_body(content = Object, description = "An event of Stripe's."),
    security(("stripeSignature" = [])),
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
    // what says nothing of who sent it is refused as such, whether there is billing or not
    if !request.headers().contains_key(SIGNATURE_HEADER) {
        return Err(ApiError::BadSignature);
    }
    let payments = hub.payments.as_ref().ok_or(ApiError::NotFound)?;
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, BODY_LIMIT).await?;
    admit(&hub, &payments.billing, peer, &parts.headers, &bytes)?;
    let event = event_of(&bytes)?;
    let kind = event.kind.clone();
    let is_new = hub.store.keep_webhook(PROVIDER, event, hub.clock.now()).await?;
    let copy = if is_new { "first" } else { "later" };
    metrics::counter!("hub_webhooks_total", "provider" => PROVIDER, "copy" => copy).increment(1);
    tracing::debug!(kind, copy, "an event of Stripe's is stored");
    payments.nudge();
    Ok(StatusCode::OK)
}

/// Goes on only if Stripe signed it. Who signs wrongly too often has to wait, as with any other secret.
fn admit(
    hub: &Hub,
    billing: &Billing,
    peer: Peer,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), ApiError> {
    let header = headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
    let verified = billing.verify(header.unwrap_or_default(), body, hub.clock.now());
    let Err(error) = verified else { return Ok(()) };
    tracing::warn!(%error, "a webhook is not Stripe's");
    hub.wrong_secrets.take(origin_of(peer.0.ip())).map_err(ApiError::TooManyRequests)?;
    Err(ApiError::BadSignature)
}

fn event_of(bytes: &Bytes) -> Result<NewWebhookEvent, ApiError> {
    let facts = EventFacts::read(bytes)
        .map_err(|_| ApiError::field("", "no_event", "the body is no event of Stripe's"))?;
    let body = String::from_utf8(bytes.to_vec())
        .map_err(|_| ApiError::field("", "no_event", "the body is no text"))?;
    let (id, kind, occurred_at) = (facts.id, facts.kind, facts.created_at);
    Ok(NewWebhookEvent { id, kind, body, occurred_at })
}
