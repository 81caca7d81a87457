//! Requests sent again under their `Idempotency-Key`: what makes an object makes it once, what does not takes no key.

use hub_testkit::{
    api::{Answer, Api, id},
    hub::HubProcess,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{act, delete};
use crate::{
    edge::ago,
    promises::{BACKENDS, Backend, Story},
};

async fn keyed(api: &Api, path: &str, key: &str, body: &Value) -> Answer {
    let request = api.request(Method::POST, path).header("Idempotency-Key", key);
    api.send(request.json(body)).await.expect("the hub answers")
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.contains_key("idempotency-replayed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_is_answered_as_the_first_was() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let rule = |limit: u8| json!({ "scope": "site", "scopeId": story.site, "rule": { "highLimit": limit } });
        for (key, limit, status) in [("made", 8, 201), ("written over", 7, 200)] {
            let path = "/api/v1/alert-rules";
            let first = keyed(api, path, key, &rule(limit)).await;
            let again = keyed(api, path, key, &rule(limit)).await;
            assert_eq!((first.status.as_u16(), again.status.as_u16()), (status, status), "{key}");
            assert_eq!((is_replayed(&first), is_replayed(&again)), (false, true), "{key}");
            assert_eq!(first.headers["location"], again.headers["location"], "{key}");
            assert_eq!(first.headers["etag"], again.headers["etag"], "{key}: it is not put twice");
            assert_eq!(first.body, again.body, "{backend:?} {key}");
        }
        let other = keyed(api, "/api/v1/alert-rules", "made", &rule(6)).await;
        assert_eq!((other.status.as_u16(), other.code()), (422, "idempotency_key_reused"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_object_takes_no_key() {
    let story = Story::begin(Backend::Sqlite).await;
    let (api, none) = (&story.api, json!({}));
    let area = json!({ "siteId": story.site, "name": "Cold" });
    let area = format!("/api/v1/areas/{}", id(&api.create("/api/v1/areas", area).await));
    assert_eq!(delete(api, &area).await.status, 204);
    let restore = async || {
        let answer = keyed(api, &format!("{area}/restore"), "restore", &none).await;
        (answer.status.as_u16(), is_replayed(&answer))
    };
    assert_eq!(restore().await, (200, false));
    assert_eq!(restore().await, (409, false), "it is there");
    assert_eq!(delete(api, &area).await.status, 204);
    assert_eq!(restore().await, (200, false), "nothing that was asked for is left undone");

    let key = id(&api.create("/api/v1/api-keys", json!({ "name": "Sender" })).await);
    let rotate = async || {
        let path = format!("/api/v1/api-keys/{key}/rotate");
        keyed(api, &path, "rotate", &none).await.expect(200)["key"].clone()
    };
    let (first, again) = (rotate().await, rotate().await);
    assert!(first.is_string() && again.is_string() && first != again, "each is shown");

    let units = [api.create_unit(&story.site, "A").await, api.create_unit(&story.site, "B").await];
    let device = json!({ "name": "Probe", "devEui": "A84041000181B2C3" });
    let device = format!("/api/v1/devices/{}", id(&api.create("/api/v1/devices", device).await));
    for _ in 0..2 {
        let to = json!({ "unitId": units[0] });
        let answer = keyed(api, &format!("{device}/assignments"), "assign", &to).await;
        assert!(answer.status != 404 && !is_replayed(&answer), "{}", answer.body);
        assert_eq!(api.read(&device).await["unitId"], *units[0]);
    }
    assert_eq!(delete(api, &device).await.status, 204);
    assert_eq!(keyed(api, &format!("{device}/purge"), "purge", &none).await.status, 204);
    assert_eq!(act(api, &format!("{device}/purge")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_a_key_counts_once() {
    let hub = HubProcess::builder(env!("CARGO_BIN_EXE_hub"))
        .env("HUB_CALLER_REQUESTS", "1")
        .env("HUB_ORGANIZATION_REQUESTS", "1");
    let hub = hub.start().await.expect("the hub starts");
    let (_, api) = hub.owner("Bar").await.expect("an owner");
    // four at once are let by
    for key in ["one", "one", "two", "two"] {
        let site = json!({ "name": key, "timezone": "UTC" });
        let answer = keyed(&api, "/api/v1/sites", key, &site).await;
        assert_eq!(answer.status, 201, "{key}: {}", answer.body);
    }
}

/// What must be there once only is met before the key is.
#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_under_one_key_are_one_though_they_name_what_is_unique() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        for round in 0..15 {
            let eui = format!("A84041000181{round:04X}");
            let device = json!({ "name": "Probe", "devEui": eui });
            let gateway = json!({ "name": "Roof", "gatewayEui": eui, "siteId": story.site });
            for (path, body) in [("/api/v1/devices", device), ("/api/v1/gateways", gateway)] {
                let key = format!("{path} {round}");
                let (one, other) =
                    tokio::join!(keyed(api, path, &key, &body), keyed(api, path, &key, &body));
                let what = format!("{backend:?} {path}: {} {}", one.body, other.body);
                assert_eq!((one.status.as_u16(), other.status.as_u16()), (201, 201), "{what}");
                assert_eq!(one.body["id"], other.body["id"], "{what}");
                assert_ne!(is_replayed(&one), is_replayed(&other), "{what}");
                let without = api.post(path, &body).await;
                assert_eq!((without.status.as_u16(), without.code()), (409, "taken"), "{what}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_since_is_not_made_again_and_a_voided_log_is_shown() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let (api, unit) = (&story.api, story.unit("Fridge", json!({})).await);
        let path = "/api/v1/sites";
        let body = json!({ "name": "Bar", "timezone": "Europe/Berlin" });
        let made = keyed(api, path, "site", &body).await.expect(201);
        assert_eq!(delete(api, &format!("{path}/{}", id(&made))).await.status, 204);
        let again = keyed(api, path, "site", &body).await;
        assert_eq!((again.status.as_u16(), again.code()), (409, "deleted_since"), "{backend:?}");
        assert!(is_replayed(&again), "{backend:?}");
        assert_eq!(api.list(path).await.len(), 1, "{backend:?}: it is not made again");

        let path = "/api/v1/manual-logs";
        let at = ago(60);
        let body = json!({ "unitId": unit, "temperature": 4, "recordedAt": at });
        let made = keyed(api, path, "log", &body).await.expect(201);
        let place = format!("{path}/{}", id(&made));
        assert_eq!(delete(api, &place).await.status, 204);
        let again = keyed(api, path, "log", &body).await;
        assert!(is_replayed(&again), "{backend:?}");
        let again = again.expect(201);
        assert_eq!(again["id"], made["id"], "{backend:?}");
        assert!(again["deletedAt"].is_string(), "{backend:?}: {again}");
        assert_eq!(api.get(&place).await.status, 404, "{backend:?}: as ever");
    }
}
