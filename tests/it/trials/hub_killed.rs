//! K2: the hub is killed between a partner's acceptance and its own record of it: the answer is kept back on its way, and
//! the hub ends before it comes.

use std::{collections::BTreeSet, time::Duration};

use hub_testkit::{contract_mock::ContractMock, hub::HubProcess, relay::Relay};
use serde_json::json;

use super::{
    Size,
    crowd::{Company, Shape, Stand, a_moment, owner},
    judge::judge,
    reports::Reports,
};
use crate::{billing, promises::Backend};

const SOON: Duration = Duration::from_secs(30);

/// Of each kill's two messages one is reported later, and the other never.
pub(crate) async fn sms(backend: Backend, size: Size) -> Option<String> {
    let mut relay = None;
    let mut stand = Stand::begin(backend, |hub, telnyx, _| {
        let relay = relay.insert(Relay::to(telnyx.port()));
        hub.env("HUB_TELNYX_URL", format!("http://127.0.0.1:{}/v2", relay.port()))
    })
    .await?;
    let (relay, kills) = (relay.unwrap(), size.of(10, 100));
    let shape = Shape { places: kills.min(50), units: 1, people: 2, channels: &["sms"] };
    let mut companies = Vec::new();
    for _ in 0..kills / shape.places {
        companies.push(stand.company(shape).await);
    }
    let first = |company: &Company| {
        company.places.iter().map(|place| place.people[0].phone.clone()).collect::<Vec<_>>()
    };
    let reported: BTreeSet<String> = companies.iter().flat_map(first).collect();
    let mine = reported.clone();
    let _reports = Reports::start(&stand, move |phone| mine.contains(phone));
    for company in &companies {
        for place in &company.places {
            relay.hold_answers(0);
            company.heat(&place.units).await;
            relay.until_held(1, SOON).await;
            // the other message may be under way, or not yet
            a_moment(0..60).await;
            stand.world.hub.kill9();
            relay.pass();
            stand.world.hub.restart().await.unwrap();
        }
    }
    stand.until_told(&companies, Duration::from_secs(240)).await;
    let verdict = judge(&stand, &companies).await;
    verdict.ensure();
    stand.world.telnyx.ensure_clean().await;
    let twice: Vec<_> =
        verdict.doubles.keys().filter(|told| reported.contains(&told.address)).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(verdict.marked >= verdict.doubles.len() && verdict.marked > 0, "{verdict:?}");
    Some(format!(
        "{kills} kills, {} messages to {} people; what was reported came once, {} of the others twice, {} marked, none missing",
        verdict.messages,
        2 * kills,
        verdict.doubles.len(),
        verdict.marked,
    ))
}

/// Stripe has taken a customer or a page of payment, and the hub ends before it knows: asked again there is one of each.
pub(crate) async fn stripe(size: Size) -> Option<String> {
    let stripe = ContractMock::stripe().await?;
    let relay = Relay::to(stripe.port());
    let builder = HubProcess::builder(env!("CARGO_BIN_EXE_hub"));
    let url = format!("http://127.0.0.1:{}", relay.port());
    let mut hub = billing::with_billing(builder, &url).start().await.unwrap();
    let customers = size.of(5, 100);
    for _ in 0..customers {
        let owner = owner(&hub).await;
        // the answer about the customer, then the one about the page
        for answered in 0..2 {
            relay.hold_answers(answered);
            let asking = owner.clone();
            let asked = tokio::spawn(async move {
                let wish = json!({ "plan": "pro" });
                let path = "/api/v1/billing/checkout";
                asking.send(asking.request(reqwest::Method::POST, path).json(&wish)).await
            });
            relay.until_held(1, SOON).await;
            hub.kill9();
            relay.pass();
            assert!(asked.await.unwrap().is_err(), "the hub is gone before it can answer");
            hub.restart().await.unwrap();
        }
        let wish = json!({ "plan": "pro" });
        let page = owner.post("/api/v1/billing/checkout", &wish).await.expect(200);
        assert!(page["url"].is_string(), "{page}");
    }
    for path in ["/v1/customers", "/v1/checkout/sessions"] {
        let made = stripe.accepted("POST", path).await;
        let keys: BTreeSet<_> = made.iter().map(|it| it.idempotency_key.clone()).collect();
        assert_eq!((made.len(), keys.len()), (customers, customers), "{path}");
    }
    stripe.ensure_clean().await;
    let asked = stripe.ledger().await.iter().filter(|it| it.method == "POST").count();
    Some(format!(
        "{} kills; {asked} wishes made {customers} customers and {customers} pages of payment",
        2 * customers
    ))
}
