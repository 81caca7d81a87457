//! Made, edited, deleted, restored, purged: each kind of thing in its turn.

use hub_testkit::{
    api::{Api, id},
    rows::Rows,
};
use serde_json::{Value, json};

use super::{act, delete, patch, reading, tag, unit_path};
use crate::promises::{BACKENDS, Story};

#[tokio::test(flavor = "multi_thread")]
async fn sites_areas_and_units_live_whole_lives() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let site = api.create_site("Bar").await;
        let area =
            id(&api.create("/api/v1/areas", json!({ "siteId": site, "name": "Cold" })).await);
        let unit = json!({ "siteId": site, "areaId": area, "name": "Fridge" });
        let unit = id(&api.create("/api/v1/units", unit).await);
        let kinds = [("units", &unit), ("areas", &area), ("sites", &site)];
        for (kind, id) in kinds {
            is_edited(api, &format!("/api/v1/{kind}/{id}")).await;
        }
        for (kind, id) in &kinds[1..] {
            let answer = delete(api, &format!("/api/v1/{kind}/{id}")).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (409, "in_use"), "{kind}");
            let said = answer.body["detail"].as_str().expect("a detail");
            assert!(said.contains("units") || said.contains("areas"), "{said}");
        }
        for (kind, id) in kinds {
            is_deleted_and_restored(api, kind, id).await;
        }
        for (kind, id) in kinds {
            delete(api, &format!("/api/v1/{kind}/{id}")).await.expect(204);
        }
        let kept = act(api, &format!("/api/v1/sites/{site}/purge")).await;
        assert_eq!((kept.status.as_u16(), kept.code()), (409, "in_use"));
        for (kind, id) in kinds {
            is_purged(api, kind, id).await;
        }
    }
}

async fn is_edited(api: &Api, path: &str) {
    let read = api.get(path).await;
    assert_eq!((tag(&read), &read.body["version"]), ("\"1\"", &json!(1)), "{path}");
    let body = json!({ "name": "Süd „2“ 🧊" });
    let bare = api.send(api.request(reqwest::Method::PATCH, path).json(&body)).await.unwrap();
    assert_eq!((bare.status.as_u16(), bare.code()), (428, "edition_required"), "{path}");
    let edited = patch(api, path, "\"1\"", &body).await;
    assert_eq!((edited.status.as_u16(), tag(&edited)), (200, "\"2\""), "{path}: {}", edited.body);
    assert_eq!(edited.body["name"], body["name"]);
    assert!(edited.body["updatedAt"].is_string());
    assert_eq!(edited.body, api.read(path).await, "{path}");
    let late = patch(api, path, "\"1\"", &json!({ "name": "Late" })).await;
    assert_eq!((late.status.as_u16(), late.code()), (412, "stale"), "{path}");
    for bad in [json!({ "name": null }), json!({ "name": " x" }), json!({ "name": "a\u{0}b" })] {
        let refused = patch(api, path, "*", &bad).await;
        assert_eq!(refused.status, 422, "{path} {bad}");
    }
    let unknown = patch(api, path, "*", &json!({ "colour": "blue" })).await;
    assert_eq!(unknown.status, 422, "{path}");
    assert_eq!(api.read(path).await["version"], 2, "nothing of that was written");
}

async fn is_deleted_and_restored(api: &Api, kind: &str, id: &str) {
    let path = format!("/api/v1/{kind}/{id}");
    let alive = act(api, &format!("{path}/restore")).await;
    assert_eq!((alive.status.as_u16(), alive.code()), (409, "not_deleted"), "{kind}");
    let alive = act(api, &format!("{path}/purge")).await;
    assert_eq!((alive.status.as_u16(), alive.code()), (409, "not_deleted"), "{kind}");
    // what is in it goes first, and comes back after it
    if kind != "units" {
        return;
    }
    delete(api, &path).await.expect(204);
    assert_eq!(delete(api, &path).await.status, 404);
    assert_eq!(api.get(&path).await.status, 404);
    assert_eq!(listed(api, &format!("/api/v1/{kind}"), id).await, None);
    let deleted = listed(api, &format!("/api/v1/{kind}?deleted=true"), id).await;
    assert!(deleted.expect("it is listed")["deletedAt"].is_string());
    let restored = act(api, &format!("{path}/restore")).await.expect(200);
    assert_eq!(restored["deletedAt"], Value::Null);
    assert_eq!(restored["live"]["status"], "monitoring_interrupted", "it was silent");
    assert_eq!(api.read(&path).await["version"], 4);
}

