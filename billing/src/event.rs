//! What a webhook speaks of. Not what it says: of that the newest is asked, so that order and repetition do not matter.

use hub_domain::{OrgId, Timestamp};
use serde_json::Value;

use crate::facts::{id_of, text_of};

/// What is needed of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFacts {
    /// Stripe's id of it, the same in each repetition.
    pub id: String,
    /// `customer.subscription.updated` and the like.
    pub kind: String,
    /// When it happened, to the second.
    pub created_at: Timestamp,
    /// The subscription that it speaks of.
    pub subscription: Option<String>,
    /// The customer that it speaks of.
    pub customer: Option<String>,
    /// The organization that we wrote on it.
    pub org: Option<OrgId>,
}

/// The body is no event of Stripe's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no event of Stripe's")]
pub struct NotAnEvent;

impl EventFacts {
    /// Reads a body whose signature is good. What is not needed may be of any shape.
    ///
    /// # Errors
    /// For what is no JSON object with an `id` of at most 255 characters and a `type`.
    pub fn read(body: &[u8]) -> Result<Self, NotAnEvent> {
        let event: Value = serde_json::from_slice(body).map_err(|_| NotAnEvent)?;
        let id = text_of(&event["id"]).filter(|id| (1..=255).contains(&id.len()));
        let object = &event["data"]["object"];
        let of_subscriptions = is_of_subscriptions(&event["type"]).then_some(object);
        Ok(Self {
            id: id.ok_or(NotAnEvent)?,
            kind: text_of(&event["type"]).ok_or(NotAnEvent)?,
            created_at: Timestamp::from_millis(
                event["created"].as_i64().unwrap_or(0).saturating_mul(1_000),
            ),
            subscription: of_subscriptions.and_then(subscription),
            customer: of_subscriptions.and_then(|object| id_of(&object["customer"])),
            org: of_subscriptions.and_then(organization),
        })
    }
}

fn is_of_subscriptions(kind: &Value) -> bool {
    let kind = kind.as_str().unwrap_or_default();
    ["customer.subscription.", "checkout.session.", "invoice."]
        .iter()
        .any(|begin| kind.starts_with(begin))
}

/// The subscription itself, that of a checkout, or that of an invoice: which has it in another place since 2025.
fn subscription(object: &Value) -> Option<String> {
    match object["object"].as_str() {
        Some("subscription") => text_of(&object["id"]),
        _ => id_of(&object["subscription"])
            .or_else(|| id_of(&object["parent"]["subscription_details"]["subscription"])),
    }
}

fn organization(object: &Value) -> Option<OrgId> {
    let ours = [
        &object["metadata"]["org_id"],
        &object["client_reference_id"],
        &object["parent"]["subscription_details"]["metadata"]["org_id"],
    ];
    ours.into_iter().find_map(|text| text.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ORG: &str = "019a0000-0000-7000-8000-000000000001";

    fn read(kind: &str, object: &Value) -> EventFacts {
        let event = json!({ "id": "evt_1", "type": kind, "created": 1_795_000_000, "data": { "object": object } });
        EventFacts::read(event.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_subscription_is_found_wherever_it_stands() {
        let of_org = json!({ "org_id": ORG });
        let events = [
            read(
                "customer.subscription.updated",
                &json!({ "object": "subscription", "id": "sub_1", "customer": "cus_1", "metadata": of_org }),
            ),
            read(
                "checkout.session.completed",
                &json!({ "object": "checkout.session", "subscription": { "id": "sub_1" }, "customer": { "id": "cus_1" }, "client_reference_id": ORG }),
            ),
            read(
                "invoice.paid",
                &json!({ "object": "invoice", "subscription": "sub_1", "customer": "cus_1", "metadata": of_org }),
            ),
            read(
                "invoice.payment_failed",
                &json!({ "object": "invoice", "customer": "cus_1",
                    "parent": { "subscription_details": { "subscription": "sub_1", "metadata": of_org } } }),
            ),
        ];
        for event in events {
            assert_eq!(event.subscription.as_deref(), Some("sub_1"), "{event:?}");
            assert_eq!(event.customer.as_deref(), Some("cus_1"), "{event:?}");
            assert_eq!(event.org.unwrap().to_string(), ORG);
            assert_eq!(event.created_at.as_millis(), 1_795_000_000_000);
        }
    }

    #[test]
    fn events_of_anything_else_speak_of_no_subscription() {
        for kind in ["customer.created", "payment_intent.succeeded", "a.new.kind"] {
            let event =
                read(kind, &json!({ "object": "x", "subscription": "sub_1", "customer": "cus_1" }));
            assert_eq!((event.subscription, event.customer, event.org), (None, None, None));
        }
    }

    #[test]
    fn what_is_no_event_is_refused_and_what_is_strange_in_one_is_not() {
        for bad in ["", "[]", "null", "{}", r#"{"id":1,"type":"x"}"#, r#"{"id":"","type":"x"}"#] {
            assert_eq!(EventFacts::read(bad.as_bytes()), Err(NotAnEvent), "{bad}");
        }
        let strange = r#"{"id":"evt_1","type":"invoice.paid","created":"soon","data":[]}"#;
        assert_eq!(EventFacts::read(strange.as_bytes()).unwrap().subscription, None);
    }
}
