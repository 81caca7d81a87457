//! What subscribers see of edits and deletions.

use hub_testkit::socket::{Event, Socket};
use serde_json::{Value, json};

use super::{AT_ONCE, act, delete, patch, reading, unit_path};
use crate::promises::{BACKENDS, Story};

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_seen_within_a_second() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let (api, unit) = (&story.api, story.unit("Fridge", json!({})).await);
        let mut socket = Socket::connect(&story.hub.socket_url(), &story.token).await.unwrap();
        let snapshot = socket.subscribe(&format!("site:{}", story.site)).await.unwrap();
        assert_eq!(snapshot["data"]["units"][0]["name"], "Fridge");
        socket.subscribe(&format!("org:{}", story.organization)).await.unwrap();

        patch(api, &unit_path(&unit), "*", &json!({ "name": "Cold room" })).await.expect(200);
        let is_renamed = |data: &Value| data["unit"]["name"] == "Cold room";
        socket.publication_where(AT_ONCE, |told| is_renamed(&told.data)).await.unwrap();
        assert_eq!(api.live(&unit).await["name"], "Cold room");

        let site = format!("/api/v1/sites/{}", story.site);
        patch(api, &site, "*", &json!({ "name": "South" })).await.expect(200);
        let is_renamed =
            |data: &Value| data["type"] == "summary" && data["site"]["name"] == "South";
        socket.publication_where(AT_ONCE, |told| is_renamed(&told.data)).await.unwrap();
        let mut other = Socket::connect(&story.hub.socket_url(), &story.token).await.unwrap();
        let snapshot = other.subscribe(&format!("site:{}", story.site)).await.unwrap();
        assert_eq!(snapshot["data"]["site"]["name"], "South");
        assert_eq!(snapshot["data"]["units"][0]["name"], "Cold room");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_unit_is_told_and_gone_and_a_restored_one_is_back() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let (api, unit) = (&story.api, story.unit("Fridge", json!({})).await);
        api.ingest(json!([reading(&unit, 30, 9.0)])).await;
        let url = story.hub.socket_url();
        let mut socket = Socket::connect(&url, &story.token).await.unwrap();
        let site = format!("site:{}", story.site);
        socket.subscribe(&site).await.unwrap();
        let mut of_unit = Socket::connect(&url, &story.token).await.unwrap();
        of_unit.subscribe(&format!("unit:{unit}")).await.unwrap();

        delete(api, &unit_path(&unit)).await.expect(204);
        let is_over = |data: &Value| data["type"] == "alert" && data["event"] == "resolved";
        let over = socket.publication_where(AT_ONCE, |told| is_over(&told.data)).await.unwrap();
        assert_eq!(over.data["alert"]["resolution"], "manual");
        let is_removed = |data: &Value| data["type"] == "unit_removed";
        let gone = socket.publication_where(AT_ONCE, |told| is_removed(&told.data)).await.unwrap();
        assert_eq!(
            (&gone.data["unitId"], &gone.data["siteId"]),
            (&json!(unit), &json!(story.site))
        );
        of_unit.publication_where(AT_ONCE, |told| is_removed(&told.data)).await.unwrap();
        assert_eq!(sent_away(&mut of_unit).await, 2000);
        let mut late = Socket::connect(&url, &story.token).await.unwrap();
        let snapshot = late.subscribe(&site).await.unwrap();
        assert_eq!(
            (&snapshot["data"]["units"], &snapshot["data"]["alerts"]),
            (&json!([]), &json!([]))
        );
        assert!(late.subscribe(&format!("unit:{unit}")).await.is_err(), "it is unknown");

        act(api, &format!("/api/v1/units/{unit}/restore")).await.expect(200);
        let is_back = |data: &Value| data["unit"]["id"] == unit.as_str();
        let back = socket.publication_where(AT_ONCE, |told| is_back(&told.data)).await.unwrap();
        assert_eq!(back.data["unit"]["status"], "monitoring_interrupted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_site_is_told_and_its_channel_ends() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let bar = api.create_site("Bar").await;
        let unit = api.create_unit(&bar, "Fridge").await;
        let url = story.hub.socket_url();
        let mut of_site = Socket::connect(&url, &story.token).await.unwrap();
        of_site.subscribe(&format!("site:{bar}")).await.unwrap();
        let mut socket = Socket::connect(&url, &story.token).await.unwrap();
        socket.subscribe(&format!("org:{}", story.organization)).await.unwrap();
        delete(api, &unit_path(&unit)).await.expect(204);
        delete(api, &format!("/api/v1/sites/{bar}")).await.expect(204);
        let is_removed =
            |data: &Value| data["type"] == "site_removed" && data["siteId"] == bar.as_str();
        socket.publication_where(AT_ONCE, |told| is_removed(&told.data)).await.unwrap();
        assert_eq!(sent_away(&mut of_site).await, 2000);
        let mut late = Socket::connect(&url, &story.token).await.unwrap();
        let snapshot = late.subscribe(&format!("org:{}", story.organization)).await.unwrap();
        let sites = snapshot["data"]["sites"].as_array().expect("a list");
        assert!(sites.iter().all(|site| site["id"] != bar.as_str()), "{sites:?}");
        assert!(late.subscribe(&format!("site:{bar}")).await.is_err(), "it is unknown");
    }
}

/// The code with which a subscription is ended.
async fn sent_away(socket: &mut Socket) -> u64 {
    loop {
        if let Event::Other(object) = socket.next_within(AT_ONCE).await.unwrap()
            && let Some(code) = object["push"]["unsubscribe"]["code"].as_u64()
        {
            return code;
        }
    }
}
