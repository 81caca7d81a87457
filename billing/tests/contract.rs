//! What is sent to Stripe, judged by Stripe's own documents; and what is made of answers that are lost.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use hub_billing::{
    Billing, BillingError, BillingSettings, Checkout, MeterEvent, PlanChange, Portal, Prices,
};
use hub_domain::{Meter, OrgId, Plan, Timestamp, UtcDay};
use hub_testkit::contract_mock::{ContractMock, Fault};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_millis(1_795_996_800_000); // 2026-11-30T00:00:00Z
const BACK: &str = "https://hub.example.com/?page=billing";

fn org() -> OrgId {
    OrgId(Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_0001))
}

fn billing(mock: &ContractMock) -> Billing {
    let prices = "starter=price_1,pro=price_2,haccp=price_3,active_sensors=price_4";
    Billing::new(BillingSettings {
        key: "sk_test_contract".into(),
        webhook_secrets: vec!["whsec_contract".into()],
        url: Some(mock.url()),
        prices: Prices::parse(prices).unwrap(),
    })
    .unwrap()
}

fn checkout(customer: &str) -> Checkout {
    Checkout {
        org: org(),
        customer: customer.to_owned(),
        plan: Plan::Pro,
        trial_ends_at: Some(NOW.plus_secs(7 * 86_400)),
        return_url: BACK.to_owned(),
        turn: 1,
        now: NOW,
    }
}

fn usage(customer: &str) -> MeterEvent {
    let day = UtcDay::of(NOW).plus(-1);
    MeterEvent {
        meter: Meter::TemperatureReadings,
        identifier: Meter::TemperatureReadings.identifier(org(), day, 0),
        customer: customer.to_owned(),
        value: 25,
        at: day.ends_at().plus_millis(-60_000),
    }
}

#[tokio::test]
async fn every_request_keeps_to_the_contract_and_has_a_key_of_ours() {
    let Some(mock) = ContractMock::stripe().await else { return };
    let billing = billing(&mock);
    let customer = billing.create_customer(org()).await.unwrap();
    let page = billing.checkout(&checkout(&customer)).await.unwrap();
    assert!(page.starts_with("https://"), "{page}");
    let portal =
        Portal { org: org(), customer: customer.clone(), return_url: BACK.to_owned(), now: NOW };
    assert!(billing.portal(&portal).await.unwrap().starts_with("https://"));
    let change = PlanChange {
        org: org(),
        subscription: "sub_1".to_owned(),
        item: "si_1".to_owned(),
        plan: Plan::Haccp,
        turn: 2,
    };
    billing.change_plan(&change).await.unwrap();
    assert_eq!(billing.subscription("sub_1").await.unwrap().id, "sub_1");
    billing.report(&usage(&customer)).await.unwrap();
    billing.take_back(Meter::TemperatureReadings, &usage(&customer).identifier).await.unwrap();
    mock.ensure_clean().await;

    let ledger = mock.ledger().await;
    let posts: Vec<_> = ledger.iter().filter(|entry| entry.method == "POST").collect();
    assert_eq!((posts.len(), ledger.len()), (6, 7));
    let keys: std::collections::BTreeSet<_> =
        posts.iter().map(|entry| entry.idempotency_key.clone().expect("a key")).collect();
    assert_eq!(keys.len(), posts.len(), "each wish has a key of its own: {keys:?}");
}

#[tokio::test]
async fn a_checkout_says_whose_it_is_and_keeps_the_rest_of_the_trial() {
    let Some(mock) = ContractMock::stripe().await else { return };
    let billing = billing(&mock);
    billing.checkout(&checkout("cus_1")).await.unwrap();
    let nearly_over = Some(NOW.plus_secs(48 * 3_600));
    let late = Checkout { trial_ends_at: nearly_over, turn: 2, ..checkout("cus_1") };
    billing.checkout(&late).await.unwrap();
    let sent = mock.accepted("POST", "/v1/checkout/sessions").await;
    let body = &sent[0].body;
    assert_eq!(body["client_reference_id"], org().to_string());
    assert_eq!(body["subscription_data"]["metadata"]["org_id"], org().to_string());
    let trial_end = f64::from(1_795_996_800 + 7 * 86_400); // the mock reads numbers of forms so
    assert_eq!(body["subscription_data"]["trial_end"], trial_end);
    assert_eq!(body["line_items"][0]["price"], "price_2");
    assert_eq!(body["line_items"][1]["price"], "price_4", "usage, without a quantity");
    assert_eq!(body["success_url"], format!("{BACK}&checkout=done"));
    assert!(sent[1].body["subscription_data"]["trial_end"].is_null(), "Stripe takes 48 hours");
    mock.ensure_clean().await;
}

#[tokio::test]
async fn what_is_asked_again_is_done_once() {
    let Some(mock) = ContractMock::stripe().await else { return };
    let billing = billing(&mock);
    for (place, fault) in [
        ("customers", Fault::accept_then_drop("POST /v1/customers")),
        ("billing/meter_events", Fault::garbage("POST /v1/billing/meter_events")),
    ] {
        mock.faults(fault).await;
        let lost = match place {
            "customers" => billing.create_customer(org()).await.map(drop),
            _ => billing.report(&usage("cus_1")).await,
        };
        let is_lost = matches!(lost, Err(BillingError::Retry(_)));
        assert!(is_lost, "{place}: {lost:?}");
        match place {
            "customers" => drop(billing.create_customer(org()).await.unwrap()),
            _ => billing.report(&usage("cus_1")).await.unwrap(),
        }
        assert_eq!(mock.accepted("POST", &format!("/v1/{place}")).await.len(), 1, "{place}");
    }
    mock.ensure_clean().await;
}

#[tokio::test]
async fn stripe_being_away_is_told_apart_from_its_saying_no() {
    let Some(mock) = ContractMock::stripe().await else { return };
    let billing = billing(&mock);
    let failure = async |status| {
        mock.faults(Fault::status("POST /v1/billing/meter_events", status)).await;
        billing.report(&usage("cus_1")).await.unwrap_err()
    };
    for status in [429, 500, 503] {
        assert!(matches!(failure(status).await, BillingError::Retry(_)), "{status}");
    }
    assert!(matches!(failure(402).await, BillingError::Refused { status: 402, .. }));
    assert!(matches!(failure(401).await, BillingError::Setup(_)));
    mock.faults(Fault::drop("GET /v1/subscriptions/.*")).await;
    assert!(matches!(billing.subscription("sub_1").await, Err(BillingError::Retry(_))));
    let enterprise = Checkout { plan: Plan::Enterprise, ..checkout("cus_1") };
    let none = billing.checkout(&enterprise).await;
    assert_eq!(none, Err(BillingError::NotOnSale(Plan::Enterprise)));
}

#[tokio::test]
async fn there_and_back_again_are_two_changes_and_a_double_click_is_one() {
    let Some(mock) = ContractMock::stripe().await else { return };
    let billing = billing(&mock);
    let change = |plan, turn| PlanChange {
        org: org(),
        subscription: "sub_1".to_owned(),
        item: "si_1".to_owned(),
        plan,
        turn,
    };
    for wish in [(Plan::Pro, 1), (Plan::Pro, 1), (Plan::Haccp, 2), (Plan::Pro, 3)] {
        billing.change_plan(&change(wish.0, wish.1)).await.unwrap();
    }
    assert_eq!(mock.accepted("POST", "/v1/subscriptions/sub_1").await.len(), 3);
    mock.ensure_clean().await;
}
