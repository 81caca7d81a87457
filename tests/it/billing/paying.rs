//! Checkout, portal, plans, webhooks, and what an unpaid bill does not end.

use hub_testkit::contract_mock::Fault;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_past_due_customer_is_told_of_alarms_all_the_same() {
    for backend in BACKENDS {
        let Some(world) = World::begin(backend, "past_due").await else { return };
        let owner = &world.owner;
        world.stands("trial").await;
        // in reverse, and doubled
        for id in ["evt_3", "evt_2", "evt_2", "evt_1", "evt_3"] {
            assert_eq!(world.tells(id, "customer.subscription.updated").await.status, 200);
        }
        let shown = world.stands("past_due").await;
        for always in ["readings", "alarms", "alarmSms"] {
            assert_eq!(shown["features"][always], true, "{backend:?} {always}");
        }
        let site = owner.create_site("Kitchen").await;
        let unit = owner.create_unit(&site, "Freezer").await;
        let device = owner.create_device(&unit, "Probe", None).await;
        owner
            .set_unit_rule(
                &unit,
                json!({ "lowLimit": -30, "highLimit": -15, "confirmHighShutSecs": 60 }),
            )
            .await;
        let at = |secs| {
            let at = chrono::Utc::now() - chrono::TimeDelta::seconds(secs);
            at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
        };
        let hot = |secs| json!({ "deviceId": device, "temperature": 4.0, "recordedAt": at(secs) });
        let taken = owner.ingest(json!([hot(600), hot(300), hot(1)])).await;
        assert_eq!(taken["accepted"], 3, "{backend:?}");
        let alerts = owner.alerts_of(&unit).await;
        let found: Vec<_> =
            alerts.iter().map(|alert| (&alert["kind"], &alert["severity"])).collect();
        assert_eq!(found, [(&json!("temperature_high"), &json!("critical"))], "{backend:?}");
        world.stripe.ensure_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_believed_by_its_signature_alone() {
    let Some(world) = World::begin(Backend::Sqlite, "active").await else { return };
    let body = r#"{"id":"evt_1","type":"customer.subscription.updated","data":{"object":{"object":"subscription","id":"sub_1"}}}"#;
    let good = signed(SECRETS[0], now(), body);
    for (header, body) in [
        ("", body),
        (signed("whsec_other", now(), body).as_str(), body),
        (signed(SECRETS[0], now() - 302, body).as_str(), body),
        (signed(SECRETS[0], now() + 302, body).as_str(), body),
        (good.as_str(), "{}"),
    ] {
        let refused = world.webhook(header, body).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "bad_signature"), "{header}");
    }
    assert_eq!(world.stripe.ledger().await.len(), 0, "nothing of it was believed");
    let no_event = world.webhook(&signed(SECRETS[1], now(), "[]"), "[]").await;
    assert_eq!((no_event.status.as_u16(), no_event.code()), (422, "invalid"));
    for _ in 0..2 {
        assert_eq!(world.webhook(&good, body).await.status, 200);
    }
    world.stands("active").await;
    assert_eq!(world.stripe.ledger().await.len(), 1, "what came twice is asked for once");
    let log = std::fs::read_to_string(world.hub.log()).unwrap();
    for secret in SECRETS.into_iter().chain(["sk_test_canary"]) {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_pays_and_nobody_elses_account_moves() {
    for backend in BACKENDS {
        let Some(world) = World::begin(backend, "active").await else { return };
        let owner = &world.owner;
        let (_, other) = world.hub.owner("Another").await.unwrap();
        let trial = world.stands("trial").await;
        assert_eq!((&trial["plan"], &trial["sensors"]["limit"]), (&json!("pro"), &json!(25)));
        assert_eq!(trial["isSubscribed"], false);
        let none = owner.post("/api/v1/billing/portal", &json!({})).await;
        assert_eq!(none.expect(409)["code"], "not_subscribed", "{backend:?}");

        // Stripe loses an answer; asked again there is one customer and one page
        world.stripe.faults(Fault::accept_then_drop("POST /v1/customers")).await;
        let wish = json!({ "plan": "pro" });
        let away = owner.post("/api/v1/billing/checkout", &wish).await;
        assert!(away.headers.contains_key("retry-after"));
        assert_eq!(away.expect(503)["code"], "unavailable", "{backend:?}");
        let page = owner.post("/api/v1/billing/checkout", &wish).await.expect(200);
        assert!(page["url"].as_str().unwrap().starts_with("https://checkout.stripe.com/"));
        assert_eq!(owner.post("/api/v1/billing/checkout", &wish).await.expect(200), page);
        assert_eq!(world.stripe.accepted("POST", "/v1/customers").await.len(), 1);
        let sessions = world.stripe.accepted("POST", "/v1/checkout/sessions").await;
        assert_eq!(sessions.len(), 1, "a double click");
        assert_eq!(sessions[0].body["client_reference_id"], world.made.organization_id);
        assert!(sessions[0].body["subscription_data"]["trial_end"].is_number(), "14 days are left");
        let agreed = owner.post("/api/v1/billing/checkout", &json!({ "plan": "enterprise" })).await;
        assert_eq!(agreed.expect(422)["errors"][0]["code"], "not_on_sale");

        assert_eq!(world.tells("evt_1", "customer.subscription.created").await.status, 200);
        let shown = world.stands("active").await;
        assert_eq!((&shown["plan"], &shown["isSubscribed"]), (&json!("pro"), &json!(true)));
        let twice = owner.post("/api/v1/billing/checkout", &wish).await;
        assert_eq!(twice.expect(409)["code"], "already_subscribed");
        owner.post("/api/v1/billing/plan", &json!({ "plan": "haccp" })).await.expect(200);
        let changes = world.stripe.accepted("POST", "/v1/subscriptions/sub_1").await;
        assert_eq!(changes[0].body["items"], json!([{ "id": "si_1", "price": "price_3" }]));
        let portal = owner.post("/api/v1/billing/portal", &json!({})).await.expect(200);
        assert!(portal["url"].as_str().unwrap().starts_with("https://"));
        let bill = owner.read("/api/v1/billing/bill").await;
        assert_eq!(bill["currency"], "usd");
        assert_eq!(owner.get("/api/v1/billing/bill?month=2026-13").await.status, 400);

        // nobody goes on paying for what is gone
        let place = format!("/api/v1/organizations/{}", world.made.organization_id);
        let kept = owner.send(owner.request(Method::DELETE, &place)).await.unwrap();
        assert_eq!(kept.expect(409)["code"], "in_use", "{backend:?}");

        let theirs = other.read("/api/v1/billing").await;
        assert_eq!((&theirs["status"], &theirs["isSubscribed"]), (&json!("trial"), &json!(false)));
        let log = owner.list("/api/v1/audit?action=subscription.changed").await;
        assert!(!log.is_empty(), "what changed is on record");
        assert!(other.list("/api/v1/audit?action=subscription.changed").await.is_empty());
        world.stripe.ensure_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_clock_asks_for_is_done_once_however_often_a_hub_starts() {
    let Some(mut world) = World::begin(Backend::Sqlite, "active").await else { return };
    let url = format!("sqlite://{}", world.hub.data().join("hub.db").display());
    let rows = hub_testkit::rows::Rows::open(&url).await.expect("the file is there");
    let asked = "SELECT idempotency_key || ' ' || status || ' ' || attempts FROM Jobs
        WHERE job_type = 'billing' ORDER BY id";
    let all_done = async || {
        let begun = std::time::Instant::now();
        loop {
            let jobs = rows.texts(asked).await.unwrap();
            if jobs.len() >= 4 && jobs.iter().all(|job| job.contains(" Done ")) {
                return jobs;
            }
            assert!(begun.elapsed() < SOON, "{jobs:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let before = all_done().await;
    for chore in ["recent_usage:", "whole_usage:", "subscriptions:", "old_webhooks:"] {
        assert!(before.iter().any(|job| job.starts_with(chore)), "{chore} of {before:?}");
    }
    world.hub.kill9();
    world.hub.restart().await.expect("it starts again");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = all_done().await;
    assert_eq!(after[..before.len()], before, "none is done again");
    assert!(after.len() <= before.len() + 4, "an hour or a day may have begun: {after:?}");
}
