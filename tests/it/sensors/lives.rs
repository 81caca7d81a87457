use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_devices_of_one_dev_eui_one_is_made() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let unit = story.unit("Fridge", json!({})).await;
        let made = (0..10).map(|i| {
            let (api, unit) = (story.api.clone(), unit.clone());
            tokio::spawn(async move {
                let body = json!({ "name": format!("Sensor {i}"), "unitId": unit, "devEui": "00000000000000AA" });
                api.post("/api/v1/devices", &body).await.status.as_u16()
            })
        });
        let mut statuses = Vec::new();
        for made in made.collect::<Vec<_>>() {
            statuses.push(made.await.expect("it ends"));
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409, 409, 409], "{backend:?}");
        assert_eq!(story.api.list(&format!("/api/v1/units/{unit}/assignments")).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_moves_at_once_no_two_assignments_overlap() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let units = [story.unit("One", json!({})).await, story.unit("Two", json!({})).await];
        let device = story.api.create_device(&units[0], "Sensor", None).await;
        let path = format!("/api/v1/devices/{device}/assignments");
        let moves: Vec<_> = (0..10)
            .map(|i| {
                let (api, path, unit) = (story.api.clone(), path.clone(), units[i % 2].clone());
                tokio::spawn(
                    async move { api.post(&path, &json!({ "unitId": unit })).await.status },
                )
            })
            .collect();
        for moved in moves {
            let status = moved.await.expect("it ends").as_u16();
            assert!(matches!(status, 200 | 409), "{backend:?}: {status}");
        }
        let mut assignments = story.api.list(&path).await;
        assignments.sort_by_key(|one| one["from"].as_str().unwrap_or_default().to_owned());
        for pair in assignments.windows(2) {
            assert_eq!(pair[0]["until"], pair[1]["from"], "{backend:?}: {assignments:#?}");
        }
        assert_eq!(assignments.last().unwrap()["until"], Value::Null, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_edited_deleted_restored_and_purged() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let (api, unit) = (&story.api, story.unit("Fridge", json!({})).await);
        let device = api.create_device(&unit, "Sensor", Some("00000000000000AA")).await;
        let path = format!("/api/v1/devices/{device}");
        let body =
            json!({ "name": "Probe", "model": "dragino/lht65", "devEui": "00000000000000ab" });
        let edited = patch(api, &path, &body).await.expect(200);
        assert_eq!(
            (&edited["devEui"], &edited["version"]),
            (&json!("00000000000000AB"), &json!(2))
        );
        for (body, field) in [
            (json!({ "name": null }), ""),
            (json!({ "devEui": "zz" }), "/devEui"),
            (json!({ "unitId": "019a0000-0000-7000-8000-000000000001" }), "/unitId"),
            (json!({ "colour": "red" }), ""),
        ] {
            let answer = patch(api, &path, &body).await;
            let status = if field == "/unitId" { 404 } else { 422 };
            assert_eq!(answer.status, status, "{backend:?}: {body}: {}", answer.body);
            let pointer = answer.body["errors"][0]["pointer"].as_str().unwrap_or_default();
            assert!(pointer.starts_with(field), "{backend:?}: {}", answer.body);
        }
        let no_edition = api.request(Method::PATCH, &path).json(&json!({ "name": "x" }));
        assert_eq!(api.send(no_edition).await.unwrap().status, 428, "{backend:?}");
        assert_counts(&api.ingest(json!([of_device(&device, ago(60), 4.0)])).await, 1, 0, 0);
        assert_eq!(api.live(&unit).await["status"], "ok", "{backend:?}");

        assert_eq!(delete(api, &path).await.status, 204, "{backend:?}");
        assert_eq!(api.live(&unit).await["status"], "monitoring_interrupted", "{backend:?}");
        let refused = api.ingest(json!([of_device(&device, ago(30), 4.0)])).await;
        assert_eq!(refused["rejected"][0]["code"], "unknown_device", "{backend:?}");
        assert_eq!(api.get(&path).await.status, 404, "{backend:?}");
        assert_eq!(api.list("/api/v1/devices?deleted=true").await.len(), 1, "{backend:?}");
        let purged = api.post(&format!("{path}/purge"), &json!({})).await.expect(409);
        assert_eq!(purged["code"], "in_use", "{backend:?}: its readings are kept");
        let restored = api.post(&format!("{path}/restore"), &json!({})).await.expect(200);
        assert_eq!(restored["unitId"], Value::Null, "{backend:?}");
        assert_eq!(api.list("/api/v1/devices?unassigned=true").await.len(), 1, "{backend:?}");

        let spare = api.create_device(&unit, "Spare", None).await;
        assert_eq!(delete(api, &format!("/api/v1/devices/{spare}")).await.status, 204);
        let purge = format!("/api/v1/devices/{spare}/purge");
        assert_eq!(
            api.post(&purge, &json!({})).await.status,
            204,
            "{backend:?}: it never measured"
        );
        assert_eq!(api.post(&purge, &json!({})).await.status, 404, "{backend:?}");
    }
}
