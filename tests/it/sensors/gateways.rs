use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_seen_in_the_frames_that_it_passes_on() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let (api, network) = (&story.api, Network::of(&story).await);
        let eui = "b827ebfffe000001";
        let body = json!({ "name": "Roof", "siteId": story.site, "gatewayEui": eui });
        let made = api.create("/api/v1/gateways", body.clone()).await;
        assert_eq!(made["gatewayEui"], json!(eui.to_uppercase()), "{backend:?}");
        assert_eq!(made["lastSeenAt"], Value::Null, "{backend:?}");
        assert_eq!(api.post("/api/v1/gateways", &body).await.expect(409)["code"], "taken");
        let path = format!("/api/v1/gateways/{}", made["id"].as_str().unwrap());

        network.send("A84041000181B2C3", 1, ago(0), 4.0).await;
        let seen = api.read(&path).await["lastSeenAt"].clone();
        assert!(seen.is_string(), "{backend:?}: {seen}");
        network.send("A84041000181B2C3", 2, ago(0), 4.0).await;
        let gateway = api.read(&path).await;
        assert_eq!(gateway["lastSeenAt"], seen, "{backend:?}: noted once a minute");
        assert_eq!(gateway["version"], 1, "{backend:?}: being heard is no edit");

        let stale = api.request(Method::PATCH, &path).header("If-Match", "\"7\"");
        assert_eq!(api.send(stale.json(&json!({ "name": "x" }))).await.unwrap().status, 412);
        let edited =
            patch(api, &path, &json!({ "name": "Cellar", "siteId": null })).await.expect(200);
        assert_eq!((&edited["name"], &edited["siteId"]), (&json!("Cellar"), &Value::Null));
        assert_eq!(api.list(&format!("/api/v1/gateways?siteId={}", story.site)).await.len(), 0);
        assert_eq!(
            api.post(&format!("{path}/purge"), &json!({})).await.expect(409)["code"],
            "not_deleted"
        );
        assert_eq!(delete(api, &path).await.status, 204);
        assert_eq!(api.get(&path).await.status, 404);
        assert_eq!(api.list("/api/v1/gateways?deleted=true").await.len(), 1, "{backend:?}");
        let other = api.create("/api/v1/gateways", body).await["id"].as_str().unwrap().to_owned();
        assert_eq!(
            api.post(&format!("{path}/restore"), &json!({})).await.expect(409)["code"],
            "taken"
        );
        assert_eq!(delete(api, &format!("/api/v1/gateways/{other}")).await.status, 204);
        drop(api.post(&format!("{path}/restore"), &json!({})).await.expect(200));
        assert_eq!(
            api.post(&format!("/api/v1/gateways/{other}/purge"), &json!({})).await.status,
            204
        );
        assert_eq!(api.list("/api/v1/gateways?deleted=true").await.len(), 0, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_comes_back_only_to_a_site_that_is_there() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let site = api.create_site("Bar").await;
        let body = json!({ "name": "Roof", "siteId": site, "gatewayEui": "B827EBFFFE000001" });
        let made = api.create("/api/v1/gateways", body).await;
        let path = format!("/api/v1/gateways/{}", made["id"].as_str().unwrap());
        delete(api, &path).await.expect(204);
        delete(api, &format!("/api/v1/sites/{site}")).await.expect(204);
        let refused = api.post(&format!("{path}/restore"), &json!({})).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "parent_deleted"));
        drop(api.post(&format!("/api/v1/sites/{site}/restore"), &json!({})).await.expect(200));
        let restored = api.post(&format!("{path}/restore"), &json!({})).await.expect(200);
        assert_eq!(restored["siteId"], json!(site), "{backend:?}");
    }
}
