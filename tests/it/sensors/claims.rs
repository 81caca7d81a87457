use super::*;

const EUI: &str = "A84041000181B2C3";

/// Sends frames of the last hours, every minute, with a temperature that tells which each is.
async fn say(network: &Network, began: DateTime<Utc>, frames: std::ops::Range<i64>) {
    for f_cnt in frames {
        network.send(EUI, f_cnt, began + minutes(f_cnt), celsius(f_cnt)).await;
    }
}

/// The temperature that a frame says: 2.00, 2.01 and so on.
fn celsius(f_cnt: i64) -> f64 {
    f64::from(200 + i32::try_from(f_cnt).expect("a small number")) / 100.0
}

fn assert_history(readings: &[Value], count: i64) {
    let expected: Vec<f64> = (0..count).map(celsius).collect();
    assert_eq!(temperatures(readings), expected, "each once, in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_is_claimed_with_all_that_it_said() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let (api, unit) = (&story.api, story.unit("Fridge", json!({})).await);
        let network = Network::of(&story).await;
        say(&network, ago(3 * 3600 + 1200), 0..200).await;
        let heard = api.list("/api/v1/unclaimed-devices").await;
        assert_eq!((heard.len(), &heard[0]["frames"]), (1, &json!(200)), "{backend:?}");
        let path = format!("/api/v1/unclaimed-devices/{EUI}/claim");
        let strange = json!({ "name": "x", "unitId": "019a0000-0000-7000-8000-000000000001" });
        drop(api.post(&path, &strange).await.expect(404));

        let body = json!({ "name": "Probe", "unitId": unit });
        let keyed = || {
            let request = api.request(Method::POST, &path).header("Idempotency-Key", "claim");
            api.send(request.json(&body))
        };
        let device = keyed().await.expect("the hub answers").expect(201);
        let again = keyed().await.expect("the hub answers");
        assert_eq!(again.headers["idempotency-replayed"], "true", "{backend:?}");
        let place = format!("/api/v1/devices/{}", device["id"].as_str().expect("an id"));
        assert_eq!(again.headers["location"], *place, "{backend:?}");
        assert_eq!(again.expect(201)["id"], device["id"], "{backend:?}");
        assert_eq!(
            (&device["devEui"], &device["unitId"]),
            (&json!(EUI), &json!(unit)),
            "{backend:?}"
        );
        assert_eq!(api.post(&path, &body).await.expect(409)["code"], "taken", "{backend:?}");
        assert_eq!(api.list("/api/v1/unclaimed-devices").await, [] as [Value; 0], "{backend:?}");

        let readings = wait_for_readings(&story, &unit, 200, SOON).await;
        assert_history(&readings, 200);
        let settled = hub_testkit::wait::until("settled frames", SOON, || async {
            let frames = api.list(&format!("/api/v1/units/{unit}/frames")).await;
            (frames.len() == 200).then_some(frames)
        });
        assert!(settled.await.iter().all(|frame| frame["decoded"] == true), "{backend:?}");
        // it goes on where it was
        network.send(EUI, 200, ago(0), 4.0).await;
        assert_eq!(story.readings(&unit).await.len(), 201, "{backend:?}");
        assert_eq!(api.live(&unit).await["status"], "ok", "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_cut_off_is_finished_by_the_next_start() {
    for backend in BACKENDS {
        let mut story = Story::begin(backend).await;
        let unit = story.unit("Fridge", json!({})).await;
        let network = Network::of(&story).await;
        say(&network, ago(3 * 3600 + 1200), 0..150).await;
        let path = format!("/api/v1/unclaimed-devices/{EUI}/claim");
        story.api.create(&path, json!({ "name": "Probe", "unitId": unit })).await;
        story.hub.kill9();
        story.hub.restart().await.expect("the hub starts again");
        assert_history(&wait_for_readings(&story, &unit, 150, SOON * 2).await, 150);
        assert_eq!(story.readings(&unit).await.len(), 150, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_may_begin_later_and_a_sensor_may_be_forgotten() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let (api, unit) = (&story.api, story.unit("Fridge", json!({})).await);
        let network = Network::of(&story).await;
        let began = ago(3600);
        say(&network, began, 0..20).await;
        let place = format!("/api/v1/unclaimed-devices/{EUI}");
        assert_eq!(delete(api, &place).await.status, 204, "{backend:?}");
        assert_eq!(delete(api, &place).await.status, 404, "{backend:?}");
        let claim = format!("{place}/claim");
        let body = json!({ "name": "Probe", "unitId": unit, "from": text(began + minutes(15)) });
        drop(api.post(&claim, &body).await.expect(404));
        say(&network, began, 20..22).await;
        api.create(&claim, body).await;
        let readings = wait_for_readings(&story, &unit, 7, SOON).await;
        assert_eq!(readings[0]["temperature"], json!(2.15), "{backend:?}");
        assert_eq!(readings.len(), 7, "{backend:?}: what it said before is of no unit");

        // stated for the whole time, the rest is read too
        let device = api.list("/api/v1/devices").await[0]["id"].as_str().unwrap().to_owned();
        let whole = json!({ "unitId": unit, "from": text(began) });
        drop(api.post(&format!("/api/v1/devices/{device}/assignments"), &whole).await.expect(200));
        let readings = wait_for_readings(&story, &unit, 22, SOON).await;
        assert_history(&readings, 22);
    }
}

/// The sensor is registered and the key is kept at once, so whoever loses the race meets the first, the key or both.
#[tokio::test(flavor = "multi_thread")]
async fn two_claims_at_once_under_one_key_are_one() {
    for backend in BACKENDS {
        let story = Story::begin(backend).await;
        let (api, network) = (&story.api, Network::of(&story).await);
        for round in 0..15 {
            let eui = format!("A84041000181{round:04X}");
            network.send(&eui, 1, ago(600), 4.0).await;
            let claim = || async {
                let path = format!("/api/v1/unclaimed-devices/{eui}/claim");
                let request = api.request(Method::POST, &path).header("Idempotency-Key", &eui);
                api.send(request.json(&json!({ "name": "Probe" }))).await.expect("the hub answers")
            };
            let (one, other) = tokio::join!(claim(), claim());
            let what = format!("{backend:?}: {} {}", one.body, other.body);
            assert_eq!((one.status.as_u16(), other.status.as_u16()), (201, 201), "{what}");
            assert_eq!(one.body["id"], other.body["id"], "{what}");
        }
        assert_eq!(api.list("/api/v1/devices").await.len(), 15, "{backend:?}");
    }
}
