//! What a plan limits, and what it does not.

use futures_util::future::join_all;

use super::*;

async fn device(api: &Api, name: String) -> Answer {
    api.post("/api/v1/devices", &json!({ "name": name })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_takes_on_so_many_sensors_and_not_one_more() {
    for backend in BACKENDS {
        let Some(world) = World::begin(backend, "active").await else { return };
        let owner = &world.owner;
        let site = owner.create_site("Kitchen").await;
        let unit = owner.create_unit(&site, "Freezer").await;
        let first = owner.create_device(&unit, "First", None).await;
        for number in 1..23 {
            device(owner, format!("Device {number}")).await.expect(201);
        }
        // two places are left, and four at once want one
        let at_once = join_all((0..4).map(|number| device(owner, format!("Late {number}")))).await;
        let statuses = |status| at_once.iter().filter(|answer| answer.status == status).count();
        assert_eq!((statuses(201), statuses(409)), (2, 2), "{backend:?}");
        let full = device(owner, "One more".to_owned()).await;
        assert_eq!(full.expect(409)["code"], "plan_limit", "{backend:?}");
        let shown = owner.read("/api/v1/billing").await;
        assert_eq!(shown["sensors"], json!({ "present": 25, "limit": 25 }));

        let path = format!("/api/v1/devices/{first}");
        let gone = owner.send(owner.request(Method::DELETE, &path)).await.unwrap();
        assert_eq!(gone.status, 204);
        device(owner, "In its place".to_owned()).await.expect(201);
        let back = owner.post(&format!("{path}/restore"), &json!({})).await;
        assert_eq!(back.expect(409)["code"], "plan_limit", "{backend:?}");
        let small = owner.post("/api/v1/billing/checkout", &json!({ "plan": "starter" })).await;
        assert_eq!(small.expect(409)["code"], "too_many_sensors", "{backend:?}");
        // readings are taken whatever is full
        let at = chrono::Utc::now().to_rfc3339();
        let reading = json!({ "unitId": unit, "temperature": 4.0, "recordedAt": at });
        let taken = owner.ingest(json!([reading])).await;
        assert_eq!(taken["accepted"], 1, "{backend:?}");
        world.stripe.ensure_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_without_billing_limits_nobody() {
    let hub = HubProcess::builder(env!("CARGO_BIN_EXE_hub")).start().await.unwrap();
    let (_, owner) = hub.owner("Self-hosted").await.unwrap();
    for number in 0..27 {
        device(&owner, format!("Device {number}")).await.expect(201);
    }
    let shown = owner.read("/api/v1/billing").await;
    assert_eq!((&shown["isConfigured"], &shown["plan"]), (&json!(false), &Value::Null));
    assert_eq!(shown["sensors"], json!({ "present": 27, "limit": null }));
    assert!(shown["features"].as_object().unwrap().values().all(|allowed| *allowed == true));
    let none = owner.post("/api/v1/billing/checkout", &json!({ "plan": "pro" })).await;
    assert_eq!(none.expect(409)["code"], "no_billing");
    let webhook = hub.api().post("/api/integrations/stripe", &json!({ "id": "evt_1" })).await;
    assert_eq!(webhook.status, 400, "nothing says who sent it");
}
