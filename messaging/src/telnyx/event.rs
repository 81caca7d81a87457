//! What a webhook of Telnyx says, read leniently: what is not known is left alone, never an error.

use chrono::DateTime;
use hub_domain::{PhoneNumber, Timestamp};
use serde_json::Value;

use super::errors::TelnyxError;

/// The longest text of a reply that is read, in characters; ten segments.
const LONGEST_TEXT: usize = 1600;

/// One event. It may come late, out of order and several times; its `event_id` tells whether it was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TelnyxEvent {
    /// What became of a message of ours.
    Receipt(Receipt),
    /// A message to us.
    Inbound(Inbound),
    /// Anything else, which is stored and not worked.
    Other {
        /// The event's id, where it has one.
        event_id: Option<String>,
        /// Its type, as it stands there.
        event_type: String,
    },
}

/// What became of a message of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The event's id.
    pub event_id: String,
    /// The message's, as [`Accepted`](crate::Accepted) has it.
    pub message_id: String,
    /// When it happened.
    pub occurred_at: Option<Timestamp>,
    /// What.
    pub status: ReceiptStatus,
    /// Why, where it failed. See [`TelnyxError::refusal`].
    pub errors: Vec<TelnyxError>,
}

/// How far a message has come. Ordered: what is greater is further, so that receipts out of order only move ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReceiptStatus {
    /// At the carrier.
    Sent,
    /// The carrier never said what became of it.
    Unconfirmed,
    /// It will not arrive.
    Failed,
    /// At the phone.
    Delivered,
}

/// A message to us.
#[derive(Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The event's id.
    pub event_id: String,
    /// The message's.
    pub message_id: String,
    /// Who sent it.
    pub from: PhoneNumber,
    /// To which number of ours; `None` for a short code.
    pub to: Option<PhoneNumber>,
    /// What it says, at most 1,600 characters.
    pub text: String,
    /// When Telnyx had it.
    pub received_at: Option<Timestamp>,
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Inbound");
        shown.field("event_id", &self.event_id).field("message_id", &self.message_id);
        shown.field("received_at", &self.received_at).finish_non_exhaustive()
    }
}

/// A body that is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is no JSON object")]
pub struct NotAnEvent;

impl TelnyxEvent {
    /// Reads a webhook's body, once its signature is known to be good.
    ///
    /// # Errors
    /// When it is no JSON object. Whatever else it may be is [`TelnyxEvent::Other`].
    pub fn parse(body: &[u8]) -> Result<Self, NotAnEvent> {
        let event: Value = serde_json::from_slice(body).map_err(|_| NotAnEvent)?;
        if !event.is_object() {
            return Err(NotAnEvent);
        }
        let data = &event["data"];
        let event_type = text(&data["event_type"]).unwrap_or_default();
        let known = match event_type.as_str() {
            "message.sent" | "message.finalized" => receipt(data, &event_type).map(Self::Receipt),
            "message.received" => inbound(data).map(Self::Inbound),
            _ => None,
        };
        Ok(known.unwrap_or_else(|| Self::Other { event_id: text(&data["id"]), event_type }))
    }

    /// The event's id; the same for a repetition.
    #[must_use]
    pub fn event_id(&self) -> Option<&str> {
        match self {
            Self::Receipt(receipt) => Some(&receipt.event_id),
            Self::Inbound(inbound) => Some(&inbound.event_id),
            Self::Other { event_id, .. } => event_id.as_deref(),
        }
    }
}

fn receipt(data: &Value, event_type: &str) -> Option<Receipt> {
    let payload = &data["payload"];
    let told = payload.pointer("/to/0/status").and_then(Value::as_str).unwrap_or_default();
    let status = match told {
        "delivered" => ReceiptStatus::Delivered,
        "sending_failed" | "delivery_failed" => ReceiptStatus::Failed,
        "delivery_unconfirmed" => ReceiptStatus::Unconfirmed,
        // the document's own example of `message.sent` still says "queued"
        _ if event_type == "message.sent" => ReceiptStatus::Sent,
        // it is final, and nobody knows how
        _ => ReceiptStatus::Unconfirmed,
    };
    Some(Receipt {
        event_id: text(&data["id"])?,
        message_id: text(&payload["id"])?,
        occurred_at: instant(&data["occurred_at"]),
        status,
        errors: TelnyxError::all_in(&payload["errors"]),
    })
}

