//! What is needed of a subscription, read leniently.

use hub_domain::{OrgId, Plan, SubscriptionState, Timestamp};
use serde_json::Value;

use crate::{BillingError, Prices};

/// A subscription as Stripe has it at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionFacts {
    /// Stripe's id.
    pub id: String,
    /// The customer's.
    pub customer: String,
    /// The organization that we wrote on it.
    pub org: Option<OrgId>,
    /// Where it is in its life; `None` before its first payment, and for a word that Stripe has made up since.
    pub state: Option<SubscriptionState>,
    /// What is paid for; `None` for a price that is not of ours.
    pub plan: Option<Plan>,
    /// The item of that price, which a change of plan names.
    pub item: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The end of the trial, or of what is paid.
    pub until: Option<Timestamp>,
    /// When it ends because somebody said so.
    pub cancels_at: Option<Timestamp>,
}

impl SubscriptionFacts {
    /// Reads an answer.
    pub(crate) fn read(body: &[u8], prices: &Prices) -> Result<Self, BillingError> {
        let lost = || BillingError::lost("its answer is no subscription");
        let object: Value = serde_json::from_slice(body).map_err(|_| lost())?;
        let state = object["status"].as_str().and_then(state);
        let items = object["items"]["data"].as_array().map_or(&[][..], Vec::as_slice);
        let item = items.iter().find(|item| plan(item, prices).is_some());
        let ends =
            [&object["current_period_end"], &item.unwrap_or(&Value::Null)["current_period_end"]];
        let period_end = ends.into_iter().find_map(instant);
        Ok(Self {
            id: text_of(&object["id"]).ok_or_else(lost)?,
            customer: id_of(&object["customer"]).ok_or_else(lost)?,
            org: object["metadata"]["org_id"].as_str().and_then(|text| text.parse().ok()),
            state,
            plan: item.and_then(|item| plan(item, prices)),
            item: item.and_then(|item| text_of(&item["id"])),
            created_at: instant(&object["created"]).unwrap_or_default(),
            until: match state {
                Some(SubscriptionState::Trial) => instant(&object["trial_end"]),
                Some(SubscriptionState::Canceled) => instant(&object["ended_at"]),
                _ => period_end,
            },
            cancels_at: cancels_at(&object, period_end),
        })
    }
}

fn state(word: &str) -> Option<SubscriptionState> {
    match word {
        "trialing" => Some(SubscriptionState::Trial),
        "active" => Some(SubscriptionState::Active),
        "past_due" | "unpaid" => Some(SubscriptionState::PastDue),
        "canceled" | "incomplete_expired" => Some(SubscriptionState::Canceled),
        "paused" => Some(SubscriptionState::Paused),
        _ => None,
    }
}

fn plan(item: &Value, prices: &Prices) -> Option<Plan> {
    id_of(&item["price"]).and_then(|price| prices.plan(&price))
}

fn cancels_at(object: &Value, period_end: Option<Timestamp>) -> Option<Timestamp> {
    let at_end = object["cancel_at_period_end"].as_bool() == Some(true);
    instant(&object["cancel_at"]).or(period_end.filter(|_| at_end))
}

fn instant(seconds: &Value) -> Option<Timestamp> {
    seconds.as_i64().and_then(|seconds| seconds.checked_mul(1_000)).map(Timestamp::from_millis)
}

/// A text that is not empty.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The id of something that stands there as its id or as itself.
pub(crate) fn id_of(value: &Value) -> Option<String> {
    text_of(value).or_else(|| text_of(value.get("id")?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn prices() -> Prices {
        Prices::parse("starter=price_1,pro=price_2,active_sensors=price_3").unwrap()
    }

    fn read(object: &Value) -> SubscriptionFacts {
        SubscriptionFacts::read(object.to_string().as_bytes(), &prices()).unwrap()
    }

    fn subscription(status: &str) -> Value {
        json!({
            "id": "sub_1", "customer": "cus_1", "status": status, "created": 100, "trial_end": 200, "ended_at": 400,
            "items": { "data": [
                { "id": "si_0", "price": { "id": "price_3" }, "current_period_end": 301 },
                { "id": "si_1", "price": { "id": "price_2" }, "current_period_end": 300 },
            ] },
        })
    }

    #[test]
    fn each_word_of_stripes_is_a_state_of_ours() {
        for (word, state, until) in [
            ("trialing", Some(SubscriptionState::Trial), 200),
            ("active", Some(SubscriptionState::Active), 300),
            ("past_due", Some(SubscriptionState::PastDue), 300),
            ("unpaid", Some(SubscriptionState::PastDue), 300),
            ("canceled", Some(SubscriptionState::Canceled), 400),
            ("incomplete_expired", Some(SubscriptionState::Canceled), 400),
            ("paused", Some(SubscriptionState::Paused), 300),
            ("incomplete", None, 300),
            ("made_up_since", None, 300),
        ] {
            let facts = read(&subscription(word));
            let until = Some(Timestamp::from_millis(until * 1_000));
            assert_eq!((facts.state, facts.until), (state, until), "{word}");
            assert_eq!((facts.plan, facts.item.as_deref()), (Some(Plan::Pro), Some("si_1")));
        }
    }

    #[test]
    fn a_price_that_is_not_ours_is_no_plan() {
        let mut object = subscription("active");
        object["items"]["data"][1]["price"] = json!("price_9");
        let facts = read(&object);
        assert_eq!((facts.plan, facts.item, facts.until), (None, None, None));
    }

    #[test]
    fn an_end_that_was_asked_for_is_told() {
        let mut object = subscription("active");
        assert_eq!(read(&object).cancels_at, None);
        object["cancel_at_period_end"] = json!(true);
        assert_eq!(read(&object).cancels_at, Some(Timestamp::from_millis(300_000)));
        object["cancel_at"] = json!(350);
        assert_eq!(read(&object).cancels_at, Some(Timestamp::from_millis(350_000)));
    }

    #[test]
    fn an_answer_that_is_none_is_asked_for_again() {
        for body in ["", "<html>", "{}", r#"{"id":"sub_1"}"#] {
            let read = SubscriptionFacts::read(body.as_bytes(), &prices());
            assert!(matches!(read, Err(BillingError::Retry(_))), "{body}");
        }
    }
}
