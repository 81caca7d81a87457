use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_calibration_that_runs_out_is_told_until_there_is_a_new_one() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let (api, unit) = (&story.api, story.unit("Fridge", json!({})).await);
        let device = api.create_device(&unit, "Sensor", None).await;
        assert_counts(&api.ingest(json!([of_device(&device, ago(30), 4.0)])).await, 1, 0, 0);
        let body = |performed: i64, due: i64| {
            json!({ "deviceId": device, "performedAt": text(ago(performed)), "performedBy": "Lab",
                "deviation": 1.25, "certificate": "C-7", "dueAt": text(ago(due)) })
        };
        let day = 86_400;
        let old = api.create("/api/v1/calibrations", body(400 * day, 35 * day)).await;
        assert_eq!(old["deviation"], json!(1.25), "{backend:?}");
        let kind = "calibration_due";
        let open = |alerts: &[Value]| alerts.iter().any(|alert| alert["status"] != "resolved");
        story.wait_for_alerts(&unit, kind, SOON, open).await;

        let new = api.create("/api/v1/calibrations", body(day, -365 * day)).await;
        story.wait_for_alerts(&unit, kind, SOON, |alerts| !open(alerts)).await;
        let path = format!("/api/v1/calibrations/{}", new["id"].as_str().unwrap());
        assert_eq!(delete(api, &path).await.status, 204);
        story.wait_for_alerts(&unit, kind, SOON, open).await;
        drop(api.post(&format!("{path}/restore"), &json!({})).await.expect(200));
        story.wait_for_alerts(&unit, kind, SOON, |alerts| !open(alerts)).await;
        let answer = patch(api, &path, &json!({ "dueAt": text(ago(60)), "note": null })).await;
        assert_eq!(
            answer.expect(200)["version"],
            4,
            "{backend:?}: made, deleted, restored, edited"
        );
        story.wait_for_alerts(&unit, kind, SOON, open).await;

        // it is the sensor's: with another sensor the unit owes none
        let device_path = format!("/api/v1/devices/{device}");
        drop(patch(api, &device_path, &json!({ "unitId": null })).await.expect(200));
        story.wait_for_alerts(&unit, kind, SOON, |alerts| !open(alerts)).await;
        let readings = story.readings(&unit).await;
        assert_eq!(temperatures(&readings), [4.0], "{backend:?}: what is found alters no reading");
        assert_eq!(api.list(&format!("/api/v1/calibrations?deviceId={device}")).await.len(), 2);
        assert_eq!(delete(api, &device_path).await.status, 204);
        let purged = api.post(&format!("{device_path}/purge"), &json!({})).await.expect(409);
        assert_eq!(purged["code"], "in_use", "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_calibration_is_refused() {
    let story = Story::begin(crate::promises::Backend::Sqlite).await;
    let api = &story.api;
    let device = api.create("/api/v1/devices", json!({ "name": "Spare" })).await["id"].clone();
    let good = json!({ "deviceId": device, "performedAt": text(ago(60)), "performedBy": "Lab" });
    for (field, value) in [
        ("deviceId", json!("019a0000-0000-7000-8000-000000000001")),
        ("performedAt", json!("2026-01-01")),
        ("performedAt", json!(text(ago(-86_400)))),
        ("performedBy", json!(" ")),
        ("deviation", json!(51)),
        ("deviation", json!("1")),
        ("note", json!("a\u{0}b")),
        ("dueAt", json!("1999-12-31T00:00:00Z")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = api.post("/api/v1/calibrations", &body).await;
        let status = if field == "deviceId" { 404 } else { 422 };
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert_eq!(answer.body["errors"][0]["pointer"], format!("/{field}"), "{}", answer.body);
    }
    api.create("/api/v1/calibrations", good).await;
}