fn inbound(data: &Value) -> Option<Inbound> {
    let payload = &data["payload"];
    let number = |at: &str| PhoneNumber::parse(payload.pointer(at)?.as_str()?);
    let said = payload["text"].as_str().unwrap_or_default();
    Some(Inbound {
        event_id: text(&data["id"])?,
        message_id: text(&payload["id"])?,
        from: number("/from/phone_number")?,
        to: number("/to/0/phone_number"),
        text: said.chars().take(LONGEST_TEXT).collect(),
        received_at: instant(&payload["received_at"]).or_else(|| instant(&data["occurred_at"])),
    })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn instant(value: &Value) -> Option<Timestamp> {
    let instant = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
    Some(Timestamp::from_millis(instant.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FailureClass;
    use serde_json::json;

    fn parse(body: &Value) -> TelnyxEvent {
        TelnyxEvent::parse(body.to_string().as_bytes()).unwrap()
    }

    /// One word for what a body says.
    fn gist(event: &TelnyxEvent) -> String {
        match event {
            TelnyxEvent::Receipt(it) => {
                let refusal = TelnyxError::refusal(&it.errors);
                let why =
                    refusal.map_or(String::new(), |it| format!(" {} {:?}", it.code, it.class));
                format!("{:?}{why}", it.status)
            }
            TelnyxEvent::Inbound(it) => format!("{:?} from {}", it.text, it.from.as_str()),
            TelnyxEvent::Other { event_type, .. } => format!("other {event_type}"),
        }
    }

    #[test]
    fn every_published_body_is_understood() {
        let Some(text) = hub_testkit::shared::text("contracts/telnyx/webhook-bodies.json") else {
            return;
        };
        let bodies: Vec<Value> = serde_json::from_str(&text).unwrap();
        let read: Vec<(&str, String)> = bodies
            .iter()
            .map(|it| (it["name"].as_str().unwrap(), gist(&parse(&it["body"]))))
            .collect();
        let wanted = [
            ("spec example: message.sent (MMS)", "Sent"),
            ("spec example: message.received", "\"Hello, World!\" from +18665550001"),
            ("sent", "Sent"),
            ("finalized, delivered", "Delivered"),
            ("finalized again: the same event, second attempt", "Delivered"),
            ("finalized, not delivered", "Failed 40300 OptedOut"),
            ("finalized, could not be sent", "Failed 40001 GiveUp"),
            ("finalized, unconfirmed: the carrier never said", "Unconfirmed"),
            ("received: STOP", "\"STOP\" from +18665550001"),
        ];
        assert_eq!(read, wanted.map(|(name, gist)| (name, gist.to_owned())));
        let (first, again) = (parse(&bodies[3]["body"]), parse(&bodies[4]["body"]));
        assert_eq!(first, again, "a repetition is the same event");
        let TelnyxEvent::Receipt(receipt) = first else { panic!("a receipt") };
        assert_eq!(receipt.message_id, "40385f64-5717-4562-b3fc-2c963f66afa6");
        assert_eq!(receipt.occurred_at, Some(Timestamp::from_millis(1_548_267_002_574)));
        assert_eq!(TelnyxError::refusal(&receipt.errors), None);
    }

    #[test]
    fn an_unknown_error_of_a_receipt_is_retried_and_reported() {
        let body = json!({ "data": { "event_type": "message.finalized", "id": "e", "payload": { "id": "m",
            "to": [{ "status": "delivery_failed" }], "errors": [{ "code": "77777" }] } } });
        let TelnyxEvent::Receipt(receipt) = parse(&body) else { panic!("a receipt") };
        let refusal = TelnyxError::refusal(&receipt.errors).unwrap();
        assert_eq!((refusal.class, refusal.is_known), (FailureClass::Retry, false));
        assert_eq!(receipt.occurred_at, None);
    }

    #[test]
    fn what_is_not_known_is_left_alone_and_what_is_no_object_is_no_event() {
        let odd = [
            json!({}),
            json!({ "data": null }),
            json!({ "data": [1] }),
            json!({ "data": { "event_type": 7 } }),
            json!({ "data": { "event_type": "call.answered", "id": "e" } }),
            json!({ "data": { "event_type": "message.sent", "id": "e", "payload": {} } }),
            json!({ "data": { "event_type": "message.received", "id": "e",
                "payload": { "id": "m", "from": { "phone_number": "54321" } } } }),
        ];
        for body in odd {
            assert!(matches!(parse(&body), TelnyxEvent::Other { .. }), "{body}");
        }
        for body in ["", "[]", "7", "null", "{", "\u{feff}{}"] {
            assert_eq!(TelnyxEvent::parse(body.as_bytes()), Err(NotAnEvent), "{body:?}");
        }
    }

    #[test]
    fn a_reply_is_not_printed() {
        let body = json!({ "data": { "event_type": "message.received", "id": "e", "payload": { "id": "m",
            "from": { "phone_number": "+18665550001" }, "text": "canary" } } });
        let printed = format!("{:?}", parse(&body));
        assert!(!printed.contains("canary") && !printed.contains("8665550001"), "{printed}");
    }

    #[test]
    fn receipts_only_move_ahead() {
        use ReceiptStatus::{Delivered, Failed, Sent, Unconfirmed};
        assert!(Sent < Unconfirmed && Unconfirmed < Failed && Failed < Delivered);
    }
}