async fn is_purged(api: &Api, kind: &str, id: &str) {
    act(api, &format!("/api/v1/{kind}/{id}/purge")).await.expect(204);
    assert_eq!(act(api, &format!("/api/v1/{kind}/{id}/restore")).await.status, 404);
    assert_eq!(listed(api, &format!("/api/v1/{kind}?deleted=true"), id).await, None);
}

async fn listed(api: &Api, path: &str, id: &str) -> Option<Value> {
    api.list(path).await.into_iter().find(|item| item["id"] == id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_takes_what_was_measured_and_a_restore_keeps_it() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let unit = story.unit("Fridge", json!({})).await;
        for secs in [30, 20, 10] {
            api.ingest(json!([reading(&unit, secs, 9.0)])).await;
        }
        delete(api, &unit_path(&unit)).await.expect(204);
        act(api, &format!("/api/v1/units/{unit}/restore")).await.expect(200);
        assert_eq!(story.readings(&unit).await.len(), 3);
        let alerts = api.alerts_of(&unit).await;
        assert_eq!(alerts.len(), 1);
        assert_eq!(
            (&alerts[0]["status"], &alerts[0]["resolution"]),
            (&json!("resolved"), &json!("manual"))
        );
        // it is heard again, and goes on
        api.ingest(json!([reading(&unit, 0, 4.0)])).await;
        assert_eq!(api.live(&unit).await["status"], "ok");
        delete(api, &unit_path(&unit)).await.expect(204);
        act(api, &format!("/api/v1/units/{unit}/purge")).await.expect(204);
        assert_eq!(api.alerts_of(&unit).await, Vec::<Value>::new());
        let rules = api.list("/api/v1/alert-rules").await;
        assert!(rules.iter().all(|rule| rule["scopeId"] != unit.as_str()), "{rules:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_whose_purge_was_broken_off_can_only_be_purged() {
    let story = Story::begin(crate::promises::Backend::Sqlite).await;
    let api = &story.api;
    let unit = story.unit("Fridge", json!({})).await;
    delete(api, &unit_path(&unit)).await.expect(204);
    // as a hub leaves it that ended in the middle
    let url = format!("sqlite://{}", story.hub.data().join("hub.db").display());
    let rows = Rows::open(&url).await.expect("the file is there");
    let asked = format!("UPDATE units SET purge_requested_at = 1 WHERE id = {}", rows.id(&unit));
    rows.run(&asked).await.expect("it is marked");
    rows.close().await;
    let refused = act(api, &format!("/api/v1/units/{unit}/restore")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "being_purged"));
    act(api, &format!("/api/v1/units/{unit}/purge")).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_restored_needs_what_it_belongs_to() {
    let story = Story::begin(crate::promises::Backend::Sqlite).await;
    let api = &story.api;
    let site = api.create_site("Bar").await;
    let unit = api.create_unit(&site, "Fridge").await;
    delete(api, &unit_path(&unit)).await.expect(204);
    delete(api, &format!("/api/v1/sites/{site}")).await.expect(204);
    let refused = act(api, &format!("/api/v1/units/{unit}/restore")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "parent_deleted"));
    let body = json!({ "siteId": site, "name": "Another" });
    let refused = api.post("/api/v1/units", &body).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["errors"][0]["pointer"]),
        (404, &json!("/siteId"))
    );
    act(api, &format!("/api/v1/sites/{site}/restore")).await.expect(200);
    act(api, &format!("/api/v1/units/{unit}/restore")).await.expect(200);
}
