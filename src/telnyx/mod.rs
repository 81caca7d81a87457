//! What Telnyx reports: what became of messages, and what people answer. It is stored before it is answered, and worked
//! afterwards, as often as it takes.
//!
//! What people answer is worked one after another, in its order, and does not wait for what became of messages, of which
//! there may be thousands and which may be worked in any order.

mod replies;

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use hub_domain::Timestamp;
use hub_messaging::{
    FailureClass,
    telnyx::{Receipt, ReceiptStatus, TelnyxError, TelnyxEvent},
};
use hub_store::{
    StoreError, notify,
    records::{WebhookEvent, WebhookKinds},
};
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use crate::{app::Hub, http::error::ApiError};

/// The name by which its webhooks are kept.
pub const PROVIDER: &str = "telnyx";

/// How often it is looked for what came in: what an answer waits at most.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How many are worked by one look.
const ONE_LOOK: u64 = 200;

/// How many reports of what became of messages are worked at once: as many as messages are sent by, so that they keep up.
const AT_ONCE: usize = 16;

/// The pause after one could not be worked, in milliseconds; it doubles with each try, up to [`LONGEST_PAUSE_MILLIS`].
const PAUSE_MILLIS: i64 = 1_000;
const LONGEST_PAUSE_MILLIS: i64 = 300_000;

/// Works what comes in, until it is aborted.
pub async fn look_after(hub: Hub) {
    tokio::join!(
        look_again(&hub, WebhookKinds::Unnamed, 1),
        look_again(&hub, WebhookKinds::Named, AT_ONCE),
    );
}

/// Works what comes in to the number (unnamed) or to a try at a message (named by it).
async fn look_again(hub: &Hub, kinds: WebhookKinds, at_once: usize) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let due = hub.store.due_webhooks(PROVIDER, kinds, hub.clock.now(), ONE_LOOK).await;
        let due = due.unwrap_or_else(|error| {
            tracing::debug!(%error, "reports of Telnyx could not be looked for");
            Vec::new()
        });
        let work = |event: WebhookEvent| async move {
            if let Err(error) = work(hub, &event).await {
                tracing::warn!(%error, "a report of Telnyx could not be worked; it is tried again");
            }
        };
        stream::iter(due).for_each_concurrent(at_once, work).await;
    }
}

/// Works one, and writes down what came of it, or when it is tried again.
async fn work(hub: &Hub, event: &WebhookEvent) -> Result<(), StoreError> {
    let now = hub.clock.now();
    let outcome = match TelnyxEvent::parse(event.body.as_bytes()) {
        Ok(TelnyxEvent::Receipt(receipt)) => note(hub, &event.kind, &receipt).await,
        Ok(TelnyxEvent::Inbound(message)) => replies::work(hub, &message).await,
        Ok(TelnyxEvent::Other { .. }) => Ok("nothing to do"),
        Err(_) => Ok("no event"),
    };
    match outcome {
        Ok(outcome) => hub.store.finish_webhook(PROVIDER, &event.id, None, outcome, now).await,
        Err(error) => {
            tracing::warn!(?error, "a report of Telnyx waits");
            hub.store.put_off_webhook(PROVIDER, &event.id, later(now, event.attempts)).await
        }
    }
}

fn later(now: Timestamp, attempts: u32) -> Timestamp {
    let pause = PAUSE_MILLIS.checked_shl(attempts.min(16)).unwrap_or(LONGEST_PAUSE_MILLIS);
    now.plus_millis(pause.min(LONGEST_PAUSE_MILLIS))
}

/// Writes a receipt down. `kind` is the try that it is of, where its address named one.
async fn note(hub: &Hub, kind: &str, receipt: &Receipt) -> Result<&'static str, ApiError> {
    let attempt: Option<Uuid> = kind.parse().ok();
    let told = match receipt.status {
        ReceiptStatus::Sent => notify::Receipt::Sent,
        ReceiptStatus::Delivered => notify::Receipt::Delivered,
        ReceiptStatus::Unconfirmed => return Ok("unconfirmed"), // the next channel comes by time
        ReceiptStatus::Failed => failed(&receipt.errors),
    };
    let is_known = hub.store.note_receipt(attempt, &receipt.message_id, &told).await?;
    Ok(if is_known { "noted" } else { "no message of ours" })
}

fn failed(errors: &[TelnyxError]) -> notify::Receipt {
    let refusal = TelnyxError::refusal(errors);
    let is_opt_out = refusal.as_ref().is_some_and(|it| it.class == FailureClass::OptedOut);
    let (code, detail) = refusal.map_or_else(
        || ("failed".to_owned(), "the carrier did not say why".to_owned()),
        |refusal| (refusal.code, refusal.detail),
    );
    notify::Receipt::Failed { code, detail, is_opt_out }
}
