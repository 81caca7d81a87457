use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_swapped_sensor_keeps_the_units_history() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let unit = story.unit("Fridge", json!({})).await;
        let old = api.create_device(&unit, "Old", None).await;
        let began = ago(3600);
        let of = |device: &str, minute: i64, celsius: f64| {
            of_device(device, began + minutes(minute), celsius)
        };
        let first: Vec<Value> = (0..4).map(|i| of(&old, 5 * i, 3.0)).collect();
        assert_counts(&api.ingest(json!(first)).await, 4, 0, 0);
        // the old one is too warm when it is taken out, half an hour ago
        assert_counts(&api.ingest(json!([of(&old, 29, 9.0)])).await, 1, 0, 0);
        assert_eq!(story.alerts(&unit, "temperature_high").await.len(), 1, "{backend:?}");
        let swap = json!({ "unitId": null, "from": text(began + minutes(30)) });
        drop(api.post(&format!("/api/v1/devices/{old}/assignments"), &swap).await.expect(200));
        let alert = &story.alerts(&unit, "temperature_high").await[0];
        assert_eq!(alert["status"], "active", "{backend:?}: taking a sensor away cools nothing");
        let live = api.live(&unit).await;
        assert_eq!(live["link"], "never_seen", "{backend:?}: nobody watches: {live}");

        // what the new one measured since tells that it is cold, though it comes only after the swap was told
        let new = api.create_device(&unit, "New", None).await;
        let later: Vec<Value> = (7..12).map(|i| of(&new, 5 * i, 3.5)).collect();
        assert_counts(&api.ingest(json!(later)).await, 5, 0, 0);
        assert_eq!(api.live(&unit).await["status"], "ok", "{backend:?}");
        let alert = &story.alerts(&unit, "temperature_high").await[0];
        assert_eq!(
            (&alert["status"], &alert["confirmedAt"]),
            (&json!("resolved"), &Value::Null),
            "{backend:?}: {alert}"
        );

        // what the old one still had in its memory: of its time here it is kept and moves nothing, of later it is of nobody
        let late = json!([of(&old, 25, 12.0), of(&old, 25, 12.0), of(&old, 40, 12.0)]);
        let answer = api.ingest(late).await;
        assert_eq!(
            (&answer["accepted"], &answer["late"]),
            (&json!(1), &json!(1)),
            "{backend:?}: {answer}"
        );
        assert_eq!(answer["duplicates"], 1, "{backend:?}: {answer}");
        assert_eq!(answer["rejected"][0]["code"], "device_unassigned", "{backend:?}: {answer}");
        let live = api.live(&unit).await;
        assert_eq!(
            (&live["status"], &live["temperature"]),
            (&json!("ok"), &json!(3.5)),
            "{backend:?}"
        );
        assert_eq!(story.alerts(&unit, "temperature_high").await.len(), 1, "{backend:?}");

        let expected = [3.0, 3.0, 3.0, 3.0, 12.0, 9.0, 3.5, 3.5, 3.5, 3.5, 3.5];
        assert_eq!(temperatures(&story.readings(&unit).await), expected, "{backend:?}");
        let assignments = api.list(&format!("/api/v1/units/{unit}/assignments")).await;
        assert_eq!(assignments.len(), 2, "{backend:?}");
        assert_eq!(assignments[0]["deviceId"], json!(new), "{backend:?}");
        assert_eq!(assignments[1]["until"], json!(text(began + minutes(30))), "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_go_by_where_their_device_was_at_their_time() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let (one, two) = (story.unit("One", json!({})).await, story.unit("Two", json!({})).await);
        let device = api.create_device(&one, "Sensor", Some("00000000000000A1")).await;
        let (moved, now) = (ago(1200), ago(0));
        assert_counts(
            &api.ingest(json!([of_device(&device, moved - minutes(5), 3.0)])).await,
            1,
            0,
            0,
        );
        let path = format!("/api/v1/devices/{device}/assignments");
        let to_two = json!({ "unitId": two, "from": text(moved) });
        let answer = api.post(&path, &to_two).await.expect(200);
        assert_eq!(answer["unitId"], json!(two), "{backend:?}");
        let mut named = of_device(&device, now, 4.0);
        named["unitId"] = json!(one);
        let sent = json!([
            { "devEui": "00000000000000a1", "temperature": 3.1, "recordedAt": text(moved - minutes(1)) },
            { "devEui": "00000000000000A1", "temperature": 4.1, "recordedAt": text(moved) },
            named,
        ]);
        let answer = api.ingest(sent).await;
        assert_eq!(
            (&answer["accepted"], &answer["late"]),
            (&json!(2), &json!(1)),
            "{backend:?}: {answer}"
        );
        assert_eq!(answer["rejected"][0]["code"], "wrong_unit_for_device", "{backend:?}: {answer}");
        assert_eq!(temperatures(&story.readings(&one).await), [3.0, 3.1], "{backend:?}");
        assert_eq!(temperatures(&story.readings(&two).await), [4.1], "{backend:?}");

        // the past is as it is: nothing may be put before or over it
        for (body, status) in [
            (json!({ "unitId": one, "from": text(moved - minutes(1)) }), 409),
            (json!({ "unitId": null, "from": text(moved - minutes(1)) }), 409),
            (json!({ "unitId": two, "from": text(moved - minutes(1)) }), 409),
            (json!({ "unitId": one, "from": text(now + minutes(60)) }), 422),
            (json!({ "unitId": one, "from": "1999-01-01T00:00:00Z" }), 422),
            (json!({ "unitId": "019a0000-0000-7000-8000-000000000001" }), 404),
            (json!({ "from": text(now) }), 422),
        ] {
            let answer = api.post(&path, &body).await;
            assert_eq!(answer.status.as_u16(), status, "{backend:?}: {body}: {}", answer.body);
            if status == 409 {
                assert_eq!(answer.code(), "assignment_overlaps", "{backend:?}: {body}");
            }
        }
        let assignments = api.list(&path).await;
        assert_eq!(assignments.len(), 2, "{backend:?}");
        assert_eq!(
            (&assignments[0]["until"], &assignments[1]["from"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(assignments[0]["from"], assignments[1]["until"], "{backend:?}: no gap");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_slip_left_alarmed_a_person_ends() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let api = &story.api;
        let (one, two) = (story.unit("One", json!({})).await, story.unit("Two", json!({})).await);
        let sensor = json!({ "name": "Sensor" });
        let device = api.create("/api/v1/devices", sensor).await["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/devices/{device}/assignments");
        let from = text(ago(3600));
        let to = async |unit: Option<&String>| {
            let body = json!({ "unitId": unit, "from": from });
            drop(api.post(&path, &body).await.expect(200));
        };
        to(Some(&one)).await;
        let hot = of_device(&device, ago(60), 9.0);
        assert_counts(&api.ingest(json!([hot])).await, 1, 0, 0);
        assert_eq!(story.alerts(&one, "temperature_high").await[0]["status"], "active");
        to(Some(&two)).await;
        let alert = &story.alerts(&one, "temperature_high").await[0];
        assert_eq!(alert["status"], "active", "{backend:?}: nobody has seen it cold");
        let resolve = format!("/api/v1/alerts/{}/resolve", alert["id"].as_str().unwrap());
        let slip = json!({ "note": "It was the sensor of the other one." });
        drop(api.post(&resolve, &slip).await.expect(200));
        let live = api.live(&one).await;
        assert_eq!(live["status"], "monitoring_interrupted", "{backend:?}: nobody measures it");
        let shown = api.list(&format!("/api/v1/units/{one}/assignments")).await;
        assert_eq!(shown, [] as [Value; 0], "{backend:?}: it was a mistake");
        assert_eq!(api.list(&path).await.len(), 1, "{backend:?}");
        to(None).await;
        assert_eq!(api.list(&path).await, [] as [Value; 0], "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_its_unit_was_deleted_is_read_once_it_is_back() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let (api, unit) = (&story.api, story.unit("Fridge", json!({})).await);
        let network = Network::of(&story).await;
        api.create_device(&unit, "Probe", Some("A84041000181B2C5")).await;
        network.send("A84041000181B2C5", 0, ago(30), 3.0).await;
        wait_for_readings(&story, &unit, 1, SOON).await;
        delete(api, &format!("/api/v1/units/{unit}")).await.expect(204);
        network.send("A84041000181B2C5", 1, ago(20), 3.5).await;
        drop(api.post(&format!("/api/v1/units/{unit}/restore"), &json!(null)).await.expect(200));
        let readings = wait_for_readings(&story, &unit, 2, SOON).await;
        assert_eq!(temperatures(&readings), [3.0, 3.5], "{backend:?}");
    }
}
